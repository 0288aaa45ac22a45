"""Devices as the ledger's readers give them, with their states."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from collector.devices.state import DeviceState, DeviceTally, state_of, tally_of
from collector.ledger.readers.fleet import DeviceRow
from firmware_config.contract import Health, decode_health
from firmware_config.errors import ContractError


def device_state(device: DeviceRow, now_ms: int) -> DeviceState:
    """The state of a device at `now_ms`."""
    return state_of(device.said, device.heard_ms, now_ms)


def tally(devices: Iterable[DeviceRow], now_ms: int) -> DeviceTally:
    """Count devices by state."""
    return tally_of(device_state(device, now_ms) for device in devices)


@dataclass(frozen=True, slots=True)
class DeviceShown:
    """A device with its state; `health` None: never heard, or not readable."""

    row: DeviceRow
    state: DeviceState
    health: Health | None

    @property
    def backlog(self) -> int | None:
        """Records it says it has written and the ledger does not hold yet; None: not known."""
        if self.health is None:
            return None
        return max(0, self.health.head - self.health.stored)


def device_shown(row: DeviceRow, now_ms: int) -> DeviceShown:
    """A device with its state at `now_ms`."""
    return DeviceShown(row, device_state(row, now_ms), health_of(row.health))


def health_of(payload: bytes | None) -> Health | None:
    """A health message; None for none, and for one that cannot be read."""
    if payload is None:
        return None
    try:
        return decode_health(payload)
    except ContractError:
        return None

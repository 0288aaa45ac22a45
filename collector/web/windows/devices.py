"""The devices at a window: state, backlog, key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from collector.ledger.readers.fleet import DeviceRow
from collector.web.device_states import DeviceState, device_state
from firmware_config.contract import Health, decode_health
from firmware_config.errors import ContractError


@dataclass(frozen=True, slots=True)
class DeviceShown:
    """A device as the window page shows it; `health` None: never heard, or not readable."""

    row: DeviceRow
    state: DeviceState
    health: Health | None

    @property
    def backlog(self) -> int | None:
        """Records it says it has written and the ledger does not hold yet; None: not known."""
        if self.health is None:
            return None
        return max(0, self.health.head - self.health.stored)


def devices_at(devices: Iterable[DeviceRow], window: int, now_ms: int) -> list[DeviceShown]:
    """The devices that stand at a window now."""
    return [device_shown(row, now_ms) for row in devices if row.window == window]


def device_shown(row: DeviceRow, now_ms: int) -> DeviceShown:
    """A device with its state at `now_ms`."""
    return DeviceShown(row, device_state(row, now_ms), _health(row.health))


def _health(payload: bytes | None) -> Health | None:
    if payload is None:
        return None
    try:
        return decode_health(payload)
    except ContractError:
        return None


def device_json(device: DeviceShown) -> dict[str, Any]:
    """A device for machines."""
    return {
        "code": device.row.code,
        "state": device.state.value,
        "heard_ms": device.row.heard_ms,
        "backlog": device.backlog,
        "stored": device.row.stored,
        "head": device.row.head,
        "kid": device.row.kid,
        "registered_ms": device.row.registered_ms,
        "health": msgspec.to_builtins(device.health) if device.health else None,
    }

"""What state a device is in, judged by when it was last heard. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from collector.ledger.readers.fleet import DeviceRow

SILENT_AFTER_S: Final = 95
"""Three missed health messages, which come every 30 s, and some slack."""


class DeviceState(StrEnum):
    """ONLINE heard of lately; SILENT said it was online but is not heard; NEVER heard at all."""

    ONLINE = "online"
    SILENT = "silent"
    OFFLINE = "offline"
    NEVER = "never"


def device_state(device: DeviceRow, now_ms: int) -> DeviceState:
    """The state at `now_ms`: age decides, because a retained "online" can be old."""
    if device.heard_ms is None:
        return DeviceState.NEVER
    if device.said != "online":
        return DeviceState.OFFLINE
    if now_ms - device.heard_ms > SILENT_AFTER_S * 1000:
        return DeviceState.SILENT
    return DeviceState.ONLINE


@dataclass(frozen=True, slots=True)
class DeviceTally:
    """Number of devices by state."""

    online: int
    silent: int
    offline: int
    never: int

    @property
    def total(self) -> int:
        """All devices."""
        return self.online + self.silent + self.offline + self.never

    @property
    def away(self) -> int:
        """Devices that are not online."""
        return self.total - self.online


def tally(devices: Iterable[DeviceRow], now_ms: int) -> DeviceTally:
    """Count devices by state."""
    states = [device_state(device, now_ms) for device in devices]
    return DeviceTally(*(states.count(state) for state in DeviceState))

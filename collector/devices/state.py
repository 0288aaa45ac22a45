"""What state a device is in, judged by when it was last heard. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LATE_AFTER_S: Final = 95
"""Three missed health messages, which come every 30 s, and some slack. Source: our choice."""
OFFLINE_AFTER_S: Final = 600
"""From then on a device is not merely late, whatever it said last. Source: our choice; switching a
device off and on takes below two minutes, and a broker tells of a lost one after 1.5 keep-alives
(MQTT 5.0, 3.1.2.10), 90 s here."""


class DeviceState(StrEnum):
    """ONLINE heard of lately; LATE said it was online but is overdue; NEVER heard at all."""

    ONLINE = "online"
    LATE = "late"
    OFFLINE = "offline"
    NEVER = "never"


def state_of(said: str, heard_ms: int | None, now_ms: int) -> DeviceState:
    """The state at `now_ms`: age decides, because a retained "online" can be old.

    Args:
        said: `online`, `offline`, or empty.
        heard_ms: when anything was last heard of it, UTC milliseconds; None for never.
        now_ms: the real time, UTC milliseconds.
    """
    if heard_ms is None:
        return DeviceState.NEVER
    age_s = (now_ms - heard_ms) / 1000
    if said != "online" or age_s > OFFLINE_AFTER_S:
        return DeviceState.OFFLINE
    return DeviceState.LATE if age_s > LATE_AFTER_S else DeviceState.ONLINE


@dataclass(frozen=True, slots=True)
class DeviceTally:
    """Number of devices by state."""

    online: int
    late: int
    offline: int
    never: int

    @property
    def total(self) -> int:
        """All devices."""
        return self.online + self.late + self.offline + self.never

    @property
    def away(self) -> int:
        """Devices that are not online."""
        return self.total - self.online


def tally_of(states: Iterable[DeviceState]) -> DeviceTally:
    """Count states."""
    known = list(states)
    return DeviceTally(*(known.count(state) for state in DeviceState))

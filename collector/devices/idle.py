"""Devices that have nothing to do while the hall is open and their peers are busy. Pure.

How many sessions a device has in an opening hour is known from its last weeks. When none came for
so long that chance explains it once in ten thousand times, and the hall as a whole did work
meanwhile, somebody should go and look: a loose plug, a counter system that no longer opens cases, a
clerk who does not ask.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

USUAL_DAYS: Final = 28
"""Days from which the usual number of sessions is known. Source: our choice; four weeks."""
LEAST_DAYS: Final = 5
"""Days with sessions below which a device has no habit yet. Source: our choice; one week."""
CHANCE: Final = 1e-4
"""Chance that a device is called idle though it is as busy as ever. Source: our choice; 135 devices
and some three stretches a day make one wrong call in about 25 days. For a Poisson process the
chance of no event where m are expected is e^-m (NIST/SEMATECH e-Handbook, 1.3.6.6.19)."""
EXPECTED: Final = -math.log(CHANCE)
"""Sessions that must have been expected before none is a finding, 9.2."""
LEAST_OPEN_MS: Final = 3_600_000
"""An hour of opening time passes at least: people come in waves. Source: our choice."""
PEERS_SHARE: Final = 0.5
"""Share of the hall's usual sessions that must have come meanwhile, or the hall itself was quiet: a
holiday, a power cut, a network that is down. Source: our choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """What a device usually does, and since when it does nothing.

    Attributes:
        sessions: in the last `USUAL_DAYS` days.
        days: days with sessions among them.
        open_ms: opening time of those days.
        idle_open_ms: opening time since its last session or record; None: never had any.
    """

    sessions: int
    days: int
    open_ms: int
    idle_open_ms: int | None

    @property
    def expected(self) -> float:
        """Sessions to be expected in the time since the last one; 0 without a habit."""
        if self.idle_open_ms is None or self.days < LEAST_DAYS or not self.open_ms:
            return 0.0
        return self.sessions / self.open_ms * self.idle_open_ms


def idle_devices(habits: Mapping[str, Habit], *, is_open: bool) -> frozenset[str]:
    """The devices that are idle though they should not be.

    Args:
        habits: device → its habit; all that stand at a window.
        is_open: whether the hall is open now; else nobody is called idle.
    """
    if not is_open:
        return frozenset()
    suspects = {
        device
        for device, habit in habits.items()
        if habit.expected >= EXPECTED and (habit.idle_open_ms or 0) >= LEAST_OPEN_MS
    }
    return frozenset(device for device in suspects if _peers_work(device, habits))


def _peers_work(device: str, habits: Mapping[str, Habit]) -> bool:
    """Whether enough of the others, by what they usually do, had a session since then."""
    since_ms = habits[device].idle_open_ms or 0
    usual = working = 0
    for other, habit in habits.items():
        if other == device or habit.days < LEAST_DAYS:
            continue
        usual += habit.sessions
        if habit.idle_open_ms is not None and habit.idle_open_ms < since_ms:
            working += habit.sessions
    return usual > 0 and working >= PEERS_SHARE * usual

"""Simulated time: a clock for each virtual kiosk, and the hall's.

A kiosk's clock runs at the pace of real time and is moved forward between events. So every
duration inside the device (debouncing, thanks, time-outs, "thanked within a second") is as on a
Pi, however fast the hall lives; what is skipped is only the waiting in between.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Final

from kiosk.clock import Clock

_UP_FOR_MS: Final = 30_000
"""How long the virtual Pi has been up when its program starts."""


class SimulatedClock(Clock):
    """The clocks of one virtual kiosk: a boot of its own, always synchronised.

    Args:
        wall_ms: wall time at the start, UTC milliseconds since 1970.
        system: whose pace it follows.
    """

    def __init__(self, wall_ms: int, system: Clock) -> None:
        self._boot_id = secrets.token_hex(16)
        self._system = system
        self._offset_ms = wall_ms - _UP_FOR_MS
        self._moved_ms = _UP_FOR_MS - system.steady_ms()
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()  # moved by the director and by a visitor

    def mono_ms(self) -> int:
        """See `Clock.mono_ms`."""
        return self._system.steady_ms() + self._moved_ms

    def steady_ms(self) -> int:
        """See `Clock.steady_ms`: real time."""
        return self._system.steady_ms()

    def wall_ms(self) -> int:
        """See `Clock.wall_ms`."""
        return self.mono_ms() + self._offset_ms

    def is_synced(self) -> bool:
        """See `Clock.is_synced`: always, as in a hall with a time server."""
        return True

    def listen(self, on_moved: Callable[[], None]) -> None:
        """See `Clock.listen`."""
        self._listeners.append(on_moved)

    def move_to(self, wall_ms: int) -> None:
        """Skip to a wall time; nothing happens when it is past. Time never goes back."""
        with self._lock:
            ahead_ms = wall_ms - self.wall_ms()
            if ahead_ms <= 0:
                return
            self._moved_ms += ahead_ms
        for listener in self._listeners:
            listener()

    def move_by(self, duration_ms: int) -> None:
        """Skip some milliseconds."""
        self.move_to(self.wall_ms() + duration_ms)


class HallTime:
    """What time it is in the simulated hall: a multiple of real time, never later than now.

    It never goes back, and never passes the real time: the collector does not believe a clock that
    is ahead of its own. Where it has caught up, the hall lives in real time.

    Args:
        wall_ms: hall time at the start, UTC milliseconds since 1970.
        pace: hall seconds in a real second.
        system: real time.
    """

    def __init__(self, wall_ms: int, pace: float, system: Clock) -> None:
        self._system = system
        self._pace = pace
        self._from_wall_ms = min(wall_ms, system.wall_ms())
        self._from_steady_ms = system.steady_ms()

    @property
    def pace(self) -> float:
        """Hall seconds in a real second, now."""
        return 1.0 if self.wall_ms() >= self._system.wall_ms() else self._pace

    def wall_ms(self) -> int:
        """Hall time, UTC milliseconds since 1970."""
        passed_ms = self._system.steady_ms() - self._from_steady_ms
        return min(self._from_wall_ms + int(passed_ms * self._pace), self._system.wall_ms())

    def move_to(self, wall_ms: int) -> None:
        """Skip to a time; nothing happens when it is past."""
        now_ms = self.wall_ms()
        if wall_ms > now_ms:
            self._from_wall_ms = min(wall_ms, self._system.wall_ms())
            self._from_steady_ms = self._system.steady_ms()

    def real_s_until(self, wall_ms: int) -> float:
        """Real seconds until that hall time at the present pace; 0 when it is past."""
        return max(0.0, (wall_ms - self.wall_ms()) / 1000 / self.pace)

"""Simulated time: a clock for each virtual kiosk, and the hall's.

A kiosk's clock runs at the pace of real time and is moved forward between events. So every
duration inside the device (debouncing, thanks, time-outs, "thanked within a second") is as on a
Pi, however fast the hall lives; what is skipped is only the waiting in between. For a rehearsal it
stands in between, which makes the times in the journal those of the plan, to the millisecond.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Final

from kiosk.clock import Clock, Stamp

_STANDS_S: Final = 3600.0
_UP_FOR_MS: Final = 30_000
"""How long the virtual Pi has been up when its program starts."""


class SimulatedClock(Clock):
    """The clocks of one virtual kiosk: one boot of it.

    There are two times in it: the hall's, by which people and the director live, and what the
    kiosk's own wall clock reads. They are the same unless a scenario makes the wall clock wrong.

    Args:
        hall_ms: hall time at the start, UTC milliseconds since 1970.
        system: whose pace it follows.
        reads_ms: what the wall clock reads at the start; None: the right time.
        is_synced: whether the wall clock follows a time server.
        shares_time: see `Clock.shares_time`.
        is_standing: time stands between two movements, so that nothing depends on how fast the
            computer is. Waiting for the network is real all the same.
    """

    def __init__(
        self,
        hall_ms: int,
        system: Clock,
        *,
        reads_ms: int | None = None,
        is_synced: bool = True,
        shares_time: bool = False,
        is_standing: bool = False,
    ) -> None:
        self._boot_id = secrets.token_hex(16)
        self._system = system
        self.shares_time = shares_time
        self._is_standing = is_standing
        self._moved_ms = _UP_FOR_MS - (0 if is_standing else system.steady_ms())
        self._hall_offset_ms = hall_ms - _UP_FOR_MS
        self._offset_ms = (hall_ms if reads_ms is None else reads_ms) - _UP_FOR_MS
        self._is_synced = is_synced
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()  # moved by the director and by a visitor
        self._noticed = threading.Event()

    def mono_ms(self) -> int:
        """See `Clock.mono_ms`."""
        return self._moved_ms + (0 if self._is_standing else self._system.steady_ms())

    def steady_ms(self) -> int:
        """See `Clock.steady_ms`: real time."""
        return self._system.steady_ms()

    def hall_ms(self) -> int:
        """What time it really is in the hall, UTC milliseconds since 1970."""
        return self.mono_ms() + self._hall_offset_ms

    def wall_ms(self) -> int:
        """See `Clock.wall_ms`."""
        return self.mono_ms() + self._offset_ms

    def is_synced(self) -> bool:
        """See `Clock.is_synced`."""
        return self._is_synced

    def stamp(self) -> Stamp:
        """See `Clock.stamp`; all of one moment, also while somebody moves the time."""
        with self._lock:
            self._noticed.set()
            return Stamp(self._boot_id, self._offset_ms, self._is_synced)

    def real_s(self, duration_ms: float) -> float:
        """See `Clock.real_s`; where time stands, until somebody moves it."""
        return _STANDS_S if self._is_standing else duration_ms / 1000

    def listen(self, on_moved: Callable[[], None]) -> None:
        """See `Clock.listen`."""
        self._listeners.append(on_moved)

    def move_to(self, hall_ms: int) -> None:
        """Skip to a hall time; nothing happens when it is past. Time never goes back."""
        with self._lock:
            ahead_ms = hall_ms - self.hall_ms()
            if ahead_ms <= 0:
                return
            self._moved_ms += ahead_ms
        self._tell()

    def move_by(self, duration_ms: int) -> None:
        """Skip some milliseconds."""
        self.move_to(self.hall_ms() + duration_ms)

    def step(self, step_ms: int) -> None:
        """The wall clock jumps: somebody or something sets it. Time since boot goes on evenly."""
        with self._lock:
            self._offset_ms += step_ms
            self._noticed.clear()
        self._tell()

    def synchronise(self) -> None:
        """A time server is found: the wall clock is right from now on."""
        with self._lock:
            self._offset_ms = self._hall_offset_ms
            self._is_synced = True
            self._noticed.clear()
        self._tell()

    def wait_noticed(self, timeout_s: float, *, anew: bool = False) -> bool:
        """Wait until the device has looked at its clock since it was last set.

        Args:
            anew: until it looks once more from now on.

        Returns:
            False when that took longer.
        """
        if anew:
            self._noticed.clear()
        return self._noticed.wait(timeout_s)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


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

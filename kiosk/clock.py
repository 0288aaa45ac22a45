"""The device's clocks: time since boot, wall time, whether the wall clock is synchronised.

Only a Pi 5 has a clock of its own, so an unsynchronised wall clock is normal and never a reason to
refuse a press. `ManualClock` is shipped, as gpiozero ships its mock pins: tests drive it.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SYNCHRONIZED_FILE: Final = Path("/run/systemd/timesync/synchronized")
"""Made by systemd-timesyncd at its first synchronisation. Source: systemd-timesyncd.service(8)."""
BOOT_ID_FILE: Final = Path("/proc/sys/kernel/random/boot_id")
_TIME_ERROR: Final = 5
"""Return value of adjtimex(2) when the clock is not synchronised."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """The clocks read at one moment: wall time of an event = its `mono_ms` + `offset_ms`.

    Attributes:
        boot: kernel boot id, 32 hex digits.
        offset_ms: wall clock (UTC, ms since 1970) minus time since boot.
        is_synced: whether the wall clock was synchronised.
    """

    boot: str
    offset_ms: int
    is_synced: bool


class Clock:
    """The system's clocks.

    Attributes:
        shares_time: time goes here as it does at the collector, so that a receipt says something
            about it; False in a simulated hall that lives in past days, or faster.
    """

    shares_time = True

    def __init__(self) -> None:
        self._boot_id = BOOT_ID_FILE.read_text("ascii").strip().replace("-", "")
        self._adjtimex: Callable[[], int] | None = None

    @property
    def boot_id(self) -> str:
        """Kernel boot id, 32 hex digits; with it `mono_ms` is comparable."""
        return self._boot_id

    def mono_ms(self) -> int:
        """CLOCK_BOOTTIME in milliseconds: sessions, presses. Counts while suspended."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def steady_ms(self) -> int:
        """Milliseconds by which waiting for the network is measured; never accelerated."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def wall_ms(self) -> int:
        """Wall clock, UTC, milliseconds since 1970; may be wrong while not synchronised."""
        return time.time_ns() // 1_000_000

    def is_synced(self) -> bool:
        """Whether the wall clock follows a time server: timesyncd says so, or the kernel does."""
        return SYNCHRONIZED_FILE.exists() or 0 <= self._kernel_state() < _TIME_ERROR

    def stamp(self) -> Stamp:
        """All clocks at this moment."""
        return Stamp(self.boot_id, self.wall_ms() - self.mono_ms(), self.is_synced())

    def real_s(self, duration_ms: float) -> float:
        """How many seconds to really wait for `duration_ms` of `mono_ms` to pass."""
        return duration_ms / 1000

    def listen(self, on_moved: Callable[[], None]) -> None:
        """Ask to be told when time was moved by hand; the system's clock never does."""

    def _kernel_state(self) -> int:
        # chrony and ntpd leave no file; the kernel's own flag needs adjtimex(2), not in Python.
        # -1: we may not ask (a seccomp filter), so nothing is known
        if self._adjtimex is None:
            buffer = ctypes.create_string_buffer(512)  # struct timex is 208 bytes; modes 0: read
            call = ctypes.CDLL(None, use_errno=True).adjtimex
            self._adjtimex = lambda: int(call(buffer))
        return self._adjtimex()


class ManualClock(Clock):
    """A clock that stands until it is moved; waiting ends when it is.

    Args:
        mono_ms: time since boot at the start.
        wall_ms: wall clock at the start, UTC milliseconds since 1970 (default 2026-03-02T01:00Z,
            a Monday, 09:00 in Shanghai).
    """

    def __init__(
        self,
        *,
        mono_ms: int = 60_000,
        wall_ms: int = 1_772_413_200_000,
        is_synced: bool = True,
        boot_id: str = "0" * 31 + "1",
    ) -> None:
        self._boot_id = boot_id
        self._mono_ms = mono_ms
        self._wall_ms = wall_ms
        self._is_synced = is_synced
        self._listeners: list[Callable[[], None]] = []

    def mono_ms(self) -> int:
        """See `Clock.mono_ms`."""
        return self._mono_ms

    def steady_ms(self) -> int:
        """See `Clock.steady_ms`; moves with the rest."""
        return self._mono_ms

    def wall_ms(self) -> int:
        """See `Clock.wall_ms`."""
        return self._wall_ms

    def is_synced(self) -> bool:
        """See `Clock.is_synced`."""
        return self._is_synced

    def real_s(self, duration_ms: float) -> float:
        """As long as it takes until somebody moves the clock."""
        return 3600.0

    def listen(self, on_moved: Callable[[], None]) -> None:
        """Call `on_moved` after every movement."""
        self._listeners.append(on_moved)

    def advance(self, duration_ms: int) -> None:
        """Let time pass."""
        self._mono_ms += duration_ms
        self._wall_ms += duration_ms
        self._tell()

    def step(self, step_ms: int, *, is_synced: bool | None = None) -> None:
        """Set the wall clock by `step_ms`, and perhaps whether it is synchronised."""
        self._wall_ms += step_ms
        if is_synced is not None:
            self._is_synced = is_synced
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

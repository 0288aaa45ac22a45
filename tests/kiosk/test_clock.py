"""The system's clocks, and the one that is moved by hand."""

from __future__ import annotations

import time
from pathlib import Path

from kiosk.clock import Clock, ManualClock


def test_the_system_clock_reads_the_kernels() -> None:
    clock = Clock()
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    assert clock.boot_id == boot_id
    before_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    assert before_ms <= clock.mono_ms() <= before_ms + 5_000
    assert abs(clock.wall_ms() - time.time() * 1000) < 5_000
    assert clock.is_synced() in (True, False)
    assert clock.real_s(1500) == 1.5


def test_a_stamp_gives_the_wall_time_of_any_moment_of_this_boot() -> None:
    clock = ManualClock(mono_ms=5_000, wall_ms=1_000_000, is_synced=False)
    stamp = clock.stamp()
    assert stamp.offset_ms + 5_000 == 1_000_000
    assert not stamp.is_synced
    assert stamp.boot == clock.boot_id


def test_a_manual_clock_stands_until_moved_and_tells_its_listeners() -> None:
    clock, heard = ManualClock(), []
    clock.listen(lambda: heard.append(clock.mono_ms()))
    at_ms, wall_ms = clock.mono_ms(), clock.wall_ms()
    clock.advance(250)
    clock.step(-5_000, is_synced=False)
    assert clock.mono_ms() == clock.steady_ms() == at_ms + 250
    assert clock.wall_ms() == wall_ms + 250 - 5_000
    assert not clock.is_synced()
    assert heard == [at_ms + 250, at_ms + 250]

from hypothesis import given
from hypothesis import strategies as st

from kiosk.clock import ManualClock
from kiosk.simulator.clock import HallTime, SimulatedClock

START_MS = 1_772_000_000_000
"""Days before the wall clock of ManualClock."""


def test_a_virtual_clock_runs_at_the_pace_of_real_time() -> None:
    real = ManualClock()
    clock = SimulatedClock(START_MS, real)
    mono_ms = clock.mono_ms()

    real.advance(250)

    assert clock.wall_ms() == START_MS + 250
    assert clock.mono_ms() == mono_ms + 250


@given(st.lists(st.tuples(st.booleans(), st.integers(-10_000, 10_000_000))))
def test_it_never_goes_back_and_wall_and_boot_time_stay_together(
    moves: list[tuple[bool, int]],
) -> None:
    real = ManualClock()
    clock = SimulatedClock(START_MS, real)
    offset_ms = clock.stamp().offset_ms
    for is_real, duration_ms in moves:
        before_ms = clock.wall_ms()
        if is_real:
            real.advance(abs(duration_ms))
        else:
            clock.move_to(before_ms + duration_ms)
        assert clock.wall_ms() >= before_ms
        assert clock.stamp().offset_ms == offset_ms


def test_who_waits_is_told_when_time_is_skipped_but_not_when_it_is_not() -> None:
    clock = SimulatedClock(START_MS, ManualClock())
    told = []
    clock.listen(lambda: told.append(clock.wall_ms()))

    clock.move_by(5_000)
    clock.move_to(START_MS)

    assert told == [START_MS + 5_000]


def test_waiting_for_the_network_is_never_accelerated() -> None:
    real = ManualClock()
    clock = SimulatedClock(START_MS, real)

    clock.move_by(3_600_000)

    assert clock.steady_ms() == real.steady_ms()


def test_every_virtual_boot_has_an_id_of_its_own() -> None:
    ids = {SimulatedClock(START_MS, ManualClock()).boot_id for _ in range(20)}

    assert len(ids) == 20
    assert all(len(boot) == 32 for boot in ids)


def test_hall_time_is_a_multiple_of_real_time() -> None:
    real = ManualClock()
    hall = HallTime(START_MS, 60, real)

    real.advance(2_000)

    assert hall.wall_ms() == START_MS + 120_000
    assert hall.pace == 60
    assert hall.real_s_until(START_MS + 180_000) == 1.0


def test_hall_time_never_passes_real_time_and_then_keeps_pace_with_it() -> None:
    real = ManualClock()
    hall = HallTime(real.wall_ms() - 60_000, 60, real)

    real.advance(10_000)
    assert hall.wall_ms() == real.wall_ms()
    assert hall.pace == 1.0

    real.advance(10_000)
    hall.move_to(real.wall_ms() + 3_600_000)
    assert hall.wall_ms() == real.wall_ms()


def test_hall_time_does_not_go_back() -> None:
    hall = HallTime(START_MS, 60, ManualClock())

    hall.move_to(START_MS + 1_000)
    hall.move_to(START_MS)

    assert hall.wall_ms() == START_MS + 1_000


def test_a_standing_clock_moves_only_when_it_is_moved() -> None:
    real = ManualClock()
    clock = SimulatedClock(START_MS, real, is_standing=True)

    real.advance(5_000)
    assert clock.hall_ms() == clock.wall_ms() == START_MS
    assert clock.real_s(1) > 60

    clock.move_by(7)
    assert clock.wall_ms() == START_MS + 7
    assert clock.steady_ms() == real.steady_ms()


def test_a_clock_that_reads_wrong_runs_on_and_is_right_once_synchronised() -> None:
    clock = SimulatedClock(START_MS, ManualClock(), reads_ms=0, is_synced=False, is_standing=True)
    clock.move_to(START_MS + 60_000)
    before = clock.stamp()

    assert clock.wall_ms() == 60_000
    assert clock.hall_ms() == START_MS + 60_000
    assert not before.is_synced

    mono_ms = clock.mono_ms()
    clock.synchronise()

    assert clock.wall_ms() == START_MS + 60_000
    assert clock.stamp().is_synced
    assert clock.stamp().offset_ms - before.offset_ms == START_MS
    assert clock.mono_ms() == mono_ms


def test_a_step_of_the_wall_clock_leaves_the_hall_s_time_and_is_noticed_at_the_next_look() -> None:
    clock = SimulatedClock(START_MS, ManualClock(), is_standing=True)
    told = []
    clock.listen(lambda: told.append(clock.wall_ms()))
    clock.stamp()

    clock.step(-3_600_000)

    assert told == [START_MS - 3_600_000]
    assert clock.hall_ms() == START_MS
    assert not clock.wait_noticed(0)
    clock.stamp()
    assert clock.wait_noticed(0)
    assert not clock.wait_noticed(0, anew=True)


@given(st.lists(st.integers(1, 10_000_000), max_size=50))
def test_a_reading_of_all_clocks_shows_no_step_while_time_is_moved(moves: list[int]) -> None:
    clock = SimulatedClock(START_MS, ManualClock())
    offsets = set()
    clock.listen(lambda: offsets.add(clock.stamp().offset_ms))
    for move in moves:
        clock.move_by(move)

    assert len(offsets) <= 1

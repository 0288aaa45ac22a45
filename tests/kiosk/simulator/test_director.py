import time
from collections.abc import Callable
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from firmware_config.fleet import load_fleet, sample_fleet_path
from kiosk.clock import Clock, ManualClock
from kiosk.simulator.clock import HallTime
from kiosk.simulator.day import (
    Due,
    habits_of,
    local_ms,
    local_time,
    open_days_before,
    opening,
    plan_hall_day,
)
from kiosk.simulator.director import Director
from kiosk.simulator.people import Doing, Step

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = date(2026, 3, 2)


class NotingKiosk:
    """Plays nothing; notes what it was told, and when that was."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.played: list[tuple[Step, int, int]] = []
        self.is_touched = False
        self.is_watched = False

    def perform(self, step: Step, at_ms: int) -> None:
        self.played.append((step, at_ms, self.clock.steady_ms()))

    def wait_settled(self, timeout_s: float) -> bool:
        return True


def press(at_s: float, level: int = 5) -> Step:
    return Step(at_s=at_s, doing=Doing.PRESS, level=level)


def invite(at_s: float) -> Step:
    return Step(at_s=at_s, doing=Doing.CLERK_INVITES)


def planned(*windows: list[Step]) -> Callable[[date], list[list[Due]]]:
    """These steps on every day from Monday on."""

    def plan(on: date) -> list[list[Due]]:
        return [
            [Due(local_ms(on, step.at_s, ZONE), index, step) for step in steps]
            for index, steps in enumerate(windows)
        ]

    return plan


def until(is_true: Callable[[], object]) -> None:
    end = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.002)


@pytest.fixture
def real() -> ManualClock:
    return ManualClock(wall_ms=local_ms(MONDAY + timedelta(days=30), 0, ZONE))


def start_of(on: date) -> int:
    return local_ms(on, 8 * 3600, ZONE)


def test_history_is_played_in_order_of_time_without_waiting(real: ManualClock) -> None:
    kiosks = (NotingKiosk(real), NotingKiosk(real))
    hall_time = HallTime(start_of(MONDAY), 60, real)
    plan = planned([invite(32_400), press(32_410)], [invite(32_405), press(32_406)])
    rush_until_ms = start_of(MONDAY + timedelta(days=3))
    director = Director(kiosks, plan, hall_time, ZONE, real, rush_until_ms=rush_until_ms)

    director.start()
    until(lambda: len(kiosks[0].played) >= 6)
    director.stop()

    played = sorted(
        (at_ms, index) for index, one in enumerate(kiosks) for _, at_ms, _ in one.played
    )
    days = [local_time(at_ms, ZONE).date() for at_ms, _ in played]
    assert days == [MONDAY + timedelta(days=day) for day in range(3) for _ in range(4)]
    assert [index for _, index in played][:4] == [0, 1, 1, 0]
    assert director.failure is None


def test_quiet_hours_are_skipped_up_to_a_minute_before_something_happens(
    real: ManualClock,
) -> None:
    kiosk = NotingKiosk(real)
    hall_time = HallTime(start_of(MONDAY), 60, real)
    director = Director((kiosk,), planned([press(40_000)]), hall_time, ZONE, real)

    director.start()
    until(lambda: hall_time.wall_ms() == local_ms(MONDAY, 40_000 - 60, ZONE))
    assert kiosk.played == []
    real.advance(1_000)
    until(lambda: kiosk.played)
    director.stop()


def test_steps_before_now_were_played_by_an_earlier_run(real: ManualClock) -> None:
    kiosk = NotingKiosk(real)
    hall_time = HallTime(local_ms(MONDAY, 33_000, ZONE), 60, real)
    plan = planned([press(32_999), press(33_001, level=4)])
    director = Director((kiosk,), plan, hall_time, ZONE, real)

    director.start()
    real.advance(1_000)
    until(lambda: kiosk.played)
    director.stop()

    assert [step.level for step, _, _ in kiosk.played] == [4]


def test_a_window_in_a_visitors_hands_is_left_to_the_visitor(real: ManualClock) -> None:
    touched, other = NotingKiosk(real), NotingKiosk(real)
    hall_time = HallTime(start_of(MONDAY), 60, real)
    steps = [invite(32_400), press(32_410), invite(32_600), press(32_610)]
    begun_ms = local_ms(MONDAY, 32_399, ZONE)
    hall_time.move_to(begun_ms)
    touched.is_touched = True
    director = Director((touched, other), planned(steps, steps), hall_time, ZONE, real)

    director.start()
    real.advance(50)  # the invitation comes at 17 ms, its answer at 183 ms
    until(lambda: len(other.played) == 1)
    touched.is_touched = False
    real.advance(10_000)
    until(lambda: len(other.played) == 4)
    director.stop()

    assert [step for step, _, _ in touched.played] == steps[2:]


def test_a_window_that_is_looked_at_gets_its_steps_apart_in_real_time(real: ManualClock) -> None:
    watched = NotingKiosk(real)
    watched.is_watched = True
    hall_time = HallTime(local_ms(MONDAY, 32_399, ZONE), 60, real)
    director = Director((watched,), planned([invite(32_400), press(32_406)]), hall_time, ZONE, real)

    director.start()
    while len(watched.played) < 2:
        real.advance(100)
        time.sleep(0.005)
    director.stop()

    (_, _, first_ms), (_, due_ms, second_ms) = watched.played[:2]
    assert second_ms - first_ms >= 1_600
    assert due_ms == local_ms(MONDAY, 32_406, ZONE)


def test_while_history_is_played_people_wait_for_the_collector(real: ManualClock) -> None:
    kiosk = NotingKiosk(real)
    backlog = 10_000
    plan = planned([press(32_400 + second) for second in range(200)])
    director = Director(
        (kiosk,),
        plan,
        HallTime(start_of(MONDAY), 60, real),
        ZONE,
        real,
        rush_until_ms=start_of(MONDAY + timedelta(days=1)),
        backlog=lambda: backlog,
    )

    director.start()
    until(lambda: len(kiosk.played) == 32)
    time.sleep(0.1)
    assert len(kiosk.played) == 32
    backlog = 0
    until(lambda: len(kiosk.played) == 200)
    director.stop()


def test_a_failure_ends_the_show_and_is_kept(real: ManualClock) -> None:
    def plan(on: date) -> list[list[Due]]:
        raise RuntimeError("no plan")

    director = Director((), plan, HallTime(start_of(MONDAY), 60, real), ZONE, real)

    director.start()
    until(lambda: not director.is_alive)

    assert str(director.failure) == "no plan"


def test_the_sample_hall_is_closed_on_sundays_and_planned_on_mondays() -> None:
    hall = load_fleet(sample_fleet_path()).hall
    windows = (("a01", habits_of("a01", 0, ("x",))), ("a02", habits_of("a02", 1, ())))

    assert plan_hall_day(windows, hall, MONDAY - timedelta(days=1), ZONE) == [[], []]
    plans = plan_hall_day(windows, hall, MONDAY, ZONE)
    assert all(plans)
    assert plans == plan_hall_day(windows, hall, MONDAY, ZONE)
    assert {due.kiosk for due in plans[1]} == {1}
    assert local_time(plans[0][0].at_ms, ZONE).date() == MONDAY


def test_open_days_are_counted_without_closed_ones() -> None:
    hall = load_fleet(sample_fleet_path()).hall

    assert opening(hall, MONDAY)[0] == (9 * 3600, 12 * 3600)
    assert open_days_before(hall, MONDAY, 1) == date(2026, 2, 28)
    assert open_days_before(hall, MONDAY, 7) == date(2026, 2, 21)

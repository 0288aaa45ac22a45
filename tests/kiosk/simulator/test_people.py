from collections import Counter
from datetime import date
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.simulator.items import items_of
from kiosk.simulator.people import (
    PATIENCE_S,
    SERVICE_GAP_S,
    Doing,
    Habits,
    Step,
    plan_day,
    window_habits,
)

ON = date(2026, 3, 2)
HOURS = ((9 * 3600, 12 * 3600), (48_600, 61_200))
INVITES = (Doing.CLERK_INVITES, Doing.CASE_INVITES)

seeds = st.integers(0, 10_000)


def a_day(seed: int, on: date = ON) -> list[Step]:
    habits = window_habits(3, ("a", "b"), Random(f"habits {seed}"))
    return plan_day(habits, window="a03", on=on, opening=HOURS, rng=Random(f"day {seed}"))


@given(seeds)
def test_steps_are_in_order_of_time_and_inside_the_day(seed: int) -> None:
    steps = a_day(seed)

    assert [step.at_s for step in steps] == sorted(step.at_s for step in steps)
    assert steps[0].at_s > 8 * 3600
    assert steps[-1].at_s < 18 * 3600


@given(seeds)
def test_the_same_seed_gives_the_same_day(seed: int) -> None:
    assert a_day(seed) == a_day(seed)


@given(seeds)
def test_invitations_fall_into_opening_hours_with_a_gap_between_them(seed: int) -> None:
    invited = [step.at_s for step in a_day(seed) if step.doing in INVITES]

    assert all(any(begins <= at < ends for begins, ends in HOURS) for at in invited)
    assert all(later - earlier > SERVICE_GAP_S - 1e-6 for earlier, later in pairwise(invited))


@given(seeds)
def test_every_invitation_is_answered_in_time_or_waited_for_until_it_is_over(seed: int) -> None:
    steps = a_day(seed)
    for number, step in enumerate(steps):
        if step.doing not in INVITES:
            continue
        coming = [
            later
            for later in steps[number + 1 :]
            if later.doing in (Doing.PRESS, Doing.LEAVE)
            and later.at_s - step.at_s < PATIENCE_S + 1e-6
        ]
        assert coming
        assert coming[-1].doing is Doing.PRESS or coming[-1].at_s == pytest.approx(
            step.at_s + PATIENCE_S
        )


@given(seeds)
def test_case_numbers_name_day_and_window_and_are_never_used_twice(seed: int) -> None:
    numbers = [step.case_no for step in a_day(seed) if step.doing is Doing.CASE_INVITES]

    assert len(set(numbers)) == len(numbers)
    assert all(number.startswith("20260302-A03-") and len(number) == 17 for number in numbers)


def test_somebody_signs_in_before_each_opening_and_out_after_each_closing() -> None:
    signs = [step for step in a_day(1) if step.doing in (Doing.SIGN_IN, Doing.SIGN_OUT)]

    assert [step.doing for step in signs] == [Doing.SIGN_IN, Doing.SIGN_OUT] * 2
    assert all(step.staff_no for step in signs)


def test_nothing_happens_on_a_closed_day() -> None:
    habits = window_habits(0, (), Random("h"))

    assert plan_day(habits, window="a01", on=ON, opening=(), rng=Random("d")) == []


def test_a_hall_of_135_windows_looks_believable() -> None:
    counts: Counter[Doing] = Counter()
    levels: Counter[int] = Counter()
    hours: Counter[int] = Counter()
    cases = []
    for window in range(135):
        habits = window_habits(window, ("a",), Random(f"h{window}"))
        steps = plan_day(habits, window="x", on=ON, opening=HOURS, rng=Random(f"d{window}"))
        counts.update(step.doing for step in steps)
        levels.update(step.level for step in steps if step.doing is Doing.PRESS)
        hours.update(int(step.at_s // 3600) for step in steps if step.doing in INVITES)
        cases.append(sum(1 for step in steps if step.doing in INVITES))

    invited = counts[Doing.CLERK_INVITES] + counts[Doing.CASE_INVITES]
    assert 25 <= invited / 135 <= 33
    assert max(cases) > 1.8 * min(cases)
    assert 0.28 < counts[Doing.LEAVE] / invited < 0.42
    assert 0.90 < levels[5] / levels.total() < 0.97
    assert all(levels[level] for level in (1, 2, 3, 4))
    assert hours[10] > hours[9]
    assert hours[15] > hours[13]
    assert set(hours) == {9, 10, 11, 13, 14, 15, 16}


@pytest.mark.parametrize(
    ("department", "item"),
    [
        ("市公安局出入境管理支队", "普通护照签发"),
        ("市婚姻登记处", "结婚登记"),
        ("市地震局", "业务咨询"),
    ],
)
def test_items_fit_the_department(department: str, item: str) -> None:
    assert item in items_of(department)


def test_frequent_items_come_first() -> None:
    habits = Habits(
        cases=60,
        answer_rate=0.5,
        weights={5: 1.0},
        feed_rate=1.0,
        staff=("1001",),
        items=("often", "sometimes", "rarely", "hardly"),
    )
    steps = plan_day(habits, window="a01", on=ON, opening=HOURS, rng=Random("items"))
    seen = Counter(step.item for step in steps if step.item)

    assert seen["often"] > seen["sometimes"] > seen["hardly"]

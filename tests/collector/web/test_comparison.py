"""The period before: as many days, ending where this one begins, also over years and quarters."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.periods import Period, PeriodName, between, named_period
from collector.rates import Counts
from collector.web.comparison import Comparison, elapsed, period_before, points_text
from collector.web.figures import Figures

DAYS = st.dates(date(1970, 1, 2), date(2200, 1, 1))


@pytest.mark.parametrize(
    ("name", "today", "first_on", "last_on"),
    [
        (PeriodName.YEAR, date(2026, 1, 1), date(2025, 12, 31), date(2025, 12, 31)),
        (PeriodName.YEAR, date(2026, 12, 31), date(2025, 1, 1), date(2025, 12, 31)),
        (PeriodName.YEAR, date(2024, 12, 31), date(2022, 12, 31), date(2023, 12, 31)),  # leap year
        (PeriodName.QUARTER, date(2026, 3, 31), date(2025, 10, 3), date(2025, 12, 31)),
        (PeriodName.QUARTER, date(2026, 4, 1), date(2026, 3, 31), date(2026, 3, 31)),
        (PeriodName.QUARTER, date(2026, 5, 13), date(2026, 2, 17), date(2026, 3, 31)),
        (PeriodName.MONTH, date(2026, 3, 31), date(2026, 1, 29), date(2026, 2, 28)),
        (PeriodName.WEEK, date(2026, 1, 1), date(2025, 12, 25), date(2025, 12, 28)),
        (PeriodName.TODAY, date(2026, 1, 1), date(2025, 12, 31), date(2025, 12, 31)),
        (PeriodName.THIRTY_DAYS, date(2026, 5, 13), date(2026, 3, 15), date(2026, 4, 13)),
    ],
)
def test_a_running_period_is_compared_by_as_many_days_as_it_has(
    name: PeriodName, today: date, first_on: date, last_on: date
) -> None:
    assert period_before(named_period(name, today), today) == between(first_on, last_on)


@given(DAYS, st.integers(1, 3660), DAYS)
def test_both_are_equally_long_and_touch(start: date, days: int, today: date) -> None:
    period = Period(start, date.fromordinal(start.toordinal() + days))
    past, before = elapsed(period, today), period_before(period, today)
    if past is None:
        assert today < start
        assert before is None
    elif before is not None:
        assert before.days == past.days <= days
        assert before.end_on == past.start_on == start
        assert past.last_on == min(period.last_on, today)


def test_nothing_is_before_the_first_day() -> None:
    assert period_before(between(date(1, 1, 1), date(9, 12, 31)), date(2026, 5, 13)) is None
    assert period_before(between(date(1970, 1, 5), date(1970, 1, 20)), date(2026, 5, 13)) is None


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (Fraction(1, 8), "+0.13"),
        (Fraction(-1, 8), "−0.13"),
        (Fraction(1, 1000), "0.00"),
        (Fraction(-1, 1000), "0.00"),
        (Fraction(0), "0.00"),
        (Fraction(-1005, 100), "−10.05"),
    ],
)
def test_points_are_rounded_exactly(points: Fraction, text: str) -> None:
    assert points_text(points) == text


@pytest.mark.parametrize(
    ("now", "before", "points", "is_weak"),
    [
        (Counts(level5=9, level1=1), Counts(level5=10), Fraction(-10), False),
        (Counts(level5=9), Counts(level5=10), Fraction(0), True),
        (Counts(level5=10), Counts(level5=8, level1=1), Fraction(100, 9), True),
        (Counts(), Counts(level5=10), None, True),
        (Counts(level5=10), Counts(), None, True),
    ],
)
def test_a_difference_over_few_ratings_is_said_to_be_weak(
    now: Counts, before: Counts, points: Fraction | None, is_weak: bool
) -> None:
    period = between(date(2026, 1, 1), date(2026, 1, 2))
    found = Comparison(period, Figures(now), Figures(before), 10)
    assert found.points == points
    assert found.is_weak is is_weak

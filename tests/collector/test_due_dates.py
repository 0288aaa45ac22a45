"""Due dates of bad ratings: tables, and what must hold for every calendar."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.due_dates import DayCount, Deadline

# National Day 2026: off from Thursday 1 to Wednesday 7 October, worked on Sunday 27 September and
# Saturday 10 October (made up in the manner of the State Council's notices)
OFF = frozenset(date(2026, 10, day) for day in range(1, 8))
WORKED = frozenset({date(2026, 9, 27), date(2026, 10, 10)})


@pytest.mark.parametrize(
    ("rated", "days", "count", "due"),
    [
        ("2026-05-13", 5, "working-days", "2026-05-20"),  # Wednesday to Wednesday
        ("2026-05-15", 1, "working-days", "2026-05-18"),  # Friday to Monday
        ("2026-05-16", 1, "working-days", "2026-05-18"),  # Saturday
        ("2026-09-25", 5, "working-days", "2026-10-08"),  # 27, 28, 29, 30 September, 8 October
        ("2026-09-30", 2, "working-days", "2026-10-09"),
        ("2026-10-08", 2, "working-days", "2026-10-10"),  # the Saturday is worked
        ("2026-05-13", 7, "days", "2026-05-20"),
        ("2026-05-13", 15, "days", "2026-05-28"),
        ("2026-05-13", 3, "days", "2026-05-18"),  # ends on Saturday
        ("2026-09-30", 1, "days", "2026-10-08"),  # ends in the holidays
        ("2026-12-31", 1, "days", "2027-01-01"),
    ],
)
def test_a_deadline_ends_on_the_day_the_rule_says(
    rated: str, days: int, count: str, due: str
) -> None:
    deadline = Deadline(days=days, count=DayCount(count), holidays=OFF, workdays=WORKED)
    assert deadline.due_on(date.fromisoformat(rated)) == date.fromisoformat(due)


DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31))
DEADLINES = st.builds(
    Deadline,
    days=st.integers(1, 40),
    count=st.sampled_from(DayCount),
    holidays=st.frozensets(DAYS, max_size=25),
    workdays=st.frozensets(DAYS, max_size=5),
)


@given(DEADLINES, DAYS)
def test_it_ends_on_a_working_day_after_the_rating(deadline: Deadline, rated_on: date) -> None:
    due_on = deadline.due_on(rated_on)
    assert due_on > rated_on
    assert deadline.is_worked(due_on)


@given(DEADLINES, DAYS)
def test_working_days_are_counted_one_by_one(deadline: Deadline, rated_on: date) -> None:
    due_on = deadline.due_on(rated_on)
    between = [rated_on + timedelta(days=n) for n in range(1, (due_on - rated_on).days + 1)]
    if deadline.count is DayCount.WORKING_DAYS:
        assert sum(map(deadline.is_worked, between)) == deadline.days
    else:
        assert len(between) >= deadline.days
        assert not any(map(deadline.is_worked, between[deadline.days - 1 : -1]))


@given(DEADLINES, DAYS, st.integers(0, 90))
def test_one_day_divides_what_is_overdue_from_what_is_not(
    deadline: Deadline, today: date, ago: int
) -> None:
    rated_on = today - timedelta(days=ago)
    is_overdue = deadline.due_on(rated_on) < today
    assert is_overdue == (rated_on < deadline.first_in_time(today))

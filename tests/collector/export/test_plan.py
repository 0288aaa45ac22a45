"""Which days are due, and which are looked at again."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.export.plan import EARLIEST_BEFORE, choose_days, due_days, last_due_on
from collector.rates import Counts

ZONE = ZoneInfo("Asia/Shanghai")
days = st.dates(date(2025, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("clock", "is_now", "grace_h", "due_on"),
    [
        ("01:29", False, 0, 8),
        ("01:30", False, 0, 9),
        ("23:59", False, 0, 9),
        ("00:00", True, 0, 9),
        ("02:29", False, 1, 8),
        ("02:30", False, 1, 9),
    ],
)
def test_yesterday_is_due_from_the_time_of_the_nightly_run_on(clock, is_now, grace_h, due_on):
    now = datetime.combine(date(2026, 11, 10), time.fromisoformat(clock), ZONE)

    last_on = last_due_on(now, time(1, 30), is_now=is_now, grace=timedelta(hours=grace_h))

    assert last_on == date(2026, 11, due_on)


def test_a_run_late_in_the_evening_is_still_due_the_same_day():
    now = datetime(2026, 11, 10, 23, 59, tzinfo=ZONE)

    last_on = last_due_on(now, time(23, 30), is_now=False, grace=timedelta(hours=1))

    assert last_on == date(2026, 11, 9)


@given(st.sets(days, max_size=20), days, days)
def test_due_days_have_no_gaps_from_the_first_reception_on(totals, first_on, last_on):
    due = due_days(totals, first_on, last_on)

    assert due == sorted(set(due))
    span = (last_on - first_on).days + 1
    assert {first_on + timedelta(days=n) for n in range(max(span, 0))} <= set(due)
    assert {on for on in totals if on <= last_on} <= set(due)
    assert all(on <= last_on for on in due)


def test_days_long_before_the_first_reception_are_due_only_with_counts():
    first_on = date(2026, 11, 2)
    odd = first_on - EARLIEST_BEFORE - timedelta(days=1)

    assert due_days({odd}, first_on, first_on) == [odd, first_on]


def test_an_empty_ledger_has_no_due_days():
    assert due_days(set(), None, date(2026, 11, 2)) == []


def test_days_are_chosen_that_are_new_recent_or_counted_otherwise():
    due = [date(2026, 11, day) for day in range(1, 8)]
    known = dict.fromkeys(due[:-1], Counts(invited=1)) | {due[2]: None}
    totals = dict.fromkeys(due, Counts(invited=1)) | {due[0]: Counts(invited=2)}

    chosen = choose_days(due, known, totals, recheck_from=due[5])

    assert chosen == [due[0], due[2], due[5], due[6]]

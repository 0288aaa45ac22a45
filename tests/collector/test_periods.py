"""Periods of local days, also where days have 23 or 25 hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.periods import (
    LocalCalendar,
    Period,
    PeriodName,
    between,
    day_start_ms,
    local_day,
    local_hour,
    named_period,
    period_ms,
    single_day,
)

ZONES = [
    ZoneInfo(name)
    for name in (
        "Asia/Shanghai",
        "Asia/Kathmandu",  # +5:45
        "Europe/Berlin",
        "America/St_Johns",  # -3:30 with daylight saving
        "America/Santiago",  # changes at midnight: days that begin at 01:00
        "Australia/Lord_Howe",  # daylight saving of half an hour
        "Pacific/Apia",
        "Africa/Cairo",
        "UTC",
    )
]
zones = st.sampled_from(ZONES)
days = st.dates(date(2012, 6, 1), date(2035, 12, 31))
instants = st.integers(
    int(datetime(2012, 6, 1, tzinfo=UTC).timestamp() * 1000),
    int(datetime(2035, 12, 31, tzinfo=UTC).timestamp() * 1000),
)


@given(instants, zones)
def test_every_instant_lies_in_its_local_day(ms: int, zone: ZoneInfo) -> None:
    on = local_day(ms, zone)
    start, end = period_ms(single_day(on), zone)
    assert start <= ms < end


@given(days, zones)
def test_a_day_begins_with_its_first_millisecond(on: date, zone: ZoneInfo) -> None:
    start = day_start_ms(on, zone)
    assert local_day(start, zone) == on
    assert local_day(start - 1, zone) == on - timedelta(days=1)


@given(instants, zones)
def test_the_calendar_remembers_what_it_would_compute(ms: int, zone: ZoneInfo) -> None:
    calendar = LocalCalendar(zone)
    for _ in range(2):  # computed, then remembered
        expected = (local_day(ms, zone).isoformat(), local_hour(ms, zone))
        assert calendar.day_and_hour(ms) == expected


@pytest.mark.parametrize(
    ("zone", "on", "hours"),
    [
        ("Europe/Berlin", date(2026, 3, 29), 23),
        ("Europe/Berlin", date(2026, 10, 25), 25),
        ("America/Santiago", date(2026, 9, 6), 23),
        ("Asia/Shanghai", date(2026, 3, 29), 24),
        ("Australia/Lord_Howe", date(2026, 4, 5), 24.5),
        ("Pacific/Apia", date(2011, 12, 30), 0),  # the zone skipped this date
    ],
)
def test_days_have_the_hours_their_zone_gives_them(zone: str, on: date, hours: float) -> None:
    start, end = period_ms(single_day(on), ZoneInfo(zone))
    assert (end - start) / 3_600_000 == hours


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        (PeriodName.TODAY, "2026-02-11", "2026-02-12"),
        (PeriodName.YESTERDAY, "2026-02-10", "2026-02-11"),
        (PeriodName.WEEK, "2026-02-09", "2026-02-16"),
        (PeriodName.LAST_WEEK, "2026-02-02", "2026-02-09"),
        (PeriodName.MONTH, "2026-02-01", "2026-03-01"),
        (PeriodName.LAST_MONTH, "2026-01-01", "2026-02-01"),
        (PeriodName.QUARTER, "2026-01-01", "2026-04-01"),
        (PeriodName.LAST_QUARTER, "2025-10-01", "2026-01-01"),
        (PeriodName.YEAR, "2026-01-01", "2027-01-01"),
        (PeriodName.LAST_YEAR, "2025-01-01", "2026-01-01"),
        (PeriodName.SEVEN_DAYS, "2026-02-05", "2026-02-12"),
        (PeriodName.THIRTY_DAYS, "2026-01-13", "2026-02-12"),
        (PeriodName.ALL, "1970-01-01", "9999-12-31"),
    ],
)
def test_named_periods_seen_from_a_wednesday(name: PeriodName, start: str, end: str) -> None:
    period = named_period(name, date(2026, 2, 11))
    assert (period.start_on.isoformat(), period.end_on.isoformat()) == (start, end)


def test_last_month_in_january_is_december_of_the_year_before() -> None:
    december = Period(date(2025, 12, 1), date(2026, 1, 1))
    assert named_period(PeriodName.LAST_MONTH, date(2026, 1, 31)) == december


@given(days, st.sampled_from(list(PeriodName)))
def test_every_current_period_holds_today(today: date, name: PeriodName) -> None:
    is_past = name.value.startswith("last") or name is PeriodName.YESTERDAY
    assert (today in named_period(name, today)) is not is_past


@given(days, st.integers(0, 400))
def test_a_period_iterates_over_exactly_its_days(start: date, length: int) -> None:
    period = Period(start, start + timedelta(days=length))
    listed = list(period)
    assert len(listed) == period.days == length
    assert all(on in period for on in listed)
    assert period.end_on not in period
    assert period.before().end_on == start
    assert period.before().days == length


def test_from_to_includes_both_days_and_refuses_to_run_backwards() -> None:
    assert list(between(date(2026, 1, 1), date(2026, 1, 2))) == [date(2026, 1, 1), date(2026, 1, 2)]
    with pytest.raises(ValueError, match="expected a last day"):
        between(date(2026, 1, 2), date(2026, 1, 1))
    with pytest.raises(ValueError, match="expected an end"):
        Period(date(2026, 1, 2), date(2026, 1, 1))

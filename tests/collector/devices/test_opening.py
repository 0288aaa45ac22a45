"""Opening time between two instants, over nights, weekends and changes of the clock."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.devices.opening import is_open_at, open_ms
from collector.rules.entries import DayKind
from firmware_config.hours import week_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
WEEK = week_of(["mon-fri 09:00-12:00", "mon-fri 13:30-17:00", "sat 09:00-12:00"])
HOUR = 3_600_000


def ms(text: str, zone: ZoneInfo = SHANGHAI) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("begin", "end", "hours"),
    [
        ("2026-05-13T09:00", "2026-05-13T17:00", 6.5),
        ("2026-05-13T12:00", "2026-05-13T13:30", 0),
        ("2026-05-13T11:00", "2026-05-13T14:30", 2),
        ("2026-05-13T16:00", "2026-05-14T10:00", 2),
        ("2026-05-15T16:30", "2026-05-18T09:30", 4),
        ("2026-05-17T00:00", "2026-05-18T00:00", 0),
        ("2026-05-13T10:00", "2026-05-13T09:00", 0),
        ("2026-05-11T00:00", "2026-05-18T00:00", 35.5),
    ],
)
def test_only_opening_time_counts(begin: str, end: str, hours: float) -> None:
    assert open_ms(WEEK, SHANGHAI, ms(begin), ms(end)) == hours * HOUR


def test_a_night_in_which_the_clock_is_set_forward_has_an_hour_less() -> None:
    week = week_of(["sun 00:00-06:00"])
    begin, end = ms("2026-03-29T00:00", BERLIN), ms("2026-03-29T06:00", BERLIN)
    assert open_ms(week, BERLIN, begin, end) == 5 * HOUR


@given(*[st.integers(ms("2026-01-01T00:00"), ms("2026-03-01T00:00"))] * 3)
def test_stretches_add_up_and_are_never_longer_than_the_time(a: int, b: int, c: int) -> None:
    first, middle, last = sorted((a, b, c))
    whole = open_ms(WEEK, SHANGHAI, first, last)
    parts = open_ms(WEEK, SHANGHAI, first, middle) + open_ms(WEEK, SHANGHAI, middle, last)
    assert whole == parts
    assert 0 <= whole <= last - first


def test_it_is_open_from_the_opening_to_just_before_the_closing() -> None:
    at = [ms(f"2026-05-13T{time}") for time in ("08:59:59", "09:00", "11:59:59", "12:00")]
    assert [is_open_at(WEEK, SHANGHAI, one) for one in at] == [False, True, True, False]


def test_a_holiday_is_closed_and_a_make_up_day_open_whatever_the_day_of_the_week() -> None:
    special = {date(2026, 5, 13): DayKind.HOLIDAY, date(2026, 5, 17): DayKind.WORKDAY}
    begin, end = ms("2026-05-11T00:00"), ms("2026-05-18T00:00")
    assert open_ms(WEEK, SHANGHAI, begin, end, special) == 35.5 * HOUR  # one less, one more
    assert not is_open_at(WEEK, SHANGHAI, ms("2026-05-13T10:00"), special)
    assert is_open_at(WEEK, SHANGHAI, ms("2026-05-17T10:00"), special)
    assert not is_open_at(WEEK, SHANGHAI, ms("2026-05-17T12:30"), special)

"""Periods of local days, `[start, end)`, in the hall's time zone.

Pure: the zone, and what day it is, come in as arguments. A day begins at its first instant, so a
day may have 23, 24 or 25 hours (daylight saving), and a date a zone skipped is empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

_DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_QUARTER_HOUR_MS: Final = 15 * 60 * 1000
FIRST_DAY: Final = date(1970, 1, 1)
"""No record is older: times are milliseconds since then."""
LAST_DAY: Final = date(9999, 12, 31)


class PeriodName(StrEnum):
    """Periods that can be asked for by name; all contain whole local days."""

    TODAY = "today"
    YESTERDAY = "yesterday"
    WEEK = "week"
    LAST_WEEK = "last-week"
    MONTH = "month"
    LAST_MONTH = "last-month"
    QUARTER = "quarter"
    LAST_QUARTER = "last-quarter"
    YEAR = "year"
    LAST_YEAR = "last-year"
    SEVEN_DAYS = "7-days"
    THIRTY_DAYS = "30-days"
    ALL = "all"


RUNNING: Final = {
    PeriodName.LAST_WEEK: PeriodName.WEEK,
    PeriodName.LAST_MONTH: PeriodName.MONTH,
    PeriodName.LAST_QUARTER: PeriodName.QUARTER,
    PeriodName.LAST_YEAR: PeriodName.YEAR,
}
"""Name of the last whole period → of the running one."""


@dataclass(frozen=True, slots=True)
class Period:
    """Local days from `start_on` up to, not including, `end_on`."""

    start_on: date
    end_on: date

    def __post_init__(self) -> None:
        """Raises ValueError when it ends before it starts."""
        if self.end_on < self.start_on:
            raise ValueError(f"period: expected an end from {self.start_on} on, got {self.end_on}")

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.end_on - self.start_on).days

    @property
    def last_on(self) -> date:
        """The last day inside; for a label "from … to …". Meaningless for an empty period."""
        return self.end_on - _DAY

    def __contains__(self, on: date) -> bool:
        """Whether the local day is inside."""
        return self.start_on <= on < self.end_on

    def __iter__(self) -> Iterator[date]:
        """Its days, first to last."""
        on = self.start_on
        while on < self.end_on:
            yield on
            on += _DAY

    def before(self) -> Period:
        """The period of as many days that ends where this one starts, to compare with."""
        return Period(self.start_on - timedelta(days=self.days), self.start_on)


def local_day(ms: int, zone: tzinfo) -> date:
    """The local date of an instant.

    Args:
        ms: UTC milliseconds since 1970.
        zone: the hall's zone.
    """
    return _local(ms, zone).date()


def local_hour(ms: int, zone: tzinfo) -> int:
    """The local hour of an instant, 0..23; the arguments are those of `local_day`."""
    return _local(ms, zone).hour


def day_start_ms(on: date, zone: tzinfo) -> int:
    """First instant of a local day, UTC milliseconds since 1970.

    Where midnight is skipped by daylight saving this is the instant after the gap; where it
    comes twice, the first.
    """
    midnight = datetime.combine(on, time(), tzinfo=zone)
    return (midnight.astimezone(UTC) - _EPOCH) // _MILLISECOND


def period_ms(period: Period, zone: tzinfo) -> tuple[int, int]:
    """A period as instants `[start, end)`, UTC milliseconds since 1970."""
    return day_start_ms(period.start_on, zone), day_start_ms(period.end_on, zone)


def single_day(on: date) -> Period:
    """The period of one day."""
    return Period(on, on + _DAY)


def between(first_on: date, last_on: date) -> Period:
    """Both days included, as people say "from … to …".

    Raises:
        ValueError: the last day is before the first.
    """
    if last_on < first_on:
        raise ValueError(f"period: expected a last day from {first_on} on, got {last_on}")
    return Period(first_on, last_on + _DAY)


def named_period(name: PeriodName, today: date) -> Period:
    """The period of that name, seen from the local day `today`.

    Weeks begin on Monday (ISO 8601); weeks, months, quarters and years are whole, so the current
    one reaches into the future; `7-days` and `30-days` end with today.
    """
    match name:
        case PeriodName.TODAY:
            return single_day(today)
        case PeriodName.YESTERDAY:
            return single_day(today - _DAY)
        case PeriodName.WEEK | PeriodName.LAST_WEEK:
            monday = today - timedelta(days=today.weekday())
            week = Period(monday, monday + timedelta(days=7))
            return week if name is PeriodName.WEEK else week.before()
        case PeriodName.MONTH:
            return _months(today.year, today.month, 1)
        case PeriodName.LAST_MONTH:
            return _months(today.year, today.month - 1, 1)
        case PeriodName.QUARTER:
            return _months(today.year, today.month - (today.month - 1) % 3, 3)
        case PeriodName.LAST_QUARTER:
            return _months(today.year, today.month - (today.month - 1) % 3 - 3, 3)
        case PeriodName.YEAR:
            return _months(today.year, 1, 12)
        case PeriodName.LAST_YEAR:
            return _months(today.year - 1, 1, 12)
        case PeriodName.SEVEN_DAYS:
            return Period(today - timedelta(days=6), today + _DAY)
        case PeriodName.THIRTY_DAYS:
            return Period(today - timedelta(days=29), today + _DAY)
        case PeriodName.ALL:
            return Period(FIRST_DAY, LAST_DAY)


class LocalCalendar:
    """`local_day` and `local_hour` for the ledger's hot path, remembered by quarter of an hour.

    Every zone's offset has been a multiple of 15 minutes, and changed at such an instant, since
    1972 in all but a handful of zones and since 2012 in all of them (Source: tz database).
    """

    def __init__(self, zone: tzinfo) -> None:
        self.zone = zone
        self._known: dict[int, tuple[str, int]] = {}

    def day_and_hour(self, ms: int) -> tuple[str, int]:
        """Local date as ISO text, and local hour 0..23, of UTC milliseconds since 1970."""
        quarter = ms // _QUARTER_HOUR_MS
        known = self._known.get(quarter)
        if known is None:
            local = _local(quarter * _QUARTER_HOUR_MS, self.zone)
            known = (local.date().isoformat(), local.hour)
            if len(self._known) >= 200_000:  # bounded: about five years of quarters
                self._known.clear()
            self._known[quarter] = known
        return known


def _local(ms: int, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone)


def _months(year: int, month: int, number: int) -> Period:
    """`number` months from the given one on; `month` may be 0 or less: earlier years."""
    first = year * 12 + month - 1
    end = first + number
    return Period(date(first // 12, first % 12 + 1, 1), date(end // 12, end % 12 + 1, 1))

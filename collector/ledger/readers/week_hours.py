"""Counts by weekday and hour of a period: the heat map's question.

A hall's or department's come by whole months and only the days around them one by one; a window's
are found by key, day by day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from collector.ledger.readers.connection import LedgerReader, Row
from collector.ledger.readers.counts import DAYS, days_of, whole_months
from collector.ledger.readers.departments import OF_DEPARTMENTS, listed
from collector.periods import Period
from collector.rates import COUNT_FIELDS, Counts

WeekHour = tuple[int, int]
"""ISO weekday, 1 Monday … 7 Sunday, and local hour 0..23."""

_SUMS: Final = ", ".join(f"sum({field})" for field in COUNT_FIELDS)
# in the order of the tables' keys, so that nothing is sorted; what is left to add up is a few rows
_OF_MONTHS: Final = (
    f"SELECT weekday, hour, {_SUMS} FROM month_hour_rollups WHERE on_month >= ? AND on_month < ?"
    f" AND {OF_DEPARTMENTS} GROUP BY on_month, weekday, hour"
)
_OF_DAYS: Final = (
    f"SELECT on_date, hour, {_SUMS} FROM hour_rollups WHERE on_date >= ? AND on_date < ?"
    f" AND {OF_DEPARTMENTS} GROUP BY on_date, hour"
)
_OF_WINDOW: Final = (
    f"{DAYS} SELECT days.weekday, hour, {_SUMS} FROM days CROSS JOIN hour_rollups r"
    f" ON r.on_date = days.on_date AND r.window = ? AND {OF_DEPARTMENTS} GROUP BY 1, 2"
)


def by_week_hour(
    reader: LedgerReader, period: Period, *, departments: Sequence[int] | None = None
) -> dict[WeekHour, Counts]:
    """Weekday and hour → counts of some departments, or of the whole hall (None)."""
    months, rest = whole_months(period)
    bounds = [on.isoformat()[:7] for on in (months.start_on, months.end_on)]
    rows = reader.rows(_OF_MONTHS, *bounds, *listed(departments)) if months.days else []
    for part in rest:
        days = (part.start_on.isoformat(), part.end_on.isoformat())
        rows += _by_weekday(reader.rows(_OF_DAYS, *days, *listed(departments)))
    return _summed(rows)


def by_week_hour_of_window(
    reader: LedgerReader,
    period: Period,
    *,
    window: int,
    departments: Sequence[int] | None = None,
) -> dict[WeekHour, Counts]:
    """Weekday and hour → counts of one window, made for some departments or all."""
    return _summed(reader.rows(_OF_WINDOW, *days_of(period), window, *listed(departments)))


def _by_weekday(rows: Iterable[Row]) -> list[Row]:
    """The rows with the weekday in place of the day."""
    return [(date.fromisoformat(row[0]).isoweekday(), *row[1:]) for row in rows]


def _summed(rows: Iterable[Row]) -> dict[WeekHour, Counts]:
    sums: dict[WeekHour, Counts] = {}
    for weekday, hour, *numbers in rows:
        key = (weekday, hour)
        sums[key] = sums.get(key, Counts()) + Counts(*numbers)
    return sums

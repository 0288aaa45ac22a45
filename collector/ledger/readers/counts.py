"""Counts of a period from the rollups: by window and department, by day or month, by hour.

Long periods are read by whole months, and single places by seeking their own rows, so that the
cost of a page follows neither the length of its period nor the size of the hall's history.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

from collector.ledger.readers.connection import LedgerReader, Row
from collector.ledger.readers.departments import OF_DEPARTMENTS, listed
from collector.periods import Period
from collector.rates import COUNT_FIELDS, Counts

_SUMS: Final = ", ".join(f"coalesce(sum({field}), 0)" for field in COUNT_FIELDS)
_FIELDS: Final = ", ".join(COUNT_FIELDS)
DAYS: Final = (
    "WITH RECURSIVE days(on_date, weekday) AS (SELECT ?, ? WHERE ? < ? UNION ALL "
    "SELECT date(on_date, '+1 day'), weekday % 7 + 1 FROM days "
    "WHERE date(on_date, '+1 day') < ?)"
)
"""SQL before a question: every local day of a period, with its ISO weekday; takes `days_of`. So one
window's rows are found by key, day by day."""


def days_of(period: Period) -> tuple[str, int, str, str, str]:
    """The parameters of `DAYS`."""
    start, end = _bounds(period)
    return start, period.start_on.isoweekday(), start, end, end


def _bounds(period: Period) -> tuple[str, str]:
    return period.start_on.isoformat(), period.end_on.isoformat()


def whole_months(period: Period) -> tuple[Period, list[Period]]:
    """Split a period into its whole calendar months, and the days before and after them.

    Returns:
        The months as one period (empty where there is none), and the other parts.
    """
    start, end = period.start_on, period.end_on
    first = start if start.day == 1 else _next_month(start)
    last = end.replace(day=1)
    if first >= last:
        return Period(start, start), [period]
    parts = [Period(start, first), Period(last, end)]
    return Period(first, last), [part for part in parts if part.days]


def _next_month(on: date) -> date:
    if on.month == 12:
        return date(on.year + 1, 1, 1) if on.year < date.max.year else date.max
    return date(on.year, on.month + 1, 1)


def by_window_and_department(reader: LedgerReader, period: Period) -> dict[tuple[int, int], Counts]:
    """(Window id, department id at press time) → counts; 0 stands for "not assigned".

    The one question from which the hall's, the departments' and the windows' counts all follow,
    so that they always agree.
    """
    months, rest = whole_months(period)
    parts = [
        f"SELECT window, department, {_FIELDS} FROM month_rollups WHERE on_month >= ? AND "
        "on_month < ?"
    ]
    bounds = [on.isoformat()[:7] for on in (months.start_on, months.end_on)]
    for part in rest:
        parts.append(
            f"SELECT window, department, {_FIELDS} FROM day_rollups WHERE on_date >= ? "
            "AND on_date < ?"
        )
        bounds += _bounds(part)
    rows = reader.rows(
        f"SELECT window, department, {_SUMS} FROM ({' UNION ALL '.join(parts)}) "
        "GROUP BY window, department",
        *bounds,
    )
    return {(row[0], row[1]): Counts(*row[2:]) for row in rows}


def by_hour_of_day(
    reader: LedgerReader, on: date, *, departments: Sequence[int] | None = None
) -> dict[int, Counts]:
    """Local hour 0..23 → counts of some departments (None: of the whole hall) on one day."""
    rows = reader.rows(
        f"SELECT hour, {_SUMS} FROM hour_rollups WHERE on_date = ? AND {OF_DEPARTMENTS} "
        "GROUP BY hour ORDER BY hour",
        on.isoformat(),
        *listed(departments),
    )
    return {row[0]: Counts(*row[1:]) for row in rows}


def by_hour(
    reader: LedgerReader,
    period: Period,
    *,
    window: int,
    departments: Sequence[int] | None = None,
) -> dict[int, Counts]:
    """Local hour 0..23 → counts of one window in a period, made for some departments or all."""
    rows = reader.rows(
        f"{DAYS} SELECT hour, {_SUMS} FROM days CROSS JOIN hour_rollups r "
        f"ON r.on_date = days.on_date AND r.window = ? AND {OF_DEPARTMENTS} "
        "GROUP BY hour ORDER BY hour",
        *days_of(period),
        window,
        *listed(departments),
    )
    return {row[0]: Counts(*row[1:]) for row in rows}


def by_day(
    reader: LedgerReader,
    period: Period,
    *,
    windows: Sequence[int],
    departments: Sequence[int] | None = None,
) -> dict[str, Counts]:
    """ISO local date → counts of some windows together; only days with records.

    Args:
        reader: the ledger.
        period: which days.
        windows: their ids.
        departments: count only what was rated while they belonged to these; None: everything.
    """
    return _summed(
        reader.rows(
            f"{DAYS} SELECT r.on_date, {_SUMS} FROM days CROSS JOIN day_rollups r "
            f"ON r.on_date = days.on_date AND r.window = ? AND {OF_DEPARTMENTS} "
            "GROUP BY r.on_date",
            *days_of(period),
            window,
            *listed(departments),
        )
        for window in windows
    )


def by_day_of_hall(
    reader: LedgerReader, period: Period, *, departments: Sequence[int] | None = None
) -> dict[str, Counts]:
    """ISO local date → counts of some departments, or of the whole hall; only days with records."""
    rows = reader.rows(
        f"SELECT on_date, {_SUMS} FROM day_rollups WHERE on_date >= ? AND on_date < ? "
        f"AND {OF_DEPARTMENTS} GROUP BY on_date",
        *_bounds(period),
        *listed(departments),
    )
    return {row[0]: Counts(*row[1:]) for row in rows}


def by_month_of_hall(
    reader: LedgerReader, period: Period, *, departments: Sequence[int] | None = None
) -> dict[str, Counts]:
    """ISO month → counts of some departments, or of the whole hall; see `by_month`."""
    months, rest = whole_months(period)
    rows = reader.rows(
        f"SELECT on_month, {_SUMS} FROM month_rollups WHERE on_month >= ? AND on_month < ? "
        f"AND {OF_DEPARTMENTS} GROUP BY on_month",
        *(on.isoformat()[:7] for on in (months.start_on, months.end_on)),
        *listed(departments),
    )
    answers = [rows]
    for part in rest:
        days = reader.rows(
            f"SELECT substr(on_date, 1, 7), {_SUMS} FROM day_rollups WHERE on_date >= ? AND "
            f"on_date < ? AND {OF_DEPARTMENTS} GROUP BY 1",
            *_bounds(part),
            *listed(departments),
        )
        answers.append(days)
    return _summed(answers)


def by_month(
    reader: LedgerReader,
    period: Period,
    *,
    windows: Sequence[int],
    departments: Sequence[int] | None = None,
) -> dict[str, Counts]:
    """ISO month, e.g. `2026-05`, → counts of some windows together; months cut by the period's
    ends count only their days inside. The arguments are those of `by_day`."""
    months, rest = whole_months(period)
    found = [
        reader.rows(
            f"SELECT on_month, {_SUMS} FROM month_rollups WHERE on_month >= ? AND on_month < ? "
            f"AND window = ? AND {OF_DEPARTMENTS} GROUP BY on_month",
            *(months.start_on.isoformat()[:7], months.end_on.isoformat()[:7]),
            window,
            *listed(departments),
        )
        for window in windows
    ]
    result = _summed(found)
    for part in rest:
        days = by_day(reader, part, windows=windows, departments=departments)
        for on, counts in days.items():
            result[on[:7]] = result.get(on[:7], Counts()) + counts
    return result


def _summed(answers: Iterable[list[Row]]) -> dict[str, Counts]:
    result: dict[str, Counts] = {}
    for rows in answers:
        for label, *numbers in rows:
            result[label] = result.get(label, Counts()) + Counts(*numbers)
    return result


def number_of_days(reader: LedgerReader, period: Period, *, without: Iterable[date] = ()) -> int:
    """Local days of a period, but for some, on which the hall had sessions."""
    # day by day, so that of each only rows up to the first with a session are read
    row = reader.row(
        f"{DAYS} SELECT count(*) FROM days "
        "WHERE on_date NOT IN (SELECT value FROM json_each(?)) AND EXISTS (SELECT 1 "
        "FROM day_rollups r WHERE r.on_date = days.on_date "
        "AND invited + unrated + level5 + level4 + level3 + level2 + level1 > 0)",
        *days_of(period),
        json.dumps([on.isoformat() for on in without]),
    )
    return int(row[0]) if row else 0


def days_with_records(reader: LedgerReader) -> tuple[str, str] | None:
    """First and last local date that has counts, ISO; None for an empty ledger."""
    row = reader.row(
        "SELECT (SELECT min(on_date) FROM day_rollups), (SELECT max(on_date) FROM day_rollups)"
    )
    return (row[0], row[1]) if row and row[0] else None

"""Counts of every window, department or member of staff in a few steps of a period, at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from collector.ledger.readers.connection import LedgerReader
from collector.ledger.readers.counts import whole_months
from collector.ledger.readers.departments import OF_DEPARTMENTS, listed
from collector.periods import Period
from collector.rates import Counts

Buckets = dict[tuple[int | str, int], Counts]
"""(Row id or staff number, step from 0) → counts."""
_FIELDS: Final = ("invited", "level5", "level4", "level3", "level2", "level1")
"""All that a rate is made of: the first fields of `Counts`, in order."""
_SUMS: Final = ", ".join(f"sum({field})" for field in _FIELDS)
_MONTHS: Final = {
    "window": "month_rollups",
    "department": "month_rollups",
    "staff_no": "month_staff_rollups",
}


def by_bucket(
    reader: LedgerReader,
    period: Period,
    *,
    of: str,
    step: int,
    by_month: bool,
    departments: Sequence[int] | None = None,
) -> Buckets:
    """Counts by row and step; only invitations and ratings.

    Args:
        reader: the ledger.
        period: which days.
        of: `window`, `department` or `staff_no`.
        step: days in a step, or with `by_month` calendar months, cut by the period's ends.
        by_month: see `step`.
        departments: only what was done for these; None: everything.

    Raises:
        KeyError: `of` is none of these.
    """
    months = _MONTHS[of]
    if not by_month:
        start = period.start_on.isoformat()
        day = f"CAST(julianday(on_date) - julianday('{start}') AS INTEGER) / {int(step)}"
        return _sums(reader, f"{of}, {day}", period, departments, of)
    first = period.start_on.year * 12 + period.start_on.month
    month = f"(substr({{0}}, 1, 4) * 12 + substr({{0}}, 6, 2) - {first}) / {int(step)}"
    whole, rest = whole_months(period)
    rows = reader.rows(
        f"SELECT {of}, {month.format('on_month')}, {_SUMS} FROM {months} WHERE on_month >= ?"
        f" AND on_month < ? AND {OF_DEPARTMENTS} GROUP BY 1, 2",
        *(on.isoformat()[:7] for on in (whole.start_on, whole.end_on)),
        *listed(departments),
    )
    found: Buckets = {(row[0], row[1]): Counts(*row[2:]) for row in rows}
    for part in rest:
        days = _sums(reader, f"{of}, {month.format('on_date')}", part, departments, of)
        for key, counts in days.items():
            found[key] = found.get(key, Counts()) + counts
    return found


def _sums(
    reader: LedgerReader,
    key: str,
    period: Period,
    departments: Sequence[int] | None,
    of: str,
) -> Buckets:
    known = " AND staff_no <> ''" if of == "staff_no" else ""
    rows = reader.rows(
        f"SELECT {key}, {_SUMS} FROM day_rollups WHERE on_date >= ? AND on_date < ?"
        f" AND {OF_DEPARTMENTS}{known} GROUP BY 1, 2",
        period.start_on.isoformat(),
        period.end_on.isoformat(),
        *listed(departments),
    )
    return {(row[0], row[1]): Counts(*row[2:]) for row in rows}

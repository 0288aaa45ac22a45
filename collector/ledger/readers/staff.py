"""Counts of members of staff, and their names, by whole months where a period has them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from collector.ledger.readers.connection import LedgerReader
from collector.ledger.readers.counts import whole_months
from collector.ledger.readers.departments import OF_DEPARTMENTS, listed
from collector.ledger.readers.week_hours import WeekHour
from collector.periods import Period
from collector.rates import COUNT_FIELDS, Counts

_FIELDS: Final = ", ".join(COUNT_FIELDS)
_SUMS: Final = ", ".join(f"sum({field})" for field in COUNT_FIELDS)
_KEY: Final = "staff_no, staff_from, window, department"
_OF_STAFF: Final = f"staff_no <> '' AND (? IS NULL OR staff_no = ?) AND {OF_DEPARTMENTS}"


class StaffKey(NamedTuple):
    """Who served where, and whence it is known who.

    Attributes:
        staff_from: `record` (signed in) or `assignment` (the one who works at the window).
        window: id; 0: none. `department` alike.
    """

    staff_no: str
    staff_from: str
    window: int
    department: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffRow:
    """A member of staff of the fleet file; `window` is the id of the one they work at now.

    Names are empty where the fleet file has none.
    """

    staff_no: str
    name: str
    name_en: str
    window: int | None


def staff(reader: LedgerReader, now_ms: int) -> list[StaffRow]:
    """Everybody in the fleet file, by number, each with the window at `now_ms`."""
    # SQLite takes the bare columns of a max() query from the row that has the maximum
    rows = reader.rows(
        "SELECT s.staff_no, s.name, s.name_en, a.window FROM staff s LEFT JOIN "
        "(SELECT staff, window, max(from_ms) FROM staff_windows WHERE from_ms <= ? "
        "GROUP BY staff) a ON a.staff = s.id ORDER BY s.staff_no",
        now_ms,
    )
    return [
        StaffRow(staff_no=staff_no, name=name, name_en=name_en or name, window=window)
        for staff_no, name, name_en, window in rows
    ]


def by_staff(
    reader: LedgerReader,
    period: Period,
    *,
    staff_no: str | None = None,
    departments: Sequence[int] | None = None,
) -> dict[StaffKey, Counts]:
    """Who, whence known, window, department at press time → counts.

    Args:
        reader: the ledger.
        period: which days.
        staff_no: of one member of staff; None: of all that are known.
        departments: only what was done for these; None: everything.
    """
    months, rest = whole_months(period)
    grains = [("month_staff_rollups", "on_month", months, 7)]
    grains += [("day_rollups", "on_date", part, 10) for part in rest]
    parts: list[str] = []
    values: list[str | None] = []
    for table, column, part, length in grains:
        if not part.days:
            continue
        parts.append(
            f"SELECT {_KEY}, {_FIELDS} FROM {table} WHERE {column} >= ? AND {column} < ?"
            f" AND {_OF_STAFF}"
        )
        values += [on.isoformat()[:length] for on in (part.start_on, part.end_on)]
        values += [staff_no, staff_no, *listed(departments)]
    if not parts:
        return {}
    rows = reader.rows(
        f"SELECT {_KEY}, {_SUMS} FROM ({' UNION ALL '.join(parts)}) GROUP BY {_KEY}", *values
    )
    return {StaffKey(*row[:4]): Counts(*row[4:]) for row in rows}


def has_served(
    reader: LedgerReader, staff_no: str, *, departments: Sequence[int] | None = None
) -> bool:
    """Whether anything was ever done under a number, for some departments or any."""
    return bool(
        reader.rows(
            f"SELECT 1 FROM month_staff_rollups WHERE {_OF_STAFF} LIMIT 1",
            staff_no,
            staff_no,
            *listed(departments),
        )
    )


def by_day_of_staff(
    reader: LedgerReader,
    period: Period,
    *,
    staff_no: str,
    departments: Sequence[int] | None = None,
) -> dict[str, Counts]:
    """ISO local date → counts of one member of staff; only days with records."""
    rows = reader.rows(
        f"SELECT on_date, {_SUMS} FROM day_rollups WHERE on_date >= ? AND on_date < ?"
        f" AND staff_no = ? AND {OF_DEPARTMENTS} GROUP BY on_date",
        period.start_on.isoformat(),
        period.end_on.isoformat(),
        staff_no,
        *listed(departments),
    )
    return {row[0]: Counts(*row[1:]) for row in rows}


def by_month_of_staff(
    reader: LedgerReader,
    period: Period,
    *,
    staff_no: str,
    departments: Sequence[int] | None = None,
) -> dict[str, Counts]:
    """ISO month → counts of one member of staff; cut months count their days inside."""
    months, rest = whole_months(period)
    rows = reader.rows(
        f"SELECT on_month, {_SUMS} FROM month_staff_rollups WHERE on_month >= ? AND on_month < ?"
        f" AND staff_no = ? AND {OF_DEPARTMENTS} GROUP BY on_month",
        *(on.isoformat()[:7] for on in (months.start_on, months.end_on)),
        staff_no,
        *listed(departments),
    )
    result = {row[0]: Counts(*row[1:]) for row in rows}
    for part in rest:
        days = by_day_of_staff(reader, part, staff_no=staff_no, departments=departments)
        for on, counts in days.items():
            result[on[:7]] = result.get(on[:7], Counts()) + counts
    return result


def by_week_hour_of_staff(
    reader: LedgerReader,
    period: Period,
    *,
    staff_no: str,
    departments: Sequence[int] | None = None,
) -> dict[WeekHour, Counts]:
    """ISO weekday and local hour → outcomes of one member of staff.

    From the outcomes of the days and windows where the rollups have them: the hour rollups do not
    know who served. Only ratings by level and unrated sessions; both together count as invited.
    """
    rows = reader.rows(
        "SELECT p.weekday, o.hour, coalesce(o.level, 0), count(*) FROM (SELECT DISTINCT on_date,"
        " (strftime('%w', on_date) + 6) % 7 + 1 AS weekday, window FROM day_rollups"
        " WHERE on_date >= ? AND on_date < ? AND staff_no = ? AND"
        f" {OF_DEPARTMENTS}) p CROSS JOIN outcomes o ON o.on_date = p.on_date AND o.window IS"
        f" nullif(p.window, 0) WHERE o.staff_no = ? AND o.is_repeat = 0 AND {OF_DEPARTMENTS}"
        " GROUP BY 1, 2, 3",
        period.start_on.isoformat(),
        period.end_on.isoformat(),
        staff_no,
        *listed(departments),
        staff_no,
        *listed(departments),
    )
    found: dict[WeekHour, Counts] = {}
    for weekday, hour, level, number in rows:
        key = (weekday, hour)
        counted = {f"level{level}" if level else "unrated": number, "invited": number}
        found[key] = found.get(key, Counts()) + Counts(**counted)
    return found


def staff_of(reader: LedgerReader, positions: Sequence[int]) -> dict[int, str]:
    """Position of an outcome → number of the member of staff; only where one is known."""
    rows = reader.rows(
        "SELECT o.position, o.staff_no FROM json_each(?) p CROSS JOIN outcomes o"
        " ON o.position = p.value WHERE o.staff_no <> ''",
        json.dumps(list(positions)),
    )
    return dict(rows)

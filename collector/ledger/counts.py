"""Counts by hall, department or window of a period, for the command line; reads rollups only."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from collector.errors import LedgerError
from collector.periods import Period
from collector.rates import COUNT_FIELDS, Counts


class Grouping(StrEnum):
    """What a rate is computed for."""

    HALL = "hall"
    DEPARTMENT = "department"
    WINDOW = "window"


@dataclass(frozen=True, slots=True)
class Group:
    """The counts of one hall, department or window. `code` and `name` are empty for "none".

    `key`: its row in the ledger; 0 for the hall and for "none".
    """

    key: int
    code: str
    name: str
    name_en: str
    counts: Counts


def read_counts(connection: sqlite3.Connection, period: Period, by: Grouping) -> list[Group]:
    """Counts of every hall, department or window, in the order of the fleet file.

    Places without a record in the period are there with zeros; what was counted nowhere comes
    last, under an empty code, when there is any.
    """
    sums = ", ".join(f"coalesce(sum(r.{name}), 0)" for name in COUNT_FIELDS)
    days = (period.start_on.isoformat(), period.end_on.isoformat())
    if by is Grouping.HALL:
        meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
        row = connection.execute(
            f"SELECT {sums} FROM day_rollups r WHERE r.on_date >= ? AND r.on_date < ?", days
        ).fetchone()
        code, name, name_en = (meta.get(key, "") for key in ("hall", "hall_name", "hall_name_en"))
        return [Group(0, code, name, name_en, Counts(*row))]
    column = by.value
    rows = connection.execute(
        f"SELECT p.id, p.code, p.name, p.name_en, {sums} FROM {column}s p"
        f" LEFT JOIN day_rollups r ON r.{column} = p.id AND r.on_date >= ? AND r.on_date < ?"
        " GROUP BY p.id ORDER BY p.ordinal, p.id",
        days,
    )
    groups = [
        Group(key, code, name, name_en, Counts(*counts))
        for key, code, name, name_en, *counts in rows
    ]
    nowhere = connection.execute(
        f"SELECT {sums}, count(*) FROM day_rollups r"
        f" WHERE r.{column} = 0 AND r.on_date >= ? AND r.on_date < ?",
        days,
    ).fetchone()
    if nowhere[-1]:
        groups.append(Group(0, "", "", "", Counts(*nowhere[:-1])))
    return groups


def newest_day(connection: sqlite3.Connection) -> date | None:
    """The last local day that has anything counted; None for an empty ledger."""
    row = connection.execute("SELECT max(on_date) FROM day_rollups").fetchone()
    return date.fromisoformat(row[0]) if row[0] else None


def read_zone_name(connection: sqlite3.Connection) -> str:
    """The hall's time zone (IANA name). Raises LedgerError before a fleet was loaded."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'timezone'").fetchone()
    if row is None:
        raise LedgerError("ledger: no fleet loaded yet (run `collector fleet load`)")
    return str(row[0])

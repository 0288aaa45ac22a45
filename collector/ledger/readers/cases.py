"""Ratings by the number of their case (办件编号), by index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from collector.ledger.readers.connection import LedgerReader
from collector.ledger.readers.departments import OF_DEPARTMENTS, listed
from collector.ledger.readers.outcomes import OutcomeRow, outcomes_at
from collector.ledger.repeats import hidden_case

MOST: Final = 50
"""Ratings of one case that are told. A case has one, seldom a few; our choice."""
_OF_CASE: Final = (
    "SELECT position FROM outcomes WHERE case_no IN (SELECT value FROM json_each(?))"
    f" AND case_no <> '' AND {OF_DEPARTMENTS} AND "
)


def ratings_of_case(
    reader: LedgerReader,
    case_no: str,
    *,
    departments: Sequence[int] | None = None,
    is_counted_only: bool = False,
) -> list[OutcomeRow]:
    """Ratings of a case, oldest first; also those whose records were purged.

    Args:
        reader: the ledger.
        case_no: as a device told it; empty finds nothing.
        departments: row ids of departments at press time; None: all.
        is_counted_only: without later ratings of what was rated already.
    """
    if not case_no:
        return []
    names = [case_no]
    salt = reader.row("SELECT value FROM meta WHERE key = 'purge_salt'")
    if salt is not None:
        names.append(hidden_case(case_no, salt[0]))
    values: tuple[str | None, ...] = (json.dumps(names), *listed(departments))
    sql = f"{_OF_CASE} level IS NOT NULL AND is_repeat = 0"
    if not is_counted_only:
        sql += f" UNION ALL {_OF_CASE} is_repeat = 1"
        values *= 2
    found = sorted(row[0] for row in reader.rows(f"{sql} LIMIT ?", *values, MOST))
    return sorted(outcomes_at(reader, found), key=lambda row: (row.pressed_ms, row.position))


def stored_at(reader: LedgerReader, position: int) -> tuple[int, bytes] | None:
    """When the record at a place was received (UTC milliseconds), and its digest; None: purged."""
    row = reader.row("SELECT received_ms, digest FROM records WHERE position = ?", position)
    return None if row is None else (row[0], row[1])

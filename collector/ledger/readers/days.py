"""Which days the ledger has, and when it last received something; found by index."""

from __future__ import annotations

from datetime import date

from collector.ledger.readers.connection import LedgerReader

# each step seeks the next day, so that the cost follows the days and not the rows of each
_COUNTED = (
    "WITH RECURSIVE days(on_date) AS (SELECT min(on_date) FROM day_rollups UNION ALL "
    "SELECT (SELECT min(on_date) FROM day_rollups WHERE on_date > days.on_date) FROM days "
    "WHERE on_date IS NOT NULL) SELECT on_date FROM days WHERE on_date IS NOT NULL"
)


def counted_days(reader: LedgerReader) -> list[date]:
    """Every local day that has counts, ascending."""
    return [date.fromisoformat(on) for (on,) in reader.rows(_COUNTED)]


def first_received_ms(reader: LedgerReader) -> int | None:
    """When the first record was received, UTC milliseconds; None for an empty ledger."""
    row = reader.row("SELECT received_ms FROM records ORDER BY position LIMIT 1")
    return int(row[0]) if row else None


def last_received_ms(reader: LedgerReader) -> int | None:
    """When the last record was received, UTC milliseconds; None for an empty ledger."""
    row = reader.row("SELECT received_ms FROM records ORDER BY position DESC LIMIT 1")
    return int(row[0]) if row else None

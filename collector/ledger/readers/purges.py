"""What was purged."""

from __future__ import annotations

from dataclasses import dataclass

from collector.ledger.readers.connection import LedgerReader


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeRow:
    """One purge: `number` rows received before `before_ms`; of records up to position `up_to`."""

    rule: str
    made_ms: int
    before_ms: int
    number: int
    up_to: int
    by: str
    is_signed: bool


def purges(reader: LedgerReader, *, newest: int | None = None) -> list[PurgeRow]:
    """Every purge, or so many of the newest; oldest first."""
    rows = reader.rows(
        "SELECT rule, made_ms, before_ms, number, up_to, by, token IS NOT NULL FROM purges"
        " ORDER BY id DESC LIMIT ?",
        -1 if newest is None else newest,
    )
    return [
        PurgeRow(
            rule=row[0],
            made_ms=row[1],
            before_ms=row[2],
            number=row[3],
            up_to=row[4],
            by=row[5],
            is_signed=bool(row[6]),
        )
        for row in reversed(rows)
    ]

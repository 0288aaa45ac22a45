"""Dropping everything derived from the records and making it anew.

The result is the same, row for row, as what the live writer kept: both run the same code over the
records in order of position.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from collector.ledger.boots import Boots, read_placed
from collector.ledger.derive import Batch
from collector.ledger.registry import read_meta, read_placements
from collector.ledger.repeats import RepeatFinder
from collector.periods import LocalCalendar

DERIVED_TABLES = (
    "outcomes",
    "day_rollups",
    "hour_rollups",
    "month_rollups",
    "boots",
    "offset_times",
)
_CHUNK = 5000
_RECORDS = (
    "SELECT r.position, r.epoch, e.device, r.received_ms, r.payload FROM records r"
    " JOIN epochs e ON e.id = r.epoch WHERE r.position > ? ORDER BY r.position LIMIT ?"
)


def rebuild(db: Database) -> int:
    """Rebuild the derived tables inside the caller's transaction.

    Returns:
        How many records were read.

    Raises:
        sqlite3.Error: the caller rolls back and the old content stays.
    """
    connection = db.conn
    for table in DERIVED_TABLES:
        connection.execute(f"DELETE FROM {table}")
    calendar = LocalCalendar(ZoneInfo(read_meta(db)["timezone"]))
    placements = read_placements(db)
    boots = Boots(connection)
    for rows in _chunks(db.conn):  # first the time of every boot, then of every record
        boots.take(read_placed(iter(rows)))
    boots.save(Batch(calendar, placements))
    finder, number = RepeatFinder(connection), 0
    for rows in _chunks(db.conn):
        records = list(read_placed(iter(rows)))
        batch = Batch(calendar, placements)
        batch.add(records, boots.times, finder.find(records))
        batch.write(connection)
        number += len(records)
    return number


def _chunks(connection: sqlite3.Connection) -> Iterator[list[tuple[int, int, int, int, bytes]]]:
    position = 0
    while rows := connection.execute(_RECORDS, (position, _CHUNK)).fetchall():
        yield rows
        position = rows[-1][0]

"""Dropping everything derived from the records and making it anew.

The result is the same, row for row, as what the live writer kept: both run the same code over the
records in order of position.
"""

from __future__ import annotations

from sqlite_utils import Database

from collector.ledger.boots import Boots, stored_in_chunks
from collector.ledger.derive import Batch
from collector.ledger.purged import purged_up_to, read_purged_boots
from collector.ledger.registry import calendar_of, read_meta, read_placements
from collector.ledger.repeats import RepeatFinder
from collector.rates import COUNT_FIELDS

DERIVED_TABLES = (
    "outcomes",
    "day_rollups",
    "hour_rollups",
    "month_rollups",
    "month_hour_rollups",
    "month_staff_rollups",
    "boots",
    "offset_times",
)
_FROZEN_WITH_RECORDS = ("outcomes", "offset_times")
"""What purged records had become stays as it was."""
_COUNTS = ", ".join(COUNT_FIELDS)
_SUMS = ", ".join(f"sum({name})" for name in COUNT_FIELDS)
_FROM_PURGED = (
    "INSERT INTO day_rollups SELECT * FROM purged_day_rollups",
    "INSERT INTO hour_rollups SELECT * FROM purged_hour_rollups",
    f"INSERT INTO month_rollups (on_month, window, department, {_COUNTS})"
    f" SELECT substr(on_date, 1, 7), window, department, {_SUMS} FROM purged_day_rollups"
    " GROUP BY 1, 2, 3",
    f"INSERT INTO month_hour_rollups (on_month, weekday, hour, department, {_COUNTS})"
    " SELECT substr(on_date, 1, 7), (strftime('%w', on_date) + 6) % 7 + 1, hour, department,"
    f" {_SUMS} FROM purged_hour_rollups GROUP BY 1, 2, 3, 4",
    "INSERT INTO month_staff_rollups (on_month, staff_no, staff_from, window, department,"
    f" {_COUNTS}) SELECT substr(on_date, 1, 7), staff_no, staff_from, window, department, {_SUMS}"
    " FROM purged_day_rollups WHERE staff_no <> '' GROUP BY 1, 2, 3, 4, 5",
)


def rebuild(db: Database) -> int:
    """Rebuild the derived tables inside the caller's transaction.

    Returns:
        How many records were read.

    Raises:
        sqlite3.Error: the caller rolls back and the old content stays.
    """
    connection = db.conn
    purged = purged_up_to(connection)
    for table in DERIVED_TABLES:
        kept = f" WHERE position > {purged}" if table in _FROZEN_WITH_RECORDS else ""
        connection.execute(f"DELETE FROM {table}{kept}")
    for sql in _FROM_PURGED:
        connection.execute(sql)
    calendar = calendar_of(read_meta(db))
    placements = read_placements(db)
    boots = Boots(connection)
    boots.begin_with(read_purged_boots(connection))
    # first the time of every boot, then of every record
    for records in stored_in_chunks(connection):
        boots.take(records)
    boots.save(Batch(calendar, placements))
    finder, number = RepeatFinder(connection), 0
    for records in stored_in_chunks(connection):
        batch = Batch(calendar, placements)
        batch.add(records, boots.times, finder.find(records))
        batch.write(connection)
        number += len(records)
    return number

"""Purging what was quarantined long ago: it never was a record, so nothing depends on it."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database


def count_quarantine(connection: sqlite3.Connection, before_ms: int) -> int:
    """Quarantined messages that came last before `before_ms`, UTC milliseconds since 1970."""
    row = connection.execute(
        "SELECT count(*) FROM quarantine WHERE last_ms < ?", (before_ms,)
    ).fetchone()
    return int(row[0])


def purge_quarantine(db: Database, before_ms: int, *, by: str, now_ms: int) -> int:
    """Remove them, with a row in `purges`, in one transaction; returns how many.

    Raises:
        sqlite3.Error: nothing has changed.
    """
    connection = db.conn
    connection.execute("BEGIN IMMEDIATE")
    try:
        number = count_quarantine(connection, before_ms)
        connection.execute(
            "INSERT INTO purges SELECT coalesce(max(id), 0) + 1, 'quarantine', ?, ?, ?, 0, x'', ?,"
            " NULL FROM purges",
            (now_ms, before_ms, number, by),
        )
        connection.execute("DELETE FROM quarantine WHERE last_ms < ?", (before_ms,))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return number

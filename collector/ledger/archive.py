"""`archived`: how far each journal is in a verified backup. Moved here, and noticed here.

A device may prune what is archived, so this moves only after a copy was opened again and verified.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from sqlite_utils import Database

from collector.errors import LedgerMismatch
from collector.receipts import Journal

Mark = tuple[str, str, int]
"""Device id, epoch, and the watermark `stored` that a backup holds."""


def move_archived(db: Database, gen: str, marks: Iterable[Mark]) -> int:
    """Raise `archived` to a verified copy's watermarks, in one transaction; never lowers it.

    Args:
        db: from `open_ledger`.
        gen: life of the ledger that was copied.
        marks: of the copy.

    Returns:
        How many journals it moved for.

    Raises:
        LedgerMismatch: the ledger has begun another life since; nothing has changed.
        sqlite3.Error: nothing has changed.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        [(now,)] = db.execute("SELECT value FROM meta WHERE key = 'gen'").fetchall()
        if now != gen:
            raise LedgerMismatch(f"ledger: gen: expected {gen}, as in the copy, got {now}")
        moved = 0
        for device, epoch, stored in marks:
            moved += db.execute(
                "UPDATE epochs SET archived = min(?3, stored) WHERE epoch = ?2"
                " AND device = (SELECT id FROM devices WHERE code = ?1)"
                " AND archived < min(?3, stored)",
                [device, epoch, stored],
            ).rowcount
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return moved


def archive_everything(db: Database) -> None:
    """Of a copy that is a verified backup itself: everything in it is archived."""
    db.execute("UPDATE epochs SET archived = stored")


class ArchiveWatch:
    """Notices that a backup moved `archived`; belongs to the writer's thread and connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._version = self._read_version()
        self._archived = self._read()

    def moved(self) -> list[Journal]:
        """Journals whose `archived` has moved since the last call, each device's newest only.

        A device has one receipt topic: a receipt for a journal that it has left would take the
        place of the one that it needs.

        Raises:
            sqlite3.Error: the ledger cannot be read.
        """
        version = self._read_version()
        if version == self._version:
            return []
        self._version = version
        before, self._archived = self._archived, self._read()
        return [
            journal
            for journal, archived in self._archived.items()
            if archived > before.get(journal, 0)
        ]

    def _read_version(self) -> int:
        # changes when another connection has committed
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _read(self) -> dict[Journal, int]:
        rows = self._connection.execute(
            "SELECT d.code, e.epoch, e.archived FROM epochs e JOIN devices d ON d.id = e.device"
            " WHERE e.id IN (SELECT max(id) FROM epochs GROUP BY device)"
        )
        return {(code, epoch): archived for code, epoch, archived in rows}

"""Opening a journal: checking it, setting a damaged one aside, making a new one."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

from firmware_config.files import sync_folder
from firmware_config.keys import SigningKey
from kiosk.errors import ForeignJournalError, JournalDamagedError, JournalError
from kiosk.journal import schema
from kiosk.journal.checkpoints import carry_over
from kiosk.journal.store import Journal, translated
from kiosk.links import Row, broken_links

LINKS_AT_OPEN: Final = 100
CACHE_KIB: Final = 64
"""Page cache; SQLite's own default of 2 MB would be 270 MB in a process with 135 journals. 256 KiB
append no faster (measured: 48 us in the middle with either)."""


def open_journal(
    path: Path, *, key: SigningKey, device: str, zone: tzinfo, wall_ms: int
) -> Journal:
    """Open or make a device's journal; one damaged or forked is set aside, a new epoch begun.

    Args:
        wall_ms: wall clock, for the name of a file set aside.

    Raises:
        JournalError: it cannot be opened now (disk, permission, another process).
        ForeignJournalError: it belongs to another device.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o640)
    except OSError as error:
        raise JournalError(f"{path}: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise JournalError(f"{path}: in use by another process") from error
    try:
        aside: Path | None = None
        try:
            journal = _open(path, lock, key, device, zone)
        except JournalDamagedError:
            aside = _set_aside(path, wall_ms)
            journal = _open(path, lock, key, device, zone)
            carry_over(aside, journal)
        journal.set_aside = aside
        return journal
    except BaseException:
        os.close(lock)
        raise


def _open(path: Path, lock: int, key: SigningKey, device: str, zone: tzinfo) -> Journal:
    is_new = not path.exists()
    try:
        conn = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise translated(path, error) from error
    try:
        if not is_new and conn.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise JournalDamagedError(f"{path}: quick_check found damage")
        conn.execute("PRAGMA journal_mode=WAL").fetchone()
        conn.execute("PRAGMA synchronous=FULL")
        conn.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        _migrate(conn)
        owner = conn.execute("SELECT value FROM meta WHERE key = 'dev'").fetchone()
        if owner is None:
            conn.execute("INSERT INTO meta VALUES ('dev', ?)", [device])
        elif owner[0] != device:
            raise ForeignJournalError(f"{path}: expected {device}'s journal, got {owner[0]}'s")
        if is_new:
            sync_folder(path.parent)
        journal = Journal(path, conn, lock, key=key, device=device, zone=zone)
        _check_last_links(journal, key, device)
        if journal.watermarks.has_fork:
            raise JournalDamagedError(f"{path}: the collector holds another history of it")
        return journal
    except (sqlite3.Error, OSError) as error:
        conn.close()
        if isinstance(error, sqlite3.Error):
            raise translated(path, error) from error
        raise (
            error if isinstance(error, JournalError) else JournalError(f"{path}: {error}")
        ) from error
    except BaseException:
        conn.close()
        raise


def _migrate(conn: sqlite3.Connection) -> None:
    """Bring the tables up to date. sqlite-utils, which keeps the book of migrations, is 6 MB of
    memory and is imported only when its book (or its absence) says there is something to do."""
    sql = "SELECT count(*) FROM sqlite_schema WHERE name = '_sqlite_migrations'"
    if conn.execute(sql).fetchone()[0]:
        sql = "SELECT count(*) FROM _sqlite_migrations WHERE migration_set = ? AND name = ?"
        if conn.execute(sql, (schema.MIGRATION_SET, schema.NEWEST_MIGRATION)).fetchone()[0]:
            return
    from kiosk.journal.migrations import migrate

    migrate(conn)


def _check_last_links(journal: Journal, key: SigningKey, device: str) -> None:
    rows = journal.query(
        "SELECT seq, digest, token FROM records WHERE seq > ? ORDER BY seq",
        journal.head - LINKS_AT_OPEN,
    )
    found = broken_links(
        (Row(*row) for row in rows),
        dev=device,
        epoch=journal.epoch,
        # a key that was replaced cannot be asked about its old signatures
        is_signed=lambda token: (
            token.kid != key.kid or key.public.is_signed(token.signing_input, token.signature)
        ),
    )
    for broken in found:
        raise JournalDamagedError(f"{journal.path}: seq {broken.seq}: {broken.problem}")


def _set_aside(path: Path, wall_ms: int) -> Path:
    """Rename the file and its write-ahead log; both are needed to read it."""
    stamp = datetime.fromtimestamp(wall_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    try:
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        sync_folder(path.parent)
    except OSError as error:
        raise JournalError(f"{path}: damaged and cannot be set aside: {error}") from error
    return aside

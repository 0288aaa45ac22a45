"""Opening the ledger for writing, and bringing its schema up to date.

The schema is SQL in `schema/`, one file for each version, applied by sqlite-utils migrations.
Every connection gets the same settings here: WAL, FULL, foreign keys on.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Final

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from collector.errors import LedgerError, LedgerMismatch
from collector.ledger.gens import new_gen
from collector.ledger.permission import make_for_the_folders_owner, require_writable
from collector.ledger.rebuild import rebuild
from collector.ledger.replacing import refuse_while_replaced
from collector.ledger.tree import fill_nodes
from collector.merkle import EMPTY_ROOT

BUSY_TIMEOUT_S: Final = 10.0
"""How long a writer waits for another one. Source: our choice; a fleet load takes below 1 s."""
_FOLD_TIMEOUT_MS: Final = 2000

logger = logging.getLogger(__name__)

migrations = Migrations("ledger")


@migrations(name="0001_ledger")
def _first(db: Database) -> None:
    _run_script(db, "0001_ledger.sql")
    db.table("meta").insert({"key": "gen", "value": new_gen()})
    db.table("ledger_state").insert({"id": 1, "size": 0, "frontier": b"", "root": EMPTY_ROOT})


@migrations(name="0002_month_rollups")
def _months(db: Database) -> None:
    _run_script(db, "0002_month_rollups.sql")


@migrations(name="0003_device_records")
def _device_records(db: Database) -> None:
    _run_script(db, "0003_device_records.sql")


@migrations(name="0004_witnesses")
def _witnesses(db: Database) -> None:
    _run_script(db, "0004_witnesses.sql")
    # clock: a ledger of an older program says when it was brought up to date, not when it was made
    db.execute(
        "INSERT INTO gens (id, gen, began_ms, reason, size, root)"
        " SELECT 1, m.value, ?, 'made', s.size, s.root FROM meta m, ledger_state s"
        " WHERE m.key = 'gen'",
        [time.time_ns() // 1_000_000],
    )


@migrations(name="0005_merkle_nodes")
def _merkle_nodes(db: Database) -> None:
    _run_script(db, "0005_merkle_nodes.sql")
    fill_nodes(db.conn)


@migrations(name="0006_times")
def _times(db: Database) -> None:
    _run_script(db, "0006_times.sql")


@migrations(name="0007_staff")
def _staff(db: Database) -> None:
    _run_script(db, "0007_staff.sql")


@migrations(name="0008_retention")
def _retention(db: Database) -> None:
    _run_script(db, "0008_retention.sql")
    # by which the case numbers of purged records are known again and cannot be read
    db.table("meta").insert({"key": "purge_salt", "value": new_gen()})


@migrations(name="0009_month_hours_and_staff")
def _month_hours_and_staff(db: Database) -> None:
    _run_script(db, "0009_month_hours_and_staff.sql")


@migrations(name="0010_plan")
def _plan(db: Database) -> None:
    _run_script(db, "0010_plan.sql")


@migrations(name="0011_bad_ratings")
def _bad_ratings(db: Database) -> None:
    _run_script(db, "0011_bad_ratings.sql")


def open_ledger(path: Path, *, cache_mib: int = 64) -> Database:
    """Open the ledger for writing, making or migrating it where needed.

    The connection belongs to the calling thread and begins no transaction by itself.

    Args:
        path: the database file.
        cache_mib: memory for its pages, MiB.

    Raises:
        LedgerError: SQLite cannot open or migrate the file; LedgerNotWritable, this user may not.
        LedgerMismatch: the file was written by a newer program, or is being replaced.
    """
    refuse_while_replaced(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        require_writable(path)
        make_for_the_folders_owner(path)
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"{path}: cannot be opened: {error}") from error
    try:
        db = Database(connection, strict=True)
        db.enable_wal()
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        if mode != "wal":
            raise LedgerMismatch(f"{path}: expected journal mode wal, got {mode}")
        # FULL: a commit survives a power cut, which is what an acknowledgement promises
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{cache_mib * 1024}")
        applied = {migration.name for migration in migrations.applied(db)}
        unknown = applied - {migration.name for migration in migrations._migrations}
        if unknown:
            raise LedgerMismatch(f"{path}: schema {max(unknown)} is newer than this program")
        migrations.apply(db)
        _derive_anew(db)
    except sqlite3.Error as error:
        connection.close()
        raise LedgerError(f"{path}: cannot be opened: {error}") from error
    except BaseException:
        connection.close()
        raise
    return db


def close_ledger(db: Database) -> None:
    """Close, with everything in the one file: a reader that looks on would keep the log beside it,
    and a copy of a stopped ledger made without the log would lack the newest records.
    """
    with suppress(sqlite3.Error):  # busy, or the file has failed: the log stays and is as good
        db.execute(f"PRAGMA busy_timeout = {_FOLD_TIMEOUT_MS}")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    db.close()


def open_empty_ledger() -> Database:
    """A ledger in memory with nothing in it, to compare with where there is none yet."""
    db = Database(memory=True, strict=True)
    migrations.apply(db)
    return db


def _derive_anew(db: Database) -> None:
    """Rebuild what is derived, where a migration changed how; after the last one, by its schema."""
    if not db.execute("SELECT 1 FROM meta WHERE key = 'derived' AND value = 'stale'").fetchone():
        return
    logger.warning("deriving times and counts anew, by a new rule")
    db.execute("BEGIN IMMEDIATE")
    try:
        number = rebuild(db)
        db.execute("DELETE FROM meta WHERE key = 'derived'")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    logger.warning("derived anew records=%d", number)


def _run_script(db: Database, name: str) -> None:
    """Run a schema file statement by statement: `executescript` would commit in between."""
    statement = ""
    for line in (files("collector.ledger") / "schema" / name).read_text("utf-8").splitlines(True):
        statement += line
        if sqlite3.complete_statement(statement):
            db.execute(statement)
            statement = ""

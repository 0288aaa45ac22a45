"""`office.db`: opening, schema, one connection for each thread."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from collector.errors import CollectorError
from firmware_config.errors import ExitCode

SCHEMAS: Final = (
    "0001_office.sql",
    "0002_departments.sql",
    "0003_people.sql",
    "0004_sessions_and_factors.sql",
    "0005_tokens.sql",
    "0006_displays.sql",
    "0007_follow_ups.sql",
)
BUSY_TIMEOUT_MS: Final = 5000


def _made(path: Path) -> str:
    return f"made {path.resolve()}"


class OfficeError(CollectorError, RuntimeError):
    """`office.db` cannot be opened or is newer than this program."""

    exit_code = ExitCode.DATABASE


class Office:
    """The dashboard's own database. Safe to use from any thread.

    Args:
        path: the file; made, with its folder, when missing. `prepare` must be called first.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = threading.local()

    def prepare(self) -> None:
        """Make the file and bring its schema up to date.

        Raises:
            OfficeError: a newer program wrote it.
            OSError: it cannot be made.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            self.path.touch(mode=0o600)
        database = self.database
        database.enable_wal()
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if version > len(SCHEMAS):
            raise OfficeError(
                f"{self.path}: expected schema {len(SCHEMAS)} or older, got {version}"
            )
        for number, name in enumerate(SCHEMAS[version:], start=version + 1):
            script = resources.files("collector.office").joinpath("schema", name)
            database.conn.executescript(
                f"BEGIN IMMEDIATE; {script.read_text(encoding='utf-8')} "
                f"PRAGMA user_version = {number}; COMMIT;"
            )

    def has_made(self, path: Path) -> bool:
        """Whether `note_made` was ever told of a file."""
        row = self.database.execute("SELECT 1 FROM meta WHERE key = ?", [_made(path)]).fetchone()
        return row is not None

    def note_made(self, path: Path) -> None:
        """Remember that a file of the hall's decisions exists: its absence will be a loss."""
        if not self.has_made(path):
            self.database.execute("INSERT OR IGNORE INTO meta VALUES (?, '')", [_made(path)])

    @property
    def database(self) -> Database:
        """This thread's connection; every statement commits by itself."""
        database: Database | None = getattr(self._threads, "database", None)
        if database is None:
            database = Database(self.path)
            database.conn.isolation_level = None
            database.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            database.execute("PRAGMA foreign_keys = 1")
            database.execute("PRAGMA synchronous = FULL")
            self._threads.database = database
        return database

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """This thread's connection, in a transaction that holds or fails as a whole.

        Inside another one it is part of that.
        """
        database = self.database
        if database.conn.in_transaction:
            yield database
            return
        database.execute("BEGIN IMMEDIATE")
        try:
            yield database
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")

    def write_if_free(self, sql: str, values: Sequence[object]) -> None:
        """Write what may be left out, such as when somebody was last seen.

        It waits for no other writer, and does nothing where the file cannot be written (locked, a
        full disk, read-only): a page is not refused for it.
        """
        database = self.database
        if database.conn.in_transaction:
            database.execute(sql, list(values))
            return
        database.execute("PRAGMA busy_timeout = 0")
        try:
            with suppress(sqlite3.OperationalError):
                database.execute(sql, list(values))
        finally:
            database.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def close(self) -> None:
        """Close this thread's connection; idempotent."""
        database: Database | None = getattr(self._threads, "database", None)
        if database is not None:
            database.close()
            self._threads.database = None

    def cookie_key(self) -> str:
        """The key that signs the preferences cookie; made at first use."""
        self.database.execute(
            "INSERT INTO meta (key, value) VALUES ('cookie_key', ?) ON CONFLICT DO NOTHING",
            [secrets.token_hex(32)],
        )
        row = self.database.execute("SELECT value FROM meta WHERE key = 'cookie_key'").fetchone()
        return str(row[0])

"""One read-only connection to the ledger, also while nobody writes it.

A WAL database cannot be opened `mode=ro` in a folder the reader may not write to once its last
writer has closed: the writer removed the `-shm` file and the reader may not make one. The file is
then complete in itself, and is opened `immutable`; should a writer start meanwhile, `is_current`
says so and the answer is thrown away.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from collector.errors import CollectorError
from firmware_config.errors import ExitCode

BUSY_TIMEOUT_S: Final = 2.0
"""A reader of a WAL database waits for nobody, except while a killed writer's log is recovered."""

Row = tuple[Any, ...]


class LedgerUnavailable(CollectorError, OSError):
    """The ledger file is not there (yet), or cannot be read."""

    exit_code = ExitCode.DATABASE


class LedgerReader:
    """A connection for the questions of one page, all answered from one snapshot.

    Use it as a context manager, in one thread.

    Args:
        path: the ledger file.
        is_snapshot: whether every question sees the state of the first; False for a connection
            that stays open and must see what is new.
    """

    def __init__(self, path: Path, *, is_snapshot: bool = True) -> None:
        self.path = path
        self._is_snapshot = is_snapshot
        self._connection: sqlite3.Connection | None = None
        self._is_immutable = False
        self._state: tuple[int, int, int] | None = None

    def open(self) -> Self:
        """Open the file.

        Raises:
            LedgerUnavailable: there is no such file, it is not a database, or holds no ledger.
        """
        if not self.path.is_file():
            raise LedgerUnavailable(f"{self.path}: expected the ledger, found no file")
        try:
            self._connection = self._connect("mode=ro")
        except sqlite3.Error as error:
            if self._has_log():
                raise LedgerUnavailable(self._why(error)) from error
            self._state = self._file_state()
            try:
                self._connection = self._connect("mode=ro&immutable=1")
            except sqlite3.Error as second:
                raise LedgerUnavailable(f"{self.path}: {second}") from second
            self._is_immutable = True
        return self

    @property
    def uri(self) -> str:
        """Names the file as it was opened, for SQLite's `ATTACH` to a connection of another."""
        return self._uri("mode=ro&immutable=1" if self._is_immutable else "mode=ro")

    def _uri(self, flags: str) -> str:
        return f"file:{quote(str(self.path.resolve()))}?{flags}"

    def _connect(self, flags: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._uri(flags),
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
        )
        try:
            connection.execute("PRAGMA query_only = 1")
            connection.execute("SELECT value FROM meta WHERE key = 'gen'").fetchone()
            if self._is_snapshot:
                connection.execute("BEGIN")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _file_state(self) -> tuple[int, int, int] | None:
        try:
            stat = self.path.stat()
        except OSError:
            return None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns

    def _why(self, error: sqlite3.Error) -> str:
        if self.path.with_name(self.path.name + "-shm").exists():
            return f"{self.path}: {error}"
        return (
            f"{self.path}: {error}: {self.path.name}-wal was left by a writer that was killed: "
            "start collector ingest, which recovers it"
        )

    def _has_log(self) -> bool:
        log = self.path.with_name(self.path.name + "-wal")
        return log.exists() and log.stat().st_size > 0

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection, for questions that are shared with the writer.

        Raises:
            LedgerUnavailable: it is not open.
        """
        if self._connection is None:
            raise LedgerUnavailable(f"{self.path}: not open")
        return self._connection

    def require_current(self) -> None:
        """To be called before an answer is used.

        Raises:
            LedgerUnavailable: somebody wrote since the file was opened as if nobody did.
        """
        if not self.is_current:
            raise LedgerUnavailable(f"{self.path}: a writer started while it was read; run again")

    @property
    def is_current(self) -> bool:
        """False when somebody wrote since the file was opened as if nobody did.

        A writer that is there shows by its log; one that came and went, by the file itself.
        """
        if not self._is_immutable:
            return True
        return not self._has_log() and self._file_state() == self._state

    def rows(self, sql: str, *parameters: object) -> list[Row]:
        """All rows of a question.

        Raises:
            LedgerUnavailable: the database cannot be read.
        """
        connection = self.connection
        try:
            return connection.execute(sql, parameters).fetchall()
        except (sqlite3.Error, OverflowError) as error:  # a number that no column can hold
            raise LedgerUnavailable(f"{self.path}: {error}") from error

    def row(self, sql: str, *parameters: object) -> Row | None:
        """The first row of a question; None when there is none."""
        found = self.rows(sql, *parameters)
        return found[0] if found else None

    @contextmanager
    def moment(self) -> Iterator[None]:
        """Everything read within sees the ledger at one moment, also where the reader stays open.

        Raises:
            LedgerUnavailable: the database cannot be read.
        """
        if self._is_snapshot:
            yield
            return
        self.rows("BEGIN")
        try:
            yield
        finally:
            self.rows("ROLLBACK")

    def version(self) -> int:
        """A number that changes when another connection has committed; cheap to ask."""
        row = self.row("PRAGMA data_version")
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Close; idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        """Open, if it is not."""
        return self if self._connection is not None else self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

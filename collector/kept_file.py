"""A small SQLite file of the hall's own decisions: one program writes it, every report reads it.

Its journal is a rollback journal and not a write-ahead log: a reader that may not write the folder
needs no `-shm` file then, and no connection stays open long enough to hold up a writer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar, Final
from urllib.parse import quote

from collector.errors import CollectorError
from firmware_config.errors import ExitCode

BUSY_TIMEOUT_S: Final = 5.0
FILE_MODE: Final = 0o640
"""Its owner writes, the group of the ledger's readers reads: no password is in it."""

Row = tuple[Any, ...]


class KeptFileUnavailable(CollectorError, OSError):
    """The file cannot be read or written: no figure is told as if it were empty."""

    exit_code = ExitCode.DATABASE


class KeptFile:
    """The file of one hall. Safe to use from any thread.

    A subclass says which schema it has and how its absence of service is called.

    Args:
        path: the file; where it does not exist, nothing was decided yet. Once `prepare` has made or
            found it, its absence is a loss and no beginning.
    """

    package: ClassVar[str]
    schemas: ClassVar[tuple[str, ...]]
    unavailable: ClassVar[type[KeptFileUnavailable]]

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_prepared = False

    def prepare(self, *, was_made: bool = False) -> bool:
        """Make the file and bring its schema up to date; only its writer calls this.

        Args:
            was_made: it was made once, by an earlier process: where it is missing now it stays so,
                and whoever asks it something gets an error. An empty file is made anew: somebody
                put it there to begin without the old one.

        Returns:
            Whether it is there now.

        Raises:
            KeptFileUnavailable: it cannot be made, or a newer program wrote it.
        """
        try:
            if was_made and not self.path.exists():
                self._is_prepared = True
                return False
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self.path.exists():
                self.path.touch(mode=FILE_MODE)
                self.path.chmod(FILE_MODE)  # whatever the umask of the service
            with closing(self._connect("rw")) as connection:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                self._expect_known(version)
                for number, name in enumerate(self.schemas[version:], start=version + 1):
                    script = resources.files(self.package).joinpath("schema", name)
                    connection.executescript(
                        f"BEGIN IMMEDIATE; {script.read_text(encoding='utf-8')} "
                        f"PRAGMA user_version = {number}; COMMIT;"
                    )
            self._is_prepared = True
            return True
        except (OSError, sqlite3.Error) as error:
            raise self._unavailable(error) from error

    def _connect(self, mode: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(self.path.resolve()))}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
        )
        connection.execute("PRAGMA synchronous = EXTRA")  # a power cut takes no decision back
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _expect_known(self, version: int) -> None:
        if version > len(self.schemas):
            raise self.unavailable(
                f"{self.path}: expected schema {len(self.schemas)} or older, got {version}"
            )

    def _unavailable(self, error: Exception) -> KeptFileUnavailable:
        if isinstance(error, KeptFileUnavailable):
            return error
        return self.unavailable(f"{self.path}: {error}")

    def rows(self, sql: str, *parameters: object) -> list[Row]:
        """All rows of a question; none where there is no file yet.

        Raises:
            KeptFileUnavailable: the file is there and cannot be read, or was there and is gone or
                empty.
        """
        try:
            if not self.path.exists():
                if self._is_prepared:
                    raise self.unavailable(
                        f"{self.path}: it was there, and is gone; restore it from a backup (or, to "
                        "begin anew on purpose, put an empty file there and restart the dashboard)"
                    )
                return []
            with closing(self._connect("ro")) as connection:
                version = connection.execute("PRAGMA user_version").fetchone()[0]
                self._expect_known(version)
                if self._is_prepared and not version:
                    raise self.unavailable(f"{self.path}: it was there, and is empty")
                return connection.execute(sql, parameters).fetchall() if version else []
        except (OSError, sqlite3.Error, OverflowError) as error:  # a number no column can hold
            raise self._unavailable(error) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that nobody else writes in; an exception takes it back.

        Raises:
            KeptFileUnavailable: the file cannot be written.
            sqlite3.IntegrityError: a guard of the schema refused an entry.
        """
        try:
            with closing(self._connect("rw")) as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection  # closing takes back what was not committed
                connection.execute("COMMIT")
        except sqlite3.IntegrityError:
            raise
        except (sqlite3.Error, OverflowError) as error:
            raise self._unavailable(error) from error

    def version(self) -> tuple[int, int, int]:
        """Something that changes with every entry; costs one look at the folder."""
        try:
            stat = self.path.stat()
        except OSError:
            return 0, 0, 0
        return stat.st_ino, stat.st_size, stat.st_mtime_ns

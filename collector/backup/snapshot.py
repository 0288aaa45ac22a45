"""A consistent copy of a database that others go on writing.

SQLite's backup functions start again whenever somebody else has committed between two steps; beside
a busy ingest they never came to an end (measured: 2,229 restarts in 11 s). Here the source is read
in one transaction, so every step sees the same snapshot, and in WAL mode a reader stops no writer.
Only the log grows meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from collector.backup.errors import TargetFailed
from collector.errors import LedgerError

Tell = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""

STEP_PAGES: Final = 1024
"""Pages of 4 KiB between two words to the progress bar."""
CHUNK_BYTES: Final = 1 << 20
MODE: Final = 0o640


def take_snapshot(source: Path, copy: Path, tell: Tell) -> None:
    """Copy a database as it is at one moment into one file that needs no log beside it.

    Args:
        source: the live database; WAL or not.
        copy: made; must not exist.
        tell: the progress.

    Raises:
        LedgerError: the source cannot be read.
        TargetFailed: the copy cannot be written to its end.
        OSError: … or not begun.
    """
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE))
    with closing(_open(source)) as reader, closing(sqlite3.connect(copy)) as target:
        target.isolation_level = None
        # nobody reads the copy before it is whole and synced: no journal, no sync at each step
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        try:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # here it begins
        except sqlite3.Error as error:
            raise LedgerError(f"{source}: cannot be read: {error}") from error
        try:
            reader.backup(
                target,
                pages=STEP_PAGES,
                progress=lambda _, left, total: tell("copy", total - left, total),
            )
        except sqlite3.Error as error:
            raise TargetFailed(f"{copy}: copying {source}: {error}") from error
        # the header was copied too and says WAL, which needs files beside the copy to be read
        target.execute("PRAGMA journal_mode = DELETE")
    sync_and_forget(copy)


def _open(source: Path) -> sqlite3.Connection:
    try:
        return sqlite3.connect(
            f"{source.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None
        )
    except sqlite3.Error as error:
        raise LedgerError(f"{source}: cannot be read: {error}") from error


def sync_and_forget(path: Path) -> None:
    """Make a file durable and drop it from the page cache, so that a reader asks the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def chunks_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file, a piece at a time."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def sha256_of(path: Path, tell: Tell) -> str:
    """SHA-256 of a file in hex, as `sha256sum` prints it."""
    digest, done, total = hashlib.sha256(), 0, path.stat().st_size
    for chunk in chunks_of(path):
        digest.update(chunk)
        done += len(chunk)
        tell("digest", done, total)
    return digest.hexdigest()


def copy_durably(source: Path, copy: Path, tell: Tell) -> None:
    """Copy a file's bytes and make them durable. Raises OSError."""
    done, total = 0, source.stat().st_size
    with copy.open("xb") as file:
        for chunk in chunks_of(source):
            file.write(chunk)
            done += len(chunk)
            tell("copy", done, total)
        file.flush()
        os.fsync(file.fileno())
    copy.chmod(MODE)

"""What a power cut leaves of a journal: its files as they were, put back after the program ended.

A thread cannot be killed, so the service of a virtual kiosk that is unplugged has to end in order.
To undo the order, its journal is copied first, as it stands, and put back afterwards: whatever the
program tidied at its end has not happened. The next start finds what it finds after `kill -9`.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

_ENDINGS: Final = ("", "-wal")
"""The database and its write-ahead log. Its index (`-shm`) is memory, and is lost."""


def picture(journal: Path) -> dict[Path, bytes]:
    """The journal's files at this moment, of which SQLite can recover every committed record.

    A reader stands in the way of whoever would shorten the log between the two copies.

    Raises:
        OSError, sqlite3.Error: it cannot be read.
    """
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=5)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        files = (journal.with_name(journal.name + ending) for ending in _ENDINGS)
        return {path: path.read_bytes() for path in files if path.exists()}


def put_back(journal: Path, files: dict[Path, bytes]) -> None:
    """Make the journal what it was. Nobody may have it open.

    Raises:
        OSError: it cannot be written.
    """
    for ending in (*_ENDINGS, "-shm"):
        journal.with_name(journal.name + ending).unlink(missing_ok=True)
    for path, content in files.items():
        path.write_bytes(content)

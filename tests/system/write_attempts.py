"""Everything a user who may only read can try against a ledger; prints one JSON object.

Run as that user: `python -m tests.system.write_attempts LEDGER`. Keys are what was tried, values
what came of it: "refused: …" or "DONE: …".
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

Attempt = tuple[str, Callable[[], object]]
_STATEMENTS = (
    "INSERT INTO meta VALUES ('x', 'y')",
    "UPDATE records SET received_ms = 0",
    "UPDATE day_rollups SET level5 = level5 + 1",
    "DELETE FROM outcomes",
    "DROP TRIGGER records_are_never_changed",
    "CREATE TABLE mine (x)",
    "VACUUM",
)
_SETTINGS = (
    ("journal_mode", "delete"),
    ("user_version", "7"),
    ("application_id", "7"),
)


def on_files(ledger: Path) -> Iterator[Attempt]:
    folder = ledger.parent
    for path in (
        ledger,
        *(Path(f"{ledger}{end}") for end in ("-wal", "-shm", "-journal", ".lock")),
    ):
        for name, flags in (
            ("write", os.O_WRONLY),
            ("read and write", os.O_RDWR),
            ("append", os.O_WRONLY | os.O_APPEND),
            ("cut", os.O_WRONLY | os.O_TRUNC),
            ("make", os.O_WRONLY | os.O_CREAT),
        ):
            yield f"open {path.name} to {name}", lambda path=path, flags=flags: os.open(path, flags)
        yield f"truncate {path.name}", lambda path=path: os.truncate(path, 0)
        yield f"remove {path.name}", path.unlink
        yield f"rename {path.name}", lambda path=path: path.rename(folder / "other")
        yield f"replace {path.name}", lambda path=path: _replace(path)
        yield f"open the rights of {path.name}", lambda path=path: path.chmod(0o666)
        yield f"take {path.name}", lambda path=path: os.chown(path, os.getuid(), -1)
        yield f"date {path.name}", lambda path=path: os.utime(path, (0, 0))
    yield "open the rights of the folder", lambda: folder.chmod(0o777)
    yield "make a file", (folder / "mine").touch
    yield "make a folder", (folder / "mine").mkdir
    yield "make a link", lambda: (folder / "mine").symlink_to("/tmp")
    yield "rename the folder", lambda: folder.rename(folder.with_name("other"))
    yield "read the collector's key", (folder / "collector.jwk").read_bytes
    yield "keep ingest out by its lock", lambda: _lock(Path(f"{ledger}.lock"))


def on_database(ledger: Path) -> Iterator[Attempt]:
    for mode in ("ro", "rw", "rwc"):
        uri = f"{ledger.as_uri()}?mode={mode}"
        for sql in _STATEMENTS:
            yield f"{sql} in mode {mode}", lambda uri=uri, sql=sql: _execute(uri, sql)
        for name, value in _SETTINGS:
            yield (
                f"set {name} in mode {mode}",
                lambda uri=uri, name=name, value=value: _set(uri, name, value),
            )
    yield "write it attached", lambda: _attached(ledger)
    yield "write it as the target of a backup", lambda: _backup(ledger)
    yield (
        "write it as if nobody else did",
        lambda: _execute(f"{ledger.as_uri()}?immutable=1", _STATEMENTS[0]),
    )


def _replace(path: Path) -> None:
    mine = Path(f"/tmp/{os.getpid()}.mine")
    mine.touch()
    try:
        mine.replace(path)
    finally:
        mine.unlink(missing_ok=True)


def _lock(path: Path) -> None:
    with path.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _connect(uri: str) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(uri, uri=True, isolation_level=None, timeout=0.2))


def _execute(uri: str, sql: str) -> None:
    with _connect(uri) as db:
        db.execute(sql)


def _set(uri: str, name: str, value: str) -> None:
    """SQLite answers some of these with the old value instead of an error."""
    with _connect(uri) as db:
        db.execute(f"PRAGMA {name} = {value}")
        found = str(db.execute(f"PRAGMA {name}").fetchone()[0])
        if found != value:
            raise PermissionError(f"{name} is still {found}")


def _attached(ledger: Path) -> None:
    with _connect("file::memory:") as db:
        db.execute("ATTACH ? AS other", [str(ledger)])
        db.execute("INSERT INTO other.meta VALUES ('x', 'y')")


def _backup(ledger: Path) -> None:
    with _connect(ledger.as_uri()) as target, _connect("file::memory:") as source:
        source.execute("CREATE TABLE mine (x)")
        source.backup(target)


def tried(attempts: Iterator[Attempt]) -> dict[str, str]:
    found = {}
    for name, attempt in attempts:
        try:
            done = attempt()
        except (OSError, sqlite3.Error) as error:
            found[name] = f"refused: {error}"
        else:
            found[name] = f"DONE: {done!r}"
    return found


if __name__ == "__main__":
    path = Path(sys.argv[1])
    json.dump(tried(on_files(path)) | tried(on_database(path)), sys.stdout, ensure_ascii=False)

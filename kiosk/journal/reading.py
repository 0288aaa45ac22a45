"""Reading a journal: what a starting program remembers, and what `kiosk journal …` shows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from firmware_config.chain import split_token
from firmware_config.contract import (
    AnyRecord,
    Invited,
    Kind,
    Paused,
    SignIn,
    decode_record,
)
from kiosk.drafts import Memory, Session
from kiosk.errors import JournalError
from kiosk.journal.store import Journal, translated
from kiosk.links import Row


def remember(journal: Journal) -> Memory:
    """What the journal tells a starting program about the time before."""
    invited = _last(journal, Kind.INVITED)
    session = None
    if isinstance(invited, Invited):
        outcomes = journal.query(
            "SELECT 1 FROM records WHERE seq > ? AND session = ? AND kind IN ('RATED', 'UNRATED')",
            invited.seq,
            invited.session,
        )
        if not outcomes:
            session = Session(
                number=invited.session,
                trigger=invited.trigger,
                invited_ms=invited.mono_ms,
                case_no=invited.case_no,
                service_no=invited.service_no,
                item=invited.item,
                staff_no=invited.staff_no,
            )
    pause = _last(journal, Kind.PAUSED, Kind.RESUMED)
    sign = _last(journal, Kind.SIGNIN, Kind.SIGNOUT)
    return Memory(
        last_session=invited.session if isinstance(invited, Invited) else 0,
        open_session=session,
        # the self-test pauses the service too; one that a restart ended is over
        is_paused=isinstance(pause, Paused) and pause.via != "test",
        staff_no=sign.staff_no if isinstance(sign, SignIn) else "",
    )


def _last(journal: Journal, *kinds: Kind) -> AnyRecord | None:
    marks = ",".join("?" * len(kinds))
    sql = f"SELECT token FROM records WHERE kind IN ({marks}) ORDER BY seq DESC LIMIT 1"
    rows = journal.query(sql, *(kind.value for kind in kinds))
    return decode_record(split_token(rows[0][0]).payload) if rows else None


class CardCheckpoint(NamedTuple):
    """A checkpoint a device keeps, as on the wire.

    Attributes:
        problem: what it contradicts; empty: it was accepted.
        strange: why the life that it begins is in doubt; empty: it is not, or begins none.
        token: the checkpoint's; a receipt's, where that is the evidence.
    """

    gen: str
    size: int
    root: str
    time: str
    problem: str
    strange: str
    token: bytes


@dataclass(frozen=True, slots=True)
class Card:
    """A journal opened for reading only, perhaps on another computer.

    Attributes:
        dev: whose it is.
        rows: yields the records in order of seq, from a first to a last seq (both included).
    """

    path: Path
    dev: str
    epoch: str
    stored: int
    archived: int
    conn: sqlite3.Connection

    def rows(self, first: int = 1, last: int | None = None) -> Iterator[Row]:
        """Records from seq `first` to `last` (both included; None: to the end)."""
        sql = "SELECT seq, digest, token FROM records WHERE seq >= ? AND seq <= ? ORDER BY seq"
        try:
            for row in self.conn.execute(sql, [first, last if last is not None else 2**62]):
                yield Row(*row)
        except sqlite3.Error as error:
            raise translated(self.path, error) from error

    def checkpoints(self) -> Iterator[CardCheckpoint]:
        """What the collector said of its ledger, in order of arrival."""
        sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'checkpoints'"
        try:
            if not self.conn.execute(sql).fetchone()[0]:
                return  # of a program that kept none
            sql = (
                "SELECT gen, size, root, time, problem, strange, token FROM checkpoints ORDER BY id"
            )
            for row in self.conn.execute(sql):
                yield CardCheckpoint(*row)
        except sqlite3.Error as error:
            raise translated(self.path, error) from error


@contextmanager
def open_card(path: Path) -> Iterator[Card]:
    """Open a journal for reading; writes nothing to its records.

    Raises:
        JournalError: it is missing, or not a journal. A card whose write-ahead log lies in a
            read-only folder must be copied first.
    """
    if not path.exists():
        raise JournalError(f"{path}: expected a journal, found nothing")
    conn: sqlite3.Connection | None = None
    try:
        conn = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        meta = dict(conn.execute("SELECT key, value FROM meta").fetchall())
        stored, archived = conn.execute("SELECT stored, archived FROM watermarks").fetchone()
        yield Card(path, meta["dev"], meta["epoch"], stored, archived, conn)
    except sqlite3.Error as error:
        raise translated(path, error) from error
    finally:
        if conn is not None:
            conn.close()

"""The collector's checkpoints that this journal keeps: accepted ones, and refused as evidence."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from firmware_config import chain
from kiosk.journal import schema
from kiosk.journal.store import Journal
from kiosk.witness import Kept

DOUBTS_MAXIMUM: Final = 100
"""Most tokens, refused or of strange lives, that are kept in one doubt. Our choice: the first ones
prove it, and a broken collector must not fill the card."""
_COLUMNS: Final = "gen, size, root, time"


class CheckpointShelf:
    """Reads and writes the checkpoints of an open journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def last(self) -> Kept | None:
        """The one accepted last; None: there is none. Raises JournalError."""
        return self._one("ORDER BY id DESC LIMIT 1")

    def newest(self, gen: str, at_most: int | None) -> Kept | None:
        """The accepted one of a life with most rows, at most so many. Raises JournalError."""
        return self._one(
            "AND gen = ? AND size <= ? ORDER BY size DESC LIMIT 1",
            gen,
            2**62 if at_most is None else at_most,
        )

    def root_at(self, gen: str, size: int) -> str | None:
        """The accepted root of a life and size; None: there is none. Raises JournalError."""
        found = self._one("AND gen = ? AND size = ?", gen, size)
        return found.root if found is not None else None

    def is_believed(self, gen: str) -> bool:
        """Whether a life is the first one, or goes on from it. Raises JournalError."""
        return self._one(f"AND gen = ? AND gen IN ({schema.BELIEVED}) LIMIT 1", gen) is not None

    def last_believed(self, at_most: int | None) -> Kept | None:
        """The last accepted one of a believed life, at most so many rows. Raises JournalError."""
        return self._one(
            f"AND size <= ? AND gen IN ({schema.BELIEVED}) ORDER BY id DESC LIMIT 1",
            2**62 if at_most is None else at_most,
        )

    @property
    def is_full(self) -> bool:
        """Whether so much is in doubt that no more of it is kept. Raises JournalError."""
        return bool(self._journal.query(schema.COUNT_DOUBTS)[0][0] >= DOUBTS_MAXIMUM)

    def accept(self, kept: Kept, token: bytes, *, strange: str = "", goes_on: bool = False) -> None:
        """Keep an accepted checkpoint; it is on the disk when this returns. Raises JournalError.

        Args:
            strange: why its life is strange; empty: it is not, or not the first of its life.
            goes_on: see `kiosk.witness.Judgement`.
        """
        self._write(kept, token, strange=strange, goes_on=goes_on)

    def refuse(self, kept: Kept, problem: str, token: bytes) -> None:
        """Keep what was refused, once; from now on nothing is pruned. Raises JournalError.

        Args:
            kept: what it says; empty texts and 0 where that is unknown.
            token: a checkpoint's, or a receipt's.
        """
        if not self.is_full:
            self._write(kept, token, problem=problem)
        self._journal.is_doubting = True

    def _write(
        self,
        kept: Kept,
        token: bytes,
        *,
        problem: str = "",
        strange: str = "",
        goes_on: bool = False,
    ) -> None:
        says = (kept.gen, kept.size, kept.root, kept.time)
        values = (*says, problem, strange, goes_on, chain.digest(token), token)
        self._journal.write(((schema.KEEP_CHECKPOINT, values),))
        self._journal.is_doubting = bool(self._journal.query(schema.IS_DOUBTING)[0][0])

    def _one(self, rest: str, *values: object) -> Kept | None:
        sql = f"SELECT {_COLUMNS} FROM checkpoints WHERE problem = '' {rest}"
        rows = self._journal.query(sql, *values)
        if not rows:
            return None
        gen, size, root, time = rows[0]
        return Kept(gen=gen, size=size, root=root, time=time)


def carry_over(aside: Path, journal: Journal) -> int:
    """Take a set-aside journal's checkpoints into the new one: a witness remembers more than its
    own records. Returns how many; 0 where the file cannot be read.

    Raises:
        JournalError: the new journal cannot be written.
    """
    columns = f"{_COLUMNS}, problem, strange, goes_on, digest, token"
    try:
        with closing(sqlite3.connect(f"{aside.resolve().as_uri()}?mode=ro", uri=True)) as old:
            rows = old.execute(f"SELECT {columns} FROM checkpoints ORDER BY id").fetchall()
    except sqlite3.Error:
        return 0  # damaged there, or of a program that kept none; the file itself stays
    journal.write([(schema.KEEP_CHECKPOINT, tuple(row)) for row in rows])
    journal.is_doubting = bool(journal.query(schema.IS_DOUBTING)[0][0])
    return len(rows)

"""The lives of a ledger: each has an id, `gen`, that receipts carry.

A device that meets a new `gen` takes its watermarks even where they are lower, and sends again what
is missing. So a ledger begins a new life whenever it may have gone back: restored from a backup, or
copied by hand.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Literal, NamedTuple

from sqlite_utils import Database

from collector.ledger.tree import Ask


def new_gen() -> str:
    """A random id for a life of a ledger: 32 hexadecimal digits."""
    return os.urandom(16).hex()


def begin_gen(db: Database, reason: Literal["restored", "renewed"], now_ms: int) -> str:
    """Begin a new life of an open ledger, in a transaction of its own; returns its `gen`.

    Args:
        reason: why; kept with the size and root that the ledger has now.
        now_ms: wall clock, UTC milliseconds since 1970.

    Raises:
        sqlite3.Error: nothing has changed.
    """
    gen = new_gen()
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute(
            "INSERT INTO gens (id, gen, began_ms, reason, size, root)"
            " SELECT (SELECT max(id) + 1 FROM gens), ?, ?, ?, size, root FROM ledger_state",
            [gen, now_ms, reason],
        )
        db.execute("UPDATE meta SET value = ? WHERE key = 'gen'", [gen])
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return gen


class Life(NamedTuple):
    """One life of the ledger.

    Attributes:
        began_ms: wall clock, UTC.
        reason: `made`, `restored` or `renewed`.
        size, root: the ledger when it began; of the first, 0 rows or those it was migrated with.
    """

    gen: str
    began_ms: int
    reason: str
    size: int
    root: bytes


class Lives(tuple[Life, ...]):
    """Every life of a ledger, oldest first; the last is the present one."""

    __slots__ = ()

    @property
    def present(self) -> Life:
        """The life that goes on."""
        return self[-1]

    def parent_of(self, gen: str) -> tuple[Life, Life] | None:
        """The life before that one, and that one itself; None: it was the first, or is unknown."""
        for before, life in pairwise(self):
            if life.gen == gen:
                return before, life
        return None

    def still_holds(self, gen: str, size: int) -> bool:
        """Whether the first `size` rows of a life are also the first of the present one.

        False for a life that is not this ledger's, and for rows it had beyond where a later life
        began: those were lost, and sent again by the devices in whatever order.
        """
        for number, life in enumerate(self):
            if life.gen == gen:
                return all(size <= later.size for later in self[number + 1 :])
        return False


def read_lives(ask: Ask) -> Lives:
    """The lives of the ledger read through `ask`."""
    rows = ask("SELECT gen, began_ms, reason, size, root FROM gens ORDER BY id")
    return Lives(Life(*row) for row in rows)

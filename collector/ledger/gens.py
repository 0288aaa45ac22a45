"""The lives of a ledger: each has an id, `gen`, that receipts carry.

A device that meets a new `gen` takes its watermarks even where they are lower, and sends again what
is missing. So a ledger begins a new life whenever it may have gone back: restored from a backup, or
copied by hand.
"""

from __future__ import annotations

import os
from typing import Literal

from sqlite_utils import Database


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

"""What purges froze, as SHA-256: nothing that is left could tell that it was changed.

Over named columns, so that a column that a later version of the schema adds changes no digest that
was signed before it. A line of JSON each: first table and columns, then the rows by their key.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

_COUNTS: Final = (
    *("invited", "level5", "level4", "level3", "level2", "level1"),
    *("unrated", "ignored", "repeats"),
)
OUTCOMES: Final = (
    *("position", "epoch", "seq", "session", "device", "window", "department", "level", "reason"),
    *("trigger", "case_no", "service_no", "item", "staff_no", "staff_from", "pressed_ms"),
    *("on_date", "hour", "answer_ms", "time_quality", "boot", "is_repeat"),
)
"""Columns of `outcomes` that are signed."""
TABLES: Final[Mapping[str, Sequence[str]]] = {
    "purged_day_rollups": (
        *("on_date", "window", "department", "staff_no", "staff_from", "item"),
        *_COUNTS,
    ),
    "purged_hour_rollups": ("on_date", "window", "department", "hour", *_COUNTS),
    "purged_boots": ("epoch", "boot", "first_seq", "last_mono_ms", "not_after_ms", "met_ms"),
}
"""Table → its columns that are signed, the primary key first. Every purge adds to these."""
_LOWEST: Final = -(2**63)
_ROWS: Final = 1000
_to_json: Final = msgspec.json.Encoder().encode
_to_lines: Final = msgspec.json.Encoder().encode_lines


def outcomes_digest(connection: sqlite3.Connection, purge: int, after: int, up_to: int) -> bytes:
    """Of what one purge left behind that no later one changes.

    That is the outcomes of the records it purged, the heads of their journals, and the salt by
    which their cases are known again.

    Args:
        connection: to the ledger.
        purge: row of `purges`.
        after: highest position that was purged before it; 0: none.
        up_to: the highest that it purged.
    """
    digest = hashlib.sha256()
    salt = connection.execute("SELECT value FROM meta WHERE key = 'purge_salt'").fetchall()
    digest.update(_to_json(["meta", "purge_salt", *salt]) + b"\n")
    rows = connection.execute(
        "SELECT epoch, seq, digest FROM purge_heads WHERE purge = ? ORDER BY epoch", (purge,)
    )
    _take(digest, "purge_heads", ("epoch", "seq", "digest"), rows)
    rows = connection.execute(
        f"SELECT {', '.join(OUTCOMES)} FROM outcomes WHERE position > ? AND position <= ?"
        " ORDER BY position",
        (after or _LOWEST, up_to),  # there is nothing before the first place, unless put there
    )
    _take(digest, "outcomes", OUTCOMES, rows)
    return digest.digest()


def tables_digest(connection: sqlite3.Connection) -> bytes:
    """Of what all purges together left in `TABLES`."""
    digest = hashlib.sha256()
    for table, columns in TABLES.items():
        names = ", ".join(columns)
        rows = connection.execute(f"SELECT {names} FROM {table} ORDER BY {names}")
        _take(digest, table, columns, rows)
    return digest.digest()


def _take(digest: Any, table: str, columns: Sequence[str], rows: sqlite3.Cursor) -> None:
    digest.update(_to_json([table, columns]) + b"\n")
    while some := rows.fetchmany(_ROWS):
        digest.update(_to_lines(some))

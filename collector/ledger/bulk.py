"""Inserting many rows with few calls into SQLite.

Python's `executemany` releases and takes back the interpreter lock for every row; with a busy
network thread each of these can cost a whole switch interval. One statement with many `VALUES` rows
steps once. Statements come in sizes of powers of two, so that the connection's statement cache
holds them all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

LARGEST: Final = 256
"""Most rows in one statement. 256 rows of 20 columns stay under SQLite's 32,766 parameters."""


class BulkInsert:
    """`INSERT INTO <table> (<columns>) VALUES … <tail>` for any number of rows."""

    def __init__(self, table: str, columns: Sequence[str], tail: str = "") -> None:
        head = f"INSERT INTO {table} ({', '.join(columns)}) VALUES "
        row = "(" + ", ".join("?" * len(columns)) + ")"
        self._statements = [
            (size, f"{head}{', '.join([row] * size)} {tail}".rstrip())
            for size in (LARGEST >> shift for shift in range(LARGEST.bit_length()))
        ]

    def run(self, connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Insert the rows in order. Raises sqlite3.Error; the caller owns the transaction."""
        at, left = 0, len(rows)
        for size, statement in self._statements:
            while left >= size:
                connection.execute(statement, list(chain.from_iterable(rows[at : at + size])))
                at += size
                left -= size

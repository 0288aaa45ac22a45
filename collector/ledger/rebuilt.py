"""The derived tables made anew beside a ledger, to be compared with those in it.

They are made by `rebuild` itself, in a database of their own to which the ledger is attached: a
name that is not in that database is looked up in the ledger, so nothing is copied and nothing of
the ledger can be written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlite_utils import Database

from collector.ledger.migrations import open_empty_ledger
from collector.ledger.rebuild import DERIVED_TABLES, rebuild

ATTACHED = "ledger"
"""Name under which the ledger is attached."""
VERSIONS = "SELECT name FROM _sqlite_migrations WHERE migration_set = 'ledger'"
"""Versions of the schema that a ledger was brought up to."""


class RowDifference(NamedTuple):
    """A row that is not the same in the ledger and made anew.

    Attributes:
        table: of `DERIVED_TABLES`.
        made: column → value, made anew; None: the records give no such row.
        kept: the same as the ledger has it; None: it has no such row.
    """

    table: str
    made: dict[str, Any] | None
    kept: dict[str, Any] | None


@contextmanager
def rebuilt_beside(uri: str, path: Path) -> Iterator[sqlite3.Connection]:
    """A connection in which the derived tables are made anew and the ledger is `ATTACHED`.

    Args:
        uri: of the ledger, from `LedgerReader.uri`.
        path: of the database to make; must not exist. About two thirds of the ledger's size.

    Raises:
        sqlite3.Error: the ledger cannot be read, or there is no room.
        ValueError, KeyError: a record or the time zone cannot be read: nothing can be derived.
    """
    connection = sqlite3.connect(path.resolve().as_uri(), uri=True, isolation_level=None)
    try:
        # nothing here needs to survive a crash
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -65536")
        for sql in _schema():
            connection.execute(sql)
        connection.execute(f"ATTACH ? AS {ATTACHED}", [uri])
        connection.execute("BEGIN")
        _take_over_purged(connection)
        rebuild(Database(connection, strict=True))
        yield connection
    finally:
        connection.close()


def row_differences(connection: sqlite3.Connection) -> Iterator[RowDifference]:
    """Every row of a derived table that differs, table by table, in order of its key.

    Args:
        connection: from `rebuilt_beside`.
    """
    for table in DERIVED_TABLES:
        columns, key = _columns(connection, table)
        names = ", ".join(f"{{0}}.{column}" for column in columns)
        same_key = " AND ".join(f"a.{column} IS b.{column}" for column in key)
        differs = " OR ".join(f"a.{column} IS NOT b.{column}" for column in columns)
        a, b = names.format("a"), names.format("b")
        pairs = connection.execute(
            f"SELECT {a}, {b} FROM main.{table} a LEFT JOIN {ATTACHED}.{table} b ON {same_key}"
            f" WHERE {differs}"
        )
        number, at = len(columns), columns.index(key[0])
        for row in pairs:
            kept = row[number:]
            has_row = kept[at] is not None
            made = dict(zip(columns, row[:number], strict=True))
            yield RowDifference(
                table, made, dict(zip(columns, kept, strict=True)) if has_row else None
            )
        extra = connection.execute(
            f"SELECT {b} FROM {ATTACHED}.{table} b LEFT JOIN main.{table} a ON {same_key}"
            f" WHERE a.{key[0]} IS NULL"
        )
        for row in extra:
            yield RowDifference(table, None, dict(zip(columns, row, strict=True)))


def schema_of(execute: Callable[[str], Any]) -> dict[tuple[str, str], str]:
    """(type, name) → SQL of everything in a database, SQLite's own left out."""
    rows = execute(
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    return {(kind, name): sql for kind, name, sql in rows}


@cache
def expected_schema() -> dict[tuple[str, str], str]:
    """What `schema_of` gives for a ledger of this program."""
    db = open_empty_ledger()
    try:
        return schema_of(lambda sql: db.execute(sql).fetchall())
    finally:
        db.close()


@cache
def expected_versions() -> frozenset[str]:
    """Names of the schema's versions that a ledger of this program has; see `VERSIONS`."""
    db = open_empty_ledger()
    try:
        return frozenset(name for (name,) in db.execute(VERSIONS).fetchall())
    finally:
        db.close()


@cache
def _schema() -> list[str]:
    """The statements that make the derived tables and their indexes, as this program has them."""
    db = open_empty_ledger()
    try:
        rows = db.execute("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return [sql for table, sql in rows.fetchall() if table in DERIVED_TABLES]
    finally:
        db.close()


def _take_over_purged(connection: sqlite3.Connection) -> None:
    """Rows of purged records cannot be made anew: they stay as they are, as in `rebuild`."""
    tables = f"SELECT 1 FROM {ATTACHED}.sqlite_master WHERE name = 'purges'"
    if not connection.execute(tables).fetchall():
        return
    [[up_to]] = connection.execute(
        f"SELECT coalesce(max(up_to), 0) FROM {ATTACHED}.purges WHERE rule = 'records'"
    )
    for table in DERIVED_TABLES if up_to else ():
        columns, _ = _columns(connection, table)
        if "position" in columns:
            names = ", ".join(columns)
            connection.execute(
                f"INSERT INTO main.{table} ({names}) SELECT {names} FROM {ATTACHED}.{table}"
                " WHERE position <= ?",
                [up_to],
            )


def _columns(connection: sqlite3.Connection, table: str) -> tuple[list[str], list[str]]:
    """Names of all columns, and of those of the primary key in its order."""
    rows = connection.execute(f"PRAGMA main.table_info({table})").fetchall()
    keyed = sorted((row[5], row[1]) for row in rows if row[5])
    return [row[1] for row in rows], [name for _, name in keyed]

"""The migrations of the journal's tables, in order; each runs once, in one transaction."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator

from sqlite_utils import Database, Migrations

from firmware_config import chain
from kiosk.journal import schema

migrations = Migrations(schema.MIGRATION_SET)


@migrations()
def m0001_first(db: Database) -> None:
    """Tables and triggers, and what is fixed when the file is made."""
    for statement in _statements(schema.SCHEMA_0001):
        db.execute(statement)
    db.execute(
        "INSERT INTO meta VALUES ('epoch', ?)", [chain.b64url(os.urandom(16)).decode("ascii")]
    )
    db.execute("INSERT INTO watermarks VALUES (1, '', 0, 0, 0, 0)")


@migrations()
def m0002_commands(db: Database) -> None:
    """Commands that were answered."""
    for statement in _statements(schema.SCHEMA_0002):
        db.execute(statement)


@migrations()
def m0003_checkpoints(db: Database) -> None:
    """Checkpoints of the collector's ledger."""
    for statement in _statements(schema.SCHEMA_0003):
        db.execute(statement)


def migrate(conn: sqlite3.Connection) -> None:
    """Apply what is missing. Raises sqlite3.Error; what was not applied stays to be done."""
    migrations.apply(Database(conn, execute_plugins=False))


def _statements(script: str) -> Iterator[str]:
    """Split a script; unlike `executescript` this stays inside the migration's transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""

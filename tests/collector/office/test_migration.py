"""An `office.db` of an older program is brought up to date, and nobody loses their account."""

from __future__ import annotations

import hashlib
import sqlite3
from importlib import resources
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from collector.office.accounts import Accounts
from collector.office.audit import FIRST, Entry, digest_of
from collector.office.audit_reading import AuditReader
from collector.office.database import SCHEMAS, Office
from collector.office.roles import Role
from collector.office.sessions import Sessions

NOW_MS = 1_778_650_000_000
PASSWORD = "short123"  # of a time when it was taken


def old(path: Path, version: int) -> sqlite3.Connection:
    """A file as a program of that schema left it."""
    connection = sqlite3.connect(path)
    for name in SCHEMAS[:version]:
        script = resources.files("collector.office").joinpath("schema", name)
        connection.executescript(script.read_text(encoding="utf-8"))
    connection.execute(f"PRAGMA user_version = {version}")
    return connection


@pytest.mark.parametrize("version", [1, 2, 3])
def test_accounts_sessions_and_trail_of_an_older_program_go_on(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "office.db"
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    connection = old(path, version)
    connection.execute(
        "INSERT INTO accounts (name, password_hash, role, created_ms) VALUES (?, ?, ?, ?)",
        ["wang", hasher.hash(PASSWORD), "department" if version > 1 else "director", NOW_MS],
    )
    if version == 2:
        connection.execute("UPDATE accounts SET department = 'tax'")
    session_id = "an old session"
    connection.execute(
        "INSERT INTO sessions VALUES (?, 1, ?, ?, '10.0.0.1', 'old')",
        [hashlib.sha256(session_id.encode()).digest(), NOW_MS, NOW_MS],
    )
    if version == 3:
        connection.execute("INSERT INTO account_departments VALUES (1, 'tax')")
        entry = Entry(
            made_ms=NOW_MS,
            account="wang",
            role="department",
            address="10.0.0.1",
            action="x.y",
            subject="",
            facts={},
        )
        connection.execute(
            "INSERT INTO audit VALUES (1, ?, 'wang', 'department', '10.0.0.1', 'x.y', '', '{}', ?)",
            [NOW_MS, digest_of(FIRST, entry)],
        )
    connection.commit()
    connection.close()

    office = Office(path)
    office.prepare()
    assert office.database.execute("PRAGMA user_version").fetchone()[0] == len(SCHEMAS)
    found = Accounts(office, hasher).sign_in("wang", PASSWORD, address="a", now_ms=NOW_MS).account
    assert found is not None
    assert found.departments == ({"tax"} if version > 1 else set())
    assert (found.must_change, found.has_factor, found.needs_factor) == (False, False, False)
    assert Sessions(office).account_of(session_id, now_ms=NOW_MS) == found
    verified = AuditReader(office).verify()
    assert (verified.entries, verified.broken_at) == (1 if version == 3 else 0, None)
    assert found.role in set(Role)

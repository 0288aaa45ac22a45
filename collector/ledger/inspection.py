"""Reading the ledger's state for people who operate it."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import Any

from firmware_config.chain import b64url

Listing = tuple[tuple[str, ...], list[tuple[Any, ...]]]
"""Column names and rows."""


def read_summary(connection: sqlite3.Connection) -> dict[str, Any]:
    """hall, gen, timezone, size, root and the numbers of what was refused."""
    meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    size, root = connection.execute("SELECT size, root FROM ledger_state").fetchone()
    return {
        "hall": meta.get("hall", ""),
        "timezone": meta.get("timezone", ""),
        "gen": meta["gen"],
        "size": size,
        "root": b64url(root).decode("ascii"),
        "devices": _number(connection, "devices"),
        "keys": _number(connection, "device_keys"),
        "quarantine": _number(connection, "quarantine"),
        "conflicts": _number(connection, "conflicts"),
    }


def read_journals(connection: sqlite3.Connection) -> Listing:
    """Watermark of every journal: stored (contiguous), head, missing below head, archived."""
    header = ("device", "epoch", "stored", "head", "missing", "archived")
    rows = connection.execute(
        "SELECT d.code, e.epoch, e.stored, e.head, e.head - e.stored - "
        " (SELECT count(*) FROM records r WHERE r.epoch = e.id AND r.seq > e.stored), e.archived"
        " FROM epochs e JOIN devices d ON d.id = e.device ORDER BY d.code, e.id"
    )
    return header, rows.fetchall()


def read_quarantine(connection: sqlite3.Connection) -> Listing:
    """What could not become a record, newest last; times are UTC."""
    header = ("id", "reason", "topic", "bytes", "times", "first", "last", "detail")
    rows = connection.execute(
        "SELECT id, reason, topic, raw_bytes, times, first_ms, last_ms, detail"
        " FROM quarantine ORDER BY id"
    )
    return header, [(*row[:5], _utc(row[5]), _utc(row[6]), row[7]) for row in rows]


def read_conflicts(connection: sqlite3.Connection) -> Listing:
    """Second tokens for keys that are taken, newest last; times are UTC."""
    header = ("id", "device", "epoch", "seq", "times", "first", "last", "stored", "other")
    rows = connection.execute(
        "SELECT c.id, d.code, e.epoch, c.seq, c.times, c.first_ms, c.last_ms,"
        " c.stored_digest, c.other_digest FROM conflicts c JOIN epochs e ON e.id = c.epoch"
        " JOIN devices d ON d.id = e.device ORDER BY c.id"
    )
    return header, [
        (*row[:5], _utc(row[5]), _utc(row[6]), *(b64url(one).decode("ascii") for one in row[7:]))
        for row in rows
    ]


def read_token(connection: sqlite3.Connection, table: str, row: int) -> bytes | None:
    """The bytes kept of one row of `quarantine` or `conflicts`."""
    column = {"quarantine": "raw", "conflicts": "token"}[table]
    found = connection.execute(f"SELECT {column} FROM {table} WHERE id = ?", [row]).fetchone()
    return bytes(found[0]) if found else None


def _number(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

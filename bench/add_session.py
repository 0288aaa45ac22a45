"""Stores one more session in a made ledger, as a collector would: for tests and live pages."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.desks import INSERT_OUTCOME
from collector.ledger.tree import save_nodes
from collector.merkle import Frontier


def add_session(
    path: Path, *, window: str, level: int | None, at_ms: int, case_no: str = ""
) -> int:
    """Store one more session as a collector would: records, outcome, rollups in one transaction.

    Args:
        path: a ledger made here.
        window: code of the window.
        level: 5 … 1; None: not rated.
        at_ms: invitation and press, UTC milliseconds.
        case_no: the case; empty for none.

    Returns:
        Position of the record that ended the session.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    zone = ZoneInfo(
        connection.execute("SELECT value FROM meta WHERE key = 'timezone'").fetchone()[0]
    )
    at = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)
    window_id, department, device, epoch, head, key = connection.execute(
        "SELECT w.id, wd.department, dw.device, e.id, e.head, k.id FROM windows w "
        "JOIN window_departments wd ON wd.window = w.id JOIN device_windows dw ON dw.window = w.id "
        "JOIN epochs e ON e.device = dw.device JOIN device_keys k ON k.device = dw.device "
        "WHERE w.code = ? ORDER BY e.id DESC",
        (window,),
    ).fetchone()
    size, packed = connection.execute("SELECT size, frontier FROM ledger_state").fetchone()
    frontier = Frontier(size, packed)
    digests = [sha256(f"{epoch} {head + number}".encode()).digest() for number in (1, 2)]
    kinds = ("INVITED", "UNRATED" if level is None else "RATED")
    for number, (kind, digest) in enumerate(zip(kinds, digests, strict=True), start=1):
        connection.execute(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (size + number, epoch, head + number, digest, kind, key, at_ms, b"{}", bytes(64)),
        )
    save_nodes(connection, frontier.extend(digests))
    position = size + 2
    on = at.date().isoformat()
    connection.execute(
        INSERT_OUTCOME,
        (
            position,
            epoch,
            1_000_000 + head,
            device,
            window_id,
            department,
            level,
            "timeout" if level is None else None,
            "clerk",
            case_no,
            1,
            "",
            "",
            at_ms,
            on,
            at.hour,
            2000,
            "synced",
            0,
        ),
    )
    column = "unrated" if level is None else f"level{level}"
    day, month = {"on_date": on}, {"on_month": on[:7]}
    place = {"window": window_id, "department": department}
    week_hour = {"department": department, "weekday": at.isoweekday(), "hour": at.hour}
    for table, known in (
        ("day_rollups", {**day, **place, "staff_no": "", "item": ""}),
        ("hour_rollups", {**day, **place, "hour": at.hour}),
        ("month_rollups", {**month, **place}),
        ("month_hour_rollups", {**month, **week_hour}),
    ):
        connection.execute(
            f"INSERT INTO {table} ({', '.join(known)}, invited, {column}) "
            f"VALUES ({','.join('?' * len(known))}, 1, 1) ON CONFLICT DO UPDATE SET "
            f"invited = invited + 1, {column} = {column} + 1",
            list(known.values()),
        )
    connection.execute(
        "UPDATE ledger_state SET size = ?, frontier = ?, root = ?",
        (frontier.size, frontier.packed(), frontier.root()),
    )
    connection.execute(
        "UPDATE epochs SET head = ?, stored = ? WHERE id = ?", (head + 2, head + 2, epoch)
    )
    connection.execute("COMMIT")
    connection.close()
    return position

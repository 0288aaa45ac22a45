"""Bytes of a ledger per record, what they are spent on, and what ten years of a hall need.

A ledger as `bench.make_ledger` writes it, with real signatures: everything derived, every index.
Pages are counted by SQLite's own `dbstat`.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from bench.figures import Figure, at_most
from bench.make_ledger import make_ledger

RECORDS_A_DAY: Final = 14_000
"""Of a hall of 135 windows: about 50 invitations and 50 outcomes a window, and what devices say of
themselves. Our estimate."""
OPEN_DAYS_A_YEAR: Final = 300
YEARS: Final = 10
SMALL_DISK_GB: Final = 64


def run(*, quick: bool) -> list[Figure]:
    """Make one, count its pages."""
    records = 100_000 if quick else 1_000_000
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        path = Path(name) / "ledger.db"
        made = make_ledger(path, records, until=datetime.now(UTC), is_signed=True)
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            pages = dict(
                db.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
            )
            tables = dict(
                db.execute("SELECT name, tbl_name FROM sqlite_schema WHERE rootpage").fetchall()
            )
            token = db.execute("SELECT avg(length(payload)) FROM records").fetchone()[0]
        total = path.stat().st_size / made
    spent: dict[str, float] = {}
    for name, size in pages.items():
        table = tables.get(name, name)
        group = table if table == name else f"{table}, indexes"
        spent[group] = spent.get(group, 0) + size / made
    note = f"{made:,} records, signed"
    ten_years = total * RECORDS_A_DAY * OPEN_DAYS_A_YEAR * YEARS / 1e9
    parts = [
        Figure(name=f"of it {group}", value=size, unit="B")
        for group, size in sorted(spent.items(), key=lambda one: -one[1])
        if size >= 1
    ]
    return [
        Figure(name="ledger per record", value=total, unit="B", note=note),
        Figure(name="of it payloads as signed", value=token, unit="B"),
        *parts,
        at_most(
            f"{YEARS} years of a hall of 135 windows",
            ten_years,
            SMALL_DISK_GB / 2,
            f"{RECORDS_A_DAY:,} records a day, {OPEN_DAYS_A_YEAR} days a year; half a disk of "
            f"{SMALL_DISK_GB} GB",
            "GB",
        ),
    ]

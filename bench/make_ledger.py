"""Makes a ledger of any size, as if a hall had worked for years: `python -m bench.make_ledger`.

The fleet is the sample hall; windows work Monday to Saturday, about 30 cases a window and day.
Records, outcomes, rollups, Merkle root and chain links agree with each other. Signatures are
zeros unless `--sign` is given: a signature costs ten times what the rest of a record does.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from bench.desks import CASES_A_DAY, RATED_SHARE, Desk, write_day
from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.migrations import open_ledger
from collector.merkle import Frontier
from firmware_config import chain
from firmware_config.fleet import Fleet, load_fleet, sample_fleet_path
from firmware_config.keys import SigningKey

RECORDS_A_DAY: Final = 135 * CASES_A_DAY * 2
BATCH_DAYS: Final = 10


def make_ledger(
    path: Path, records: int, *, until: datetime, seed: int = 1, is_signed: bool = False
) -> int:
    """Write a ledger of at least `records` rows that ends at `until`.

    Args:
        path: where; must not exist.
        records: rows of the table `records` to write, rounded up to whole days.
        until: the last moment, aware; that day is cut off there.
        seed: of everything random.
        is_signed: sign every record really.

    Returns:
        The number of rows written.
    """
    draw = random.Random(seed)
    fleet = load_fleet(sample_fleet_path())
    zone = ZoneInfo(fleet.hall.timezone)
    days = _days(until.astimezone(zone).date(), records)
    fleet = replace(
        fleet,
        device_assignments=tuple(replace(a, from_on=days[0]) for a in fleet.device_assignments),
        window_assignments=tuple(replace(a, from_on=days[0]) for a in fleet.window_assignments),
    )
    keys = device_keys(fleet, draw)
    until_ms = int(until.timestamp() * 1000)
    first_ms = int(datetime.combine(days[0], datetime.min.time(), zone).timestamp() * 1000)
    database = open_ledger(path)
    load_into_ledger(
        database,
        fleet,
        {device: key.public for device, key in keys.items()},
        now_ms=first_ms,
    )
    connection: sqlite3.Connection = database.conn
    connection.execute("PRAGMA synchronous = OFF")
    desks = _desks(connection, fleet, keys, draw)
    frontier = Frontier()
    for start in range(0, len(days), BATCH_DAYS):
        connection.execute("BEGIN IMMEDIATE")
        for on in days[start : start + BATCH_DAYS]:
            write_day(connection, frontier, desks, on, zone, until_ms, draw, is_signed)
        connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
    _ends(connection, frontier, desks, until_ms, draw)
    connection.execute("COMMIT")
    database.close()
    return frontier.size


def device_keys(fleet: Fleet, draw: random.Random) -> dict[str, SigningKey]:
    """The devices' keys; the first that is drawn, so that a writer of the same seed knows them."""
    return {device.id: SigningKey.from_seed(draw.randbytes(32)) for device in fleet.devices}


def _days(last_on: date, records: int) -> list[date]:
    """Working days, oldest first, that give the number of records."""
    days: list[date] = []
    on = last_on
    while len(days) * RECORDS_A_DAY < records or not days:
        if on.weekday() != 6 or on == last_on:
            days.append(on)
        on -= timedelta(days=1)
    return days[::-1]


def _desks(
    connection: sqlite3.Connection, fleet: Fleet, keys: dict[str, SigningKey], draw: random.Random
) -> list[Desk]:
    ids = {
        table: dict(connection.execute(f"SELECT code, id FROM {table}").fetchall())
        for table in ("windows", "departments", "devices")
    }
    key_ids = dict(connection.execute("SELECT kid, id FROM device_keys").fetchall())
    department_of = {a.window: a.department for a in fleet.window_assignments}
    trouble = {d.id: draw.choice((0.2, 0.5, 0.8, 1.0, 1.3, 2.5)) for d in fleet.departments}
    desks = []
    for number, given in enumerate(fleet.device_assignments, start=1):
        department = department_of[given.window]
        signing = keys[given.device]
        epoch_code = chain.b64url(draw.randbytes(16)).decode()
        connection.execute(
            "INSERT INTO epochs (id, device, epoch) VALUES (?, ?, ?)",
            (number, ids["devices"][given.device], epoch_code),
        )
        desks.append(
            Desk(
                window=ids["windows"][given.window],
                code=given.window,
                department=ids["departments"][department],
                device=ids["devices"][given.device],
                device_code=given.device,
                epoch=number,
                epoch_code=epoch_code,
                key=key_ids[signing.kid],
                signing=signing,
                header=chain.header_segment(signing.kid),
                busy=draw.uniform(0.4, 1.6),
                trouble=trouble[department],
                participation=min(0.95, draw.gauss(RATED_SHARE, 0.08)),
            )
        )
    return desks


def _ends(
    connection: sqlite3.Connection,
    frontier: Frontier,
    desks: list[Desk],
    until_ms: int,
    draw: random.Random,
) -> None:
    """What is not counted: watermarks, the root, the devices' last word, some quarantine."""
    connection.execute(
        "UPDATE ledger_state SET size = ?, frontier = ?, root = ?",
        (frontier.size, frontier.packed(), frontier.root()),
    )
    for number, desk in enumerate(desks):
        connection.execute(
            "UPDATE epochs SET stored = ?, head = ?, stored_digest = ? WHERE id = ?",
            (desk.seq, desk.seq, desk.prev or None, desk.epoch),
        )
        heard_ms = until_ms - draw.randrange(1000, 30_000) - (600_000 if number == 77 else 0)
        state = "offline" if number in (12, 101) else "online"
        health = {
            "dev": desk.device_code,
            "v": 1,
            "uptime_s": 18_000 + number,
            "head": desk.seq,
            "stored": desk.seq,
            "archived": 0,
            "receipt_age_s": 1.5,
            "synced": True,
            "disk_free_bytes": 24_000_000_000,
            "disk": "ok",
            "cpu_temp_c": 47.5,
            "power": [],
            "memory_bytes": 47_000_000,
            "state": "idle",
        }
        connection.execute(
            "INSERT OR REPLACE INTO device_status VALUES (?, ?, ?, ?, ?, ?)",
            (desk.device, state, heard_ms, b"{}", heard_ms, json.dumps(health).encode()),
        )
    for raw, reason, times in ((b"???", "bad-signature", 2), (b"!!!", "malformed", 1)):
        connection.execute(
            "INSERT INTO quarantine (digest, topic, raw, raw_bytes, reason, detail, first_ms, "
            "last_ms, times) VALUES (?, ?, ?, 3, ?, '', ?, ?, ?)",
            (
                chain.digest(raw),
                "yiping/yunze/w-a01/journal",
                raw,
                reason,
                until_ms - 7_200_000,
                until_ms - 3_600_000,
                times,
            ),
        )


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, required=True, help="rows of the ledger")
    parser.add_argument("--out", type=Path, required=True, help="the file; must not exist")
    parser.add_argument("--until", type=datetime.fromisoformat, help="last moment; default: now")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sign", action="store_true", help="sign every record really")
    given = parser.parse_args()
    if given.out.exists():
        parser.error(f"{given.out}: exists already")
    until = (given.until or datetime.now(UTC)).astimezone(UTC)
    started_s = time.perf_counter()
    size = make_ledger(given.out, given.records, until=until, seed=given.seed, is_signed=given.sign)
    print(f"{given.out}: {size:,} records in {time.perf_counter() - started_s:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

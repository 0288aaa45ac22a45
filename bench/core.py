"""Judge and ledger writer without MQTT, against a bare `executemany` of the same rows.

Both commit with `synchronous = FULL` in groups of the same size, in the same run and folder.
Run: `python -m bench core [--quick]`.
"""

from __future__ import annotations

import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from bench.figures import Figure, table
from bench.stream import device_key, in_turn, packed, signed_ratings
from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.migrations import open_ledger
from collector.ledger.writer import LedgerWriter
from firmware_config.contract import Channel, topic
from firmware_config.fleet import load_fleet, sample_fleet_path


class BenchMessage(NamedTuple):
    """An arrived message."""

    topic: str
    payload: bytes
    retain: bool = False


def now_ms() -> int:
    """Wall clock, milliseconds."""
    return time.time_ns() // 1_000_000


def ingest(folder: Path, messages: list[BenchMessage], group: int) -> float:
    """Seconds to store the messages with the real judge and writer."""
    fleet = load_fleet(sample_fleet_path())
    for old in folder.iterdir():
        old.unlink()
    db = open_ledger(folder / "ledger.db")
    keys = {device.id: device_key(device.id).public for device in fleet.devices}
    load_into_ledger(db, fleet, keys, now_ms=0)
    writer = LedgerWriter(db, hall=fleet.hall.id, clock_ms=now_ms)
    begin = time.perf_counter()
    for at in range(0, len(messages), group):
        writer.store(messages[at : at + group])
    seconds = time.perf_counter() - begin
    db.close()
    return seconds


def bare(folder: Path, group: int) -> float:
    """Seconds to insert the rows that `ingest` just made with executemany, and nothing else."""
    source = sqlite3.connect(folder / "ledger.db")
    rows = source.execute("SELECT * FROM records ORDER BY position").fetchall()
    [schema] = source.execute("SELECT sql FROM sqlite_master WHERE name = 'records'").fetchone()
    source.close()
    target = sqlite3.connect(folder / "bare.db", isolation_level=None)
    target.execute("PRAGMA journal_mode = WAL")
    target.execute("PRAGMA synchronous = FULL")
    target.execute(schema)
    begin = time.perf_counter()
    for at in range(0, len(rows), group):
        target.execute("BEGIN IMMEDIATE")
        target.executemany(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows[at : at + group],
        )
        target.execute("COMMIT")
    seconds = time.perf_counter() - begin
    target.close()
    return seconds


def run(*, quick: bool) -> list[Figure]:
    """Records/s of judge + writer and of the bare insert, live and full messages, and ratios."""
    fleet = load_fleet(sample_fleet_path())
    devices = [device.id for device in fleet.devices]
    tokens = signed_ratings(devices, 60 if quick else 300)
    total = sum(len(made) for made in tokens.values())
    topics = {device: topic(fleet.hall.id, device, Channel.JOURNAL) for device in devices}
    live = {topics[device]: made for device, made in tokens.items()}
    backlog = {topics[device]: packed(made) for device, made in tokens.items()}
    figures = []
    with tempfile.TemporaryDirectory() as name:
        for kind, payloads, group in (
            ("live, 500 messages a commit", live, 500),
            ("live, 2,000 messages a commit", live, 2000),
            ("backlog, 500 messages a commit", backlog, 500),
        ):
            messages = [BenchMessage(*one) for one in in_turn(payloads)]
            ours = ingest(Path(name), messages, group)
            theirs = bare(Path(name), group * total // len(messages))
            note = f"{total:,} records of {len(devices)} devices"
            figures += [
                Figure(name=f"judge + writer, {kind}", value=total / ours, unit="1/s", note=note),
                Figure(name=f"bare executemany, {kind}", value=total / theirs, unit="1/s"),
                Figure(name=f"judge + writer ÷ bare, {kind}", value=theirs / ours, unit="ratio"),
            ]
    return figures


if __name__ == "__main__":
    print(table(run(quick="--quick" in sys.argv)))

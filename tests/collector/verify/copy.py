"""A copy of a ledger in the hands of somebody who knows everything about it but has no key."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from collector.ledger.rebuild import rebuild
from collector.merkle import Frontier
from collector.periods import local_day
from collector.verify.findings import Check, Finding, Level
from firmware_config import chain
from tests.collector.verify.hall import ZONE, WorkingHall

COLUMNS = (
    "position",
    "epoch",
    "seq",
    "digest",
    "kind",
    "key",
    "received_ms",
    "payload",
    "signature",
)
ROOT_CHECKS = {Check.ROOT, Check.CHECKPOINT, Check.KEPT, Check.EXPORT, Check.NODES}

IsNamed = Callable[[Finding], bool]
"""Whether a finding names the place that was edited."""


@dataclass
class Record:
    """A row of `records` and whose it is."""

    row: dict[str, Any]
    device: str
    epoch: str

    @property
    def on(self) -> str:
        return local_day(self.row["received_ms"], ZONE).isoformat()

    def named(self, *checks: Check) -> IsNamed:
        """A failure of one of these checks (none: of any) that names this record."""
        return lambda finding: (
            finding.level is Level.FAIL
            and (not checks or finding.check in checks)
            and finding.covers(self.device, self.epoch, self.row["seq"])
        )


def place_named(position: int, *checks: Check) -> IsNamed:
    """A failure whose stretch of places has this one."""
    return lambda finding: (
        finding.level is Level.FAIL
        and finding.check in (checks or ROOT_CHECKS)
        and finding.first_position <= position <= finding.last_position
    )


def failure(check: Check, *, device: str = "", on: str = "", where: str = "") -> IsNamed:
    """A failure of a check that names this device, day, and thing."""
    return lambda finding: (
        finding.level is Level.FAIL
        and finding.check is check
        and (not device or finding.device == device)
        and (not on or finding.first_on <= on <= finding.last_on)
        and where in f"{finding.where} {finding.what} {finding.expected} {finding.got}"
    )


class SpoiledLedger:
    """The copy. Guards are taken away before an edit and put back after it."""

    def __init__(self, hall: WorkingHall, path: Path, draw: random.Random) -> None:
        shutil.copyfile(hall.path, path)
        self.hall = hall
        self.draw = draw
        self.con = sqlite3.connect(path, isolation_level=None)
        self.con.execute("PRAGMA synchronous = OFF")
        self.guards = self.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        for name, _ in self.guards:
            self.run(f"DROP TRIGGER {name}")
        self.run("BEGIN")

    def close(self) -> None:
        """Put the guards back and leave."""
        self.run("COMMIT")
        there = {name for (name,) in self.rows("SELECT name FROM sqlite_master")}
        for name, sql in self.guards:
            if name not in there:
                self.run(sql)
        self.con.close()

    def run(self, sql: str, *values: Any) -> None:
        self.con.execute(sql, values)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.con.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> Any:
        [row] = self.rows(sql, *values)
        return row[0]

    @property
    def size(self) -> int:
        return int(self.one("SELECT max(position) FROM records"))

    def record(self, where: str = "1") -> Record:
        """A record drawn from those of a condition."""
        positions = self.rows(f"SELECT position FROM records r WHERE {where} ORDER BY position")
        return self.record_at(self.draw.choice(positions)[0])

    def record_at(self, position: int) -> Record:
        """The record at a place."""
        [row] = self.rows(
            f"SELECT {', '.join('r.' + name for name in COLUMNS)}, d.code, e.epoch FROM records r"
            " JOIN epochs e ON e.id = r.epoch JOIN devices d ON d.id = e.device"
            " WHERE r.position = ?",
            position,
        )
        return Record(dict(zip(COLUMNS, row[:-2], strict=True)), row[-2], row[-1])

    def set(self, record: Record, **columns: Any) -> None:
        """Change columns of a record."""
        for name, value in columns.items():
            self.run(
                f"UPDATE records SET {name} = ? WHERE position = ?", value, record.row["position"]
            )

    def all_records(self) -> list[dict[str, Any]]:
        """All rows by place."""
        rows = self.rows(f"SELECT {', '.join(COLUMNS)} FROM records ORDER BY position")
        return [dict(zip(COLUMNS, row, strict=True)) for row in rows]

    def replace_records(self, rows: Sequence[dict[str, Any]]) -> None:
        """These rows instead, at places 1, 2, 3 …"""
        self.run("DELETE FROM records")
        self.con.executemany(
            f"INSERT INTO records ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * 9)})",
            [
                (position, *(row[name] for name in COLUMNS[1:]))
                for position, row in enumerate(rows, start=1)
            ],
        )

    def cover_up(self, *, derived: bool = True) -> None:
        """Make everything in the ledger agree with its records, as far as that takes no key."""
        kids = dict(self.rows("SELECT id, kid FROM device_keys"))
        frontier, digests = Frontier(), []
        for position, key, payload, signature in self.rows(
            "SELECT position, key, payload, signature FROM records ORDER BY position"
        ):
            digest = chain.digest(chain.rebuild_token(kids[key], payload, signature))
            self.run("UPDATE records SET digest = ? WHERE position = ?", digest, position)
            digests.append(digest)
        frontier.extend(digests)
        self.run(
            "UPDATE ledger_state SET size = ?, frontier = ?, root = ?",
            frontier.size,
            frontier.packed(),
            frontier.root(),
        )
        self._cover_nodes(digests)
        for (epoch,) in self.rows("SELECT id FROM epochs"):
            held = dict(self.rows("SELECT seq, digest FROM records WHERE epoch = ?", epoch))
            stored = next(seq for seq in range(len(held) + 1) if seq + 1 not in held)
            self.run(
                "UPDATE epochs SET stored = ?, head = ?, stored_digest = ? WHERE id = ?",
                stored,
                max(held, default=0),
                held.get(stored),
                epoch,
            )
        self.run("DELETE FROM checkpoints WHERE size > ?", frontier.size)
        if derived:
            rebuild(Database(self.con))

    def _cover_nodes(self, digests: list[bytes]) -> None:
        if not self.rows("SELECT 1 FROM sqlite_master WHERE name = 'merkle_nodes'"):
            return
        self.run("DELETE FROM merkle_nodes")
        row, level = [sha256(b"\x00" + digest).digest() for digest in digests], 0
        while row:
            if level >= 8:
                self.con.executemany(
                    "INSERT INTO merkle_nodes (level, ordinal, hash) VALUES (?, ?, ?)",
                    [(level, at, node) for at, node in enumerate(row)],
                )
            pairs = zip(row[::2], row[1::2], strict=False)
            row = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
            level += 1

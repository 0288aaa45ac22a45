"""A small hall with a real ledger: its devices sign records, the real writer stores them."""

from __future__ import annotations

import argparse
import base64
import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from collector.corrections.entries import RatingRecord, Verdict
from collector.corrections.file import CorrectionsFile
from collector.corrections.writing import decide, propose_exclusion
from collector.export import command, yiping_verify
from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.migrations import open_ledger
from collector.ledger.readers import LedgerReader
from collector.ledger.readers.ratings import rating_at
from collector.ledger.writer import LedgerWriter
from collector.settings import CollectorSettings, ExportSettings
from firmware_config import chain
from firmware_config.contract import (
    CONTRACT_VERSION,
    Boot,
    Channel,
    Clock,
    DayClose,
    Ignored,
    IgnoredReason,
    Invited,
    Rated,
    Record,
    Trigger,
    Unrated,
    UnratedReason,
    encode,
    topic,
)
from firmware_config.errors import ExitCode
from firmware_config.fleet import (
    Department,
    Device,
    DeviceAssignment,
    Fleet,
    Hall,
    Staff,
    StaffAssignment,
    Window,
    WindowAssignment,
)
from firmware_config.keys import SigningKey
from firmware_config.settings_broker import BrokerSettings

ZONE = ZoneInfo("Asia/Shanghai")
HALL = "hall-1"
OPENED_ON = date(2026, 1, 1)
_BOOT = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class _Message:
    topic: str
    payload: bytes
    retain: bool = False


@dataclass
class SigningDevice:
    """Makes the records of one journal, chained and signed, like a device does."""

    code: str
    epoch: str
    key: SigningKey
    seq: int = 0
    prev: str = ""
    session: int = 0
    boot: str = _BOOT
    begun_ms: int = 1_700_000_000_000
    waiting: list[bytes] = field(default_factory=list)

    def write(self, kind: type[Record], at: datetime, **fields: Any) -> bytes:
        """Append one record written at that instant (by its wall clock at `wall_at`, when that is
        given); it waits to be sent."""
        self.seq += 1
        wall = (fields.pop("wall_at", None) or at).astimezone(UTC)
        record = kind(
            dev=self.code,
            epoch=self.epoch,
            seq=self.seq,
            prev=self.prev,
            boot=self.boot,
            mono_ms=int(at.timestamp() * 1000) - self.begun_ms,
            wall=f"{wall:%Y-%m-%dT%H:%M:%S}.{wall.microsecond // 1000:03d}Z",
            synced=fields.pop("synced", True),
            v=CONTRACT_VERSION,
            **fields,
        )
        token = self.key.token(encode(record))
        self.prev = chain.b64url(chain.digest(token)).decode()
        self.waiting.append(token)
        return token

    def serve(self, at: datetime, level: int | None, **fields: Any) -> bytes:
        """One session: an invitation, and the rating or the time-out after it."""
        self.session += 1
        case = {
            "session": self.session,
            "trigger": Trigger.CLERK,
            "invited_mono_ms": int(at.timestamp() * 1000) - self.begun_ms - 3000,
            **fields,
        }
        self.write(Invited, at - timedelta(seconds=3), **case)
        if level is None:
            return self.write(Unrated, at, reason=UnratedReason.TIMEOUT, **case)
        return self.write(Rated, at, level=level, button=f"key{level}", **case)

    def switch_on(self, at: datetime, *, meets: bool) -> None:
        """Another boot, without a synchronised clock; perhaps it gets a live receipt at once."""
        self.boot = hashlib.sha256(self.boot.encode()).hexdigest()[:32]
        self.begun_ms = int(at.timestamp() * 1000)
        self.write(Boot, at, synced=False, version="1")
        if meets:
            heard = f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
            self.write(Clock, at, synced=False, step_ms=0, server_time=heard)

    def ignore(self, at: datetime) -> bytes:
        """A press outside any session."""
        return self.write(Ignored, at, level=5, button="key5", reason=IgnoredReason.NO_SESSION)

    def close_day(self, on: date, *, synced: bool = True, **counts: int) -> bytes:
        """The DAYCLOSE record of a day, written just after it; names as `RATED_5`."""
        at = datetime(on.year, on.month, on.day, tzinfo=ZONE) + timedelta(days=1, seconds=1)
        told = {name.replace("_", "."): number for name, number in counts.items()}
        return self.write(DayClose, at, synced=synced, on=on.isoformat(), counts=told)


class LedgerHall:
    """A hall of two departments, three windows and three devices, and its ledger."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = folder / "ledger.db"
        self.exports = folder / "export"
        self.corrections = CorrectionsFile(folder / "corrections.db")
        self.now = datetime(2026, 11, 1, 12, tzinfo=ZONE)
        self.db = open_ledger(self.ledger)
        self.departments = {"tax": "税务局", "land": "自然资源局"}
        self.windows = {"a01": "一号窗口", "a02": "二号窗口", "b01": "三号窗口"}
        self.moves: list[WindowAssignment] = []
        self.staff: dict[str, str] = {}  # staff number -> window
        self.devices = {
            code: SigningDevice(
                code,
                base64.urlsafe_b64encode(hashlib.sha256(code.encode()).digest()[:16])
                .rstrip(b"=")
                .decode(),
                SigningKey.from_seed(hashlib.sha256(code.encode()).digest()),
            )
            for code in ("w-a01", "w-a02", "w-b01")
        }
        self.load_fleet()
        self.writer = LedgerWriter(self.db, hall=HALL, clock_ms=lambda: self._ms(self.now))

    @staticmethod
    def _ms(instant: datetime) -> int:
        return int(instant.timestamp() * 1000)

    def load_fleet(self) -> None:
        """Bring the ledger's fleet to the names and assignments set here."""
        departments = {"a01": "tax", "a02": "tax", "b01": "land"}
        fleet = Fleet(
            hall=Hall(id=HALL, name="政务大厅", name_en="Hall", timezone=ZONE.key, opens=((),) * 7),
            departments=tuple(
                Department(id=code, name=name, name_en=code)
                for code, name in self.departments.items()
            ),
            windows=tuple(
                Window(id=code, name=name, name_en=code) for code, name in self.windows.items()
            ),
            devices=tuple(Device(id=code, profile="five-key") for code in self.devices),
            device_assignments=tuple(
                DeviceAssignment(device=code, window=code[2:], from_on=OPENED_ON)
                for code in self.devices
            ),
            window_assignments=(
                *(
                    WindowAssignment(window=code, department=departments[code], from_on=OPENED_ON)
                    for code in self.windows
                    if code in departments
                ),
                *self.moves,
            ),
            staff=tuple(Staff(staff_no=number) for number in self.staff),
            staff_assignments=tuple(
                StaffAssignment(staff_no=number, window=window, from_on=OPENED_ON)
                for number, window in self.staff.items()
            ),
        )
        keys = {code: device.key.public for code, device in self.devices.items()}
        load_into_ledger(self.db, fleet, keys, now_ms=self._ms(self.now))

    def store(self, at: datetime | None = None) -> None:
        """Send what the devices have waiting; it is received at `at` (default: `now`)."""
        self.now = at or self.now
        for device in self.devices.values():
            name = topic(HALL, device.code, Channel.JOURNAL)
            for start in range(0, len(device.waiting), 10):
                group = device.waiting[start : start + 10]
                stored = self.writer.store([_Message(name, b"\n".join(group))])
                assert (stored.accepted, stored.quarantined) == (len(group), 0)
            device.waiting.clear()

    def settings(self, **export: Any) -> CollectorSettings:
        """Settings of this hall's collector."""
        return CollectorSettings(
            hall=HALL,
            fleet=self.folder / "fleet.toml",
            device_keys=self.folder / "keys",
            key=self.folder / "collector.jwk",
            ledger=self.ledger,
            broker=BrokerSettings(host="localhost"),
            export=ExportSettings(folder=self.exports, **export),
        )

    def ratings(self) -> list[RatingRecord]:
        """Every counted rating, in order of position."""
        with LedgerReader(self.ledger) as reader:
            rows = reader.rows(
                "SELECT position FROM outcomes WHERE level IS NOT NULL AND is_repeat = 0"
                " ORDER BY position"
            )
            return [rating_at(reader.rows, position) for (position,) in rows]

    def exclude(self, rating: RatingRecord, author: str = "wang", approver: str = "li") -> int:
        """Exclude a rating by two people; gives the correction's number."""
        self.corrections.prepare()
        now_ms = self._ms(self.now)
        number = propose_exclusion(
            self.corrections,
            rating,
            reason="child",
            note="Aunt Liu saw it",
            evidence="camera 3",
            author=author,
            now_ms=now_ms,
        )
        decide(self.corrections, number, Verdict.APPROVED, decider=approver, note="", now_ms=now_ms)
        return number

    def export(self, *arguments: str, now: datetime | None = None, **export: Any) -> ExitCode:
        """Run `collector export` with these arguments at that time."""
        return command.run(
            parse(*arguments), self.settings(**export), clock=lambda: now or self.now
        )

    def check(self, *options: object, name: str = "") -> yiping_verify.Report:
        """What a receiver's program says of the exports, or of one of them."""
        told = [str(part) for part in (self.exports / name, *options)]
        report = yiping_verify.Report()
        yiping_verify.check(yiping_verify.arguments(told), report)
        return report

    def tamper(self, sql: str, *parameters: object) -> None:
        """Change the ledger behind the collector's back."""
        with closing(sqlite3.connect(self.ledger)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute(sql, parameters)


def parse(*arguments: str) -> argparse.Namespace:
    """Arguments of `collector export`, parsed."""
    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    return parser.parse_args(["export", *arguments])

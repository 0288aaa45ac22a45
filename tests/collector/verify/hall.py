"""A hall of four devices that works eight days: with everything a ledger can hold, and all right.

A journal that begins anew, gaps that are filled and one that is not, repeats, time-outs, ignored
presses, clocks that are not synchronised, a device that is replaced, a window that changes its
department, forks, refused messages, day-closes, checkpoints and nightly exports.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from collector.export.choosing import Request
from collector.export.nightly import run_export
from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.migrations import open_ledger
from collector.ledger.writer import LedgerWriter
from collector.press_time import wall_text
from collector.settings import CollectorSettings, ExportSettings
from collector.verify.known import Known
from collector.verify.statements import Kept
from firmware_config import chain, contract
from firmware_config.contract import Kind
from firmware_config.fleet import (
    Department,
    Device,
    DeviceAssignment,
    Fleet,
    Hall,
    Window,
    WindowAssignment,
)
from firmware_config.keys import SigningKey
from firmware_config.settings_broker import BrokerSettings

ZONE = ZoneInfo("Asia/Shanghai")
FIRST_ON = date(2026, 6, 22)
DAYS = 8
SESSIONS = 40
HALL = "hall-1"


class WorkingHall:
    """The ledger of those days, a copy of the fourth evening, and what lies outside them."""

    def __init__(self, folder: Path, journal_of: Any, seed: int = 1) -> None:
        self.folder = folder
        self.path = folder / "ledger.db"
        self.exports = folder / "export"
        self.backup = folder / "backup.db"
        self.key = SigningKey.from_seed(bytes(32))
        self.fleet = _fleet()
        self.kept: list[Kept] = []
        self._draw = random.Random(seed)
        self._journal_of = journal_of
        self._journals = {f"dev-{n}": journal_of(f"dev-{n}") for n in (1, 2, 3, 4)}
        self.device_keys = {code: [one.key.public] for code, one in self._journals.items()}
        self._now_ms = _ms(FIRST_ON, 8)
        self._db = open_ledger(self.path)
        keys = {code: one.key.public for code, one in self._journals.items()}
        load_into_ledger(self._db, self.fleet, keys, now_ms=self._now_ms)
        self._writer = LedgerWriter(self._db, hall=HALL, clock_ms=lambda: self._now_ms)
        self._held: list[Any] = []
        for number in range(DAYS):
            self._work(FIRST_ON + timedelta(days=number), number)
        self.now_ms = self._now_ms + 60_000
        for journal in self._journals.values():
            receipt = self._writer.receipt((journal.device, journal.epoch))
            assert receipt is not None
            self.kept.append(Kept("devices", self.key.token(contract.encode(receipt))))
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def known(self, **changes: Any) -> Known:
        """What a verification of this ledger knows from elsewhere."""
        return Known(
            **{
                "now_ms": self.now_ms,
                "collector_key": self.key.public,
                "device_keys": self.device_keys,
                "hall": HALL,
                "fleet": self.fleet,
                "exports": self.exports,
                "kept": self.kept,
                **changes,
            }
        )

    def _work(self, on: date, number: int) -> None:
        if number == 2:
            self._journals["dev-2"] = self._journal_of("dev-2", number=2)
        for journal in self._at_work(number):
            self._day_of(journal, on, number)
        self._now_ms = _ms(on, 24) + 5_000
        self._send(
            [journal.message(*self._close(journal, on)) for journal in self._at_work(number)]
        )
        self._checkpoint(on)
        self._export(on)
        if number == 3:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copyfile(self.path, self.backup)

    def _at_work(self, number: int) -> Iterator[Any]:
        away = "dev-4" if number < 4 else "dev-3"  # one stands in for the other
        return (journal for code, journal in self._journals.items() if code != away)

    def _day_of(self, journal: Any, on: date, number: int) -> None:
        draw, code = self._draw, journal.device
        start_ms = _ms(on, 9)
        boot: dict[str, Any] = {"boot": f"{number:02}{code[-1]}".ljust(32, "0")}
        if number % 3 == 1:
            boot["synced"] = False  # until evening nobody told it the time
        tokens = [journal.boot_up(wall_ms=start_ms - 60_000, **boot)]
        for session in range(SESSIONS):
            at_ms = start_ms + session * 700_000 + draw.randrange(600_000)
            case: dict[str, Any] = {"staff_no": f"{code[-1]}0{draw.randrange(3)}", **boot}
            if session % 3:
                # another window asks for the same case again: the second is a repeat
                case["case_no"] = (
                    f"{on:%m%d}-{session % 7 if draw.random() < 0.2 else code}-{session}"
                )
            if session % 4 == 0:
                case["item"] = draw.choice(("", "passport", "身份证"))
            tokens.append(journal.invite(wall_ms=at_ms, **case))
            case["session"] = journal.session
            at_ms += draw.randrange(2_000, 30_000)
            if draw.random() < 0.75:
                level = draw.choice((5, 5, 5, 4, 3, 2, 1))
                tokens.append(journal.rate(level, wall_ms=at_ms, **case))
            else:
                tokens.append(journal.unrate(wall_ms=at_ms, **case))
            if draw.random() < 0.1:
                tokens.append(journal.ignore(wall_ms=at_ms + 500, **boot))
        self._now_ms = max(self._now_ms, _ms(on, 17))
        self._deliver(journal, tokens, number)

    def _deliver(self, journal: Any, tokens: list[bytes], number: int) -> None:
        """Mostly in order; sometimes one part comes a day later, and one never comes."""
        late: list[bytes] = []
        if number in (3, 5) and journal.device == "dev-1":
            late, tokens = tokens[10:20], tokens[:10] + tokens[20:]
        if number == DAYS - 1 and journal.device == "dev-2":
            tokens = tokens[:-3] + tokens[-2:]  # still missing
        for at in range(0, len(tokens), 10):
            self._now_ms += self._draw.randrange(500, 5_000)
            self._send([journal.message(*tokens[at : at + 10]), *self._held])
            self._held = []
        if late:
            self._held.append(journal.message(*late))
        if number == 6 and journal.device != "dev-2":  # whose gap would end in quarantine then
            self._trouble(journal, tokens)

    def _trouble(self, journal: Any, tokens: list[bytes]) -> None:
        """A cloned card's other record for the same place, and a message nobody can read."""
        self._now_ms += 1_000
        seq = len(journal.tokens) - 4
        record = contract.decode_record(chain.split_token(journal.tokens[seq - 1]).payload)
        fields = {name: getattr(record, name) for name in record.__struct_fields__}
        other = type(record)(**{**fields, "mono_ms": record.mono_ms + 7})
        fork = journal.key.token(contract.encode(other))
        stored = self._writer.store([journal.message(fork), journal.message(b"not.a.token")])
        assert (stored.conflicts, stored.quarantined) == (1, 1)

    def _close(self, journal: Any, on: date) -> list[bytes]:
        counts: Counter[str] = Counter({kind.value: 0 for kind in Kind})
        counts.update({f"RATED.{level}": 0 for level in range(1, 6)})
        for token in journal.tokens:
            record = contract.decode_record(chain.split_token(token).payload)
            at = datetime.fromisoformat(record.wall).astimezone(ZONE)
            if at.date() == on:
                kind = type(record).__name__.upper()
                counts[kind] += 1
                if isinstance(record, contract.Rated):
                    counts[f"RATED.{record.level}"] += 1
        closed = journal.add(
            Kind.DAYCLOSE,
            on=on.isoformat(),
            counts=dict(counts),
            wall_ms=_ms(on, 24) + 1_000,
        )
        return [closed]

    def _send(self, messages: list[Any]) -> None:
        stored = self._writer.store(messages)
        assert (stored.quarantined, stored.conflicts) == (0, 0)

    def _checkpoint(self, on: date) -> None:
        self._now_ms += 2_000
        [[gen]] = self._db.execute("SELECT gen FROM gens ORDER BY id DESC LIMIT 1").fetchall()
        [[size, root]] = self._db.execute("SELECT size, root FROM ledger_state").fetchall()
        token = self.checkpoint_token(self.key, gen, on.isoformat(), size, root, self._now_ms)
        self._db.execute(
            "INSERT INTO checkpoints (id, gen, size, root, on_date, made_ms, token)"
            " VALUES ((SELECT coalesce(max(id), 0) + 1 FROM checkpoints), ?, ?, ?, ?, ?, ?)",
            [gen, size, root, on.isoformat(), self._now_ms, token],
        )
        self.kept.append(Kept("devices", token))

    @staticmethod
    def checkpoint_token(
        key: SigningKey, gen: str, on: str, size: int, root: bytes, now_ms: int
    ) -> bytes:
        """A signed checkpoint."""
        return key.token(
            contract.encode(
                contract.Checkpoint(
                    what="checkpoint",
                    hall=HALL,
                    gen=gen,
                    on=on,
                    size=size,
                    root=chain.b64url(root).decode(),
                    time=wall_text(now_ms),
                    v=1,
                )
            )
        )

    def _export(self, on: date) -> None:
        settings = CollectorSettings(
            hall=HALL,
            fleet=self.folder / "fleet.toml",
            device_keys=self.folder / "keys",
            key=self.folder / "collector.jwk",
            ledger=self.path,
            broker=BrokerSettings(host="localhost"),
            export=ExportSettings(folder=self.exports),
        )
        now = datetime.fromtimestamp(_ms(on, 26) / 1000, UTC)
        run_export(settings, Request(), lambda: now)


def _ms(on: date, hour: int) -> int:
    at = datetime(on.year, on.month, on.day, tzinfo=ZONE) + timedelta(hours=hour)
    return int(at.timestamp() * 1000)


def _fleet() -> Fleet:
    since, moved = date(2026, 1, 1), FIRST_ON + timedelta(days=4)
    return Fleet(
        hall=Hall(id=HALL, name="大厅", name_en="Hall", timezone=ZONE.key, opens=((),) * 7),
        departments=(
            Department(id="tax", name="税务局", name_en="Tax"),
            Department(id="market", name="市场监管局", name_en="Market"),
        ),
        windows=tuple(
            Window(id=f"w{n}", name=f"{n}号窗口", name_en=f"Window {n}") for n in (1, 2, 3)
        ),
        devices=tuple(Device(id=f"dev-{n}", profile="five-key") for n in (1, 2, 3, 4)),
        device_assignments=(
            *(
                DeviceAssignment(device=f"dev-{n}", window=f"w{n}", from_on=since)
                for n in (1, 2, 3)
            ),
            DeviceAssignment(device="dev-4", window="w3", from_on=moved),
        ),
        window_assignments=(
            WindowAssignment(window="w1", department="tax", from_on=since),
            WindowAssignment(window="w2", department="tax", from_on=since),
            WindowAssignment(window="w3", department="market", from_on=since),
            WindowAssignment(window="w2", department="market", from_on=moved),
        ),
    )

"""A small hall, devices that write real signed journals, and real ledgers in temporary folders."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.migrations import open_ledger
from collector.ledger.writer import LedgerWriter
from firmware_config import chain, contract
from firmware_config.contract import Channel, topic
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

HALL = "hall-1"
NOW_MS = 1_782_900_000_000
"""2026-07-01T10:00:00Z, 18:00 in Shanghai."""


class Sent(NamedTuple):
    """An arrived message."""

    topic: str
    payload: bytes
    retain: bool = False


def wall_text(ms: int) -> str:
    at = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


class JournalOf:
    """Plays a device: makes records of one journal, signed and linked."""

    def __init__(self, device: str, *, number: int = 1, key: SigningKey | None = None) -> None:
        self.device = device
        self.key = key or SigningKey.from_seed(hashlib.sha256(device.encode()).digest())
        seed = hashlib.sha256(f"{device}/{number}".encode())
        self.epoch = chain.b64url(seed.digest()[:16]).decode()
        self.boot = seed.hexdigest()[:32]
        self.topic = topic(HALL, device, Channel.JOURNAL)
        self.tokens: list[bytes] = []
        self.session = 0

    @property
    def prev(self) -> str:
        return self.link(len(self.tokens))

    def link(self, seq: int) -> str:
        """Digest text of the token at `seq`; empty for 0."""
        return chain.b64url(chain.digest(self.tokens[seq - 1])).decode() if seq else ""

    def add(self, kind: contract.Kind, **fields: Any) -> bytes:
        """Append one record; fields not given are sensible, the clock is right and synchronised."""
        seq = len(self.tokens) + 1
        wall_ms = fields.pop("wall_ms", NOW_MS - 3_600_000 + seq * 1000)
        base = {
            "dev": self.device,
            "epoch": self.epoch,
            "seq": seq,
            "prev": self.prev,
            "boot": self.boot,
            "mono_ms": wall_ms - (NOW_MS - 864_000_000),
            "wall": wall_text(wall_ms),
            "synced": True,
            "v": contract.CONTRACT_VERSION,
        }
        record = contract.RECORD_TYPES[kind](**{**base, **fields})
        token = self.key.token(contract.encode(record))
        self.tokens.append(token)
        return token

    def boot_up(self, **fields: Any) -> bytes:
        return self.add(contract.Kind.BOOT, **{"version": "0.1.0", **fields})

    def power_cycle(self) -> None:
        """Off and on again: what follows is of another boot."""
        self.boot = hashlib.sha256(self.boot.encode()).hexdigest()[:32]

    def meet(self, server_ms: int, **fields: Any) -> bytes:
        """A live receipt came, and the clock is not synchronised."""
        clock = {"step_ms": 0, "synced": False, "server_time": wall_text(server_ms)}
        return self.add(contract.Kind.CLOCK, **{**clock, **fields})

    def invite(self, **fields: Any) -> bytes:
        self.session += 1
        return self.add(contract.Kind.INVITED, **self._session(fields))

    def rate(self, level: int = 5, **fields: Any) -> bytes:
        """A rating; without an invitation before it, of a new session."""
        if "session" not in fields:
            self.session += 1
        return self.add(contract.Kind.RATED, level=level, button="key", **self._session(fields))

    def unrate(self, **fields: Any) -> bytes:
        reason = contract.UnratedReason.TIMEOUT
        return self.add(contract.Kind.UNRATED, **{"reason": reason, **self._session(fields)})

    def ignore(self, **fields: Any) -> bytes:
        reason = contract.IgnoredReason.NO_SESSION
        return self.add(
            contract.Kind.IGNORED, **{"level": 5, "button": "key", "reason": reason, **fields}
        )

    def _session(self, fields: dict[str, Any]) -> dict[str, Any]:
        trigger = contract.Trigger.CLERK
        return {"session": max(self.session, 1), "trigger": trigger, "invited_mono_ms": 0, **fields}

    def message(self, *tokens: bytes, retain: bool = False) -> Sent:
        """These tokens, or all, as one journal message."""
        return Sent(self.topic, b"\n".join(tokens or self.tokens), retain)

    def hello(self, state: str = "online") -> Sent:
        status = contract.Status(
            dev=self.device,
            state=state,  # type: ignore[arg-type]
            v=contract.CONTRACT_VERSION,
            epoch=self.epoch,
            head=len(self.tokens),
            kid=self.key.kid,
        )
        return Sent(topic(HALL, self.device, Channel.STATUS), contract.encode(status), retain=True)

    def health(self) -> Sent:
        health = contract.Health(
            dev=self.device, v=1, uptime_s=1, head=len(self.tokens), stored=0, archived=0
        )
        return Sent(topic(HALL, self.device, Channel.HEALTH), contract.encode(health))


def small_fleet(**changes: Any) -> Fleet:
    """Two departments, three windows, three devices, assigned from 2026-01-01."""
    since = date(2026, 1, 1)
    parts: dict[str, Any] = {
        "hall": Hall(
            id=HALL, name="大厅", name_en="Hall", timezone="Asia/Shanghai", opens=((),) * 7
        ),
        "departments": (
            Department(id="tax", name="税务局", name_en="Tax"),
            Department(id="market", name="市场监管局", name_en="Market"),
        ),
        "windows": tuple(
            Window(id=f"w{number}", name=f"{number}号窗口", name_en=f"Window {number}")
            for number in (1, 2, 3)
        ),
        "devices": tuple(Device(id=f"dev-{number}", profile="five-key") for number in (1, 2, 3)),
        "device_assignments": tuple(
            DeviceAssignment(device=f"dev-{number}", window=f"w{number}", from_on=since)
            for number in (1, 2, 3)
        ),
        "window_assignments": (
            WindowAssignment(window="w1", department="tax", from_on=since),
            WindowAssignment(window="w2", department="tax", from_on=since),
            WindowAssignment(window="w3", department="market", from_on=since),
        ),
    }
    return Fleet(**{**parts, **changes})


class LedgerUnderTest:
    """A ledger file with its writer, a clock that stands still, and plain reading."""

    def __init__(self, path: Path, fleet: Fleet) -> None:
        self.path = path
        self.fleet = fleet
        self.now_ms = NOW_MS
        self.db = open_ledger(path)
        self.keys = {device.id: JournalOf(device.id).key.public for device in fleet.devices}
        load_into_ledger(self.db, fleet, self.keys, now_ms=NOW_MS)
        self.writer = self.new_writer()

    def new_writer(self) -> LedgerWriter:
        """A writer that knows only what is in the file, as after a restart."""
        self.writer = LedgerWriter(self.db, hall=HALL, clock_ms=lambda: self.now_ms)
        return self.writer

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.db.execute(sql, list(values)).fetchall()

    def table(self, name: str) -> list[tuple[Any, ...]]:
        """All rows of a table, sorted."""
        return sorted(self.query(f"SELECT * FROM {name}"), key=repr)

    def seqs(self, epoch: str) -> list[int]:
        rows = self.query(
            "SELECT seq FROM records r JOIN epochs e ON e.id = r.epoch"
            " WHERE e.epoch = ? ORDER BY seq",
            epoch,
        )
        return [seq for (seq,) in rows]

    def counts(self) -> dict[str, int]:
        """Sums over all day rollups."""
        names = ("invited", "level5", "level4", "level3", "level2", "level1")
        names += ("unrated", "ignored", "repeats")
        sums = ", ".join(f"coalesce(sum({name}), 0)" for name in names)
        [row] = self.query(f"SELECT {sums} FROM day_rollups")
        return dict(zip(names, row, strict=True))

    def reasons(self) -> list[str]:
        return [reason for (reason,) in self.query("SELECT reason FROM quarantine ORDER BY id")]


@pytest.fixture(name="journal_of", scope="session")
def journal_of_fixture() -> type[JournalOf]:
    """`JournalOf(device)`."""
    return JournalOf


@pytest.fixture(name="small_fleet")
def small_fleet_fixture() -> Callable[..., Fleet]:
    """`small_fleet(**parts)`."""
    return small_fleet


@pytest.fixture(name="sent")
def sent_fixture() -> type[Sent]:
    """`Sent(topic, payload, retain=False)`."""
    return Sent


@pytest.fixture
def now_ms() -> int:
    """Where the clock of `new_ledger` stands."""
    return NOW_MS


@pytest.fixture
def new_ledger(tmp_path: Path) -> Iterator[Callable[..., LedgerUnderTest]]:
    """`new_ledger(fleet=…)`: makes ledgers, closed after the test."""
    with ExitStack() as stack:
        number = 0

        def make(fleet: Fleet | None = None) -> LedgerUnderTest:
            nonlocal number
            number += 1
            made = LedgerUnderTest(tmp_path / f"ledger-{number}.db", fleet or small_fleet())
            stack.enter_context(closing(made.db))
            return made

        yield make


@pytest.fixture
def ledger(new_ledger: Callable[..., LedgerUnderTest]) -> LedgerUnderTest:
    """One ledger of the small hall."""
    return new_ledger()

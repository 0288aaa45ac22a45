"""Fixtures of the kiosk tests: keys, settings, journals, clocks, and a collector to answer."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from firmware_config import chain
from firmware_config.contract import CONTRACT_VERSION, Receipt, decode_record, encode
from firmware_config.keys import SigningKey, save_verify_key
from firmware_config.kiosk_settings import KioskSettings, PanelSettings, StorageSettings
from firmware_config.pins import load_pin_profile
from firmware_config.settings_broker import BrokerSettings
from kiosk.clock import ManualClock
from kiosk.device import Device
from kiosk.edges import CLERK
from kiosk.events import CaseOpened, Edge
from kiosk.journal import Journal, open_journal
from kiosk.panel import Panel

DEVICE = "w-a01"
HALL = "hall-1"
ZONE = ZoneInfo("Asia/Shanghai")
PROFILE = load_pin_profile("five-key")


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.from_seed(b"k" * 32)


@pytest.fixture
def collector_key() -> SigningKey:
    return SigningKey.from_seed(b"c" * 32)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def open_it(
    tmp_path: Path, key: SigningKey, clock: ManualClock
) -> Iterator[Callable[..., Journal]]:
    """Opens `journal.db` (or another path); everything opened is closed at the end."""
    opened: list[Journal] = []

    def opener(path: Path | None = None, *, device: str = DEVICE) -> Journal:
        journal = open_journal(
            path or tmp_path / "journal.db",
            key=key,
            device=device,
            zone=ZONE,
            wall_ms=clock.wall_ms(),
        )
        opened.append(journal)
        return journal

    yield opener
    for journal in opened:
        journal.close()


@pytest.fixture
def make_settings(
    tmp_path: Path, key: SigningKey, collector_key: SigningKey
) -> Callable[..., KioskSettings]:
    """Settings with all files in `tmp_path`; keywords replace top-level values."""
    seed = chain.b64url(b"k" * 32).decode()
    (tmp_path / "key.jwk").write_text(json.dumps(key.public.jwk() | {"d": seed}))
    save_verify_key(tmp_path / "collector.jwk", collector_key.public)

    def make(*, port: int = 1, **changes: object) -> KioskSettings:
        values: dict[str, object] = {
            "hall": HALL,
            "device": DEVICE,
            "journal": tmp_path / "journal.db",
            "key": tmp_path / "key.jwk",
            "collector_key": tmp_path / "collector.jwk",
            "broker": BrokerSettings(host="127.0.0.1", port=port),
            "panel": PanelSettings(debounce_ms=15),
            "storage": StorageSettings(allow_volatile=True, min_free_bytes=1_048_576),
        }
        return KioskSettings(**(values | changes))  # type: ignore[arg-type]

    return make


class Bench:
    """A device on the table: fingers, a clock, and the case feed."""

    def __init__(
        self, settings: KioskSettings, key: SigningKey, clock: ManualClock, pins: MockFactory
    ) -> None:
        self.clock = clock
        self.pins = pins
        self._gpios = {button.name: button.gpio for button in PROFILE.buttons}
        self._gpios[CLERK] = PROFILE.clerk_gpio
        self._queue: list[Edge] = []
        self.panel = Panel(PROFILE, pin_factory=pins, on_edge=self._on_edge)
        self.device = Device(settings, panel=self.panel, key=key, clock=clock)
        self.device.is_connected = True
        self.journal = self.device.journal

    def _on_edge(self, name: str, is_down: bool) -> None:
        self._queue.append(Edge(at_ms=self.clock.mono_ms(), button=name, is_pressed=is_down))

    def turn(self) -> None:
        for edge in self._queue:
            self.device.edges.push(edge)
        self._queue.clear()
        self.device.turn()

    def wait(self, duration_ms: int) -> None:
        self.clock.advance(duration_ms)
        self.device.poll()
        self.turn()

    def tap(self, name: str, hold_ms: int = 100) -> None:
        self.pins.pin(self._gpios[name]).drive_low()
        self.turn()
        self.wait(hold_ms)
        self.pins.pin(self._gpios[name]).drive_high()
        self.turn()
        self.wait(20)

    def case(self, case_no: str) -> None:
        self.device.edges.push(CaseOpened(at_ms=self.clock.mono_ms(), case_no=case_no))
        self.turn()

    @property
    def lit(self) -> set[str]:
        return set(self.panel.lit)


@pytest.fixture
def bench_of(
    make_settings: Callable[..., KioskSettings], key: SigningKey, clock: ManualClock
) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(pins: MockFactory | None = None, **changes: Any) -> Bench:
        bench = Bench(make_settings(**changes), key, clock, pins or MockFactory())
        made.append(bench)
        return bench

    yield make
    for bench in made:
        bench.device.close()


class LittleLedger:
    """What a collector would hold: tokens by seq, and receipts about them."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self.gen = "gen-1"
        self.epoch = ""
        self.tokens: dict[int, bytes] = {}

    def take(self, payload: bytes) -> None:
        """Store the records of one journal message; the first token for a key stays."""
        for token in payload.split(b"\n"):
            record = decode_record(chain.split_token(token).payload)
            self.epoch = record.epoch
            self.tokens.setdefault(record.seq, token)

    @property
    def stored(self) -> int:
        """The contiguous watermark."""
        seq = 0
        while seq + 1 in self.tokens:
            seq += 1
        return seq

    def receipt(self, *, server_ms: int, **changes: object) -> bytes:
        """A signed receipt; keywords replace its fields."""
        stored = self.stored
        digest = chain.b64url(chain.digest(self.tokens[stored])).decode() if stored else ""
        at = datetime.fromtimestamp(server_ms / 1000, UTC)
        values: dict[str, object] = {
            "dev": DEVICE,
            "gen": self.gen,
            "epoch": self.epoch,
            "stored": stored,
            "stored_hash": digest,
            "archived": 0,
            "server_time": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{server_ms % 1000:03d}Z",
            "ledger_size": len(self.tokens),
            "ledger_root": "",
            "v": CONTRACT_VERSION,
        }
        return self._key.token(encode(Receipt(**(values | changes))))  # type: ignore[arg-type]


@pytest.fixture
def ledger(collector_key: SigningKey) -> LittleLedger:
    return LittleLedger(collector_key)


@pytest.fixture
def kinds() -> Callable[[Journal], list[str]]:
    """The kinds of a journal's records in order, with level or reason where there is one."""

    def read(journal: Journal) -> list[str]:
        found = []
        for (token,) in journal.query("SELECT token FROM records ORDER BY seq"):
            record = json.loads(chain.split_token(token).payload)
            what = record.get("level") or record.get("reason") or record.get("on") or ""
            if record["kind"] == "IGNORED":
                what = record["reason"]
            found.append(f"{record['kind']} {what}".strip())
        return found

    return read


@pytest.fixture
def is_root() -> bool:
    return os.geteuid() == 0


class HeldPin(MockPin):
    """A pin that something holds low, whatever pulls it up, until `let_go`."""

    is_held = True

    def drive_high(self) -> None:
        if not self.is_held:
            super().drive_high()

    def let_go(self) -> None:
        self.is_held = False
        self.drive_high()


@pytest.fixture
def held_pin() -> type[MockPin]:
    """For `MockFactory.pin(gpio, pin_class=held_pin)`: a key that is down from the start."""
    return HeldPin

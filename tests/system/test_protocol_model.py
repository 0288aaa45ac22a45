"""Device, broker, collector and backup as one state machine that Hypothesis drives.

The device's journal, uplink and receipts, and the collector's ledger, receipts and backups are the
real code on real files. Played are the wire and the broker: messages are lost, doubled, put out of
order and held back, brokers forget, and every part is restarted, restored or thrown away.
"""

from __future__ import annotations

import random
import sqlite3
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.gens import begin_gen
from collector.ledger.migrations import open_ledger
from collector.ledger.writer import LedgerWriter
from collector.merkle import Frontier
from collector.receipts import ReceiptsDue
from firmware_config.contract import Channel, Health, Kind, Trigger, encode, topic
from firmware_config.fleet import Fleet, load_fleet, sample_fleet_path
from firmware_config.keys import SigningKey, save_verify_key
from firmware_config.kiosk_settings import KioskSettings, StorageSettings
from firmware_config.mqtt_link import Arrived, Connected, Disconnected, Publication
from firmware_config.settings_broker import BrokerSettings
from kiosk import uplink as uplink_module
from kiosk.clock import ManualClock
from kiosk.drafts import Draft
from kiosk.journal import open_journal
from kiosk.uplink import Uplink

ZONE = ZoneInfo("Asia/Shanghai")
FLEET: Fleet = load_fleet(sample_fleet_path())
HALL = FLEET.hall.id
DEVICES = [device.id for device in FLEET.devices[:2]]
COLLECTOR_KEY = SigningKey.from_seed(b"c" * 32)
KEYS = {device: SigningKey.from_seed(bytes([at]) * 32) for at, device in enumerate(DEVICES)}
DAY_MS = 86_400_000

Message = tuple[str, bytes, bool]
"""Topic, payload, retained."""
Key = tuple[str, str, int]
"""Device, epoch, seq."""


class Wire:
    """A device's link: what it publishes goes to the broker while it is up."""

    def __init__(self, broker: Any, **arguments: Any) -> None:
        self.birth = arguments["birth"]
        self.is_alive = True
        self.out: list[Publication] | None = None

    def start(self) -> None:
        """Nothing: the machine connects."""

    def stop(self) -> None:
        self.out = None

    def reconnect(self) -> None:
        """A silence was too long; the machine may connect anew."""

    def publish(self, publication: Publication) -> int | None:
        if self.out is None:
            return None
        self.out.append(publication)
        return 1


class Device:
    """The sending half of a kiosk, with its card."""

    def __init__(self, name: str, folder: Path, clock: ManualClock) -> None:
        self.name = name
        self.path = folder / f"{name}.db"
        self.clock = clock
        self._settings = KioskSettings(
            hall=HALL,
            device=name,
            journal=self.path,
            key=folder / "unused.jwk",
            collector_key=folder / "collector.jwk",
            broker=BrokerSettings(host="127.0.0.1"),
            storage=StorageSettings(allow_volatile=True),
        )
        self.session = 0
        self.switch_on()

    def switch_on(self) -> None:
        """Open the journal as the program does at its start."""
        self.journal = open_journal(
            self.path, key=KEYS[self.name], device=self.name, zone=ZONE, wall_ms=0
        )
        self.uplink = Uplink(
            self._settings,
            password="",
            journal=self.journal,
            kid=KEYS[self.name].kid,
            collector_key=COLLECTOR_KEY.public,
            clock=self.clock,
            on_event=lambda _event: None,
            health=self._health,
        )
        self.wire: Wire = self.uplink._link  # type: ignore[assignment]
        self.uplink.start()

    def _health(self) -> Health:
        return Health(dev=self.name, v=1, uptime_s=0, head=self.journal.head, stored=0, archived=0)

    def switch_off(self) -> None:
        """As a power cut: nothing that was not committed is there afterwards."""
        self.wire.stop()
        self.journal.close()

    def press(self) -> tuple[Key, str]:
        """A rating that is thanked for: its key and digest."""
        self.session += 1
        fields = {
            "session": self.session,
            "trigger": Trigger.WALKUP,
            "invited_mono_ms": self.clock.mono_ms(),
            "level": 1 + self.session % 5,
            "button": "key",
        }
        draft = Draft(Kind.RATED, self.clock.mono_ms(), fields)
        seq = self.journal.append([draft], self.clock.stamp())
        digest = self.journal.digest_of(seq)
        assert digest is not None
        return (self.name, self.journal.epoch, seq), digest

    def connect(self) -> list[Publication]:
        """Connected: the birth, and the session before is forgotten."""
        self.wire.out = []
        self.uplink.handle(Connected("5", 1))
        return [self.wire.birth()]

    def disconnect(self) -> None:
        self.wire.out = None
        self.uplink.handle(Disconnected("cut", 1))

    def turn(self) -> list[Publication]:
        """Everything the uplink sends now."""
        while self.uplink.turn():
            pass
        out, self.wire.out = self.wire.out or [], [] if self.wire.out is not None else None
        return out

    def receive(self, payload: bytes, *, is_retained: bool) -> None:
        name = topic(HALL, self.name, Channel.RECEIPT)
        self.uplink.handle(Arrived(name, payload, is_retained, 1, 1, 1))


class Protocol(RuleBasedStateMachine):
    """See the module's first lines."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        save_verify_key(self.folder / "collector.jwk", COLLECTOR_KEY.public)
        self.clock = ManualClock()
        self.ledger = self.folder / "ledger.db"
        self.thanked: dict[Key, str] = {}
        self.backups: list[Path] = []
        self.seen: dict[tuple[str, Key], bytes] = {}  # (gen, key) -> digest once in the ledger
        self.up: list[Message] = []
        self.down: list[tuple[str, Message]] = []
        self.retained: dict[str, bytes] = {}
        self.went_back_ms = 0  # when the ledger last went back under its old gen
        self.db: Any = None
        self.devices: dict[str, Device] = {}

    @initialize()
    def begin(self) -> None:
        uplink_module.Link = Wire  # type: ignore[misc, assignment]
        self.devices = {name: Device(name, self.folder, self.clock) for name in DEVICES}
        self.start_collector()
        for name in DEVICES:
            self.connect(name)

    def teardown(self) -> None:
        if self.devices:
            self.faults_are_over()
            for device in self.devices.values():
                device.switch_off()
            self.stop_collector()
        self.stack.close()

    # the collector

    def start_collector(self) -> None:
        self.db = open_ledger(self.ledger)
        keys = {name: key.public for name, key in KEYS.items()}
        load_into_ledger(self.db, FLEET, keys, now_ms=self.clock.wall_ms())
        self.writer = LedgerWriter(self.db, hall=HALL, clock_ms=self.clock.wall_ms)
        self.due = ReceiptsDue()

    def stop_collector(self) -> None:
        if self.db is not None:
            self.db.close()
            self.db = None

    def rows(self, path: Path | None = None) -> dict[Key, bytes]:
        """Every record of a ledger file: key → digest."""
        db = sqlite3.connect(path or self.ledger)
        try:
            return {
                (device, epoch, seq): digest
                for device, epoch, seq, digest in db.execute(
                    "SELECT d.code, e.epoch, r.seq, r.digest FROM records r"
                    " JOIN epochs e ON e.id = r.epoch JOIN devices d ON d.id = e.device"
                )
            }
        finally:
            db.close()

    def store(self, messages: list[Message]) -> None:
        """One group: commit, then receipts to broker and devices."""
        arrived = [Arrived(name, payload, retain, 1, 1, 1) for name, payload, retain in messages]
        stored = self.writer.store(arrived)
        for journal in stored.journals:
            self.due.ask(journal)
        for journal in stored.hellos:
            self.due.ask(journal, is_urgent=True)
        self.send_receipts()

    def send_receipts(self) -> None:
        for journal in self.due.take(self.clock.steady_ms()):
            receipt = self.writer.receipt(journal)
            assert receipt is not None
            payload = COLLECTOR_KEY.token(encode(receipt))
            name = topic(HALL, receipt.dev, Channel.RECEIPT)
            self.retained[name] = payload
            self.down.append((receipt.dev, (name, payload, False)))

    @rule(number=st.integers(1, 6), seed=st.integers(0, 999), is_in_order=st.booleans())
    @precondition(lambda self: self.db is not None)
    def deliver(self, number: int, seed: int, is_in_order: bool) -> None:
        """Some of what waits at the broker reaches the collector, perhaps out of order."""
        if not is_in_order:
            random.Random(seed).shuffle(self.up)
        taken, self.up = self.up[:number], self.up[number:]
        if taken:
            self.store(taken)

    @rule()
    @precondition(lambda self: self.db is not None)
    def collector_is_killed_and_starts(self) -> None:
        self.stop_collector()
        self.start_collector()

    @rule()
    @precondition(lambda self: self.db is not None and len(self.backups) < 3)
    def back_up(self) -> None:
        """A copy, opened again and compared; only then `archived` moves."""
        path = self.folder / f"backup-{len(self.backups)}.db"
        copy = sqlite3.connect(path)
        self.db.conn.backup(copy)
        copy.close()
        self.backups.append(path)
        marks = sqlite3.connect(path).execute("SELECT id, stored FROM epochs").fetchall()
        self.db.conn.executemany(
            "UPDATE epochs SET archived = max(archived, ?) WHERE id = ?",
            [(stored, row) for row, stored in marks],
        )
        self.writer = LedgerWriter(self.db, hall=HALL, clock_ms=self.clock.wall_ms)

    @rule(is_told=st.booleans())
    @precondition(lambda self: self.backups)
    def restore(self, is_told: bool) -> None:
        """The ledger is lost and comes back from the newest backup, with or without a new gen."""
        self.stop_collector()
        for suffix in ("", "-wal", "-shm"):
            self.ledger.with_name(self.ledger.name + suffix).unlink(missing_ok=True)
        self.ledger.write_bytes(self.backups[-1].read_bytes())
        self.clock.advance(1000)
        if is_told:
            db = open_ledger(self.ledger)
            begin_gen(db, "restored", self.clock.wall_ms())
            db.close()
        else:  # the same gen went back: what it stored after the copy is stored anew, or never
            rows = self.rows()
            self.seen = {key: digest for key, digest in self.seen.items() if key[1] in rows}
            self.went_back_ms = self.clock.wall_ms()
        self.start_collector()

    # the broker and the wire

    @rule(at=st.integers(0, 30), what=st.sampled_from(["lose", "double", "hold back"]))
    @precondition(lambda self: self.up)
    def disturb_up(self, at: int, what: str) -> None:
        at %= len(self.up)
        message = self.up[at] if what == "double" else self.up.pop(at)
        if what != "lose":
            self.up.append(message)

    @rule(at=st.integers(0, 30), what=st.sampled_from(["lose", "double", "hold back"]))
    @precondition(lambda self: self.down)
    def disturb_down(self, at: int, what: str) -> None:
        at %= len(self.down)
        message = self.down[at] if what == "double" else self.down.pop(at)
        if what != "lose":
            self.down.append(message)

    @rule()
    def broker_forgets_everything(self) -> None:
        self.up.clear()
        self.down.clear()
        self.retained.clear()
        for device in self.devices.values():
            device.disconnect()

    @rule(name=st.sampled_from(DEVICES))
    def connect(self, name: str) -> None:
        device = self.devices[name]
        self.publish(device.connect())
        kept = self.retained.get(topic(HALL, name, Channel.RECEIPT))
        if kept is not None:
            device.receive(kept, is_retained=True)
        self.publish(device.turn())

    @rule(name=st.sampled_from(DEVICES))
    def disconnect(self, name: str) -> None:
        self.devices[name].disconnect()

    def publish(self, publications: list[Publication]) -> None:
        self.up += [(one.topic, one.payload, False) for one in publications]

    @rule()
    @precondition(lambda self: self.down)
    def hand_down(self) -> None:
        """The next receipt reaches its device, if that is connected."""
        name, (_topic, payload, _retain) = self.down.pop(0)
        device = self.devices[name]
        if device.uplink.is_connected:
            device.receive(payload, is_retained=False)
            self.publish(device.turn())

    # devices and time

    @rule(name=st.sampled_from(DEVICES), number=st.integers(1, 5))
    def press(self, name: str, number: int) -> None:
        for _ in range(number):
            key, digest = self.devices[name].press()
            self.thanked[key] = digest
        self.publish(self.devices[name].turn())

    @rule(name=st.sampled_from(DEVICES))
    def power_cut(self, name: str) -> None:
        self.devices[name].switch_off()
        self.devices[name].switch_on()

    @rule(seconds=st.sampled_from([1, 11, 70, 130]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds * 1000)
        for device in self.devices.values():
            self.publish(device.turn())
        if self.db is not None:
            self.send_receipts()

    @rule(name=st.sampled_from(DEVICES))
    def prune(self, name: str) -> None:
        """A year and more later the device makes room."""
        self.clock.advance(401 * DAY_MS)
        self.devices[name].journal.prune("2999-01-01")

    # what always holds

    @invariant()
    def i2_every_thanked_record_is_in_a_journal_or_in_the_ledger_and_a_backup(self) -> None:
        """I2."""
        if not self.devices:
            return
        at_devices = {
            (name, device.journal.epoch, seq)
            for name, device in self.devices.items()
            for (seq,) in device.journal.query("SELECT seq FROM records")
        }
        backed_up = {key for path in self.backups for key in self.rows(path)}
        assert set(self.thanked) <= at_devices | backed_up

    @invariant()
    def i3_a_row_stays_as_it_was(self) -> None:
        """I3: one ledger row per key, its hash never changes."""
        if self.db is None:
            return
        gen = self.db.execute("SELECT value FROM meta WHERE key = 'gen'").fetchone()[0]
        rows = self.rows()
        for key, digest in rows.items():
            assert self.seen.setdefault((gen, key), digest) == digest
        assert {key for life, key in self.seen if life == gen} <= set(rows)
        assert self.db.execute("SELECT count(*) FROM conflicts").fetchone() == (0,)
        assert self.db.execute("SELECT count(*) FROM quarantine").fetchone() == (0,)

    @invariant()
    def i4_no_device_believes_more_than_there_is(self) -> None:
        """I4: a device's `stored` is at most the collector's watermark of that gen."""
        if self.db is None:
            return
        gen = self.db.execute("SELECT value FROM meta WHERE key = 'gen'").fetchone()[0]
        held = {
            (code, epoch): (stored, archived)
            for code, epoch, stored, archived in self.db.execute(
                "SELECT d.code, e.epoch, e.stored, e.archived FROM epochs e"
                " JOIN devices d ON d.id = e.device"
            )
        }
        for name, device in self.devices.items():
            marks = device.journal.watermarks
            stored, archived = held.get((name, device.journal.epoch), (0, 0))
            if marks.gen == gen and marks.server_ms >= self.went_back_ms:
                assert marks.stored <= stored
                assert marks.archived <= max(archived, stored)
            assert not marks.has_fork

    @invariant()
    def i7_the_root_is_that_of_the_rows(self) -> None:
        """I7."""
        if self.db is None:
            return
        digests = self.db.execute("SELECT digest FROM records ORDER BY position").fetchall()
        frontier = Frontier()
        frontier.extend([digest for (digest,) in digests])
        state = self.db.execute("SELECT size, root FROM ledger_state").fetchone()
        assert state == (frontier.size, frontier.root())

    def faults_are_over(self) -> None:
        """I6: faults over, everything drains in bounded time; nothing twice, nothing lost."""
        if self.db is None:
            self.start_collector()
        for name in DEVICES:
            self.connect(name)
        for _round in range(200):
            self.store(self.up)
            self.up = []
            while self.down:
                self.hand_down()
            if not self.up and all(
                device.journal.watermarks.stored == device.journal.head
                for device in self.devices.values()
            ):
                break
            self.wait(11)
        else:
            pytest.fail("not drained after 200 rounds of 11 s")
        rows = self.rows()
        for name, device in self.devices.items():
            for seq, digest in device.journal.query("SELECT seq, digest FROM records"):
                assert rows[name, device.journal.epoch, seq] == digest
        counted = self.db.execute("SELECT count(*), count(DISTINCT position) FROM outcomes")
        number = len([key for key in self.thanked if key in rows])
        assert counted.fetchone() == (number, number)


def run_model(examples: int, steps: int) -> None:
    original = uplink_module.Link
    try:
        run_state_machine_as_test(
            Protocol,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        uplink_module.Link = original  # type: ignore[misc]


def test_whatever_is_lost_doubled_wiped_or_restored_nothing_thanked_is_lost_or_doubled() -> None:
    """I2, I3, I4, I6, I7 over random histories of two devices, broker, collector and backup."""
    run_model(examples=15, steps=40)


@pytest.mark.lab
def test_the_same_over_many_longer_histories() -> None:
    run_model(examples=600, steps=120)

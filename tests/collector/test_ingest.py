"""Ingest on a real broker of either make: store, then acknowledge, then the signed receipt."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collector.errors import LedgerError, LedgerInUse
from collector.ingest import IngestService
from collector.ledger.archive import move_archived
from collector.ledger.migrations import open_ledger
from collector.ledger.sole_writer import SoleWriter
from collector.settings import CollectorSettings
from firmware_config.chain import split_token
from firmware_config.contract import Channel, Receipt, decode_receipt, topic
from firmware_config.keys import SigningKey, save_verify_key
from firmware_config.mqtt_link import Arrived, BrokerAddress, Connected, Link, Publication
from firmware_config.settings_broker import BrokerSettings

HALL = "hall-1"
KEY = SigningKey.from_seed(b"collector key for the test suite")


class Player:
    """Plays devices on the broker: publishes what they say, keeps what they are told."""

    def __init__(self, port: int) -> None:
        self.events: list[object] = []
        self.link = Link(
            BrokerAddress(host="127.0.0.1", port=port, username="player", password=""),
            client_id="player",
            subscriptions=(f"yiping/{HALL}/+/receipt",),
            on_event=self.events.append,
        )

    def say(self, message: Any, *, retain: bool = False) -> None:
        assert self.link.publish(Publication(message.topic, message.payload, retain=retain))

    def receipts(self, device: str) -> list[Receipt]:
        """Every receipt of a device so far; the collector's signature on each is checked."""
        name, found = topic(HALL, device, Channel.RECEIPT), []
        for event in list(self.events):
            if isinstance(event, Arrived) and event.topic == name:
                token = split_token(event.payload)
                assert KEY.public.is_signed(token.signing_input, token.signature)
                found.append(decode_receipt(token.payload))
        return found


class Running:
    """An ingest service, its settings, and a player, all on one broker."""

    def __init__(self, settings: CollectorSettings, fleet: Any, player: Player) -> None:
        self.settings = settings
        self.fleet = fleet
        self.player = player
        self.notes: list[str] = []
        self.service = self.new_service()

    def new_service(self) -> IngestService:
        self.service = IngestService(
            self.settings,
            fleet=self.fleet,
            key=KEY,
            clock_ms=lambda: time.time_ns() // 1_000_000,
            monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
            notify=self.notes.append,
        )
        return self.service

    def size(self) -> int:
        """Records in the ledger, as another process sees them."""
        with closing(sqlite3.connect(self.settings.ledger)) as reader:
            return int(reader.execute("SELECT size FROM ledger_state").fetchone()[0])


@pytest.fixture
def running(
    open_broker: Any,
    tmp_path: Path,
    small_fleet: Any,
    journal_of: Any,
    wait_until: Callable[..., None],
) -> Iterator[Running]:
    """Ingest in service on each make of broker."""
    for number in (1, 2, 3):
        key = journal_of(f"dev-{number}").key.public
        save_verify_key(tmp_path / "keys" / f"dev-{number}.jwk", key)
    settings = CollectorSettings(
        hall=HALL,
        fleet=tmp_path / "unused",
        device_keys=tmp_path / "keys",
        key=tmp_path / "unused",
        ledger=tmp_path / "ledger.db",
        broker=BrokerSettings(host="127.0.0.1", port=open_broker.port),
    )
    player = Player(open_broker.port)
    made = Running(settings, small_fleet(), player)
    player.link.start()
    made.service.start()
    wait_until(lambda: "READY=1" in made.notes or made.service.failure)
    wait_until(lambda: any(isinstance(event, Connected) for event in player.events))
    yield made
    player.link.stop()
    made.service.stop()
    assert made.service.failure is None


def test_a_press_is_stored_then_answered_with_a_signed_receipt(
    running: Running, journal_of: Any, wait_until: Callable[..., None]
) -> None:
    journal = journal_of("dev-1")
    for _ in range(5):
        journal.rate()
    running.player.say(journal.message())
    wait_until(lambda: running.player.receipts("dev-1"))
    receipt = running.player.receipts("dev-1")[-1]
    assert (receipt.stored, receipt.stored_hash) == (5, journal.link(5))
    assert (receipt.ledger_size, running.size()) == (5, 5)


def test_a_bad_message_is_answered_by_nothing_and_the_next_ones_get_through(
    running: Running, journal_of: Any, sent: Any, wait_until: Callable[..., None]
) -> None:
    journal = journal_of("dev-2")
    journal.rate()
    for bad in (b"", b"\x00\xff", b"x" * 100_000, b"a.b.c\n" * 30):
        running.player.say(sent(journal.topic, bad))
    running.player.say(journal.message())
    wait_until(lambda: running.player.receipts("dev-2"))
    assert running.player.receipts("dev-2")[-1].stored == 1


def test_retained_records_of_a_stranger_do_not_become_ratings(
    running: Running, journal_of: Any, wait_until: Callable[..., None]
) -> None:
    journal = journal_of("dev-1")
    journal.rate()
    running.service.stop()
    running.player.say(journal.message(), retain=True)
    running.player.say(journal.hello(), retain=True)
    running.new_service().start()
    wait_until(lambda: running.player.receipts("dev-1"))  # the answer to the retained HELLO
    assert running.player.receipts("dev-1")[-1].stored == 0
    assert running.size() == 0


def test_receipts_are_retained_and_every_hello_is_answered(
    running: Running, journal_of: Any, wait_until: Callable[..., None], open_broker: Any
) -> None:
    journal = journal_of("dev-1")
    journal.rate()
    running.player.say(journal.message())
    for _ in range(3):  # within one second
        before = len(running.player.receipts("dev-1"))
        running.player.say(journal.hello())
        wait_until(lambda: len(running.player.receipts("dev-1")) > before)  # noqa: B023
    late = Player(open_broker.port)
    late.link.start()
    wait_until(lambda: late.receipts("dev-1"))
    assert late.receipts("dev-1")[0].stored == 1
    late.link.stop()


def test_stopping_finishes_and_a_new_start_goes_on(
    running: Running, journal_of: Any, wait_until: Callable[..., None]
) -> None:
    journal = journal_of("dev-3")
    for turn in range(3):
        journal.rate()
        running.player.say(journal.message(journal.tokens[-1]))
        wait_until(lambda: running.size() == turn + 1)  # noqa: B023
        running.service.stop()
        running.service.stop()
        assert running.service.failure is None
        running.notes.clear()
        running.new_service().start()
        wait_until(lambda: "READY=1" in running.notes)
    assert "WATCHDOG=1" in running.notes or running.service.failure is None


def test_a_second_ingest_on_the_same_ledger_ends_with_its_reason(running: Running) -> None:
    second = IngestService(
        running.settings,
        fleet=running.fleet,
        key=KEY,
        clock_ms=lambda: 0,
        monotonic_ms=lambda: 0,
    )
    second.start()
    assert second.wait(15)
    assert isinstance(second.failure, LedgerInUse)


def test_a_failing_database_ends_ingest_with_nothing_acknowledged(
    running: Running, journal_of: Any, wait_until: Callable[..., None]
) -> None:
    with closing(sqlite3.connect(running.settings.ledger)) as saboteur:
        saboteur.execute("DROP TABLE outcomes")
        saboteur.commit()
    journal = journal_of("dev-1")
    journal.rate()
    running.player.say(journal.message())
    assert running.service.wait(15)
    assert isinstance(running.service.failure, LedgerError)
    assert running.service.failure.exit_code == 5
    assert running.size() == 0
    assert running.player.receipts("dev-1") == []
    running.service.failure = None  # seen; the fixture expects none


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_cleanly_on_a_signal_and_with_5_on_a_database_error(
    tmp_path: Path, free_port: Callable[[], int], small_fleet: Any, signal_number: int
) -> None:
    from firmware_config.fleet import sample_fleet_path

    config = tmp_path / "collector.toml"
    config.write_text(
        f'hall = "yunze"\nfleet = "{sample_fleet_path()}"\ndevice_keys = "keys"\n'
        'key = "collector.jwk"\nledger = "ledger.db"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {free_port()}\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "collector", "ingest", "--config", str(config)]
    root = Path(__file__).resolve().parents[2]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, cwd=root, env={**os.environ}
        )

    with start() as process:  # the broker is away: it waits for it, patiently
        assert process.stderr is not None
        assert "a new, empty one is made" in process.stderr.readline()
        assert "ingest started" in process.stderr.readline()
        process.send_signal(signal_number)
        assert process.wait(15) == 0
    lock = SoleWriter(tmp_path / "ledger.db")
    with start() as process:
        assert process.wait(15) == 5
    lock.release()


def test_a_quiet_device_is_told_once_what_a_backup_has_archived(
    running: Running, journal_of: Any, wait_until: Callable[..., None]
) -> None:
    journal = journal_of("dev-1")
    journal.rate(5)
    running.player.say(journal.message())
    wait_until(lambda: running.player.receipts("dev-1"))
    with closing(open_ledger(running.settings.ledger)) as db:
        gen = db.execute("SELECT value FROM meta WHERE key = 'gen'").fetchone()[0]
        assert move_archived(db, gen, [("dev-1", journal.epoch, 1)]) == 1

    wait_until(lambda: running.player.receipts("dev-1")[-1].archived == 1)

    other = journal_of("dev-2")
    other.rate(5)
    running.player.say(other.message())  # proof that a turn has passed since
    wait_until(lambda: running.player.receipts("dev-2"))
    assert [receipt.archived for receipt in running.player.receipts("dev-1")] == [0, 1]


def test_ingest_finishes_a_restore_that_was_interrupted(running: Running, caplog: Any) -> None:
    running.service.stop()
    ledger = running.settings.ledger
    copy = ledger.with_name(ledger.name + ".restoring")
    copy.write_bytes(ledger.read_bytes())
    ledger.write_bytes(b"rubbish")
    ledger.with_name(ledger.name + ".restore-note").write_text("20260701T100000Z")
    before = running.notes.count("READY=1")

    service = running.new_service()
    service.start()
    while running.notes.count("READY=1") == before:
        assert not service.wait(0.01), service.failure

    assert not copy.exists()
    assert ledger.with_name(f"{ledger.name}.before-20260701T100000Z").read_bytes() == b"rubbish"
    assert "finished a restore that was interrupted" in caplog.text

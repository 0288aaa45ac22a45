"""Checkpoints across days: real broker, real devices, an ingest whose clock the test holds."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bench.stream import signed_ratings
from collector.commands.fleet import read_fleet
from collector.handout import BATCH, STEP_MS
from collector.ingest import IngestService
from collector.ledger.gens import begin_gen
from collector.ledger.migrations import open_ledger
from collector.ledger.readers import LedgerReader
from collector.ledger.readers.integrity import refusing
from collector.receipts import INTERVAL_MS
from collector.settings import load_collector_settings
from firmware_config.chain import split_token, unb64url
from firmware_config.contract import (
    CONTRACT_VERSION,
    Channel,
    Health,
    decode_checkpoint,
    decode_health,
    decode_receipt,
    decode_record,
    encode,
    topic,
)
from firmware_config.keys import load_or_create_signing_key, load_verify_key
from firmware_config.mqtt_link import Arrived, Connected, Link, Publication
from kiosk.window import time_ms

pytestmark = pytest.mark.system
DAY_MS = 86_400_000


class Days:
    """Two devices, and an ingest for which days pass when the test says so."""

    def __init__(self, hall: Any) -> None:
        hall.ingest.stop()
        self.hall = hall
        self.ahead_ms = 0
        self.devices = hall.devices[:2]
        hall.render_devices(self.devices, **{"uplink.health_s": "1"})
        self.programs = {}
        for device in self.devices:
            config = hall.folder / "devices" / device / "kiosk.toml"
            self.programs[device] = hall.program(
                device, "-m", "kiosk", "run", "--config", str(config)
            )
        self.start_ingest()

    def start_ingest(self) -> None:
        settings = load_collector_settings(self.hall.config, {}, {})
        self.service = IngestService(
            settings,
            fleet=read_fleet(settings),
            key=load_or_create_signing_key(settings.key),
            clock_ms=lambda: time.time_ns() // 1_000_000 + self.ahead_ms,
            monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
        )
        self.service.start()

    def stop_ingest(self) -> None:
        self.service.stop()
        assert self.service.failure is None

    def put_back(self, copy: Path) -> str:
        """What `collector restore` does of a copy, as far as devices see; returns the new gen."""
        self.stop_ingest()
        for name in ("ledger.db-wal", "ledger.db-shm"):
            (self.hall.folder / name).unlink(missing_ok=True)
        shutil.copyfile(copy, self.hall.ledger)
        with closing(open_ledger(self.hall.ledger)) as db:
            gen = begin_gen(db, "restored", time.time_ns() // 1_000_000 + self.ahead_ms)
        self.start_ingest()
        return gen

    def boot(self, *devices: str) -> None:
        """(Re)start devices and wait for their BOOT in the ledger."""
        before = self.hall.size()
        for device in devices:
            self.programs[device].kill()
            self.programs[device].start()
        self.hall.wait(lambda: self.hall.size() >= before + len(devices), "BOOT in the ledger")

    def card(self, device: str) -> list[dict[str, Any]]:
        """What `kiosk journal checkpoints` says, as an auditor with the card would see it."""
        path = self.hall.folder / "devices" / device / "journal.db"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "kiosk", "journal", "checkpoints", "--json"),
                *("--journal", str(path)),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return [json.loads(line) for line in done.stdout.splitlines()]

    def next_day(self) -> bytes:
        """A day passes; returns the checkpoint once every device keeps it."""
        wanted = len(self.tokens()) + 1  # first: from the next line on it may be made
        self.ahead_ms += DAY_MS
        self.hall.wait(lambda: len(self.tokens()) == wanted, "the day's checkpoint")
        token = self.tokens()[-1]
        self.hall.wait(
            lambda: all(
                [row["token"] for row in self.card(device)][-1:] == [token.decode()]
                for device in self.devices
            ),
            "every device to keep it",
        )
        return token

    def tokens(self) -> list[bytes]:
        return [token for (token,) in self.hall.query("SELECT token FROM checkpoints ORDER BY id")]

    def said_to_be_kept(self) -> list[tuple[str, int]]:
        """Gen and size of the checkpoint that each device's last health names."""
        rows = self.hall.query("SELECT health FROM device_status WHERE health IS NOT NULL")
        said = [decode_health(health) for (health,) in rows]
        return [(one.checkpoint_gen, one.checkpoint_size) for one in said if one.epoch]

    def faults(self) -> list[str]:
        """Devices with a FAULT for a checkpoint in the ledger."""
        rows = self.hall.query("SELECT payload FROM records WHERE kind = 'FAULT'")
        said = [json.loads(payload) for (payload,) in rows]
        return sorted(one["dev"] for one in said if one["reason"] == "checkpoint")

    def refusing(self) -> list[str]:
        """Devices that the dashboard's ledger page names."""
        with LedgerReader(self.hall.ledger) as reader:
            return refusing(reader)


@pytest.fixture
def days(hall: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Days]:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    made = Days(hall)
    yield made
    made.stop_ingest()


def copy_of(ledger: Path, to: Path) -> None:
    with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)


def test_devices_keep_each_days_checkpoint_and_refuse_a_ledger_that_went_back_unsaid(
    days: Days,
) -> None:
    days.boot(*days.devices)
    first = days.next_day()
    days.boot(*days.devices)
    kept = days.hall.folder / "last-night.db"
    days.stop_ingest()
    copy_of(days.hall.ledger, kept)
    days.start_ingest()
    days.boot(*days.devices)
    second = days.next_day()

    # what the auditor takes from a card is what the collector signed
    key = load_verify_key(days.hall.collector_public)
    for device in days.devices:
        rows = days.card(device)
        assert [row["token"].encode() for row in rows] == [first, second]
        token = split_token(rows[1]["token"].encode())
        assert key.is_signed(token.signing_input, token.signature)
        said = decode_checkpoint(token.payload)
        by_hand = days.hall.query("SELECT root FROM checkpoints WHERE size = ?", said.size)
        assert by_hand == [(unb64url(said.root.encode()),)]
    days.hall.wait(
        lambda: days.said_to_be_kept() == [(said.gen, said.size)] * 2, "their health to name it"
    )
    assert days.faults() == []

    # somebody puts last night's file back and says nothing
    days.stop_ingest()
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (days.hall.folder / name).unlink(missing_ok=True)
    shutil.copyfile(kept, days.hall.ledger)
    days.start_ingest()
    days.hall.wait(lambda: days.faults() == sorted(days.devices), "both devices' alarm")
    for device in days.devices:
        assert [bool(row["refused"]) for row in days.card(device)][:2] == [False, False]
        assert any(row["refused"] for row in days.card(device))
    days.hall.wait(lambda: days.refusing() == sorted(days.devices), "the alarm in their health")
    days.boot(days.devices[0])  # and records go on
    assert days.faults() == sorted(days.devices)  # said once, also after a restart

    # somebody looks, and restores that file again: openly this time
    gen = days.put_back(kept)
    days.hall.wait(
        lambda: all(days.card(device)[-1]["gen"] == gen for device in days.devices),
        "every device to keep the new life's checkpoint",
    )
    days.hall.wait(lambda: days.refusing() == [], "the end of the alarm")
    assert days.faults() == sorted(days.devices)  # sent again, and no new one


def test_a_ledger_made_anew_is_an_alarm_until_the_one_that_was_believed_comes_back(
    days: Days,
) -> None:
    days.boot(*days.devices)
    days.next_day()
    kept = days.hall.folder / "last-night.db"
    days.stop_ingest()
    copy_of(days.hall.ledger, kept)
    for part in days.hall.folder.glob("ledger.db*"):
        part.unlink()
    open_ledger(days.hall.ledger).close()
    days.start_ingest()
    days.boot(*days.devices)
    days.ahead_ms += DAY_MS
    days.hall.wait(lambda: days.faults() == sorted(days.devices), "both devices' alarm")
    days.hall.wait(lambda: days.refusing() == sorted(days.devices), "the alarm in their health")
    for device in days.devices:
        rows = days.card(device)  # also what is strange is kept, and not refused
        assert [bool(row["strange"]) for row in rows][:2] == [False, True]
        assert not any(row["refused"] for row in rows)

    gen = days.put_back(kept)
    days.hall.wait(
        lambda: all(days.card(device)[-1]["gen"] == gen for device in days.devices),
        "every device to keep the new life's checkpoint",
    )
    days.hall.wait(lambda: days.refusing() == [], "the end of the alarm")


def test_a_restored_ledger_that_says_so_is_followed_without_an_alarm(days: Days) -> None:
    days.boot(*days.devices)
    days.next_day()
    kept = days.hall.folder / "last-night.db"
    days.stop_ingest()
    copy_of(days.hall.ledger, kept)
    days.start_ingest()
    days.boot(*days.devices)
    days.next_day()
    gen = days.put_back(kept)
    days.hall.wait(
        lambda: all(days.card(device)[-1]["gen"] == gen for device in days.devices),
        "every device to keep the new life's checkpoint",
    )
    said = decode_checkpoint(split_token(days.tokens()[-1]).payload)
    assert said.parent is not None
    assert (said.parent.gen, said.parent.size) == (days.card(days.devices[0])[0]["gen"], said.size)
    assert not any(row["refused"] for device in days.devices for row in days.card(device))
    assert days.faults() == []


class Ear:
    """Plays one device: one record, and then it hears its receipts."""

    def __init__(self, hall: Any, device: str, token: bytes) -> None:
        self._device = device
        self._topic = topic(hall.hall, device, Channel.JOURNAL)
        self._health_topic = topic(hall.hall, device, Channel.HEALTH)
        self._token = token
        self.is_connected = False
        self.stored = 0
        self.heard_s = 0.0
        self.checkpoints: list[tuple[int, str]] = []
        self.link = Link(
            hall.address(device),
            client_id=device,
            subscriptions=(topic(hall.hall, device, Channel.RECEIPT),),
            on_event=self._note,
        )

    def send(self) -> None:
        self.link.publish(Publication(self._topic, self._token))

    def tell_health(self, keeps: tuple[str, int]) -> None:
        epoch, (gen, size) = decode_record(split_token(self._token).payload).epoch, keeps
        health = Health(
            dev=self._device,
            v=CONTRACT_VERSION,
            uptime_s=1,
            head=1,
            stored=1,
            archived=0,
            epoch=epoch,
            checkpoint_gen=gen,
            checkpoint_size=size,
        )
        self.link.publish(Publication(self._health_topic, encode(health)))

    def _note(self, event: object) -> None:
        if isinstance(event, Connected):
            self.is_connected = True
        elif isinstance(event, Arrived):
            receipt = decode_receipt(split_token(event.payload).payload)
            self.stored, self.heard_s = receipt.stored, time.monotonic()
            if receipt.checkpoint is not None:
                said_ms = time_ms(receipt.server_time)
                self.checkpoints.append((said_ms, receipt.checkpoint.token))


def sent_until(
    hall: Any,
    ears: list[Ear],
    has_heard: Callable[[Ear], object],
    send: Callable[[Ear], None],
    what: str,
) -> None:
    """Let each of them send until it has heard: amqtt loses what it has acknowledged."""
    due_s = 0.0

    def have_all_heard() -> bool:
        nonlocal due_s
        silent = [ear for ear in ears if not has_heard(ear)]
        if time.monotonic() > due_s:
            due_s = time.monotonic() + 5
            for ear in silent:
                send(ear)
        return not silent

    hall.wait(have_all_heard, what)


def test_a_whole_hall_is_given_a_new_checkpoint_once_each_a_few_at_a_time(days: Days) -> None:
    hall = days.hall
    hall.wait(lambda: hall.query("SELECT count(*) FROM device_keys") == [(135,)], "the keys")
    tokens = signed_ratings(hall.devices, 1, keys=hall.keys)
    ears = [Ear(hall, device, tokens[device][0]) for device in hall.devices]
    try:
        for ear in ears:
            ear.link.start()
        hall.wait(lambda: all(ear.is_connected for ear in ears), "135 devices to connect")
        sent_until(hall, ears, lambda ear: ear.stored, Ear.send, "a receipt for each")
        assert [ear for ear in ears if ear.checkpoints] == []
        # a device that has just had a receipt gets its next one a second later, whatever it brings
        rest_s = 1.5 * INTERVAL_MS / 1000
        hall.wait(
            lambda: time.monotonic() - max(ear.heard_s for ear in ears) > rest_s,
            "the time until every receipt may go out at once",
        )
        days.ahead_ms += DAY_MS
        hall.wait(lambda: all(ear.checkpoints for ear in ears), "the checkpoint for each")
    finally:
        for ear in ears:
            ear.link.stop()
    [token] = days.tokens()
    assert [[text for _, text in ear.checkpoints] for ear in ears] == [[token.decode()]] * 135
    times = sorted(ear.checkpoints[0][0] for ear in ears)
    steps = -(-len(ears) // BATCH) - 1
    # by the collector's time in the receipts: this machine may hear the first ones late
    assert times[-1] - times[0] >= steps * (STEP_MS - 1)


def test_a_checkpoint_that_the_broker_lost_is_given_again_after_the_next_health(
    days: Days,
) -> None:
    hall, device = days.hall, days.hall.devices[3]
    hall.wait(lambda: hall.query("SELECT count(*) FROM device_keys") == [(135,)], "the keys")
    ear = Ear(hall, device, signed_ratings([device], 1, keys=hall.keys)[device][0])
    ear.link.start()
    try:
        hall.wait(lambda: ear.is_connected, "the device to connect")
        sent_until(hall, [ear], lambda ear: ear.stored, Ear.send, "its receipt")
        days.ahead_ms += DAY_MS
        hall.wait(lambda: ear.checkpoints, "the checkpoint")

        given = len(ear.checkpoints)
        sent_until(  # what came to our ear never came to the device
            hall,
            [ear],
            lambda ear: len(ear.checkpoints) > given,
            lambda ear: ear.tell_health(keeps=("", 0)),
            "the checkpoint once more",
        )
        assert {text for _, text in ear.checkpoints} == {days.tokens()[0].decode()}
    finally:
        ear.link.stop()

"""A collector restored from nothing: 135 devices send 400 days again.

Every device believed that all its records were stored; the ledger is empty and has a new `gen`.
Each plays the real rules of the uplink (`kiosk.window`): records in order, so many in flight,
receipts checked and weighed. A real mosquitto, a real `collector ingest`; timed from ingest's start
until every device holds a receipt for its last record.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import sqlite3
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from socket import create_server
from typing import Final

from bench.figures import Figure, at_most
from bench.stream import device_key, signed_ratings
from firmware_config.chain import b64url, digest, split_token
from firmware_config.contract import (
    CONTRACT_VERSION,
    MAX_MESSAGE_BYTES,
    MAX_MESSAGE_RECORDS,
    Channel,
    Status,
    decode_receipt,
    encode,
    topic,
)
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.keys import VerifyKey, load_or_create_signing_key, save_verify_key
from firmware_config.mqtt_link import Arrived, BrokerAddress, Connected, Link, Publication
from firmware_config.provision.hall import MAX_INFLIGHT_MESSAGES
from kiosk.window import Watermarks, Window, weigh

ROOT = Path(__file__).resolve().parent.parent
DAYS: Final = 400
RECORDS_A_DAY: Final = 100
"""Source: 400 days are about 18 MB on a device (design), at about 450 bytes a record."""
DAY_MS: Final = 86_400_000
GIVE_UP_S: Final = 3600.0
RESEND_MS: Final = (10_000, 60_000)

Inbox = queue.SimpleQueue[tuple["Card", object]]


class Card:
    """One device with its journal in memory: its tokens as bytes, and where each ends."""

    def __init__(
        self, hall: str, device: str, tokens: Path, port: int, collector_key: VerifyKey, box: Inbox
    ) -> None:
        self._device = device
        self._key = collector_key
        self._bytes = tokens.read_bytes()
        sizes = (len(token) + 1 for token in self._bytes.splitlines())
        self._ends = array("Q", [0, *accumulate(sizes)])
        self.head = len(self._ends) - 1
        first = split_token(self.token(1))
        self._epoch = str(json.loads(first.payload)["epoch"])
        self._window = Window(*RESEND_MS)
        self._window.cover(self.head)
        self.kept = Watermarks(gen="0" * 32, stored=self.head)
        self._topic = topic(hall, device, Channel.JOURNAL)
        status = Status(
            dev=device,
            state="online",
            v=CONTRACT_VERSION,
            epoch=self._epoch,
            head=self.head,
            kid=device_key(device).kid,
        )
        birth = Publication(topic(hall, device, Channel.STATUS), encode(status), retain=True)
        self.link = Link(
            BrokerAddress(host="127.0.0.1", port=port, username=device, password=""),
            client_id=device,
            subscriptions=(topic(hall, device, Channel.RECEIPT),),
            on_event=lambda event: box.put((self, event)),
            birth=lambda: birth,
        )
        self.is_connected = False

    def token(self, seq: int) -> bytes:
        """The token at a seq."""
        return self._bytes[self._ends[seq - 1] : self._ends[seq] - 1]

    @property
    def is_done(self) -> bool:
        """Whether the new ledger is known to hold everything."""
        return self.kept.gen != "0" * 32 and self.kept.stored == self.head

    def take(self, event: object) -> None:
        """Take one event of the link, then send what there is room for."""
        if isinstance(event, Connected):
            self.is_connected = True
            self._window.restart()
        elif isinstance(event, Arrived):
            token = split_token(event.payload)
            if not self._key.is_signed(token.signing_input, token.signature):
                raise RuntimeError("a receipt with a bad signature")
            weighing = weigh(
                self.kept,
                decode_receipt(token.payload),
                dev=self._device,
                epoch=self._epoch,
                head=self.head,
                digest_of=lambda seq: b64url(digest(self.token(seq))).decode(),
                is_retained=event.retain,
                wall_ms=None,
            )
            if weighing.weight != "taken":
                raise RuntimeError(f"a receipt was {weighing.weight}")
            self.kept = weighing.watermarks
            self._window.cover(self.kept.stored, is_new_gen=weighing.is_new_gen)
        self.send()

    def send(self) -> None:
        """Send until the window is full."""
        now_ms = time.monotonic_ns() // 1_000_000
        self._window.expire(now_ms)
        while self.is_connected and (
            seqs := self._window.next_seqs(self.head, MAX_MESSAGE_RECORDS)
        ):
            first, up_to = self._ends[seqs[0] - 1], seqs[0]
            while up_to < seqs[-1] and self._ends[up_to + 1] - 1 - first <= MAX_MESSAGE_BYTES:
                up_to += 1
            payload = self._bytes[first : self._ends[up_to] - 1]
            if self.link.publish(Publication(self._topic, payload)) is None:
                return
            self._window.sent(up_to, now_ms, 0.0)


def _write_journal(job: tuple[str, int, Path]) -> None:
    device, records, path = job
    step_ms = DAYS * DAY_MS // (DAYS * RECORDS_A_DAY)
    [tokens] = signed_ratings([device], records, step_ms=step_ms).values()
    path.write_bytes(b"".join(token + b"\n" for token in tokens))


def _make_journals(devices: Sequence[str], records: int, folder: Path) -> None:
    jobs = [(device, records, folder / f"{device}.tokens") for device in devices]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        pool.map(_write_journal, jobs, chunksize=1)


def _start_broker(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    with create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    config = folder / "broker.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        f"max_queued_messages 100000\nmax_inflight_messages {MAX_INFLIGHT_MESSAGES}\n"
        "set_tcp_nodelay true\n"
    )
    broker = subprocess.Popen(
        ["mosquitto", "-c", str(config)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    return broker, port


@dataclass(frozen=True, slots=True, kw_only=True)
class Resynced:
    """One resync: seconds until all was receipted, and what it took of ingest and broker."""

    taken_s: float
    records: int
    ledger_bytes: int
    ingest_cpu_s: float
    broker_cpu_s: float


def _cpu_s(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process that was told to end; its processor time, seconds."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def resync(folder: Path, records: int) -> Resynced:
    """All devices send everything to an empty ledger."""
    fleet = load_fleet(sample_fleet_path())
    devices = [device.id for device in fleet.devices]
    _make_journals(devices, records, folder)
    for device in devices:
        save_verify_key(folder / "device_keys" / f"{device}.jwk", device_key(device).public)
    key = load_or_create_signing_key(folder / "key.jwk")
    broker, port = _start_broker(folder)
    config = folder / "collector.toml"
    config.write_text(
        f'hall = "{fleet.hall.id}"\nfleet = "{sample_fleet_path()}"\ndevice_keys = "device_keys"\n'
        f'key = "key.jwk"\nledger = "ledger.db"\n[broker]\nhost = "127.0.0.1"\nport = {port}\n'
    )
    box: Inbox = queue.SimpleQueue()
    cards = [
        Card(fleet.hall.id, device, folder / f"{device}.tokens", port, key.public, box)
        for device in devices
    ]
    time.sleep(0.5)
    for card in cards:
        card.link.start()
    total = sum(card.head for card in cards)
    begun = time.perf_counter()
    command = [sys.executable, "-m", "collector", "ingest", "-q", "--config", str(config)]
    ingest = subprocess.Popen(command, cwd=ROOT)
    try:
        _play(cards, box, begun, total)
        taken_s = time.perf_counter() - begun
    finally:
        for card in cards:
            card.link.stop()
        ingest.terminate()
        ingest_cpu_s = _cpu_s(ingest)
        broker.kill()
        broker_cpu_s = _cpu_s(broker)
    db = sqlite3.connect(folder / "ledger.db")
    [size] = db.execute("SELECT size FROM ledger_state").fetchone()
    db.close()
    if size != total:
        raise RuntimeError(f"expected {total} records in the ledger, got {size}")
    return Resynced(
        taken_s=taken_s,
        records=total,
        ledger_bytes=(folder / "ledger.db").stat().st_size,
        ingest_cpu_s=ingest_cpu_s,
        broker_cpu_s=broker_cpu_s,
    )


def _play(cards: list[Card], box: Inbox, begun: float, total: int) -> None:
    waiting = set(cards)
    shown_s = 0.0
    while waiting:
        try:
            card, event = box.get(timeout=1.0)
            card.take(event)
            if card.is_done:
                waiting.discard(card)
        except queue.Empty:
            for card in waiting:
                card.send()
        taken_s = time.perf_counter() - begun
        if taken_s - shown_s > 30:
            shown_s = taken_s
            stored = sum(card.kept.stored for card in cards if card.kept.gen != "0" * 32)
            print(f"{stored:,} of {total:,} after {taken_s:.0f} s", file=sys.stderr)
        if taken_s > GIVE_UP_S:
            raise TimeoutError(f"{len(waiting)} devices never got all their receipts")


def run(*, quick: bool, days: int = DAYS) -> list[Figure]:
    """One resync: what it takes for each day of history."""
    days = 4 if quick else days
    with tempfile.TemporaryDirectory() as folder:
        done = resync(Path(folder), days * RECORDS_A_DAY)
    note = f"135 devices × {days} days × {RECORDS_A_DAY} ratings, empty ledger, new gen"
    cpu_s = done.ingest_cpu_s + done.broker_cpu_s
    return [
        at_most(
            "resync of 135 devices after a restore, each day of history",
            done.taken_s / days,
            600 / DAYS,
            f"{note}; {done.taken_s:.0f} s in all; the goal is 400 days in 10 minutes",
            unit="s",
        ),
        Figure(
            name="processor time of ingest and broker, each day of history",
            value=cpu_s / days,
            unit="s",
            note=f"whatever else the machine did: {cpu_s / days * DAYS:.0f} s for {DAYS} days",
        ),
        Figure(
            name="stored and receipted", value=done.records / done.taken_s, unit="1/s", note=note
        ),
        Figure(
            name="ledger, bytes a record",
            value=done.ledger_bytes / done.records,
            unit="bytes",
            note=note,
        ),
    ]

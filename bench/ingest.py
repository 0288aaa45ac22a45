"""Ingest through a real broker, against what a C subscriber takes and against what users build.

Yardsticks, in the same run: `mosquitto_sub` to /dev/null (stores nothing), and
`mosquitto_sub | sqlite-utils insert --nl` (no signatures, no chain, no rates; loses rows at a
kill). Each round starts every contestant anew, in turn.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from socket import create_server

from bench.figures import Figure, at_least
from bench.stream import (
    RawPublisher,
    device_key,
    in_turn,
    packed,
    publish_packets,
    signed_ratings,
)
from firmware_config.contract import Channel, topic
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.keys import save_verify_key
from firmware_config.provision.hall import MAX_INFLIGHT_MESSAGES

ROOT = Path(__file__).resolve().parent.parent
GIVE_UP_S = 120.0


class Arena:
    """A folder with a broker, and the streams every contestant gets."""

    def __init__(self, folder: Path, per_device: int) -> None:
        self.folder = folder
        self.fleet = load_fleet(sample_fleet_path())
        devices = [device.id for device in self.fleet.devices]
        for device in devices:
            save_verify_key(folder / "device_keys" / f"{device}.jwk", device_key(device).public)
        made = signed_ratings(devices, per_device)
        tokens = {topic(self.fleet.hall.id, name, Channel.JOURNAL): made[name] for name in devices}
        self.records = len(devices) * per_device
        self.live = publish_packets(in_turn(tokens))
        full = list(in_turn({name: packed(part) for name, part in tokens.items()}))
        self.backlog = publish_packets(full)
        self.backlog_messages = len(full)
        self.plain = publish_packets(
            (name, b'{"topic":"%s","n":%d,"token":"%s"}' % (name.encode(), number, token))
            for number, (name, token) in enumerate(in_turn(tokens))
        )
        with create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        config = folder / "broker.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
            f"max_queued_messages 10000000\nmax_inflight_messages {MAX_INFLIGHT_MESSAGES}\n"
            "set_tcp_nodelay true\n"
        )
        self.broker = subprocess.Popen(
            ["mosquitto", "-c", str(config)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self.address = ["-h", "127.0.0.1", "-p", str(self.port)]
        self.filter = f"yiping/{self.fleet.hall.id}/+/journal"
        time.sleep(0.5)

    def publish_until(self, packets: bytes, is_done: Callable[[], object]) -> float:
        """Send packets; returns the seconds from the first byte until the contestant is done."""
        publisher = RawPublisher(self.port, "bench", "")
        begun = time.perf_counter()
        publisher.send(packets)
        while not is_done():
            time.sleep(0.001)
            if time.perf_counter() - begun > GIVE_UP_S:
                raise TimeoutError("the contestant never got all messages")
        taken_s = time.perf_counter() - begun
        publisher.close()
        return taken_s

    def c_subscriber(self, packets: bytes, messages: int) -> float:
        """Messages/s of `mosquitto_sub` to /dev/null."""
        command = ["mosquitto_sub", *self.address, "-q", "1", "-t", self.filter]
        with subprocess.Popen(
            [*command, "-C", str(messages)], stdout=subprocess.DEVNULL
        ) as subscriber:
            time.sleep(0.5)
            return messages / self.publish_until(packets, lambda: subscriber.poll() is not None)

    def do_it_yourself(self, round_number: int) -> float:
        """Rows/s of `mosquitto_sub | sqlite-utils insert --nl`."""
        path = self.folder / f"diy-{round_number}.db"
        subscribe = shlex.join(["mosquitto_sub", *self.address, "-q", "1", "-t", self.filter])
        tool = Path(sys.executable).parent / "sqlite-utils"
        insert = shlex.join([str(tool), "insert", str(path), "ratings", "-", "--nl"])
        with subprocess.Popen(f"{subscribe} -C {self.records} | {insert}", shell=True) as pipeline:
            time.sleep(1.5)
            taken_s = self.publish_until(self.plain, lambda: pipeline.poll() is not None)
        rows = sqlite3.connect(path).execute("SELECT count(*) FROM ratings").fetchone()[0]
        if rows != self.records:
            raise RuntimeError(f"expected {self.records} rows, got {rows}")
        return rows / taken_s

    def collector(self, packets: bytes, name: str) -> float:
        """Records/s of `collector ingest`, to the last COMMIT."""
        folder = self.folder / name
        folder.mkdir()
        config = folder / "collector.toml"
        config.write_text(
            f'hall = "{self.fleet.hall.id}"\nfleet = "{sample_fleet_path()}"\n'
            f'device_keys = "{self.folder / "device_keys"}"\nkey = "key.jwk"\n'
            f'ledger = "ledger.db"\n[broker]\nhost = "127.0.0.1"\nport = {self.port}\n'
        )
        log = folder / "log"
        with (
            log.open("wb") as output,
            subprocess.Popen(
                [sys.executable, "-m", "collector", "ingest", "--config", str(config)],
                stderr=output,
                cwd=ROOT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            ) as ingest,
        ):
            while b"protocol found" not in log.read_bytes():
                time.sleep(0.02)
                if ingest.poll() is not None:
                    raise RuntimeError(log.read_text())
            time.sleep(0.3)
            db = sqlite3.connect(f"file:{folder / 'ledger.db'}?mode=ro", uri=True)
            rate = self.records / self.publish_until(
                packets,
                lambda: db.execute("SELECT size FROM ledger_state").fetchone()[0] == self.records,
            )
            db.close()
            ingest.terminate()
        return rate


def run(*, quick: bool) -> list[Figure]:
    """Rounds of all contestants in turn; medians and the ratios of each round."""
    rounds, per_device = (2, 150) if quick else (5, 450)
    names = ("C subscriber", "collector live", "collector backlog", "mosquitto_sub | sqlite-utils")
    rates: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        arena = Arena(Path(folder), per_device)
        try:
            for number in range(rounds):
                rates[names[0]].append(arena.c_subscriber(arena.live, arena.records))
                rates[names[1]].append(arena.collector(arena.live, f"live-{number}"))
                rates[names[2]].append(arena.collector(arena.backlog, f"backlog-{number}"))
                rates[names[3]].append(arena.do_it_yourself(number))
        finally:
            arena.broker.kill()
            arena.broker.wait()
    note = f"median of {rounds} rounds, {arena.records:,} records of 135 devices"
    figures = [
        Figure(name=f"{name}", value=statistics.median(values), unit="1/s", note=note)
        for name, values in rates.items()
    ]

    def ratio(name: str, yardstick: str) -> float:
        return statistics.median(
            mine / theirs for mine, theirs in zip(rates[name], rates[yardstick], strict=True)
        )

    return [
        at_least(
            "live ingest ÷ C subscriber that stores nothing",
            ratio(names[1], names[0]),
            0.6,
            "one record a message; signature, chain, dedupe, rollups, FULL commit, then ack",
        ),
        at_least(
            "live ingest ÷ mosquitto_sub | sqlite-utils insert --nl",
            ratio(names[1], names[3]),
            1.2,
            "which has none of these",
        ),
        at_least(
            "backlog ingest (records) ÷ C subscriber (messages)",
            ratio(names[2], names[0]),
            1.0,
            f"{arena.backlog_messages:,} messages full of records",
        ),
        *figures,
    ]

"""A whole hall of real processes: broker of either make, `collector ingest`, and others."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.keys import (
    SigningKey,
    load_or_create_signing_key,
    save_verify_key,
)
from firmware_config.mqtt_link import BrokerAddress
from firmware_config.provision import DevicePaths, provision_hall, render_device

ROOT = Path(__file__).resolve().parents[2]


class Program:
    """One process of the hall; killed by its process id, its output kept in a file."""

    def __init__(self, name: str, command: list[str], folder: Path, **environ: str) -> None:
        self.name = name
        self.command = command
        self.environ = os.environ | {"LANG": "C.UTF-8"} | environ
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._log_begin = 0

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._log_begin = log.tell()
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=ROOT, env=self.environ
            )

    def kill(self) -> None:
        """SIGKILL, as a crash or a power cut of this part."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(30)
        self.process = None
        return status

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def has_said(self, word: str) -> bool:
        """Whether it wrote this since it was last started."""
        with self.log.open("rb") as log:
            log.seek(self._log_begin)
            return word.encode() in log.read(1_000_000)

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


class HallUnderTest:
    """The sample hall in a folder of its own, with keys for every device and a broker of one make.

    The tests hold the devices' private keys only so that they can play a device.
    """

    def __init__(self, folder: Path, kind: str, port: int) -> None:
        self.folder = folder
        self.kind = kind
        self.port = port
        self.fleet_file = sample_fleet_path()
        self.fleet = load_fleet(self.fleet_file)
        self.hall = self.fleet.hall.id
        self.devices = [device.id for device in self.fleet.devices]
        self.provisioned = provision_hall(
            self.fleet, folder / "broker", port=port, broker=kind, run_as="root"
        )
        self.keys: dict[str, SigningKey] = {}
        for device in self.devices:
            self.keys[device] = load_or_create_signing_key(self.key_file(device))
            save_verify_key(folder / "device_keys" / f"{device}.jwk", self.keys[device].public)
        collector_key = load_or_create_signing_key(folder / "collector.jwk")
        self.collector_public = folder / "collector-public.jwk"
        save_verify_key(self.collector_public, collector_key.public)
        self.ledger = folder / "ledger.db"
        self.config = folder / "collector.toml"
        self.config.write_text(
            "\n".join(
                (
                    f'hall = "{self.hall}"',
                    f'fleet = "{self.fleet_file}"',
                    'device_keys = "device_keys"',
                    'key = "collector.jwk"',
                    'ledger = "ledger.db"',
                    "[broker]",
                    'host = "127.0.0.1"',
                    f"port = {port}",
                    f'password_file = "{self.provisioned.password_files["collector"]}"',
                    "[command]",
                    f'password_file = "{self.provisioned.password_files["dispatcher"]}"',
                    'log = "commands.jsonl"',
                    "[web]",
                    'office = "office.db"',
                    "[export]",
                    'folder = "export"',
                    "[reconcile]",
                    'folder = "reconcile"',
                )
            ),
            encoding="utf-8",
        )
        command = (
            ["mosquitto", "-c", str(self.provisioned.broker_config)]
            if kind == "mosquitto"
            else [
                *(sys.executable, "-W", "ignore", "-m", "firmware_config.demo.broker"),
                str(self.provisioned.broker_config),
            ]
        )
        self.broker = Program("broker", command, folder)
        self.ingest = Program(
            "ingest",
            [sys.executable, "-m", "collector", "ingest", "--config", str(self.config)],
            folder,
        )
        self.programs = [self.broker, self.ingest]

    def key_file(self, device: str) -> Path:
        return self.folder / "devices" / device / "device.jwk"

    def address(self, user: str) -> BrokerAddress:
        """How `user` (a device or `collector`) reaches the broker."""
        return BrokerAddress(
            host="127.0.0.1",
            port=self.port,
            username=user,
            password=self.provisioned.password(user),
        )

    def start_broker(self) -> None:
        self.broker.start()
        self.wait(self._is_listening, "the broker to listen")

    def _is_listening(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def start(self) -> None:
        """Broker, then ingest."""
        self.start_broker()
        self.start_ingest()

    def start_ingest(self) -> None:
        """Start it and wait until it has subscribed."""
        self.ingest.start()
        self.wait(lambda: self.ingest.has_said("connected protocol="), "ingest to subscribe")

    def program(self, name: str, *command: str, **environ: str) -> Program:
        """One more process, stopped with the hall."""
        made = Program(name, [sys.executable, *command], self.folder, **environ)
        self.programs.append(made)
        return made

    def render_devices(self, devices: list[str], **overrides: str) -> None:
        """Write `devices/<device>/kiosk.toml` and what goes with it, as the technician would."""
        for device in devices:
            render_device(
                self.fleet,
                device,
                self.folder / "devices" / device,
                fleet_folder=self.fleet_file.parent,
                password_file=self.provisioned.password_files[device],
                broker_host="127.0.0.1",
                broker_port=self.port,
                collector_key=self.collector_public,
                paths=DevicePaths(journal="journal.db", key="device.jwk"),
                overrides={"storage.allow_volatile": "true", **overrides},
            )

    def journal(self, device: str) -> set[tuple[str, int, bytes]]:
        """`(device, seq, digest)` of every record in a device's journal."""
        path = self.folder / "devices" / device / "journal.db"
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            rows = db.execute("SELECT seq, digest FROM records").fetchall()
        finally:
            db.close()
        return {(device, seq, bytes(digest)) for seq, digest in rows}

    def ledger_records(self) -> list[tuple[str, int, bytes]]:
        """`(device, seq, digest)` of every row of the ledger."""
        return [
            (device, seq, bytes(digest))
            for device, seq, digest in self.query(
                "SELECT devices.code, seq, digest FROM records"
                " JOIN epochs ON epochs.id = records.epoch"
                " JOIN devices ON devices.id = epochs.device"
            )
        ]

    def stop(self) -> None:
        for made in reversed(self.programs):
            made.kill()

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read the ledger while the others run; nothing yet when it is being made."""
        db = sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True, timeout=10)
        try:
            return db.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error) or "unable to open" in str(error):
                return []
            raise
        finally:
            db.close()

    def size(self) -> int:
        """Rows in the ledger."""
        rows = self.query("SELECT max(position) FROM records")
        return rows[0][0] or 0 if rows else 0

    def collector(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a collector command to its end."""
        return subprocess.run(
            [
                *(sys.executable, "-m", "collector", *arguments),
                *("--config", str(self.config)),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def rates(self, by: str, *arguments: str) -> Any:
        """`collector rates --json` over everything."""
        done = self.collector("rates", "--by", by, "--json", *arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def wait(
        self,
        is_true: Callable[[], object],
        what: str,
        within_s: float = 150.0,
        *,
        every_s: float = 0.01,
    ) -> None:
        """Wait until something is true; fails with the programs' last words.

        Twice as long as a device waits before it asks for the proof of a checkpoint once more,
        and some more: a busy machine is no reason to fail.
        """
        end = time.monotonic() + within_s
        while not is_true():
            if time.monotonic() > end:
                words = "\n".join(f"--- {made.name}\n{made.tail()}" for made in self.programs)
                pytest.fail(f"waited {within_s} s for {what}\n{words}")
            time.sleep(every_s)


@pytest.fixture(params=["mosquitto", "amqtt"])
def hall(
    request: pytest.FixtureRequest, tmp_path: Path, free_port: Callable[[], int]
) -> Iterator[HallUnderTest]:
    """The sample hall with broker and ingest running, once on each make of broker."""
    made = HallUnderTest(tmp_path, request.param, free_port())
    try:
        made.start()
        yield made
    finally:
        made.stop()

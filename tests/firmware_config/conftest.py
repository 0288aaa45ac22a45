"""Fixtures of the firmware_config tests: a small fleet, and real brokers on free loopback ports."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import hypothesis
import pytest

from firmware_config.fleet import Fleet, load_fleet
from firmware_config.provision import BrokerKind, ProvisionedHall, provision_hall

# Timings belong to bench/: a busy machine must not fail a property.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")

SMALL_FLEET = """
hall.id = "h1"
hall.name = "小厅"
hall.name_en = "Small Hall"
hall.opens.mon-fri = ["09:00-12:00", "13:30-17:00"]
departments = [
  { id = "tax", name = "税务局", name_en = "Tax" },
  { id = "gas", name = "燃气", name_en = "Gas" },
]
windows = [
  { id = "a01", name = "A01", department = "tax", device = "w-a01", from = 2026-01-05 },
  { id = "a02", name = "A02", department = "gas", device = "w-a02", from = 2026-01-05 },
]
devices = [ { id = "w-a01" }, { id = "w-a02", profile = "four-key" }, { id = "w-spare" } ]
"""


@pytest.fixture
def small_fleet_text() -> str:
    return SMALL_FLEET


@pytest.fixture
def small_fleet_file(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.toml"
    path.write_text(SMALL_FLEET, encoding="utf-8")
    return path


@pytest.fixture
def small_fleet(small_fleet_file: Path) -> Fleet:
    return load_fleet(small_fleet_file)


def _command(kind: BrokerKind, config: Path) -> list[str]:
    if kind == "amqtt":
        return [str(Path(sys.executable).with_name("amqtt")), "-c", str(config)]
    found = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "mosquitto is needed for these tests: apt-get install mosquitto"
    return [found, "-c", str(config)]


@pytest.fixture
def start_broker(
    tmp_path: Path,
    small_fleet: Fleet,
    free_port: Callable[[], int],
    wait_until: Callable[..., None],
) -> Iterator[Callable[[BrokerKind], ProvisionedHall]]:
    """Call with a kind of broker: renders its files, starts it, waits until it listens."""
    with ExitStack() as stack:

        def start(kind: BrokerKind) -> ProvisionedHall:
            hall = provision_hall(
                small_fleet,
                tmp_path / "hall",
                port=free_port(),
                broker=kind,
                run_as=getpass.getuser(),
            )
            log = tmp_path / "broker.log"
            process = subprocess.Popen(
                _command(kind, hall.broker_config),
                stdout=stack.enter_context(log.open("wb")),
                stderr=subprocess.STDOUT,
            )
            stack.callback(process.wait, 10)
            stack.callback(process.terminate)

            def is_listening() -> bool:
                assert process.poll() is None, log.read_text()
                with suppress(OSError), socket.create_connection(("127.0.0.1", hall.port), 1):
                    return True
                return False

            wait_until(is_listening)
            return hall

        yield start

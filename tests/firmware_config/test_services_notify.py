"""Each lasting service, as its unit runs it: it says when it is ready, and feeds its watchdog."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from firmware_config.fleet import Fleet
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.provision import BrokerKind, DevicePaths, ProvisionedHall, render_device

UNITS = Path(__file__).resolve().parents[2] / "systemd"
WAIT_S = 30.0
pytestmark = pytest.mark.system


class Service:
    """A unit's program with systemd's end of the notification socket."""

    def __init__(self, unit: str, folder: Path, stack: ExitStack) -> None:
        text = (UNITS / f"{unit}.service").read_text(encoding="utf-8")
        found = re.search(r"^ExecStart=\S+/(\S+) (\S+) --config (\S+)$", text, re.MULTILINE)
        assert found is not None
        program, command, config = found[1], found[2], folder / Path(found[3]).name
        self._socket = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self._socket.bind(str(folder / f"{unit}.notify"))
        self._socket.settimeout(WAIT_S)
        self._log = folder / f"{unit}.log"
        environ = os.environ | {
            "NOTIFY_SOCKET": str(folder / f"{unit}.notify"),
            "GPIOZERO_PIN_FACTORY": "mock",
        }
        arguments = [sys.executable, "-m", program, command, "--config", str(config)]
        self.process = subprocess.Popen(
            arguments,
            cwd=folder,
            env=environ,
            stdout=stack.enter_context(self._log.open("wb")),
            stderr=subprocess.STDOUT,
        )
        stack.callback(self.process.wait, WAIT_S)
        stack.callback(self.process.kill)

    def wait_for(self, line: str) -> None:
        """Wait until the service tells systemd something."""
        try:
            while line not in self._socket.recv(4096).decode().splitlines():
                pass
        except TimeoutError:
            pytest.fail(f"never told {line}: {self._log.read_text()}")

    def stop(self) -> int:
        """Ask it to stop, as systemd does; its exit code."""
        self.process.terminate()
        return self.process.wait(WAIT_S)


@pytest.fixture
def hall_folder(
    tmp_path: Path,
    small_fleet_text: str,
    small_fleet: Fleet,
    start_broker: Callable[[BrokerKind], ProvisionedHall],
) -> Path:
    """A folder like /etc/yiping of a small hall whose broker runs."""
    hall = start_broker("mosquitto")
    folder = tmp_path / "etc"
    key = load_or_create_signing_key(tmp_path / "collector.jwk")
    save_verify_key(tmp_path / "collector-public.jwk", key.public)
    render_device(
        small_fleet,
        "w-a01",
        folder,
        fleet_folder=tmp_path,
        password_file=hall.password_files["w-a01"],
        broker_host=hall.listen_host,
        broker_port=hall.port,
        collector_key=tmp_path / "collector-public.jwk",
        paths=DevicePaths(journal="journal.db", key="device.jwk"),
        overrides={"storage.allow_volatile": "true"},
    )
    (folder / "fleet.toml").write_text(small_fleet_text, encoding="utf-8")
    (folder / "collector.toml").write_text(
        f"""
hall = "h1"
fleet = "fleet.toml"
device_keys = "device-keys"
key = "{tmp_path}/collector.jwk"
ledger = "ledger.db"
[broker]
host = "{hall.listen_host}"
port = {hall.port}
password_file = "{hall.password_files["collector"]}"
[web]
port = 0
office = "office.db"
[export]
folder = "export"
""",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.parametrize("unit", ["kiosk", "collector-ingest", "collector-web"])
def test_a_service_says_it_is_ready_feeds_its_watchdog_and_stops_when_asked(
    hall_folder: Path, stack: ExitStack, unit: str
) -> None:
    if unit == "collector-web":
        Service("collector-ingest", hall_folder, stack).wait_for("READY=1")
    service = Service(unit, hall_folder, stack)

    service.wait_for("READY=1")
    if "WatchdogSec=" in (UNITS / f"{unit}.service").read_text(encoding="utf-8"):
        service.wait_for("WATCHDOG=1")

    assert service.stop() == 0

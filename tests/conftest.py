"""Real servers for the tests: each on a free loopback port, stopped by its process id."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

AMQTT_PROGRAM = """
import asyncio, logging, sys
from amqtt.broker import Broker
logging.disable(logging.CRITICAL)
async def main():
    broker = Broker({
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{sys.argv[1]}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": False}},
    })
    await broker.start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(is_true: Callable[[], object], *, within_s: float = 15.0) -> None:
    """Look again and again until something is true; fails the test when it never is."""
    end = time.monotonic() + within_s
    while not is_true():
        assert time.monotonic() < end, f"not true within {within_s} s"
        time.sleep(0.005)


class OpenBroker:
    """A broker process that lets everybody in, of either make; can be killed and started again."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        if self.kind == "mosquitto":
            config = self._folder / "open.conf"
            config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
            command = ["mosquitto", "-c", str(config)]
        else:
            command = [sys.executable, "-W", "ignore", "-c", AMQTT_PROGRAM, str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_until(self._is_listening)

    def _is_listening(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture(params=["mosquitto", "amqtt"])
def open_broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenBroker]:
    """A running broker without accounts, once of each make."""
    broker = OpenBroker(request.param, tmp_path)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture(scope="session")
def voice_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prompts as espeak-ng makes them; not to be written to."""
    from firmware_config.provision import render_voice

    folder = tmp_path_factory.mktemp("voice")
    render_voice(folder)
    return folder


@pytest.fixture(name="free_port")
def free_port_fixture() -> Callable[[], int]:
    """`free_port()`, for test modules."""
    return free_port


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., None]:
    """`wait_until(predicate, within_s=15)`, for test modules."""
    return wait_until

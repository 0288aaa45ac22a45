"""Real servers for the tests: each on a free loopback port, stopped by its process id."""

from __future__ import annotations

import contextlib
import os
import queue
import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from firmware_config.chain import split_token
from firmware_config.contract import (
    Answer,
    AnyCommand,
    Channel,
    Resend,
    decode_command,
    encode,
    parse_topic,
    topic,
)
from firmware_config.keys import SigningKey, VerifyKey
from firmware_config.mqtt_link import Arrived, BrokerAddress, Connected, Link, Publication
from tests.together import (
    pytest_collection_modifyitems as pytest_collection_modifyitems,
)
from tests.together import (
    pytest_configure as pytest_configure,
)
from tests.together import (
    pytest_configure_node as pytest_configure_node,
)
from tests.together import (
    pytest_runtest_protocol as pytest_runtest_protocol,
)
from tests.together import (
    pytest_xdist_auto_num_workers as pytest_xdist_auto_num_workers,
)

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
    """A TCP port of the loopback that nobody listens on now.

    Below those that the kernel gives to outgoing connections: a server that is killed and started
    again must find its port as it left it. And never one of another worker's.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    while True:
        # the system's, because the seeds are the same in every test
        port = random.SystemRandom().randrange(15_000 + worker % 16, 32_000, 16)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(is_true: Callable[[], object], *, within_s: float = 60.0) -> None:
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


@pytest.fixture(name="free_port", scope="session")
def free_port_fixture() -> Callable[[], int]:
    """`free_port()`, for test modules."""
    return free_port


@pytest.fixture(name="wait_until")
def wait_until_fixture() -> Callable[..., None]:
    """`wait_until(predicate, within_s=60)`, for test modules."""
    return wait_until


class DevicePeers:
    """Plays the devices' side of commands as the contract says, each over a link of its own.

    Only what the collector has signed is obeyed; what came with the same id before gets the answer
    it got before, and is not done twice.

    Attributes:
        done: commands carried out, in order.
        arrivals: how many commands came to each device, repeated ones too.
        refusals: device → reason to refuse with.
        silent: devices that do what they are told and say nothing.
        late: device → how many commands it leaves unanswered at first.
        signs_as: device → a key other than its own to sign answers with.
        names: device → another id to put into answers.
        resends: device → journal messages it publishes when told to resend.
    """

    def __init__(
        self,
        hall: str,
        address_of: Callable[[str], BrokerAddress],
        keys: Mapping[str, SigningKey],
        collector: VerifyKey,
    ) -> None:
        self._hall = hall
        self._address_of = address_of
        self._keys = keys
        self._collector = collector
        self._events: queue.SimpleQueue[tuple[str, object]] = queue.SimpleQueue()
        self._links: dict[str, Link] = {}
        self._ready: set[str] = set()
        self._answers: dict[str, Answer] = {}
        self.done: list[AnyCommand] = []
        self.arrivals: Counter[str] = Counter()
        self.refusals: dict[str, str] = {}
        self.silent: set[str] = set()
        self.late: dict[str, int] = {}
        self.signs_as: dict[str, SigningKey] = {}
        self.names: dict[str, str] = {}
        self.resends: dict[str, list[bytes]] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def connect(self, *devices: str) -> None:
        """Connect devices and wait until they are subscribed."""
        for device in devices:
            name = topic(self._hall, device, Channel.COMMAND)
            self._links[device] = Link(
                self._address_of(device),
                client_id=device,
                subscriptions=(name,),
                on_event=lambda event, device=device: self._events.put((device, event)),
            )
            self._links[device].start()
        wait_until(lambda: self._ready.issuperset(devices), within_s=60)

    def publish(self, device: str, *messages: bytes) -> None:
        """Send journal messages of a device that is connected."""
        name = topic(self._hall, device, Channel.JOURNAL)
        for payload in messages:
            self._links[device].publish(Publication(name, payload))

    def close(self) -> None:
        """Disconnect all."""
        for link in self._links.values():
            link.stop()
        self._events.put(("", None))
        self._thread.join()

    def _run(self) -> None:
        while True:
            device, event = self._events.get()
            if not device:
                return
            if isinstance(event, Connected):
                self._ready.add(device)
            elif isinstance(event, Arrived):
                self._obey(device, event)

    def _obey(self, device: str, event: Arrived) -> None:
        self.arrivals[device] += 1
        token = split_token(event.payload)
        if not self._collector.is_signed(token.signing_input, token.signature):
            return
        command = decode_command(token.payload)
        assert command.dev == device == parse_topic(event.topic)[1]
        answer = self._answers.get(command.id)
        if answer is None:
            reason = self.refusals.get(device, "")
            if not reason:
                self.done.append(command)
                if isinstance(command, Resend):
                    self.publish(device, *self.resends.get(device, ()))
            answer = self._answers[command.id] = Answer(
                dev=self.names.get(device, device),
                id=command.id,
                outcome="refused" if reason else "done",
                reason=reason,
                v=1,
            )
        if self.late.get(device, 0):
            self.late[device] -= 1
        elif device not in self.silent:
            payload = self.signs_as.get(device, self._keys[device]).token(encode(answer))
            name = topic(self._hall, device, Channel.ANSWER)
            self._links[device].publish(Publication(name, payload))


@pytest.fixture
def device_peers() -> Iterator[Callable[..., DevicePeers]]:
    """`device_peers(hall, address_of, keys, collector)`: closed after the test."""
    with contextlib.ExitStack() as stack:

        def make(*arguments: object) -> DevicePeers:
            made = DevicePeers(*arguments)  # type: ignore[arg-type]
            stack.callback(made.close)
            return made

        yield make

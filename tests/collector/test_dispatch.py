"""The dispatcher with real brokers, the hall's rendered users and rights, and played devices."""

from __future__ import annotations

import getpass
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from collector.command_log import CommandLog
from collector.commanding import ID_BYTES, NoAnswer, Silence, build_command, new_command_id
from collector.dispatch import Dispatcher
from firmware_config.contract import Answer, Channel, Command, Identify, Pause, topic
from firmware_config.keys import SigningKey
from firmware_config.mqtt_link import BrokerAddress, Connected, Link, Publication
from firmware_config.provision import provision_hall

pytestmark = pytest.mark.system
HALL = "hall-1"
DEVICES = ("dev-1", "dev-2", "dev-3")
COLLECTOR = SigningKey.from_seed(b"collector key for the test suite")
KEYS = {
    device: SigningKey.from_seed(hashlib.sha256(device.encode()).digest()) for device in DEVICES
}
STRANGER = SigningKey.from_seed(b"nobody has registered this key..")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def pause(device: str, *, life_s: float = 30) -> Pause:
    return build_command(
        Pause,
        dev=device,
        id=new_command_id(os.urandom(ID_BYTES)),
        issued_ms=now_ms(),
        life_s=life_s,
    )


class CommandedHall:
    """A broker with the small hall's rights, its devices, and as many dispatchers as wanted."""

    def __init__(
        self, kind: str, folder: Path, port: int, fleet: Any, stack: ExitStack, wait_until: Any
    ) -> None:
        self.kind = kind
        self.port = port
        self.folder = folder
        self.wait_until = wait_until
        self.log = folder / "commands.jsonl"
        self._stack = stack
        self._process: subprocess.Popen[bytes] | None = None
        self.provisioned = provision_hall(
            fleet, folder / "broker", port=port, broker=kind, run_as=getpass.getuser()
        )
        stack.callback(self.kill_broker)

    def start_broker(self) -> None:
        program = (
            ["mosquitto", "-c"]
            if self.kind == "mosquitto"
            else [sys.executable, "-W", "ignore", "-m", "firmware_config.demo.broker"]
        )
        with (self.folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*program, str(self.provisioned.broker_config)], stdout=log, stderr=log
            )
        self.wait_until(self._is_listening)

    def _is_listening(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def kill_broker(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def address(self, user: str, password: str | None = None) -> BrokerAddress:
        return BrokerAddress(
            host="127.0.0.1",
            port=self.port,
            username=user,
            password=self.provisioned.password(user) if password is None else password,
        )

    def dispatcher(self, *, password: str | None = None, **changes: Any) -> Dispatcher:
        """A started one."""
        arguments = {
            "hall": HALL,
            "key": COLLECTOR,
            "device_keys": {device: key.public for device, key in KEYS.items()},
            "log": CommandLog(self.log),
            "clock_ms": now_ms,
            "monotonic_ms": lambda: time.monotonic_ns() // 1_000_000,
            **changes,
        }
        address = self.address("dispatcher", password)
        return self._stack.enter_context(Dispatcher(address, **arguments))

    def logged(self, event: str) -> list[dict[str, Any]]:
        entries = [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]
        return [entry for entry in entries if entry["event"] == event]


@pytest.fixture(params=["mosquitto", "amqtt"])
def hall(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    free_port: Callable[[], int],
    small_fleet: Callable[..., Any],
    wait_until: Any,
) -> Iterator[CommandedHall]:
    with ExitStack() as stack:
        made = CommandedHall(request.param, tmp_path, free_port(), small_fleet(), stack, wait_until)
        made.start_broker()
        yield made


only_mosquitto = pytest.mark.parametrize("hall", ["mosquitto"], indirect=True)


@pytest.fixture
def peers(hall: CommandedHall, device_peers: Any) -> Any:
    """The hall's devices, none connected yet."""
    return device_peers(HALL, hall.address, KEYS, COLLECTOR.public)


def test_every_device_is_commanded_once_and_its_answer_comes_back(
    hall: CommandedHall, peers: Any
) -> None:
    peers.connect(*DEVICES)
    peers.refusals["dev-2"] = "session-open"
    commands = [pause(device) for device in DEVICES]
    told: list[str] = []

    results = hall.dispatcher().send(
        commands, by="test", timeout_s=15, on_result=lambda command, _: told.append(command.dev)
    )

    assert [(one.dev, one.id) for one in results] == [(one.dev, one.id) for one in commands]
    assert [getattr(one, "outcome", "") for one in results] == ["done", "refused", "done"]
    assert results[1].reason == "session-open"
    assert sorted(told) == sorted(DEVICES)
    assert {one.dev for one in peers.done} == {"dev-1", "dev-3"}


def test_who_commanded_what_and_what_became_of_it_is_in_the_log(
    hall: CommandedHall, peers: Any
) -> None:
    peers.connect("dev-1")
    command = pause("dev-1")

    hall.dispatcher().send([command], by="a person", timeout_s=15)

    [sent] = hall.logged("sent")
    [ended] = hall.logged("ended")
    assert (sent["by"], sent["device"], sent["do"]) == ("a person", "dev-1", "pause")
    assert sent["id"] == ended["id"] == command.id
    assert ended["outcome"] == "done"


def test_nothing_is_sent_that_cannot_be_logged(hall: CommandedHall, peers: Any) -> None:
    peers.connect("dev-1")
    dispatcher = hall.dispatcher(log=CommandLog(hall.folder / "no-folder" / "log"))

    unlogged, logged = pause("dev-1"), pause("dev-1")

    with pytest.raises(FileNotFoundError):
        dispatcher.send([unlogged], by="test", timeout_s=15)

    hall.dispatcher().send([logged], by="test", timeout_s=15)
    assert {one.id for one in peers.done} == {logged.id}  # it may have been asked for twice


def test_a_lost_answer_is_asked_for_again_and_the_command_done_once(
    hall: CommandedHall, peers: Any
) -> None:
    peers.connect("dev-1")
    peers.late["dev-1"] = 1

    [result] = hall.dispatcher().send([pause("dev-1")], by="test", timeout_s=15)

    assert isinstance(result, Answer)
    assert peers.arrivals["dev-1"] == 2
    assert len(peers.done) == 1


def test_silence_ends_with_a_clear_word(hall: CommandedHall, peers: Any) -> None:
    peers.connect("dev-1")
    peers.silent.add("dev-1")

    silent, away = hall.dispatcher().send([pause("dev-1"), pause("dev-2")], by="t", timeout_s=2)

    assert isinstance(silent, NoAnswer)
    assert isinstance(away, NoAnswer)
    assert silent.reason is Silence.SILENT
    assert "it may still be carried out until " in silent.detail
    if hall.kind == "mosquitto":  # amqtt's MQTT 3.1.1 does not tell that nobody listens
        assert (away.reason, away.detail) == (
            Silence.OFFLINE,
            "the device is not connected to the broker",
        )


@pytest.mark.parametrize(
    ("signs_as", "names", "reason"),
    [
        (KEYS["dev-2"], "dev-1", "wrong-key"),
        (STRANGER, "dev-1", "wrong-key"),
        (KEYS["dev-1"], "dev-2", "wrong-device"),
    ],
)
@only_mosquitto
def test_an_answer_that_is_not_the_devices_own_counts_for_nothing(
    hall: CommandedHall, peers: Any, signs_as: SigningKey, names: str, reason: str
) -> None:
    peers.connect("dev-1")
    peers.signs_as["dev-1"], peers.names["dev-1"] = signs_as, names

    [result] = hall.dispatcher().send([pause("dev-1")], by="test", timeout_s=1)

    assert isinstance(result, NoAnswer)
    assert result.reason is Silence.SILENT
    assert f"refused: {reason}: " in result.detail


def test_a_device_cannot_answer_for_another(hall: CommandedHall, peers: Any) -> None:
    """The broker already refuses it, though the answer itself would be genuine."""
    peers.connect("dev-1")
    peers.silent.add("dev-1")
    command = pause("dev-1")
    genuine = KEYS["dev-1"].token(
        b'{"dev":"dev-1","id":"%s","outcome":"done","v":1}' % command.id.encode()
    )
    thief_is_connected = threading.Event()
    thief = Link(
        hall.address("dev-2"),
        client_id="dev-2",
        subscriptions=(),
        on_event=lambda event: isinstance(event, Connected) and thief_is_connected.set(),
    )
    thief.start()
    try:
        assert thief_is_connected.wait(60)
        results: list[Any] = []
        sending = threading.Thread(
            target=lambda: results.extend(hall.dispatcher().send([command], by="test", timeout_s=3))
        )
        sending.start()
        hall.wait_until(lambda: peers.arrivals["dev-1"])
        thief.publish(Publication(topic(HALL, "dev-1", Channel.ANSWER), genuine))
        sending.join()
    finally:
        thief.stop()

    assert isinstance(results[0], NoAnswer)


def test_a_wrong_password_is_told_at_once(hall: CommandedHall, peers: Any) -> None:
    peers.connect("dev-1")
    began = time.monotonic()

    [result] = hall.dispatcher(password="guess").send([pause("dev-1")], by="t", timeout_s=60)

    assert isinstance(result, NoAnswer)
    assert result.reason is Silence.BROKER_REFUSED
    assert result.detail.startswith("the broker refused user dispatcher: ")
    assert time.monotonic() - began < 30
    assert peers.arrivals["dev-1"] == 0


def test_without_a_broker_nothing_was_sent(hall: CommandedHall) -> None:
    hall.kill_broker()

    [result] = hall.dispatcher().send([pause("dev-1")], by="test", timeout_s=1)

    assert isinstance(result, NoAnswer)
    assert result.reason is Silence.NO_BROKER


@only_mosquitto
def test_a_broker_that_restarts_in_between_costs_time_only(hall: CommandedHall, peers: Any) -> None:
    peers.connect("dev-1")
    peers.silent.add("dev-1")
    results: list[Any] = []
    dispatcher = hall.dispatcher()
    sending = threading.Thread(
        target=lambda: results.extend(dispatcher.send([pause("dev-1")], by="t", timeout_s=25))
    )
    sending.start()
    hall.wait_until(lambda: peers.arrivals["dev-1"])

    hall.kill_broker()
    peers.silent.clear()
    hall.start_broker()
    sending.join()

    assert isinstance(results[0], Answer)
    assert len(peers.done) == 1


def test_a_device_without_a_registered_key_is_not_commanded(
    hall: CommandedHall, peers: Any
) -> None:
    peers.connect(*DEVICES)
    dispatcher = hall.dispatcher(device_keys={"dev-1": KEYS["dev-1"].public})

    first, second = dispatcher.send([pause("dev-1"), pause("dev-2")], by="test", timeout_s=15)

    assert isinstance(first, Answer)
    assert isinstance(second, NoAnswer)
    assert second.reason is Silence.NO_KEY
    assert peers.arrivals["dev-2"] == 0


def test_several_dispatchers_at_once_lose_no_answer(hall: CommandedHall, peers: Any) -> None:
    """mosquitto ends the connection of the one when the other comes; each goes on all the same."""
    peers.connect(*DEVICES)
    peers.silent.add("dev-3")
    rounds: list[Any] = []

    def work(device: str) -> None:
        dispatcher = hall.dispatcher()
        for _ in range(5):
            rounds.extend(dispatcher.send([pause(device)], by="test", timeout_s=30))

    waiting: list[Any] = []
    patient = threading.Thread(
        target=lambda: waiting.extend(
            hall.dispatcher().send([pause("dev-3")], by="test", timeout_s=8)
        )
    )
    patient.start()
    hall.wait_until(lambda: peers.arrivals["dev-3"])
    workers = [threading.Thread(target=work, args=(device,)) for device in DEVICES[:2]]
    for worker in workers:
        worker.start()
    for worker in (*workers, patient):
        worker.join()

    assert [type(one) for one in rounds] == [Answer] * 10
    assert [one.reason for one in waiting] == [Silence.SILENT]
    assert len(peers.done) == 10 + 1
    assert len({one.id for one in peers.done}) == 10 + 1


def test_starting_and_stopping_twice_changes_nothing(hall: CommandedHall, peers: Any) -> None:
    peers.connect("dev-1")
    dispatcher = hall.dispatcher()
    dispatcher.start()
    assert isinstance(dispatcher.send([pause("dev-1")], by="t", timeout_s=15)[0], Answer)
    dispatcher.stop()
    dispatcher.stop()

    with pytest.raises(RuntimeError, match="not started"):
        dispatcher.send([pause("dev-1")], by="t", timeout_s=15)
    dispatcher.start()
    assert isinstance(dispatcher.send([pause("dev-1")], by="t", timeout_s=15)[0], Answer)


@only_mosquitto
def test_stopping_ends_what_waits(hall: CommandedHall, peers: Any) -> None:
    peers.connect("dev-1")
    peers.silent.add("dev-1")
    dispatcher = hall.dispatcher()
    results: list[Any] = []
    sending = threading.Thread(
        target=lambda: results.extend(dispatcher.send([pause("dev-1")], by="t", timeout_s=30))
    )
    sending.start()
    hall.wait_until(lambda: peers.arrivals["dev-1"])

    dispatcher.stop()
    sending.join()

    assert [one.reason for one in results] == [Silence.STOPPED]


@only_mosquitto
def test_an_expired_command_is_neither_sent_nor_waited_for(hall: CommandedHall, peers: Any) -> None:
    peers.connect("dev-1")
    late: Command = build_command(
        Identify, dev="dev-1", id="x" * 22, issued_ms=now_ms() - 60_000, life_s=30
    )
    began = time.monotonic()

    [result] = hall.dispatcher().send([late], by="test", timeout_s=60)

    assert isinstance(result, NoAnswer)
    assert time.monotonic() - began < 30
    assert peers.arrivals["dev-1"] == 0

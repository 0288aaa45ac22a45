"""Scenarios on the real services: the same journals in every run, and exactly what was planned."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from firmware_config.contract import Channel, topic
from firmware_config.fleet import Fleet, load_fleet, sample_fleet_path
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.kiosk_settings import KioskSettings, StorageSettings
from firmware_config.mqtt_link import Arrived, BrokerAddress, Connected, Link, LinkEvent
from firmware_config.settings_broker import BrokerSettings
from kiosk.clock import Clock
from kiosk.simulator.cable import Cables
from kiosk.simulator.device import VirtualKiosk
from kiosk.simulator.hands import Hands
from kiosk.simulator.people import Doing, Step
from kiosk.simulator.playbook import Playbook
from kiosk.simulator.rehearsal import Outcome, rehearse
from kiosk.simulator.scenario import Fault
from kiosk.simulator.scenario_file import load_scenario, scenario_of, shipped_scenarios

MONDAY = date(2026, 3, 2)
EVERYTHING = {
    "title": "t",
    "about": "everything at five windows",
    "population": {"cases": 60, "double_rate": 0.2, "walkups": 2},
    "group": [{"nth": [5], "self_rate": 0.6, "feed_rate": 0.3}],
    "fault": [
        {"what": "dead-key", "nth": [1], "key": "5", "at": "09:30", "until": "10:30"},
        {"what": "bouncing-key", "nth": [1, 3], "at": "13:00", "bounces": 12},
        {"what": "stuck-key", "nth": [2], "key": "4", "at": "10:00", "until": "10:10"},
        {"what": "wrong-clock", "nth": [2], "at": "13:00", "until": "14:00"},
        {"what": "children", "nth": [2, 3], "at": "09:20", "until": "09:24"},
        {"what": "unplugged", "nth": [3], "at": "10:00", "until": "10:20"},
        {"what": "unplugged", "nth": [3], "at": "15:00", "until": "15:00:30"},
        {"what": "paused", "nth": [4], "at": "10:00", "until": "10:40"},
        {"what": "network-cut", "nth": [4], "at": "09:10", "until": "15:00"},
        {"what": "clock-step", "nth": [4], "step_s": 86000, "at": "15:00", "until": "16:00"},
        {"what": "disk-short", "nth": [5], "at": "11:00", "until": "14:00"},
    ],
}

pytestmark = pytest.mark.system


def hall_of(count: int) -> Fleet:
    """The sample hall's first windows."""
    fleet = load_fleet(sample_fleet_path())
    windows = fleet.windows[:count]
    kept = {window.id for window in windows}
    devices = [one for one in fleet.devices if fleet.window_of(one.id, MONDAY) in kept]
    return replace(fleet, windows=windows, devices=tuple(devices))


def play(folder: Path, playbook: Playbook, fleet: Fleet) -> list[Outcome]:
    folder.mkdir()
    return rehearse(fleet, playbook, MONDAY, folder)


def test_two_runs_of_the_same_seed_leave_the_same_records_and_those_are_the_planned_ones(
    tmp_path: Path,
) -> None:
    fleet = hall_of(5)
    playbook = Playbook(fleet, MONDAY, scenario_of(EVERYTHING, "everything.toml"))

    first = play(tmp_path / "1", playbook, fleet)
    second = play(tmp_path / "2", playbook, fleet)

    for one, other in zip(first, second, strict=True):
        assert one.first_difference == ""
        assert one.found == other.found
    kinds = {entry.count_key for one in first for entry in one.found}
    assert kinds >= {
        *("BOOT", "CLOCK", "FAULT.stuck-button", "FAULT.disk-short", "PAUSED", "RESUMED"),
        *("SIGNIN", "SIGNOUT", "IGNORED.no-session", "IGNORED.already-rated", "UNRATED.timeout"),
    }


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_shipped_scenario_leaves_exactly_what_it_plans(name: str, tmp_path: Path) -> None:
    fleet = hall_of(12 if name == "training" else 3)
    playbook = Playbook(fleet, MONDAY, load_scenario(name), seed="test")

    for outcome in play(tmp_path / name, playbook, fleet):
        assert outcome.first_difference == ""
        assert all(expected == found for expected, found in outcome.counts().values())


def test_a_single_lost_press_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = hall_of(1)
    tap, taps = Hands.tap, iter(range(10_000))

    def lossy(self: Hands, key: str, hold_ms: int = 140) -> None:
        if next(taps) != 7:
            tap(self, key, hold_ms)

    monkeypatch.setattr(Hands, "tap", lossy)
    (outcome,) = play(tmp_path / "1", Playbook(fleet, MONDAY, load_scenario("ordinary-day")), fleet)

    assert not outcome.is_as_planned
    assert outcome.first_difference.startswith("entry ")
    assert any(expected != found for expected, found in outcome.counts().values())


class Listener:
    """Hears what the broker says of one device."""

    def __init__(self, port: int) -> None:
        self.connected = False
        self.states: list[str] = []
        self.records = 0
        self._link = Link(
            BrokerAddress(host="127.0.0.1", port=port, username="ear", password="x"),
            client_id="ear",
            subscriptions=tuple(
                topic("h", "w-a01", one) for one in (Channel.STATUS, Channel.JOURNAL)
            ),
            on_event=self._hear,
        )

    def start(self) -> None:
        self._link.start()

    def stop(self) -> None:
        self._link.stop()

    def _hear(self, event: LinkEvent) -> None:
        if isinstance(event, Connected):
            self.connected = True
        elif isinstance(event, Arrived):
            if event.topic.endswith("/status"):
                self.states.append(json.loads(event.payload)["state"])
            else:
                self.records = max(self.records, event.payload.count(b"\n") + 1)


@pytest.fixture
def listener(open_broker: object) -> Iterator[Listener]:
    made = Listener(open_broker.port)  # type: ignore[attr-defined]
    made.start()
    yield made
    made.stop()


@pytest.fixture
def kiosk(open_broker: object, tmp_path: Path) -> Iterator[VirtualKiosk]:
    """A virtual kiosk behind a cable."""
    collector = load_or_create_signing_key(tmp_path / "collector.jwk")
    save_verify_key(tmp_path / "collector-public.jwk", collector.public)
    settings = KioskSettings(
        hall="h",
        device="w-a01",
        journal=tmp_path / "journal.db",
        key=tmp_path / "device.jwk",
        collector_key=tmp_path / "collector-public.jwk",
        broker=BrokerSettings(host="127.0.0.1", port=open_broker.port),  # type: ignore[attr-defined]
        storage=StorageSettings(allow_volatile=True),
    )
    cables = Cables()
    made = VirtualKiosk(
        settings,
        password="x",
        wall_ms=1_772_413_200_000,
        system=Clock(),
        cables=cables,
        is_standing=True,
    )
    made.start()
    yield made
    made.stop()
    cables.stop()


def trouble(kiosk: VirtualKiosk, what: str, doing: Doing, manner: str = "closed") -> None:
    fault = Fault(what=what, at="09:00", manner=manner)
    kiosk.perform(Step(at_s=0, doing=doing, fault=fault), kiosk.clock.hall_ms() + 1000)


def test_a_cut_network_and_a_cut_power_are_what_the_broker_sees(
    kiosk: VirtualKiosk, listener: Listener, wait_until: Callable[..., None]
) -> None:
    wait_until(lambda: listener.connected and listener.states[-1:] == ["online"])

    trouble(kiosk, "network-cut", Doing.BREAK)
    wait_until(lambda: not kiosk.service.snapshot().is_connected)
    wait_until(lambda: listener.states[-1] == "offline")  # by its will
    head = kiosk.service.snapshot().head
    kiosk.perform(Step(at_s=0, doing=Doing.PRESS, level=5), kiosk.clock.hall_ms() + 1000)
    kiosk.wait_settled(10)
    assert kiosk.service.snapshot().head == head + 1
    trouble(kiosk, "network-cut", Doing.REPAIR)
    wait_until(lambda: listener.states[-1] == "online")
    wait_until(lambda: listener.records >= 2)  # BOOT and the press

    trouble(kiosk, "unplugged", Doing.BREAK)
    wait_until(lambda: listener.states[-1] == "offline")
    trouble(kiosk, "unplugged", Doing.REPAIR)
    wait_until(lambda: listener.states[-1] == "online")

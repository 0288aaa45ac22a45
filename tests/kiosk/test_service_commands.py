"""Commands, answers and health of the running device, over a real broker."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from firmware_config.chain import split_token
from firmware_config.contract import (
    CONTRACT_VERSION,
    Answer,
    Configure,
    Health,
    Identify,
    OpenCase,
    Pause,
    Resend,
    SignInStaff,
    decode_answer,
    decode_health,
    encode,
)
from firmware_config.counter_settings import ScreenSettings
from firmware_config.keys import SigningKey
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.mqtt_link import (
    Arrived,
    BrokerAddress,
    Connected,
    Link,
    LinkEvent,
    Publication,
)
from firmware_config.pins import load_pin_profile
from kiosk.clock import Clock
from kiosk.screen.source import ServiceScreenSource, staff_of
from kiosk.service import KioskService
from kiosk.situation import State

TOPIC = "yiping/hall-1/w-a01"
PROFILE = load_pin_profile("five-key")


class Office:
    """Somebody at the collector: sends commands, reads what devices publish."""

    def __init__(self, port: int, key: SigningKey) -> None:
        self._key = key
        self._number = 0
        self._events: queue.SimpleQueue[LinkEvent] = queue.SimpleQueue()
        self.link = Link(
            BrokerAddress(host="127.0.0.1", port=port, username="dispatcher", password="x"),
            client_id="dispatcher",
            subscriptions=tuple(f"{TOPIC}/{c}" for c in ("answer", "health", "journal")),
            on_event=self._events.put,
        )
        self.link.start()
        self.until(lambda event: isinstance(event, Connected))

    def until(self, is_it: Callable[[LinkEvent], bool]) -> LinkEvent:
        while True:
            event = self._events.get(timeout=20)
            if is_it(event):
                return event

    def next_on(self, channel: str) -> bytes:
        event = self.until(
            lambda event: isinstance(event, Arrived) and event.topic == f"{TOPIC}/{channel}"
        )
        assert isinstance(event, Arrived)
        return event.payload

    def health(self, is_it: Callable[[Health], bool]) -> Health:
        while True:
            health = decode_health(self.next_on("health"))
            if is_it(health):
                return health

    def token(self, kind: type[Any], **fields: Any) -> bytes:
        self._number += 1
        now = datetime.now(UTC)
        base: dict[str, Any] = {
            "dev": "w-a01",
            "id": f"{self._number:022d}",
            "issued_at": now.isoformat(timespec="milliseconds")[:-6] + "Z",
            "expires_at": (now + timedelta(seconds=60)).isoformat(timespec="milliseconds")[:-6]
            + "Z",
            "v": CONTRACT_VERSION,
        }
        return self._key.token(encode(kind(**base | fields)))

    def send(self, token: bytes) -> Answer:
        self.link.publish(Publication(f"{TOPIC}/command", token))
        return decode_answer(split_token(self.next_on("answer")).payload)


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


@pytest.fixture
def service(
    make_settings: Callable[..., KioskSettings],
    open_broker: Any,
    pins: MockFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[KioskService]:
    # this machine's clock may be unsynchronised, as a Pi's; then only receipts tell the time
    monkeypatch.setattr(Clock, "is_synced", lambda self: True)
    service = KioskService(
        make_settings(port=open_broker.port), pin_factory=pins, clock=Clock(), password=""
    )
    service.start()
    yield service
    service.stop()


@pytest.fixture
def office(
    open_broker: Any, collector_key: SigningKey, service: KioskService, wait_until: Any
) -> Iterator[Office]:
    office = Office(open_broker.port, collector_key)
    wait_until(lambda: service.snapshot().is_connected)
    yield office
    office.link.stop()


def test_commands_are_carried_out_and_answered(office: Office, service: KioskService) -> None:
    assert office.send(office.token(OpenCase, case_no="C-1")).outcome == "done"
    assert service.snapshot().is_session_open
    refused = office.send(office.token(Pause))
    assert (refused.outcome, refused.reason) == ("refused", "session-open")
    assert office.send(office.token(Identify, duration_s=5)).outcome == "done"


def test_the_same_token_twice_is_one_case_and_two_answers(
    office: Office, service: KioskService
) -> None:
    token = office.token(OpenCase, case_no="C-1")
    first = office.send(token)
    assert office.send(token) == first
    assert service.snapshot().session == 1


def test_resend_sends_every_record_again(office: Office, service: KioskService) -> None:
    office.send(office.token(OpenCase, case_no="C-1"))
    before = service.snapshot().head
    office.link.publish(Publication(f"{TOPIC}/command", office.token(Resend, from_seq=1)))
    seen: set[int] = set()
    while seen != set(range(1, before + 1)):
        for token in office.next_on("journal").split(b"\n"):
            seen.add(json.loads(split_token(token).payload)["seq"])
    assert min(seen) == 1


def test_settings_are_in_force_and_health_says_which_version(
    office: Office, service: KioskService
) -> None:
    values = {"session.timeout_s": "8"}
    assert office.send(office.token(Configure, version=4, values=values)).outcome == "done"
    assert office.health(lambda health: health.settings_version == 4).state == "idle"


def test_photos_are_shown_and_hidden_by_a_setting_at_once(
    office: Office, service: KioskService, tmp_path: Path
) -> None:
    picture = b"\x89PNG\r\n\x1a\n"
    (tmp_path / "face.png").write_bytes(picture)
    (tmp_path / "staff.csv").write_text("staff_no,name,photo\n1042,Li Wen,face.png\n")
    started = ScreenSettings(staff_file=tmp_path / "staff.csv")  # without photos
    screen = ServiceScreenSource(service, staff=staff_of(started))
    office.send(office.token(SignInStaff, staff_no="1042"))

    def seen() -> tuple[str, bytes]:
        staff, photo = screen.view().staff, screen.photo("1042")
        return staff.photo if staff else "", photo.body if photo else b""

    assert seen() == ("", b"")
    for version, (text, expected) in enumerate(
        [("true", ("1042", picture)), ("false", ("", b"")), ("true", ("1042", picture))], 1
    ):
        values = {"screen.show_photo": text}
        answer = office.send(office.token(Configure, version=version, values=values))
        assert answer.outcome == "done"
        assert service.settle(5)
        assert seen() == expected


def test_health_is_sent_at_once_when_something_changes(
    office: Office, service: KioskService, pins: MockFactory
) -> None:
    office.send(office.token(Pause))
    paused = office.health(lambda health: health.state == State.PAUSED)
    assert paused.threads == {"keys": True, "network": True}
    assert paused.memory_bytes is not None
    assert paused.alarms == []
    # health_s is 30 s: both came because something changed
    pins.pin(PROFILE.buttons[0].gpio).drive_low()
    pins.pin(PROFILE.buttons[0].gpio).drive_high()
    assert service.settle(5)
    office.send(office.token(Configure, version=1, values={}))
    last = office.health(lambda health: health.settings_version == 1)
    assert last.edges["very-satisfied"] == 2

"""The whole device on mock pins, with a real broker and a collector that answers."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory, MockPin

from firmware_config.chain import split_token
from firmware_config.contract import (
    RECORD_TYPES,
    Kind,
    Status,
    decode_health,
    decode_record,
    decode_status,
)
from firmware_config.contract import Clock as ClockRecord
from firmware_config.kiosk_settings import KioskSettings, UplinkSettings
from firmware_config.mqtt_link import (
    Arrived,
    BrokerAddress,
    Connected,
    Link,
    LinkEvent,
    Publication,
    Published,
)
from firmware_config.pins import load_pin_profile
from kiosk.clock import Clock
from kiosk.errors import DeadThreadError, JournalForkedError, KeyMissingError, PanelError
from kiosk.events import CaseOpened, ClerkKey, ClerkLongPress
from kiosk.journal.reading import open_card
from kiosk.links import Row
from kiosk.patterns import ERROR
from kiosk.service import KioskService
from kiosk.situation import State

PROFILE = load_pin_profile("five-key")
GPIOS = {button.name: button.gpio for button in PROFILE.buttons}


class ChipGoneError(Exception):
    """What lgpio raises derives from Exception alone too."""


class AnsweringCollector:
    """Stores what it gets and answers with retained receipts, as the collector does."""

    def __init__(self, port: int, ledger: Any) -> None:
        self.ledger = ledger
        self.statuses: list[Status] = []
        self.healths = 0
        self.arrivals: list[tuple[int, float]] = []
        self.is_answering = True
        self._events: queue.SimpleQueue[LinkEvent | None] = queue.SimpleQueue()
        self.link = Link(
            BrokerAddress(host="127.0.0.1", port=port, username="collector", password="x"),
            client_id="collector",
            subscriptions=tuple(f"yiping/hall-1/+/{c}" for c in ("journal", "status", "health")),
            on_event=self._events.put,
        )
        self.is_connected = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self.link.start()
        self._thread.start()
        assert self.is_connected.wait(10)

    def stop(self) -> None:
        self.link.stop()
        self._events.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (event := self._events.get()) is not None:
            if isinstance(event, Connected):
                self.is_connected.set()
            elif isinstance(event, Arrived):
                self._take(event)

    def _take(self, event: Arrived) -> None:
        channel = event.topic.rsplit("/", 1)[1]
        if channel == "status":
            self.statuses.append(decode_status(event.payload))
            self.ledger.epoch = self.statuses[-1].epoch or self.ledger.epoch
        elif channel == "health":
            decode_health(event.payload)
            self.healths += 1
        else:
            self.ledger.take(event.payload)
            self.arrivals.append((len(self.ledger.tokens), time.monotonic()))
        if self.is_answering and channel != "health":
            self.answer()

    def answer(self) -> None:
        payload = self.ledger.receipt(server_ms=time.time_ns() // 1_000_000)
        self.link.publish(Publication("yiping/hall-1/w-a01/receipt", payload, retain=True))


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


class RightClock(Clock):
    """This machine's clocks, with a time server or without."""

    def __init__(self, *, is_synced: bool = True) -> None:
        super().__init__()
        self._is_synced = is_synced

    def is_synced(self) -> bool:
        return self._is_synced


@pytest.fixture
def service_of(
    make_settings: Callable[..., KioskSettings], pins: MockFactory
) -> Iterator[Callable[..., KioskService]]:
    made: list[KioskService] = []

    def make(
        port: int = 1,
        notify: Callable[[str], None] | None = None,
        *,
        is_synced: bool = True,
        **changes: Any,
    ) -> KioskService:
        service = KioskService(
            make_settings(port=port, **changes),
            pin_factory=pins,
            clock=RightClock(is_synced=is_synced),
            password="",
            notify=notify,
        )
        made.append(service)
        return service

    yield make
    for service in made:
        service.stop()


Wait = Callable[..., None]


def press(service: KioskService, pins: MockFactory, name: str) -> None:
    """Hold a key until it has settled, and let go."""
    pin = pins.pin(GPIOS[name])
    pin.drive_low()
    assert service.settle(5)
    pin.drive_high()
    assert service.settle(5)


def invite(service: KioskService, case_no: str) -> None:
    service.post(CaseOpened(at_ms=service.clock.mono_ms(), case_no=case_no))
    assert service.settle(5)


def test_from_press_to_receipt(
    open_broker: Any,
    service_of: Callable[..., KioskService],
    pins: MockFactory,
    ledger: Any,
    wait_until: Wait,
) -> None:
    collector = AnsweringCollector(open_broker.port, ledger)
    collector.start()
    service = service_of(open_broker.port)
    service.start()
    wait_until(lambda: service.snapshot().is_connected)

    invite(service, "C-1")
    assert service.snapshot().is_session_open
    assert set(GPIOS) <= service.snapshot().lit
    press(service, pins, "satisfied")
    thanked = service.snapshot()
    assert thanked.lit & set(GPIOS) == {"satisfied"}
    assert (thanked.last_level, thanked.session, thanked.head) == (4, 1, 3)

    wait_until(lambda: service.snapshot().stored == 3)
    with open_card(service.settings.journal) as card:
        assert {row.seq: row.token for row in card.rows()} == ledger.tokens
    wait_until(lambda: collector.healths > 0)
    service.stop()
    wait_until(lambda: collector.statuses[-1].state == "offline")
    assert collector.statuses[0].state == "online"
    assert service.failure is None
    collector.stop()


def test_without_a_time_server_the_first_receipt_becomes_a_record_and_no_step(
    open_broker: Any,
    service_of: Callable[..., KioskService],
    ledger: Any,
    wait_until: Wait,
) -> None:
    collector = AnsweringCollector(open_broker.port, ledger)
    collector.start()
    service = service_of(open_broker.port, is_synced=False)
    service.start()

    wait_until(lambda: service.snapshot().stored == 2)

    record = decode_record(split_token(ledger.tokens[2]).payload)
    assert isinstance(record, ClockRecord)
    assert abs(record.step_ms) < 5_000  # this machine's clock, and the collector's, are the same
    assert record.server_time
    device = service._device
    assert device is not None
    assert device.housekeeping.clock_steps == 0
    collector.stop()


@pytest.mark.alone
def test_a_committed_record_is_on_its_way_within_milliseconds(
    open_broker: Any,
    service_of: Callable[..., KioskService],
    ledger: Any,
    wait_until: Wait,
) -> None:
    collector = AnsweringCollector(open_broker.port, ledger)
    collector.start()
    service = service_of(open_broker.port)
    service.start()
    wait_until(lambda: service.snapshot().stored == 1)
    delays = []
    for number in range(10):
        started_s = time.monotonic()
        service.post(ClerkKey(at_ms=service.clock.mono_ms()))
        head = 2 + number * 2
        wait_until(lambda head=head: any(count >= head for count, _ in collector.arrivals))
        delays.append(next(at for count, at in collector.arrivals if count >= head) - started_s)
    # far below the polling second: nothing waits for a timer
    assert sorted(delays)[len(delays) // 2] < 0.25
    collector.stop()


def test_what_was_pressed_without_a_broker_arrives_once_it_is_there(
    open_broker: Any,
    service_of: Callable[..., KioskService],
    pins: MockFactory,
    ledger: Any,
    wait_until: Wait,
) -> None:
    open_broker.kill()
    service = service_of(open_broker.port)
    service.start()
    for number in range(5):
        invite(service, f"C-{number}")
        press(service, pins, "very-satisfied")
    head = service.snapshot().head
    assert head == 11
    open_broker.start()
    collector = AnsweringCollector(open_broker.port, ledger)
    collector.start()
    wait_until(lambda: service.snapshot().stored == head, within_s=20)
    collector.stop()


def test_what_a_broker_swallowed_is_sent_again(
    open_broker: Any,
    service_of: Callable[..., KioskService],
    ledger: Any,
    wait_until: Wait,
) -> None:
    service = service_of(open_broker.port, uplink=UplinkSettings(resend_s=0.5, resend_max_s=1.0))
    service.start()
    wait_until(lambda: service.snapshot().is_connected)
    invite(service, "C-1")  # acknowledged by the broker, delivered to nobody
    collector = AnsweringCollector(open_broker.port, ledger)
    collector.is_answering = True
    collector.start()
    wait_until(lambda: service.snapshot().stored >= 2, within_s=20)
    collector.stop()


def test_it_says_ready_feeds_the_watchdog_and_says_stopping(
    service_of: Callable[..., KioskService], wait_until: Wait
) -> None:
    said: list[str] = []
    service = service_of(notify=said.append)
    service.start()
    wait_until(lambda: "WATCHDOG=1" in said)
    service.stop()
    assert said[0] == "READY=1"
    assert said[-1] == "STOPPING=1"
    assert service.ended.is_set()
    service.stop()


def test_a_dead_network_thread_ends_the_program_and_the_watchdogs_food(
    service_of: Callable[..., KioskService], wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    service = service_of(notify=said.append)
    service.start()
    wait_until(lambda: "WATCHDOG=1" in said)
    monkeypatch.setattr(Link, "is_alive", property(lambda _: False))
    assert service.ended.wait(10)
    assert isinstance(service.failure, DeadThreadError)
    assert "STOPPING=1" not in said


def test_dead_pins_end_the_program(
    service_of: Callable[..., KioskService], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of()
    service.start()
    monkeypatch.setattr(service.panel, "is_alive", lambda: False)
    assert service.ended.wait(10)
    assert isinstance(service.failure, DeadThreadError)


def test_pins_that_have_gone_end_the_program_at_once_although_they_cannot_be_released(
    service_of: Callable[..., KioskService], pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of()
    service.start()
    closed: list[int] = []

    def gone(pin: MockPin, *_: Any) -> None:
        closed.append(pin.info.name)
        raise ChipGoneError("bad handle")

    monkeypatch.setattr(MockPin, "close", gone)
    monkeypatch.setattr(MockPin, "_get_state", gone)

    assert service.ended.wait(10)
    assert isinstance(service.failure, ChipGoneError)
    assert len(set(closed)) == len(GPIOS) * 2 + 4  # the others were tried too
    with open_card(service.settings.journal) as card:
        assert [row.seq for row in card.rows()] == [1]
    monkeypatch.undo()


def test_a_bug_in_the_loop_ends_the_program_with_the_journal_intact(
    service_of: Callable[..., KioskService], pins: MockFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = service_of()
    service.start()
    invite(service, "C-1")
    import kiosk.device

    def bug(*_: Any) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(kiosk.device, "decide", bug)
    pins.pin(GPIOS["satisfied"]).drive_low()
    assert service.ended.wait(10)
    assert isinstance(service.failure, ZeroDivisionError)
    assert not service.settle(0.1)
    with open_card(service.settings.journal) as card:
        assert [row.seq for row in card.rows()] == [1, 2]
    monkeypatch.undo()

    again = service_of()
    pins.pin(GPIOS["satisfied"]).drive_high()
    again.start()
    assert again.snapshot().head == 4  # BOOT, UNRATED interrupted


def test_a_missing_collector_key_and_a_busy_panel_are_told_at_the_start(
    service_of: Callable[..., KioskService], pins: MockFactory, make_settings: Any, tmp_path: Any
) -> None:
    with pytest.raises(KeyMissingError):
        service_of(collector_key=tmp_path / "none.jwk").start()
    first = service_of()
    first.start()
    with pytest.raises(PanelError):
        service_of(journal=tmp_path / "other.db").start()
    assert first.snapshot().state is State.IDLE


def test_two_threads_serve_a_kiosk(service_of: Callable[..., KioskService]) -> None:
    before = threading.active_count()
    service = service_of()
    service.start()
    assert threading.active_count() - before == 2


def test_a_press_while_paused_is_kept_and_the_panel_says_paused(
    service_of: Callable[..., KioskService], pins: MockFactory
) -> None:
    service = service_of()
    assert service.snapshot().head == 0
    service.start()
    service.post(ClerkLongPress(at_ms=service.clock.mono_ms()))
    assert service.settle(5)
    press(service, pins, "satisfied")
    snapshot = service.snapshot()
    assert (snapshot.state, snapshot.head, snapshot.last_level) == (State.PAUSED, 3, None)
    assert snapshot.lit == frozenset()
    assert ERROR not in snapshot.lit


def test_published_events_of_the_broker_are_harmless(
    service_of: Callable[..., KioskService],
) -> None:
    service = service_of()
    service.start()
    service._inbox.put_network(Published(1, 0x87, 1))
    assert service.settle(5)
    assert service.failure is None


def kind_of(row: Row) -> Kind:
    record = decode_record(split_token(row.token).payload)
    return next(kind for kind, made in RECORD_TYPES.items() if isinstance(record, made))


def test_a_fork_ends_the_program_and_the_next_start_counts_again_in_a_new_epoch(
    open_broker: Any,
    service_of: Callable[..., KioskService],
    ledger: Any,
    wait_until: Wait,
) -> None:
    collector = AnsweringCollector(open_broker.port, ledger)
    collector.is_answering = False
    collector.start()
    service = service_of(open_broker.port)
    service.start()
    wait_until(lambda: service.snapshot().is_connected)
    with open_card(service.settings.journal) as card:
        first = card.epoch
    other_history = ledger.receipt(
        server_ms=Clock().wall_ms(), epoch=first, stored=1, stored_hash="A" * 43
    )
    device = service.settings.device
    collector.link.publish(Publication(f"yiping/hall-1/{device}/receipt", other_history))
    assert service.ended.wait(10)
    assert isinstance(service.failure, JournalForkedError)
    service.stop()

    again = service_of(open_broker.port)
    again.start()
    with open_card(again.settings.journal) as card:
        assert card.epoch != first
        assert sum(kind_of(row) is Kind.FAULT for row in card.rows()) == 1
    [aside] = again.settings.journal.parent.glob("*.damaged-*[0-9Z]")
    with open_card(aside) as card:
        assert card.epoch == first
        assert [kind_of(row) for row in card.rows()][-1] is Kind.FAULT
    again.stop()
    collector.stop()

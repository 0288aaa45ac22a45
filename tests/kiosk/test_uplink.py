"""The uplink against a link that is played: what is published when, and which receipts count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from firmware_config.chain import split_token
from firmware_config.contract import (
    MAX_IN_FLIGHT_RECORDS,
    MAX_MESSAGE_BYTES,
    MAX_MESSAGE_RECORDS,
    Checkpoint,
    Clock,
    GivenCheckpoint,
    Health,
    Kind,
    decode_health,
    decode_record,
    decode_status,
    encode,
)
from firmware_config.keys import SigningKey
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.mqtt_link import (
    Arrived,
    Connected,
    Disconnected,
    Publication,
    Published,
    Refused,
)
from kiosk import uplink as uplink_module
from kiosk.clock import ManualClock
from kiosk.drafts import Draft
from kiosk.errors import JournalError
from kiosk.journal import Journal
from kiosk.uplink import Uplink

JOURNAL = "yiping/hall-1/w-a01/journal"
RECEIPT = "yiping/hall-1/w-a01/receipt"
STATUS = "yiping/hall-1/w-a01/status"


class PlayedLink:
    """Remembers what it was given."""

    def __init__(self, broker: Any, **arguments: Any) -> None:
        self.broker = broker
        self.arguments = arguments
        self.is_up = True
        self.is_alive = False
        self.sent: list[Publication] = []
        self.reconnects = 0

    def start(self) -> None:
        self.is_alive = True

    def stop(self) -> None:
        self.is_alive = False

    def reconnect(self) -> None:
        self.reconnects += 1

    def publish(self, publication: Publication) -> int | None:
        if not self.is_up:
            return None
        self.sent.append(publication)
        return len(self.sent)

    def take(self, topic: str = JOURNAL) -> list[bytes]:
        """Payloads published on a topic since the last time."""
        found = [each.payload for each in self.sent if each.topic == topic]
        self.sent = [each for each in self.sent if each.topic != topic]
        return found


class Line:
    """An uplink, its played link, its journal, and a little ledger at the other end."""

    def __init__(
        self, uplink: Uplink, link: PlayedLink, journal: Journal, clock: ManualClock, ledger: Any
    ) -> None:
        self.uplink = uplink
        self.link = link
        self.journal = journal
        self.clock = clock
        self.ledger = ledger

    def write(self, count: int, detail: str = "") -> None:
        for _ in range(count):
            fields = {"reason": "test", "detail": detail}
            self.journal.append([Draft(Kind.FAULT, 1, fields)], self.clock.stamp())

    def connect(self) -> None:
        self.uplink.handle(Connected("5", 1))

    def pump(self) -> list[bytes]:
        while self.uplink.turn():
            pass
        return self.link.take()

    def receive(self, payload: bytes, *, retain: bool = False) -> tuple[Any, ...]:
        return self.uplink.handle(Arrived(RECEIPT, payload, retain, 1, 1, 1))

    def answer(self, **changes: Any) -> tuple[Any, ...]:
        return self.receive(self.ledger.receipt(server_ms=self.clock.wall_ms(), **changes))


@pytest.fixture
def line(
    make_settings: Callable[..., KioskSettings],
    open_it: Callable[..., Journal],
    collector_key: SigningKey,
    clock: ManualClock,
    ledger: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Line:
    monkeypatch.setattr(uplink_module, "Link", PlayedLink)
    journal = open_it()
    uplink = Uplink(
        make_settings(),
        password="secret",
        journal=journal,
        kid="k" * 43,
        collector_key=collector_key.public,
        clock=clock,
        on_event=lambda _: None,
        health=lambda: Health(
            dev="w-a01", v=1, uptime_s=0, head=journal.head, stored=0, archived=0
        ),
    )
    uplink.start()
    link: PlayedLink = uplink._link  # type: ignore[assignment]
    return Line(uplink, link, journal, clock, ledger)


def test_birth_will_and_farewell_are_one_retained_topic(line: Line) -> None:
    line.write(2)
    arguments = line.link.arguments
    birth, will = arguments["birth"](), arguments["will"]
    assert birth.retain
    assert will.retain
    assert birth.topic == will.topic == arguments["farewell"].topic
    hello = decode_status(birth.payload)
    assert (hello.state, hello.head, hello.epoch) == ("online", 2, line.journal.epoch)
    assert decode_status(will.payload).state == "offline"
    assert arguments["client_id"] == line.link.broker.username == "w-a01"
    assert arguments["subscriptions"] == (RECEIPT, line.uplink.command_topic)


def test_a_backlog_goes_in_order_within_all_limits(line: Line) -> None:
    line.write(3 * MAX_IN_FLIGHT_RECORDS)
    line.connect()
    messages = line.pump()
    records = [token for message in messages for token in message.split(b"\n")]
    assert len(records) == MAX_IN_FLIGHT_RECORDS
    assert all(len(message.split(b"\n")) <= MAX_MESSAGE_RECORDS for message in messages)
    assert all(len(message) <= MAX_MESSAGE_BYTES for message in messages)
    assert records == [
        token for _, token in line.journal.tokens(range(1, MAX_IN_FLIGHT_RECORDS + 1))
    ]


def test_large_records_make_smaller_messages(line: Line) -> None:
    line.write(30, detail="字" * 500)
    line.connect()
    messages = line.pump()
    assert all(len(message) <= MAX_MESSAGE_BYTES for message in messages)
    assert [t for m in messages for t in m.split(b"\n")] == [
        token for _, token in line.journal.tokens(range(1, 31))
    ]


def test_receipts_move_the_window_until_all_is_stored(line: Line) -> None:
    line.write(100)
    line.connect()
    for _ in range(10):
        for message in line.pump():
            line.ledger.take(message)
        line.answer()
    assert line.uplink.watermarks.stored == line.journal.head == 100
    assert line.uplink.receipts.age_s == 0
    assert line.uplink.due_ms() is not None  # health


def test_nothing_is_sent_without_a_connection_and_nothing_is_lost_by_it(line: Line) -> None:
    line.write(3)
    assert line.pump() == []
    line.connect()
    line.link.is_up = False  # it broke, the event is still in the queue
    assert line.pump() == []
    line.link.is_up = True
    assert len(line.pump()) == 1
    line.uplink.handle(Disconnected("gone", 1))
    line.connect()
    (again,) = line.pump()
    assert len(again.split(b"\n")) == 3


def test_without_a_receipt_records_are_sent_again_after_ten_seconds(line: Line) -> None:
    line.write(2)
    line.connect()
    first = line.pump()
    line.clock.advance(9_999)
    assert line.pump() == []
    line.clock.advance(2_501)  # jitter is up to a quarter
    assert line.pump() == first


def test_a_puback_is_not_taken_for_storage(line: Line) -> None:
    line.write(1)
    line.connect()
    line.pump()
    line.uplink.handle(Published(1, 0, 1))
    assert line.uplink.watermarks.stored == 0


def test_health_is_told_at_once_and_every_thirty_seconds(line: Line) -> None:
    topic = "yiping/hall-1/w-a01/health"
    line.connect()
    line.pump()
    assert len(line.link.take(topic)) == 1
    line.clock.advance(29_999)
    line.pump()
    assert line.link.take(topic) == []
    line.clock.advance(1)
    line.pump()
    (payload,) = line.link.take(topic)
    assert decode_health(payload).dev == "w-a01"


def test_a_receipt_not_signed_by_the_collector_is_worth_nothing(
    line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    line.write(3)
    line.connect()
    for message in line.pump():
        line.ledger.take(message)
    true = line.ledger.receipt(server_ms=line.clock.wall_ms())
    other = line.ledger.receipt(server_ms=line.clock.wall_ms(), archived=3)
    changed = b".".join([*other.split(b".")[:2], true.split(b".")[2]])
    line.ledger._key = SigningKey.from_seed(b"x" * 32)
    strange = line.ledger.receipt(server_ms=line.clock.wall_ms())
    for forged in (changed, strange, b"not a token", b"a.b.c", b""):
        assert line.receive(forged) == ()
    assert line.uplink.watermarks.stored == 0
    assert line.uplink.receipts.age_s is None
    assert caplog.text.count("receipt refused") == 1  # said once, not each time


def test_a_fork_is_one_fault_and_stops_pruning(line: Line) -> None:
    line.write(3)
    line.connect()
    for message in line.pump():
        line.ledger.take(message)
    (noted,) = line.answer(stored_hash="A" * 43)
    assert noted.kind is Kind.FAULT
    assert noted.fields["reason"] == "fork"
    assert line.answer(stored_hash="A" * 43) == ()
    assert line.uplink.watermarks.stored == 0
    assert line.uplink.watermarks.has_fork


def test_a_restored_collector_gets_everything_again(line: Line) -> None:
    line.write(40)
    line.connect()
    for _ in range(5):
        for message in line.pump():
            line.ledger.take(message)
        line.answer()
    assert line.uplink.watermarks.stored == 40

    for seq in range(11, 41):
        del line.ledger.tokens[seq]  # back from a backup
    line.ledger.gen = "gen-2"
    line.clock.advance(1000)
    line.answer()
    assert line.uplink.watermarks.stored == 10
    for _ in range(5):
        for message in line.pump():
            line.ledger.take(message)
        line.answer()
    assert line.uplink.watermarks.stored == 40


def test_a_retained_receipt_of_an_older_collector_is_not_believed(line: Line) -> None:
    line.write(5)
    line.connect()
    for message in line.pump():
        line.ledger.take(message)
    line.answer(gen="gen-2")
    old = line.ledger.receipt(server_ms=line.clock.wall_ms() - 1, gen="gen-1")
    line.receive(old, retain=True)
    assert line.uplink.watermarks.gen == "gen-2"


def test_a_hole_in_the_ledger_does_not_hold_back_what_follows(line: Line) -> None:
    line.write(30)
    line.connect()
    for message in line.pump():
        line.ledger.take(message)
    del line.ledger.tokens[5]  # could not be read there, and went into quarantine
    line.answer(extra=[(6, 30)])
    line.write(3)
    (message,) = line.pump()
    assert message.split(b"\n") == [token for _, token in line.journal.tokens([31, 32, 33])]


def test_a_refusing_broker_is_said_once(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    line.connect()
    for _ in range(3):
        line.uplink.handle(Published(1, 0x87, 1))
    assert caplog.text.count("broker refuses our messages") == 1
    line.uplink.handle(Published(1, 0, 1))
    line.uplink.handle(Published(1, 0x87, 1))
    assert caplog.text.count("broker refuses our messages") == 2
    line.uplink.handle(Refused("not authorized"))
    assert "not authorized" in caplog.text


def test_a_journal_that_cannot_be_read_now_is_read_later(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.write(2)
    line.connect()

    def broken(*_: Any) -> Any:
        raise JournalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "query", broken)
        assert line.pump() == []
    assert len(line.pump()) == 1


def test_connected_but_without_a_receipt_for_two_minutes_it_connects_anew(line: Line) -> None:
    line.write(3)
    line.connect()
    for _ in range(2 * 60):
        line.pump()
        line.clock.advance(1000)
    assert line.link.reconnects == 0
    line.pump()
    assert line.link.reconnects == 1


def test_while_the_collector_is_away_for_a_day_it_connects_anew_ever_more_seldom(
    line: Line,
) -> None:
    """The broker gives the retained receipt at every subscription: that is no sign of life."""
    line.write(3)
    line.connect()
    for message in line.pump():
        line.ledger.take(message)
    retained = line.ledger.receipt(server_ms=line.clock.wall_ms())
    line.receive(retained)
    line.write(5)
    for _ in range(24 * 3600):
        before = line.link.reconnects
        line.clock.advance(1000)
        line.pump()
        if line.link.reconnects > before:
            line.uplink.handle(Disconnected("asked", 1))
            line.connect()
            line.receive(retained, retain=True)
        assert line.uplink.is_alive
    assert 10 <= line.link.reconnects <= 60


def test_records_asked_for_again_are_all_sent_although_receipts_say_they_are_there(
    line: Line,
) -> None:
    line.write(100)
    line.connect()
    for _ in range(10):
        for message in line.pump():
            line.ledger.take(message)
        line.answer()
    line.link.take()
    line.uplink.resend_from(41)
    seen: list[bytes] = []
    for _ in range(60):
        line.clock.advance(1000)
        seen += [token for message in line.pump() for token in message.split(b"\n")]
        line.answer()
    assert seen == [token for _, token in line.journal.tokens(range(41, 101))]


def test_a_collector_whose_clock_was_once_ahead_tells_the_time_again(line: Line) -> None:
    line.write(1)
    line.connect()
    for message in line.pump():
        line.ledger.take(message)
    right_ms = line.clock.wall_ms()
    month_ms = 30 * 86_400_000
    for server_ms in (right_ms, right_ms + month_ms):
        line.receive(line.ledger.receipt(server_ms=server_ms))
    assert line.uplink.receipts.collector_ms == right_ms + month_ms

    line.receive(line.ledger.receipt(server_ms=right_ms + 1000))

    assert line.uplink.receipts.collector_ms == right_ms + 1000


def test_without_a_clock_an_old_receipt_played_again_does_not_set_the_time_back(
    line: Line,
) -> None:
    line.clock.step(0, is_synced=False)
    line.write(1)
    line.connect()
    for message in line.pump():
        line.ledger.take(message)
    old = line.ledger.receipt(server_ms=1_800_000_000_000)
    line.receive(line.ledger.receipt(server_ms=1_800_000_600_000))
    line.receive(old)
    assert line.uplink.receipts.collector_ms == 1_800_000_600_000


def test_a_device_without_the_time_writes_down_the_first_live_receipt(line: Line) -> None:
    line.clock.step(-line.clock.wall_ms(), is_synced=False)  # it is 1970
    line.write(1)
    line.connect()
    for message in line.pump():
        line.ledger.take(message)
    kept = line.ledger.receipt(server_ms=1_800_000_000_000)
    live = line.ledger.receipt(server_ms=1_800_000_060_500)

    assert line.receive(kept, retain=True) == ()  # it may have lain on the broker for days
    assert line.receive(kept) == ()  # nor does a recording of it say what time it is
    [noted] = line.receive(live)
    line.clock.advance(1000)
    assert line.receive(line.ledger.receipt(server_ms=1_800_000_061_500)) == ()

    line.journal.append([Draft(noted.kind, noted.at_ms, noted.fields)], line.clock.stamp())
    [(_, token)] = line.journal.tokens([2])
    record = decode_record(split_token(token).payload)
    assert isinstance(record, Clock)
    assert record.server_time == "2027-01-15T08:01:00.500Z"
    assert record.step_ms == 1_800_000_060_500
    assert record.mono_ms == line.clock.mono_ms() - 1000


def test_a_synchronised_device_writes_no_receipts_down(line: Line) -> None:
    line.write(1)
    line.connect()
    for message in line.pump():
        line.ledger.take(message)
    line.clock.advance(1000)

    assert line.answer() == ()


def test_a_receipt_that_is_not_believed_is_no_meeting(line: Line) -> None:
    line.clock.step(0, is_synced=False)
    line.write(1)
    line.connect()
    for message in line.pump():
        line.ledger.take(message)

    assert line.answer(epoch="A" * 22) == ()
    assert line.receive(b"no token") == ()
    assert line.uplink.receipts.age_s is None


def given_checkpoint(key: SigningKey, size: int, from_size: int = 0) -> GivenCheckpoint:
    said = Checkpoint(
        what="checkpoint",
        hall="hall-1",
        gen="gen-1",
        on="2026-07-01",
        size=size,
        root=f"{size:A>43}",
        time="2026-07-01T16:00:00.000Z",
        v=1,
    )
    return GivenCheckpoint(token=key.token(encode(said)).decode(), from_size=from_size)


def test_hello_says_the_checkpoint_that_is_kept(line: Line, collector_key: SigningKey) -> None:
    birth = line.link.arguments["birth"]
    assert decode_status(birth().payload).checkpoint_size == 0
    line.connect()
    line.answer(epoch=line.journal.epoch, checkpoint=given_checkpoint(collector_key, 4))
    hello = decode_status(birth().payload)
    assert (hello.checkpoint_gen, hello.checkpoint_size) == ("gen-1", 4)


def test_a_checkpoint_is_taken_also_with_a_receipt_for_an_older_journal(
    line: Line, collector_key: SigningKey
) -> None:
    line.connect()
    line.answer(epoch="o" * 22, checkpoint=given_checkpoint(collector_key, 4))
    assert line.uplink.receipts.checkpoints.base == ("gen-1", 4)
    given = given_checkpoint(collector_key, 9)
    line.answer(dev="w-a02", epoch=line.journal.epoch, checkpoint=given)
    assert line.uplink.receipts.checkpoints.base == ("gen-1", 4)


def test_hello_is_said_again_for_a_proof_at_most_once_a_minute(
    line: Line, collector_key: SigningKey
) -> None:
    line.connect()
    same = {"epoch": line.journal.epoch, "ledger_size": 9}
    line.answer(**same, checkpoint=given_checkpoint(collector_key, 4))
    for _ in range(2):
        for _ in range(60):
            line.answer(**same, checkpoint=given_checkpoint(collector_key, 9, from_size=2))
            line.pump()
            line.clock.advance(1000)
        [said] = line.link.take(STATUS)
        hello = decode_status(said)
        assert (hello.state, hello.checkpoint_size) == ("online", 4)
    line.link.is_up = False  # it broke: it is said when it can be
    line.answer(**same, checkpoint=given_checkpoint(collector_key, 9, from_size=2))
    line.pump()
    line.link.is_up = True
    line.pump()
    assert line.link.take(STATUS) == []
    assert line.uplink.due_ms() == line.clock.steady_ms() + 1000  # and no turn before
    line.clock.advance(1000)
    line.pump()
    assert len(line.link.take(STATUS)) == 1


def test_a_collector_that_contradicts_itself_is_a_fault_while_records_go_on(
    line: Line, collector_key: SigningKey
) -> None:
    line.write(2)
    line.connect()
    given = given_checkpoint(collector_key, 4)
    line.answer(epoch=line.journal.epoch, ledger_size=5, checkpoint=given)
    for message in line.pump():
        line.ledger.take(message)
    [noted] = line.answer()  # a live receipt of 2 rows, where it once had 4
    assert (noted.kind, noted.fields["reason"]) == (Kind.FAULT, "checkpoint")
    assert line.uplink.watermarks.stored == 2
    assert line.uplink.receipts.checkpoints.alarms == ["checkpoint"]


def test_a_simulated_hall_in_another_time_writes_no_receipts_down(line: Line) -> None:
    line.clock.step(0, is_synced=False)
    line.clock.shares_time = False
    line.write(1)
    line.connect()
    for message in line.pump():
        line.ledger.take(message)

    assert line.answer() == ()

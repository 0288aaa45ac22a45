"""Commands through the whole device: carried out once, remembered, answered each time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from firmware_config import contract
from firmware_config.chain import split_token
from firmware_config.contract import (
    MAX_COMMAND_BYTES,
    MAX_MESSAGE_BYTES,
    Answer,
    AnyCommand,
    Configure,
    Identify,
    Kind,
    OpenCase,
    Pause,
    Resend,
    SignInStaff,
    decode_answer,
    encode,
)
from firmware_config.keys import SigningKey
from firmware_config.kiosk_settings import SessionSettings, StorageSettings
from kiosk.clock import ManualClock
from kiosk.command_desk import CommandDesk
from kiosk.command_runner import CommandRunner
from kiosk.drafts import Draft
from kiosk.errors import JournalError
from kiosk.journal import Journal
from kiosk.situation import State

Kinds = Callable[[Journal], list[str]]


class RewindingUplink:
    """What the runner needs of an uplink."""

    def __init__(self) -> None:
        self.rewound: list[int] = []

    def resend_from(self, seq: int) -> None:
        self.rewound.append(seq)


class Counter:
    """A device with a desk, and a collector that sends it commands."""

    def __init__(self, bench: Any, key: SigningKey, collector: SigningKey) -> None:
        self.bench = bench
        self.key = key
        self.collector = collector
        self.uplink = RewindingUplink()
        self.now_ms: int | None = bench.clock.wall_ms()
        self._number = 0
        self.desk = CommandDesk(
            device="w-a01",
            collector_key=collector.public,
            key=key,
            journal=bench.journal,
            now_ms=lambda: self.now_ms,
        )
        bench.device.desk = self.desk
        self.runner = CommandRunner(
            device=bench.device,
            uplink=self.uplink,  # type: ignore[arg-type]
            desk=self.desk,
            clock=bench.clock,
        )

    def command(self, kind: type[Any], **fields: Any) -> AnyCommand:
        self._number += 1
        now_ms = self.bench.clock.wall_ms()
        base = {
            "dev": "w-a01",
            "id": f"{self._number:022d}",
            "issued_at": wall(now_ms),
            "expires_at": wall(now_ms + 60_000),
            "v": contract.CONTRACT_VERSION,
        }
        return kind(**base | fields)  # type: ignore[no-any-return]

    def send(self, command: AnyCommand, key: SigningKey | None = None) -> list[Answer]:
        self.runner.take((key or self.collector).token(encode(command)))
        self.bench.turn()
        return self.answers()

    def answers(self) -> list[Answer]:
        tokens: list[bytes] = []
        self.desk.send_answers(lambda token: tokens.append(token) or True)
        found = []
        for token in map(split_token, tokens):
            assert self.key.public.is_signed(token.signing_input, token.signature)
            found.append(decode_answer(token.payload))
        return found


def wall(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


@pytest.fixture
def counter(bench_of: Callable[..., Any], key: SigningKey, collector_key: SigningKey) -> Counter:
    return Counter(bench_of(), key, collector_key)


def test_a_case_is_opened_and_the_answer_says_done(counter: Counter, kinds: Kinds) -> None:
    (answer,) = counter.send(counter.command(OpenCase, case_no="C-1", item="新生儿落户"))

    assert (answer.outcome, answer.reason) == ("done", "")
    assert kinds(counter.bench.journal) == ["BOOT", "INVITED"]
    assert counter.bench.device.situation.session.item == "新生儿落户"


def test_the_same_command_again_is_answered_again_and_not_done_again(
    counter: Counter, kinds: Kinds
) -> None:
    command = counter.command(OpenCase, case_no="C-1")
    first = counter.send(command)
    counter.bench.tap("satisfied")

    assert counter.send(command) == first
    assert kinds(counter.bench.journal) == ["BOOT", "INVITED", "RATED 4"]


def test_a_refusal_is_remembered_too(counter: Counter) -> None:
    counter.send(counter.command(OpenCase, case_no="C-1"))
    pause = counter.command(Pause)
    (refused,) = counter.send(pause)
    counter.bench.wait(30_000)

    assert (refused.outcome, refused.reason) == ("refused", "session-open")
    assert counter.send(pause) == [refused]
    assert counter.bench.device.situation.state is State.IDLE


def test_after_a_restart_a_command_is_still_known(
    counter: Counter, bench_of: Callable[..., Any], kinds: Kinds
) -> None:
    command = counter.command(OpenCase, case_no="C-1")
    counter.send(command)
    counter.bench.device.close()
    again = Counter(bench_of(), counter.key, counter.collector)

    (answer,) = again.send(command)

    assert answer.outcome == "done"
    assert kinds(again.bench.journal).count("INVITED") == 1


def test_an_answer_is_forgotten_a_day_after_its_command_was_void_and_then_that_is_expired(
    counter: Counter, bench_of: Callable[..., Any], kinds: Kinds
) -> None:
    command = counter.command(OpenCase, case_no="C-1")
    counter.send(command)
    for hours, kept in ((1, 2), (25, 2)):  # the second Identify outlives the first and the case
        late_ms = counter.bench.clock.wall_ms() + hours * 3_600_000
        counter.now_ms = late_ms
        counter.send(counter.command(Identify, expires_at=wall(late_ms + 60_000),
                                     issued_at=wall(late_ms)))  # fmt: skip
        assert counter.bench.journal.query("SELECT count(*) FROM commands") == [(kept,)]
    (answer,) = counter.send(command)
    assert answer.reason == "expired"
    counter.bench.device.close()

    again = Counter(bench_of(), counter.key, counter.collector)
    again.now_ms = counter.now_ms
    (answer,) = again.send(command)
    assert answer.reason == "expired"
    assert kinds(again.bench.journal).count("INVITED") == 1


def test_a_command_that_nobody_trusted_signed_is_not_even_answered(
    counter: Counter, kinds: Kinds
) -> None:
    for payload in (
        counter.key.token(encode(counter.command(Pause))),  # the device's own key
        SigningKey.from_seed(b"x" * 32).token(encode(counter.command(Pause))),
        counter.collector.token(b'{"do":"reboot"}'),
        counter.collector.token(encode(counter.command(Pause)))[:-4] + b"AAAA",
        b"\xff\x00",
        b"",
        b"A" * (MAX_COMMAND_BYTES + 1),
    ):
        counter.runner.take(payload)
    counter.bench.turn()

    assert counter.answers() == []
    assert counter.desk.rejected == 7
    assert kinds(counter.bench.journal) == ["BOOT"]


@pytest.mark.parametrize("moment", ["2026-02-30T00:00:00.000Z", "0000-01-01T00:00:00.000Z"])
def test_a_day_that_does_not_exist_is_no_command_and_no_end(counter: Counter, moment: str) -> None:
    assert counter.send(counter.command(Pause, expires_at=moment)) == []
    assert counter.desk.rejected == 1
    assert counter.send(counter.command(Pause))[0].outcome == "done"


def test_settings_while_the_journal_cannot_be_read_are_refused(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: Any) -> Any:
        raise JournalError("disk I/O error")

    with monkeypatch.context() as patch:
        patch.setattr("kiosk.command_runner.remote_settings", failing)
        (answer,) = counter.send(counter.command(Configure, version=1, values={}))
    assert (answer.outcome, answer.reason) == ("refused", "storage")


def test_a_command_for_another_device_is_refused(counter: Counter, kinds: Kinds) -> None:
    (answer,) = counter.send(counter.command(Pause, dev="w-a02"))
    assert answer.reason == "wrong-device"
    assert kinds(counter.bench.journal) == ["BOOT"]


def test_without_any_knowledge_of_the_time_a_command_is_refused(counter: Counter) -> None:
    counter.now_ms = None
    command = counter.command(Pause)
    (answer,) = counter.send(command)
    assert answer.reason == "clock-unknown"
    counter.now_ms = counter.bench.clock.wall_ms()
    assert counter.send(command) == [answer]  # an answer is final
    assert counter.send(counter.command(Pause))[0].outcome == "done"


def test_when_nothing_can_be_stored_nothing_happened_and_a_new_command_is_done(
    counter: Counter, kinds: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = counter.command(OpenCase, case_no="C-1")
    with monkeypatch.context() as patch:

        def full(*_: Any, **__: Any) -> int:
            raise JournalError("disk full")

        patch.setattr(Journal, "append", full)
        (answer,) = counter.send(command)
    assert (answer.outcome, answer.reason) == ("refused", "storage")
    assert counter.send(command) == [answer]  # also when a broker plays it again

    (answer,) = counter.send(counter.command(OpenCase, case_no="C-1"))

    assert answer.outcome == "done"
    assert kinds(counter.bench.journal) == ["BOOT", "FAULT storage", "INVITED"]


def test_a_command_that_writes_nothing_is_done_once_as_well(counter: Counter) -> None:
    command = counter.command(Identify, duration_s=5)
    assert counter.send(command)[0].outcome == "done"
    until_ms = counter.bench.device.situation.identify_until_ms
    counter.bench.clock.advance(1000)
    counter.send(command)
    assert counter.bench.device.situation.identify_until_ms == until_ms


def test_answers_wait_for_a_connection_and_the_oldest_give_way(counter: Counter) -> None:
    for _ in range(70):
        counter.runner.take(counter.collector.token(encode(counter.command(Identify))))
        counter.bench.turn()
    assert len(counter.answers()) == 64
    assert counter.answers() == []


def test_signing_in_by_command_is_a_record_and_the_name_is_not_in_it(counter: Counter) -> None:
    counter.send(counter.command(SignInStaff, staff_no="1001", name="李四"))
    assert counter.bench.device.situation.staff_name == "李四"
    rows = counter.bench.journal.query("SELECT token FROM records")
    payloads = [split_token(token).payload.decode() for (token,) in rows]
    assert any('"via":"command"' in payload for payload in payloads)
    assert not any("李四" in payload for payload in payloads)


def test_resend_rewinds_the_uplink_and_refuses_what_does_not_exist(counter: Counter) -> None:
    assert counter.send(counter.command(Resend, from_seq=1))[0].outcome == "done"
    assert counter.uplink.rewound == [1]
    (answer,) = counter.send(counter.command(Resend, from_seq=99))
    assert (answer.reason, answer.detail) == ("not-in-journal", "the journal's head is 1")


# --- settings ---


def test_settings_come_into_force_at_once_and_stay_over_a_restart(
    counter: Counter, bench_of: Callable[..., Any], kinds: Kinds
) -> None:
    values = {"session.timeout_s": "30", "session.mode": "walkup", "voice.volume": "40"}
    (answer,) = counter.send(counter.command(Configure, version=7, values=values))
    assert answer.outcome == "done"
    device = counter.bench.device
    assert (device.settings_version, device.rules.timeout_ms, device.rules.is_walkup) == (
        7, 30_000, True,
    )  # fmt: skip
    assert kinds(counter.bench.journal) == ["BOOT", "SETTINGS"]
    device.close()

    again = bench_of()
    assert again.device.settings_version == 7
    assert again.device.rules.timeout_ms == 30_000
    assert again.device.settings.voice.volume == 40


def test_new_settings_replace_all_former_ones(counter: Counter) -> None:
    counter.send(counter.command(Configure, version=1, values={"session.timeout_s": "30"}))
    counter.send(counter.command(Configure, version=2, values={"voice.volume": "10"}))
    assert counter.bench.device.rules.timeout_ms == 20_000
    assert counter.bench.device.settings.voice.volume == 10


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"session.timeout_s": "7"}, "session.timeout_s: expected number in s, 8 to 120, got '7'"),
        ({"session.timout_s": "30"}, "session.timout_s: unknown setting; did you mean session.ti"),
        ({"broker.host": "evil"}, "broker.host: expected a setting that can change while the pro"),
        ({"opening.hours": "mon-sun 09:00+08:00-17:00+08:00"}, "opening.hours: expected a line"),
        ({"opening.hours": "mon-sun 09:00+08:00-17:00"}, "opening.hours: expected a line such as"),
        ({"voice.quiet_hours": "12:00Z-13:00Z"}, "voice.quiet_hours: expected stretches such as"),
        ({"screen.window": "A\x01"}, "screen.window: expected text"),
        ({"opening.hours": "mon 9-12"}, "opening.hours: expected a line such as 'mon-fri 09:00"),
        ({"voice.volume": "50", "session.mode": "x"}, "session.mode: expected text clerk or walk"),
    ],
)
def test_invalid_settings_are_refused_whole_with_what_is_wrong(
    counter: Counter, kinds: Kinds, values: dict[str, str], told: str
) -> None:
    (answer,) = counter.send(counter.command(Configure, version=1, values=values))

    assert (answer.outcome, answer.reason) == ("refused", "invalid-settings")
    assert told.replace("text clerk", "text, clerk") in answer.detail.replace(
        "text clerk", "text, clerk"
    )
    assert counter.bench.device.settings_version == 0
    assert counter.bench.device.settings.voice.volume == 80
    assert kinds(counter.bench.journal) == ["BOOT"]


def test_the_record_of_the_largest_settings_fits_into_a_message(counter: Counter) -> None:
    """Else it would be put aside by the collector each time, and the device send it for ever."""
    values: dict[str, str] = {}
    while True:
        more = values | {f"section.key-{len(values)}": "\x01" * 61}
        command = counter.command(Configure, version=2**53 - 1, values=more)
        if len(counter.collector.token(encode(command))) > MAX_COMMAND_BYTES:
            break
        values = more
    fields = {"version": 2**53 - 1, "values": values}
    device = counter.bench.device
    head = counter.bench.journal.append(
        [Draft(Kind.SETTINGS, 2**40, fields)], device.housekeeping.stamp
    )
    ((token,),) = counter.bench.journal.query("SELECT token FROM records WHERE seq = ?", head)
    assert MAX_COMMAND_BYTES * 0.9 < len(token) <= MAX_MESSAGE_BYTES


def test_a_version_only_rises(counter: Counter) -> None:
    counter.send(counter.command(Configure, version=5, values={"voice.volume": "10"}))
    (older,) = counter.send(counter.command(Configure, version=4, values={}))
    (other,) = counter.send(counter.command(Configure, version=5, values={}))
    (same,) = counter.send(counter.command(Configure, version=5, values={"voice.volume": "10"}))
    assert (older.reason, other.reason) == ("old-version", "old-version")
    assert same.outcome == "done"


def test_settings_that_could_not_be_stored_are_not_in_force(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> int:
        raise JournalError("disk full")

    monkeypatch.setattr(Journal, "append", full)
    command = counter.command(Configure, version=1, values={"voice.volume": "10"})
    (answer,) = counter.send(command)
    assert answer.reason == "storage"
    assert counter.bench.device.settings.voice.volume == 80
    monkeypatch.undo()
    counter.send(counter.command(Configure, version=1, values={"voice.volume": "10"}))
    assert counter.bench.device.settings.voice.volume == 10


def test_opening_hours_by_command_close_the_walk_up_window(
    bench_of: Callable[..., Any],
    key: SigningKey,
    collector_key: SigningKey,
    kinds: Kinds,
    clock: ManualClock,
) -> None:
    bench = bench_of(session=SessionSettings(mode="walkup", walkup_interval_s=0))
    counter = Counter(bench, key, collector_key)
    bench.tap("satisfied")  # Monday, 09:00
    counter.send(
        counter.command(Configure, version=1, values={"opening.hours": "mon-fri 10:00-12:00"})
    )
    bench.wait(1000)
    bench.tap("satisfied")
    bench.wait(3_600_000)
    bench.tap("satisfied")
    clock.step(0, is_synced=False)
    bench.wait(3 * 3_600_000)
    bench.tap("satisfied")  # closed by the clock, but nobody vouches for the clock
    assert [kind for kind in kinds(bench.journal) if kind.split()[0] in ("RATED", "IGNORED")] == [
        "RATED 4", "IGNORED closed", "RATED 4", "RATED 4",
    ]  # fmt: skip


def test_low_disk_is_told_early_and_long_before_thanking_stops(
    bench_of: Callable[..., Any], kinds: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kiosk import storage

    room = 10**9
    monkeypatch.setattr(storage, "free_bytes", lambda path: room)
    bench = bench_of(
        storage=StorageSettings(
            allow_volatile=True, min_free_bytes=2 * 10**6, warn_free_bytes=10**8
        )
    )
    bench.wait(1000)
    assert bench.device.housekeeping.disk == "ok"
    room = 5 * 10**7
    for _ in range(10):
        bench.wait(1000)
    assert bench.device.housekeeping.alarms == ["disk-low"]
    assert bench.device.situation.may_thank
    room = 10**6
    for _ in range(10):
        bench.wait(1000)
    assert not bench.device.situation.may_thank
    assert kinds(bench.journal) == ["BOOT", "FAULT disk-low", "FAULT disk-short"]

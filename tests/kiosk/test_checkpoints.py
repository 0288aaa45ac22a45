"""Devices keep the collector's checkpoints, and refuse what is not consistent with them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config import chain
from firmware_config.contract import (
    CONTRACT_VERSION,
    Checkpoint,
    GivenCheckpoint,
    Kind,
    Life,
    Receipt,
    encode,
)
from firmware_config.keys import SigningKey
from kiosk.checkpoint_book import CheckpointBook
from kiosk.cli import main
from kiosk.clock import ManualClock
from kiosk.drafts import Draft
from kiosk.errors import JournalError
from kiosk.events import Noted
from kiosk.journal import Journal
from kiosk.journal.checkpoints import DOUBTS_MAXIMUM
from kiosk.witness import ASKED_MAXIMUM, Finding, Kept, judge

HALL, DEVICE, EPOCH = "hall-1", "w-a01", "e" * 22
Opener = Callable[..., Journal]


def text(raw: bytes) -> str:
    return chain.b64url(raw).decode("ascii")


def mth(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + mth(leaves[:split]) + mth(leaves[split:])).digest()


def subproof(first: int, leaves: list[bytes], is_known: bool = True) -> list[bytes]:
    """RFC 9162, section 2.1.4.1."""
    if first == len(leaves):
        return [] if is_known else [mth(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if first <= split:
        return [*subproof(first, leaves[:split], is_known), mth(leaves[split:])]
    return [*subproof(first - split, leaves[split:], False), mth(leaves[:split])]


class Collector:
    """A ledger as a collector would have it, honest or not."""

    def __init__(self, key: SigningKey, gen: str = "gen-1") -> None:
        self.key = key
        self.gen = gen
        self.rows: list[bytes] = []
        self.parent: Life | None = None
        self.time_ms = 1_782_900_000_000

    def grow(self, number: int, salt: str = "") -> None:
        start = len(self.rows)
        self.rows += [sha256(f"{salt}{start + at}".encode()).digest() for at in range(number)]

    def go_back(self, size: int, gen: str) -> None:
        """Restored from a backup: a new life, which says so."""
        self.parent = Life(gen=self.gen, size=size, root=text(mth(self.rows[:size])))
        self.rows, self.gen = self.rows[:size], gen

    def token(self, **changes: Any) -> str:
        self.time_ms += 86_400_000
        at = datetime.fromtimestamp(self.time_ms / 1000, UTC)
        values: dict[str, Any] = {
            "what": "checkpoint",
            "hall": HALL,
            "gen": self.gen,
            "on": f"{at:%Y-%m-%d}",
            "size": len(self.rows),
            "root": text(mth(self.rows)),
            "time": f"{at:%Y-%m-%dT%H:%M:%S}.000Z",
            "v": CONTRACT_VERSION,
            "parent": self.parent,
        }
        return self.key.token(encode(Checkpoint(**(values | changes)))).decode("ascii")

    def given(self, from_size: int = 0, **changes: Any) -> GivenCheckpoint:
        proof = subproof(from_size, self.rows) if from_size else []
        return GivenCheckpoint(
            token=self.token(**changes), from_size=from_size, proof=[text(one) for one in proof]
        )

    def receipt(self, checkpoint: GivenCheckpoint | None = None, **changes: Any) -> Receipt:
        values: dict[str, Any] = {
            "dev": DEVICE,
            "gen": self.gen,
            "epoch": EPOCH,
            "stored": 0,
            "stored_hash": "",
            "archived": 0,
            "server_time": "2026-07-01T10:00:00.000Z",
            "ledger_size": len(self.rows),
            "ledger_root": text(mth(self.rows)),
            "v": CONTRACT_VERSION,
            "checkpoint": checkpoint,
        }
        return Receipt(**(values | changes))


class Device:
    """A journal and its book of checkpoints."""

    def __init__(self, journal: Journal, key: SigningKey, clock: ManualClock) -> None:
        self.journal = journal
        self.clock = clock
        self.key = key
        self.start()

    def start(self) -> None:
        self.book = CheckpointBook(
            hall=HALL, journal=self.journal, collector_key=self.key.public, clock=self.clock
        )

    def take(self, receipt: Receipt, *, is_retained: bool = False) -> tuple[Noted, ...]:
        raw = self.key.token(encode(receipt))
        return self.book.take(receipt, raw, is_retained=is_retained)

    @property
    def kept(self) -> list[tuple[str, int]]:
        return self.journal.query(
            "SELECT gen, size FROM checkpoints WHERE problem = '' ORDER BY id"
        )

    @property
    def refused(self) -> list[str]:
        rows = self.journal.query("SELECT problem FROM checkpoints WHERE problem <> '' ORDER BY id")
        return [problem for (problem,) in rows]


@pytest.fixture
def device(open_it: Opener, collector_key: SigningKey, clock: ManualClock) -> Device:
    return Device(open_it(), collector_key, clock)


@pytest.fixture
def collector(collector_key: SigningKey) -> Collector:
    made = Collector(collector_key)
    made.grow(5)
    return made


def expect_alarm(device: Device, noted: tuple[Noted, ...]) -> None:
    """One FAULT, evidence on the card, an alarm in health; and nothing was kept."""
    [fault] = noted
    assert (fault.kind, fault.fields["reason"]) == (Kind.FAULT, "checkpoint")
    assert len(device.refused) == 1
    assert device.refused[0] in str(fault.fields["detail"])
    assert device.book.alarms == ["checkpoint"]


def test_devices_keep_every_checkpoint_that_is_proven(device: Device, collector: Collector) -> None:
    size = 0
    for more in (0, 3, 300, 1, 0, 77):
        collector.grow(more)
        assert device.take(collector.receipt(collector.given(size))) == ()
        size = len(collector.rows)
        assert device.book.base == ("gen-1", size)
    assert device.kept == [("gen-1", size) for size in (5, 8, 308, 309, 386)]
    assert (device.refused, device.book.alarms) == ([], [])


def test_what_is_kept_is_still_kept_after_a_restart(
    device: Device, collector: Collector, open_it: Opener
) -> None:
    device.take(collector.receipt(collector.given()))
    device.journal.close()
    device.journal = open_it()
    device.start()
    assert device.book.base == ("gen-1", 5)
    collector.grow(4)
    collector.rows[2] = b"altered since"
    expect_alarm(device, device.take(collector.receipt(collector.given(5))))


def altered_row(collector: Collector) -> GivenCheckpoint:
    collector.grow(4)
    collector.rows[2] = b"altered"
    return collector.given(5)


def removed_row(collector: Collector) -> GivenCheckpoint:
    collector.grow(4)
    del collector.rows[1]
    return collector.given(5)


def swapped_rows(collector: Collector) -> GivenCheckpoint:
    collector.grow(4)
    collector.rows[0], collector.rows[1] = collector.rows[1], collector.rows[0]
    return collector.given(5)


def cut_tail(collector: Collector, size: int = 3) -> GivenCheckpoint:
    del collector.rows[size:]
    return collector.given()


def same_size_other_root(collector: Collector) -> GivenCheckpoint:
    collector.rows[4] = b"altered"
    return collector.given()


def proof_with_a_wrong_hash(collector: Collector) -> GivenCheckpoint:
    collector.grow(4)
    given = collector.given(5)
    return GivenCheckpoint(
        token=given.token, from_size=5, proof=[*given.proof[:-1], text(b"x" * 32)]
    )


def proof_that_is_no_base64(collector: Collector) -> GivenCheckpoint:
    collector.grow(4)
    given = collector.given(5)
    return GivenCheckpoint(token=given.token, from_size=5, proof=[*given.proof[:-1], "z" * 43])


def other_hall(collector: Collector) -> GivenCheckpoint:
    collector.grow(1)
    return collector.given(5, hall="hall-2")


def other_key(collector: Collector) -> GivenCheckpoint:
    collector.grow(1)
    collector.key = SigningKey.from_seed(b"x" * 32)
    return collector.given(5)


def new_life_with_another_past(collector: Collector) -> GivenCheckpoint:
    collector.go_back(5, "gen-2")
    collector.rows[0] = b"altered"
    collector.grow(3)
    return collector.given(5)


def new_life_that_began_with_another_root(collector: Collector) -> GivenCheckpoint:
    collector.go_back(5, "gen-2")
    assert collector.parent is not None
    collector.parent = Life(gen="gen-1", size=5, root=text(b"o" * 32))
    collector.grow(3)
    return collector.given(5)


def new_life_smaller_than_it_began(collector: Collector) -> GivenCheckpoint:
    collector.go_back(5, "gen-2")
    del collector.rows[4:]
    return collector.given()


@pytest.mark.parametrize(
    "forge",
    [
        altered_row,
        removed_row,
        swapped_rows,
        cut_tail,
        same_size_other_root,
        proof_with_a_wrong_hash,
        proof_that_is_no_base64,
        other_hall,
        other_key,
        new_life_with_another_past,
        new_life_that_began_with_another_root,
        new_life_smaller_than_it_began,
    ],
)
def test_devices_refuse_an_inconsistent_one_keep_it_as_evidence_and_go_on(
    device: Device, collector: Collector, forge: Callable[[Collector], GivenCheckpoint]
) -> None:
    device.take(collector.receipt(collector.given()))
    honest = Collector(collector.key)
    honest.grow(6)
    honest.time_ms = collector.time_ms
    forged = forge(collector)
    receipt = honest.receipt(forged)  # its own size and root are right
    expect_alarm(device, device.take(receipt))
    assert device.kept == [("gen-1", 5)]
    [(token,)] = device.journal.query("SELECT token FROM checkpoints WHERE problem <> ''")
    assert token.decode() == forged.token
    assert device.take(receipt) == ()  # said once
    assert len(device.refused) == 1
    assert device.take(honest.receipt(honest.given(5))) == ()  # the honest one is kept as before
    assert device.kept == [("gen-1", 5), ("gen-1", 6)]
    assert device.book.alarms == ["checkpoint"]  # and the evidence stands


def test_nothing_is_pruned_while_evidence_stands_and_records_are_still_written(
    device: Device, collector: Collector
) -> None:
    for _ in range(3):
        draft = Draft(Kind.FAULT, 1, {"reason": "test", "detail": ""})
        device.journal.append([draft], device.clock.stamp())
    device.journal.keep(replace(device.journal.watermarks, stored=3, archived=3))
    device.take(collector.receipt(collector.given()))
    device.take(collector.receipt(same_size_other_root(collector)))
    assert device.journal.prune("9999-01-01") == 0
    assert device.journal.append([draft], device.clock.stamp()) == 4
    made_up = Collector(device.key, "made up")
    made_up.grow(9)
    device.take(made_up.receipt(made_up.given()))
    assert device.journal.prune("9999-01-01") == 0
    collector = Collector(device.key)
    collector.grow(6)
    collector.go_back(6, "gen-2")
    device.take(collector.receipt(collector.given(5)))
    assert device.journal.prune("9999-01-01") > 0


def test_a_new_life_ends_the_alarm_and_no_restart_does(
    device: Device, collector: Collector
) -> None:
    device.take(collector.receipt(collector.given()))
    collector.grow(2)
    device.take(collector.receipt(collector.given(5)))
    device.take(collector.receipt(cut_tail(collector, 6)))
    device.start()
    assert device.book.alarms == ["checkpoint"]
    collector.go_back(6, "gen-2")  # somebody says: this was restored from a copy
    assert device.take(collector.receipt(collector.given())) == ()
    assert device.book.alarms == ["checkpoint"]  # and has to prove it
    assert device.take(collector.receipt(collector.given(5))) == ()
    assert device.book.alarms == []
    assert len(device.refused) == 1  # the evidence stays
    device.start()
    assert device.book.alarms == []


def made_anew(collector: Collector) -> GivenCheckpoint:
    collector.rows, collector.gen, collector.parent = [], "made-up", None
    collector.grow(9, "made up")
    return collector.given()


def from_a_life_nobody_knows(collector: Collector) -> GivenCheckpoint:
    made_anew(collector)
    collector.parent = Life(gen="never seen", size=4, root=text(mth(collector.rows[:4])))
    return collector.given()


def from_a_life_nobody_knows_with_a_proof(collector: Collector) -> GivenCheckpoint:
    made_anew(collector)
    collector.parent = Life(gen="never seen", size=6, root=text(mth(collector.rows[:6])))
    return collector.given(5)


def from_fewer_rows_than_any_that_are_kept(collector: Collector) -> GivenCheckpoint:
    made_anew(collector)
    collector.parent = Life(gen="gen-1", size=4, root=text(mth(collector.rows[:4])))
    return collector.given(5)


def from_no_rows(collector: Collector) -> GivenCheckpoint:
    made_anew(collector)
    collector.parent = Life(gen="gen-1", size=0, root=text(mth([])))
    return collector.given(0)


@pytest.mark.parametrize("is_doubting", [False, True])
@pytest.mark.parametrize(
    "forge",
    [
        made_anew,
        from_a_life_nobody_knows,
        from_a_life_nobody_knows_with_a_proof,
        from_fewer_rows_than_any_that_are_kept,
        from_no_rows,
    ],
)
def test_a_strange_ledger_is_kept_is_said_and_ends_no_doubt(
    device: Device,
    collector: Collector,
    open_it: Opener,
    forge: Callable[[Collector], GivenCheckpoint],
    is_doubting: bool,
) -> None:
    device.take(collector.receipt(collector.given()))
    if is_doubting:
        device.take(collector.receipt(other_hall(collector)))
    forged = forge(collector)
    assert forged.from_size or device.take(collector.receipt(forged), is_retained=True) == ()
    assert device.kept == [("gen-1", 5)]  # what lay on the broker is from before
    assert device.book.alarms == ["checkpoint"] * is_doubting
    [fault] = device.take(collector.receipt(forged))
    assert (fault.kind, fault.fields["reason"]) == (Kind.FAULT, "checkpoint")
    assert "gen made-up: a strange ledger: it names" in str(fault.fields["detail"])
    assert device.kept == [("gen-1", 5), ("made-up", 9)]
    assert device.take(collector.receipt(forged)) == ()  # said once

    # from now on it cannot change either, and no later life of its own makes it believed
    collector.grow(1)
    assert device.take(collector.receipt(collector.given(9))) == ()
    collector.go_back(10, "made-up-2")
    for _ in range(ASKED_MAXIMUM):
        assert device.take(collector.receipt(collector.given(10))) == ()
        device.book.asked()
    device.take(collector.receipt(collector.given(10)))
    device.start()
    assert device.book.alarms == ["checkpoint"]

    # the ledger that was believed comes back, and says so
    honest = Collector(device.key)
    honest.grow(7)
    honest.go_back(7, "gen-2")
    assert device.take(honest.receipt(honest.given(5))) == ()
    assert device.book.alarms == []
    device.journal.close()
    device.journal = open_it()
    device.start()
    assert device.book.alarms == []


def test_a_device_that_was_away_for_a_whole_life_believes_what_is_proven(
    device: Device, collector: Collector
) -> None:
    device.take(collector.receipt(collector.given()))
    device.take(collector.receipt(other_hall(collector)))
    collector.go_back(6, "gen-2")
    collector.grow(3)
    collector.go_back(8, "gen-3")
    assert device.take(collector.receipt(collector.given())) == ()
    assert device.book.base == ("gen-1", 5)  # asked for
    assert device.take(collector.receipt(collector.given(5))) == ()
    assert device.kept == [("gen-1", 5), ("gen-3", 8)]
    assert device.book.alarms == []


def test_a_restored_ledger_is_held_against_what_is_kept_of_the_life_before(
    device: Device, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    device.take(collector.receipt(collector.given()))
    collector.grow(10)
    device.take(collector.receipt(collector.given(5)))
    collector.go_back(9, "gen-2")  # the backup of last night: six rows are gone
    collector.grow(20, "sent again in another order")
    unproven = collector.given()
    assert device.take(collector.receipt(unproven)) == ()
    assert device.book.base == ("gen-1", 5)  # the newest that the new life must begin with
    assert device.take(collector.receipt(collector.given(5))) == ()
    assert device.kept == [("gen-1", 5), ("gen-1", 15), ("gen-2", 29)]
    assert "went back to size 9, we keep its checkpoint of size 15" in caplog.text
    assert device.refused == []


def test_a_proof_that_begins_elsewhere_is_asked_for_again_once_a_minute(
    device: Device, collector: Collector
) -> None:
    device.take(collector.receipt(collector.given()))
    collector.grow(4)
    elsewhere = collector.receipt(collector.given(3))
    assert device.take(elsewhere) == ()
    assert device.book.ask_due_ms == device.clock.steady_ms()
    device.book.asked()
    assert device.take(elsewhere) == ()
    assert device.book.ask_due_ms == device.clock.steady_ms() + 60_000
    assert device.take(collector.receipt(collector.given(5))) == ()
    assert device.book.ask_due_ms is None
    assert device.kept == [("gen-1", 5), ("gen-1", 9)]


def test_a_proof_that_is_never_given_is_refused(device: Device, collector: Collector) -> None:
    device.take(collector.receipt(collector.given()))
    collector.rows[0] = b"altered"
    collector.grow(4)
    receipt = collector.receipt(collector.given())
    for _ in range(ASKED_MAXIMUM):
        assert device.take(receipt) == ()
        device.clock.advance(60_000)
        assert device.book.ask_due_ms is not None
        device.book.asked()
    expect_alarm(device, device.take(receipt))
    assert "no proof from size 5" in device.refused[0]


def test_a_receipt_with_another_root_for_a_kept_size_is_equivocation(
    device: Device, collector: Collector
) -> None:
    device.take(collector.receipt(collector.given()))
    receipt = collector.receipt(ledger_root=text(b"o" * 32))
    expect_alarm(device, device.take(receipt, is_retained=True))
    [(token,)] = device.journal.query("SELECT token FROM checkpoints WHERE problem <> ''")
    assert token == device.key.token(encode(receipt))


def test_a_live_receipt_of_a_smaller_ledger_is_equivocation_and_an_old_one_is_not(
    device: Device, collector: Collector
) -> None:
    device.take(collector.receipt(collector.given()))
    before = collector.receipt(ledger_size=3, ledger_root=text(mth(collector.rows[:3])))
    assert device.take(before, is_retained=True) == ()
    assert device.take(collector.receipt(gen="gen-2", ledger_size=3)) == ()  # restored, openly
    expect_alarm(device, device.take(before))
    for _ in range(10):
        assert device.take(before) == ()  # once, though they come every second
    assert len(device.refused) == 1


def test_a_checkpoint_that_lay_on_the_broker_is_no_alarm(
    device: Device, collector: Collector
) -> None:
    old = collector.receipt(collector.given())
    collector.grow(4)
    device.take(collector.receipt(collector.given()))
    assert device.take(old, is_retained=True) == ()
    assert device.kept == [("gen-1", 9)]
    assert device.book.ask_due_ms is None


def test_a_clock_that_was_set_right_is_logged_and_no_alarm(
    device: Device, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    collector.time_ms += 400 * 86_400_000
    device.take(collector.receipt(collector.given()))
    collector.time_ms -= 400 * 86_400_000
    collector.grow(1)
    assert device.take(collector.receipt(collector.given(5))) == ()
    assert len(device.kept) == 2
    assert "clock went back" in caplog.text


@pytest.mark.parametrize(
    "token", ["", "a.b.c", "ä", "x" * 2000], ids=["empty", "no token", "not ASCII", "long"]
)
def test_what_cannot_be_read_is_no_evidence(
    device: Device, collector: Collector, token: str
) -> None:
    assert device.take(collector.receipt(GivenCheckpoint(token=token))) == ()
    later = collector.key.token(b'{"what":"checkpoint","v":2}').decode()
    assert device.take(collector.receipt(GivenCheckpoint(token=later))) == ()
    assert (device.kept, device.refused) == ([], [])


def test_a_broken_collector_does_not_fill_the_card(device: Device, collector: Collector) -> None:
    device.take(collector.receipt(collector.given()))
    faults = 0
    for _ in range(DOUBTS_MAXIMUM + 20):
        faults += len(device.take(collector.receipt(other_hall(collector))))
    assert (len(device.refused), faults) == (DOUBTS_MAXIMUM, 1)


def test_a_collector_that_begins_anew_again_and_again_does_not_fill_the_card(
    device: Device, collector: Collector
) -> None:
    device.take(collector.receipt(collector.given()))
    for number in range(DOUBTS_MAXIMUM + 20):
        collector.gen = f"another-{number}"
        device.take(collector.receipt(collector.given()))
    assert len(device.kept) == 1 + DOUBTS_MAXIMUM
    honest = Collector(device.key)
    honest.grow(6)
    honest.go_back(6, "gen-2")
    device.take(honest.receipt(honest.given(5)))
    assert device.book.alarms == []
    expect_alarm(device, device.take(honest.receipt(other_hall(honest))))  # there is room again
    device.start()
    assert device.book.alarms == ["checkpoint"]


def test_a_card_that_cannot_be_written_costs_no_press_and_it_is_tried_again(
    device: Device, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any) -> None:
        raise JournalError("disk full")

    receipt = collector.receipt(collector.given())
    with monkeypatch.context() as broken:
        broken.setattr(device.journal, "write", fail)
        assert device.take(receipt) == ()
    assert device.book.base == ("", 0)
    device.take(receipt)
    assert device.kept == [("gen-1", 5)]


def test_the_triggers_keep_what_is_kept(device: Device, collector: Collector) -> None:
    device.take(collector.receipt(collector.given()))
    for sql in ("UPDATE checkpoints SET root = ''", "DELETE FROM checkpoints"):
        with (
            closing(sqlite3.connect(device.journal.path)) as plain,
            pytest.raises(sqlite3.IntegrityError, match="evidence"),
        ):
            plain.execute(sql)


def test_a_journal_that_is_set_aside_leaves_its_checkpoints_to_the_next(
    device: Device, collector: Collector, open_it: Opener
) -> None:
    device.take(collector.receipt(collector.given()))
    device.take(collector.receipt(other_hall(collector)))
    device.journal.keep(replace(device.journal.watermarks, has_fork=True))
    epoch = device.journal.epoch
    device.journal.close()
    device.journal = open_it()
    device.start()
    assert device.journal.epoch != epoch
    assert device.kept == [("gen-1", 5)]
    assert device.book.base == ("gen-1", 5)
    assert device.book.alarms == ["checkpoint"]


def test_the_command_lists_what_was_kept_and_refused(
    device: Device, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    first = collector.given()
    device.take(collector.receipt(first))
    command = ["journal", "checkpoints", "--journal", str(device.journal.path)]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert f"gen-1         5 {text(mth(collector.rows))} kept" in out
    device.take(collector.receipt(other_hall(collector)))
    assert main(command) == 1
    assert "REFUSED: expected hall hall-1, got hall-2" in capsys.readouterr().out
    assert main([*command, "--tokens"]) == 1
    assert capsys.readouterr().out.split("\n")[0] == first.token
    main([*command, "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["size"], bool(row["refused"])) for row in rows] == [(5, False), (6, True)]


def test_the_command_lists_what_is_strange(
    device: Device, collector: Collector, capsys: pytest.CaptureFixture[str]
) -> None:
    device.take(collector.receipt(collector.given()))
    device.take(collector.receipt(made_anew(collector)))
    command = ["journal", "checkpoints", "--journal", str(device.journal.path)]
    assert main(command) == 1
    said = "kept, IN DOUBT: a strange ledger: it names no life before it"
    assert said in capsys.readouterr().out.splitlines()[-1]
    assert main([*command, "--json"]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [bool(row["strange"]) for row in rows] == [False, True]


def test_a_card_of_an_older_program_has_none(
    device: Device, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with closing(sqlite3.connect(device.journal.path)) as plain:
        plain.execute("DROP TABLE checkpoints")
    assert main(["journal", "checkpoints", "--journal", str(device.journal.path), "--json"]) == 0
    assert capsys.readouterr().out == ""


@given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=6), data=st.data())
def test_whatever_an_honest_collector_sends_is_never_refused_and_a_changed_past_never_accepted(
    sizes: list[int], data: st.DataObject
) -> None:
    collector = Collector(SigningKey.from_seed(b"c" * 32))
    collector.grow(1)
    kept: list[Kept] = []
    believed: set[str] = set()

    def judged(given_now: GivenCheckpoint) -> Finding:
        said = msgspec.json.decode(
            chain.split_token(given_now.token.encode()).payload, type=Checkpoint
        )
        found = judge(
            said,
            given_now,
            hall=HALL,
            is_retained=data.draw(st.booleans()),
            asked=0,
            newest=lambda gen, at_most: max(
                (
                    one
                    for one in kept
                    if one.gen == gen and (at_most is None or one.size <= at_most)
                ),
                key=lambda one: one.size,
                default=None,
            ),
            root_at=lambda gen, size: next(
                (one.root for one in kept if (one.gen, one.size) == (gen, size)), None
            ),
            is_believed=believed.__contains__,
            last_believed=lambda at_most: next(
                (
                    one
                    for one in reversed(kept)
                    if one.gen in believed and (at_most is None or one.size <= at_most)
                ),
                None,
            ),
        )
        if found.finding in (Finding.ACCEPTED, Finding.STRANGE):
            if found.goes_on or not kept:
                believed.add(said.gen)
            kept.append(Kept(gen=said.gen, size=said.size, root=said.root, time=said.time))
        return found.finding

    for number, more in enumerate(sizes):
        collector.grow(more)
        if data.draw(st.booleans()):
            collector.go_back(data.draw(st.integers(1, len(collector.rows))), f"life {number}")
        candidates = [one.size for one in kept if one.size <= len(collector.rows)]
        start = data.draw(st.sampled_from([0, *candidates]))
        assert judged(collector.given(start)) is not Finding.REFUSED
    of_this_life = [one for one in kept if one.gen == collector.gen]
    if of_this_life:
        newest = max(of_this_life, key=lambda one: one.size)
        collector.rows[data.draw(st.integers(0, newest.size - 1))] = b"altered"
        collector.grow(data.draw(st.integers(0, 3)))
        assert judged(collector.given(newest.size)) is Finding.REFUSED

"""Checkpoints: when one is made, what it says, and proofs between any two for ever (I7)."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from collector.errors import LedgerMismatch
from collector.ledger.checkpoints import day_due, make_checkpoint, read_checkpoints
from collector.ledger.gens import begin_gen, read_lives
from collector.ledger.migrations import open_ledger
from collector.ledger.tree import LedgerTree, ask_of
from collector.ledger.witnesses import Witnesses
from collector.merkle import Frontier
from firmware_config.chain import digest, split_token, unb64url
from firmware_config.contract import MAX_MESSAGE_BYTES, Receipt, decode_checkpoint, encode
from firmware_config.keys import SigningKey
from firmware_config.merkle_proof import is_consistent, is_included, leaf_hash

KEY = SigningKey.from_seed(b"collector key for the test suite")
ZONE = ZoneInfo("Asia/Shanghai")
DAY_MS = 86_400_000


def fill(ledger: Any, journal: Any, number: int) -> None:
    for _ in range(number):
        journal.rate()
    for at in range(0, number, 10):
        tokens = journal.tokens[len(journal.tokens) - number + at :][:10]
        ledger.writer.store([journal.message(*tokens)])


def tree_of(ledger: Any) -> LedgerTree:
    return LedgerTree(ask_of(ledger.db.conn))


def test_the_root_of_the_first_n_rows_can_be_computed_for_ever(
    ledger: Any, journal_of: Any
) -> None:
    """I7: by the kept subtrees, and by anybody from the tokens alone."""
    journal = journal_of("dev-1")
    roots = {}
    for number in (1, 200, 60, 300, 3):
        fill(ledger, journal, number)
        receipt = ledger.writer.receipt(("dev-1", journal.epoch))
        roots[receipt.ledger_size] = unb64url(receipt.ledger_root.encode())
    for size, root in roots.items():
        by_hand = Frontier()
        by_hand.extend([digest(token) for token in journal.tokens[:size]])
        assert tree_of(ledger).root(size) == root == by_hand.root()


def test_consistency_is_proven_between_any_two_sizes(ledger: Any, journal_of: Any) -> None:
    fill(ledger, journal_of("dev-1"), 700)
    tree = tree_of(ledger)
    sizes = [0, 1, 2, 255, 256, 257, 300, 511, 512, 513, 640, 699, 700]
    for first in sizes:
        for second in sizes:
            if first <= second:
                roots = tree.root(first), tree.root(second)
                assert is_consistent(first, second, *roots, tree.consistency(first, second))
    with pytest.raises(ValueError, match="expected a size from 0 to 700, got 701"):
        tree.consistency(1, 701)


def test_any_record_is_proven_to_be_in_any_later_tree(ledger: Any, journal_of: Any) -> None:
    journal = journal_of("dev-1")
    fill(ledger, journal, 600)
    tree = tree_of(ledger)
    for position in (1, 2, 256, 257, 512, 600):
        for size in {position, 512, 599, 600}:
            if position <= size:
                leaf = leaf_hash(digest(journal.tokens[position - 1]))
                proof = tree.inclusion(position, size)
                assert is_included(leaf, position - 1, size, proof, tree.root(size))


def test_a_proof_reads_a_few_rows_however_large_the_ledger(ledger: Any, journal_of: Any) -> None:
    fill(ledger, journal_of("dev-1"), 1500)
    read = 0

    def counting(sql: str, *values: Any) -> list[tuple[Any, ...]]:
        nonlocal read
        rows = ask_of(ledger.db.conn)(sql, *values)
        read += len(rows)
        return rows

    LedgerTree(counting).consistency(767, 1499)
    assert 0 < read < 2 * 256 + 40


def test_an_older_ledger_gets_its_subtrees_by_migration(ledger: Any, journal_of: Any) -> None:
    fill(ledger, journal_of("dev-1"), 600)
    before = ledger.table("merkle_nodes")
    as_before_the_migration(ledger)
    again = open_ledger(ledger.path)
    assert sorted(again.execute("SELECT * FROM merkle_nodes").fetchall(), key=repr) == before
    assert len(before) == 3  # two of 256 rows, one of 512
    again.close()


def test_a_ledger_whose_records_do_not_make_its_root_is_not_migrated(
    ledger: Any, journal_of: Any
) -> None:
    fill(ledger, journal_of("dev-1"), 3)
    as_before_the_migration(ledger)
    ledger.db.execute("DROP TRIGGER records_are_never_changed")
    ledger.db.execute("UPDATE records SET digest = x'00' WHERE position = 2")
    with pytest.raises(LedgerMismatch, match=r"expected the root [0-9a-f]{64} of 3 records, got"):
        open_ledger(ledger.path)


def as_before_the_migration(ledger: Any) -> None:
    ledger.db.execute("DROP TABLE merkle_nodes")
    ledger.db.execute("DELETE FROM _sqlite_migrations WHERE name = '0005_merkle_nodes'")


def due(ledger: Any, now_ms: int) -> str | None:
    ask = ask_of(ledger.db.conn)
    on = day_due(ask, read_lives(ask), ZONE, now_ms)
    return on.isoformat() if on else None


def made_at(ledger: Any, text: str) -> None:
    """As if the ledger had been made then."""
    ms = int(datetime.fromisoformat(text).timestamp() * 1000)
    ledger.db.execute("DROP TRIGGER gens_are_never_changed")
    ledger.db.execute("UPDATE gens SET began_ms = ?", [ms])


def at(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+08:00").timestamp() * 1000)


def test_a_checkpoint_is_due_when_a_local_day_has_ended(ledger: Any, journal_of: Any) -> None:
    made_at(ledger, "2026-07-01T09:00:00+08:00")
    assert due(ledger, at("2026-07-02T00:00:00")) is None  # nothing to witness
    fill(ledger, journal_of("dev-1"), 1)
    assert due(ledger, at("2026-07-01T23:59:59")) is None
    assert due(ledger, at("2026-07-02T00:00:00")) == "2026-07-01"


def test_of_missed_days_only_the_last_gets_one_and_no_day_gets_two(
    ledger: Any, journal_of: Any
) -> None:
    made_at(ledger, "2026-07-01T09:00:00+08:00")
    fill(ledger, journal_of("dev-1"), 1)
    now_ms = at("2026-07-09T08:00:00")
    assert due(ledger, now_ms) == "2026-07-08"
    make_checkpoint(
        ledger.db, datetime(2026, 7, 8, tzinfo=UTC).date(), hall="h", key=KEY, now_ms=now_ms
    )
    assert due(ledger, now_ms) is None
    with pytest.raises(sqlite3.IntegrityError):
        make_checkpoint(
            ledger.db, datetime(2026, 7, 8, tzinfo=UTC).date(), hall="h", key=KEY, now_ms=now_ms
        )
    assert due(ledger, at("2026-07-10T00:00:01")) == "2026-07-09"


def test_a_restored_ledger_is_witnessed_at_once_and_names_the_life_before(
    ledger: Any, journal_of: Any
) -> None:
    fill(ledger, journal_of("dev-1"), 5)
    before = read_lives(ask_of(ledger.db.conn)).present.gen
    begin_gen(ledger.db, "restored", at("2026-07-02T10:00:00"))
    root = tree_of(ledger).root(5)
    fill(ledger, journal_of("dev-2"), 2)
    assert due(ledger, at("2026-07-02T10:00:01")) == "2026-07-01"
    on = datetime(2026, 7, 1, tzinfo=UTC).date()
    made = make_checkpoint(ledger.db, on, hall="hall-1", key=KEY, now_ms=at("2026-07-02T10:00:01"))
    token = split_token(made.token)
    assert KEY.public.is_signed(token.signing_input, token.signature)
    said = decode_checkpoint(token.payload)
    assert (said.on, said.size, said.time) == ("2026-07-01", 7, "2026-07-02T02:00:01.000Z")
    assert unb64url(said.root.encode()) == tree_of(ledger).root(7)
    assert said.parent is not None
    assert (said.parent.gen, said.parent.size) == (before, 5)
    assert unb64url(said.parent.root.encode()) == root


def test_what_a_life_had_beyond_the_next_ones_beginning_does_not_hold(
    ledger: Any, journal_of: Any
) -> None:
    names = [read_lives(ask_of(ledger.db.conn)).present.gen]
    for number in (4, 2):
        fill(ledger, journal_of(f"dev-{number // 2}"), number)
        names.append(begin_gen(ledger.db, "renewed", 0))
    lives = read_lives(ask_of(ledger.db.conn))  # they began with 0, 4 and 6 rows
    assert [lives.still_holds(names[0], size) for size in (0, 4, 5)] == [True, True, False]
    assert [lives.still_holds(names[1], size) for size in (6, 7)] == [True, False]
    assert lives.still_holds(names[2], 999)
    assert not lives.still_holds("another ledger's", 0)


class Hall:
    """Witnesses over a ledger, a clock, and devices that are given checkpoints."""

    def __init__(self, ledger: Any, now_ms: int) -> None:
        self.ledger = ledger
        self.now_ms = now_ms
        self.start()

    def start(self) -> None:
        self.witnesses = Witnesses(
            self.ledger.db, hall="hall-1", key=KEY, clock_ms=lambda: self.now_ms
        )

    def turn(self, **kept: tuple[str, int]) -> list[str]:
        told = {(name.replace("_", "-"), "E" * 22): base for name, base in kept.items()}
        return [
            device for device, _ in self.witnesses.turn(self.ledger.writer.gen, told, self.now_ms)
        ]

    def receipt(self, device: str, epoch: str) -> Receipt:
        receipt: Receipt = self.witnesses.bring(self.ledger.writer.receipt((device, epoch)))
        self.witnesses.brought(receipt)
        return receipt


def test_every_known_device_is_brought_each_days_checkpoint_with_its_proof(
    ledger: Any, journal_of: Any
) -> None:
    made_at(ledger, "2026-07-01T09:00:00+08:00")
    one, two = journal_of("dev-1"), journal_of("dev-2")
    fill(ledger, one, 300)
    fill(ledger, two, 3)
    hall = Hall(ledger, at("2026-07-01T18:00:00"))
    assert hall.turn() == []
    kept = []
    for day in range(3):
        hall.now_ms += DAY_MS
        assert hall.turn() == ["dev-1", "dev-2"]
        given = hall.receipt("dev-1", one.epoch).checkpoint
        assert given is not None
        kept.append((given, decode_checkpoint(split_token(given.token.encode()).payload)))
        assert hall.receipt("dev-1", one.epoch).checkpoint is None  # once
        fill(ledger, one, 100 + day)
        assert hall.turn() == []
    assert kept[0][0].from_size == 0
    for (_, earlier), (given, later) in pairwise(kept):
        assert given.from_size == earlier.size
        assert is_consistent(
            earlier.size,
            later.size,
            unb64url(earlier.root.encode()),
            unb64url(later.root.encode()),
            [unb64url(text.encode()) for text in given.proof],
        )
    assert [row.on_date for row in read_checkpoints(ask_of(ledger.db.conn))] == [
        "2026-07-03",
        "2026-07-02",
        "2026-07-01",
    ]


def test_after_a_restart_only_who_says_an_older_one_is_brought_the_newest(
    ledger: Any, journal_of: Any
) -> None:
    made_at(ledger, "2026-07-01T09:00:00+08:00")
    one, two = journal_of("dev-1"), journal_of("dev-2")
    fill(ledger, one, 3)
    fill(ledger, two, 3)
    hall = Hall(ledger, at("2026-07-02T08:00:00"))
    hall.turn()
    gen = ledger.writer.gen
    hall.start()
    assert hall.turn(dev_1=(gen, 2), dev_2=(gen, 6)) == ["dev-1"]
    given = hall.receipt("dev-1", one.epoch).checkpoint
    assert given is not None
    assert given.from_size == 2
    assert hall.receipt("dev-2", two.epoch).checkpoint is None


@pytest.mark.parametrize("base", [("another ledger's", 2), ("", 0), (None, 7), (None, 2**53 - 1)])
def test_where_nothing_can_be_proven_from_the_checkpoint_begins_at_nothing(
    ledger: Any, journal_of: Any, base: tuple[str | None, int]
) -> None:
    made_at(ledger, "2026-07-01T09:00:00+08:00")
    one = journal_of("dev-1")
    fill(ledger, one, 6)
    hall = Hall(ledger, at("2026-07-02T08:00:00"))
    hall.turn(dev_1=(base[0] if base[0] is not None else ledger.writer.gen, base[1]))
    given = hall.receipt("dev-1", one.epoch).checkpoint
    assert given is not None
    assert (given.from_size, given.proof) == (0, [])


def test_a_life_that_began_while_ingest_runs_is_witnessed_with_the_next_group(
    ledger: Any, journal_of: Any
) -> None:
    made_at(ledger, "2026-07-01T09:00:00+08:00")
    one = journal_of("dev-1")
    fill(ledger, one, 6)
    hall = Hall(ledger, at("2026-07-02T08:00:00"))
    hall.turn()
    given = hall.receipt("dev-1", one.epoch).checkpoint
    assert given is not None
    before = ledger.writer.gen
    other = open_ledger(ledger.path)
    gen = begin_gen(other, "renewed", hall.now_ms)
    other.close()
    fill(ledger, one, 1)
    hall.now_ms += 1000
    assert hall.turn() == ["dev-1"]
    again = hall.receipt("dev-1", one.epoch).checkpoint
    assert again is not None
    said = decode_checkpoint(split_token(again.token.encode()).payload)
    assert (said.gen, said.size, again.from_size) == (gen, 7, 6)
    assert said.parent is not None
    assert said.parent.gen == before


def test_a_damaged_tree_gives_no_checkpoint_and_stops_no_rating(
    ledger: Any, journal_of: Any, caplog: pytest.LogCaptureFixture
) -> None:
    made_at(ledger, "2026-07-01T09:00:00+08:00")
    one = journal_of("dev-1")
    fill(ledger, one, 600)
    hall = Hall(ledger, at("2026-07-02T08:00:00"))
    hall.turn(dev_1=(ledger.writer.gen, 3))
    ledger.db.execute("DROP TRIGGER merkle_nodes_are_never_deleted")
    ledger.db.execute("DELETE FROM merkle_nodes")
    for _ in range(3):
        assert hall.receipt("dev-1", one.epoch).checkpoint is None
    assert caplog.text.count("checkpoints are not given out") == 1
    fill(ledger, one, 1)
    assert hall.receipt("dev-1", one.epoch).stored == 601


def test_a_receipt_with_checkpoint_and_extra_is_no_larger_than_a_message(
    ledger: Any, journal_of: Any
) -> None:
    made_at(ledger, "2026-07-01T09:00:00+08:00")
    one = journal_of("dev-1")
    fill(ledger, one, 600)
    begin_gen(ledger.db, "renewed", at("2026-07-01T10:00:00"))
    ledger.new_writer()
    fill(ledger, one, 3)
    hall = Hall(ledger, at("2026-07-02T08:00:00"))
    hall.turn()
    receipt = hall.receipt("dev-1", one.epoch)
    assert receipt.checkpoint is not None
    # as large as it gets in 10 years of a hall of 135 windows: below 2**25 records
    worst = msgspec.structs.replace(
        receipt,
        extra=[(2**24 + at, 2**24 + at) for at in range(64)],
        checkpoint=msgspec.structs.replace(receipt.checkpoint, proof=["A" * 43] * 26),
    )
    assert len(KEY.token(encode(worst))) <= MAX_MESSAGE_BYTES

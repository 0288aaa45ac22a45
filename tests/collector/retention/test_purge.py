"""Purging old records of a real ledger: what goes, what stays, and that everything goes on."""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import Any

import pytest

from collector.corrections.entries import CorrectionRefused
from collector.corrections.reading import Exclusion
from collector.ledger.fleet_compare import Moved
from collector.ledger.fleet_loader import compare_fleet, load_into_ledger
from collector.ledger.frozen import OUTCOMES, TABLES, tables_digest
from collector.ledger.purge import plan_purge, purge_records
from collector.ledger.purged import BLOCK, digest_blocks, split_digests
from collector.ledger.purging import read_statement, statement_of
from collector.ledger.readers.ratings import excluded_ratings, rating_at, rating_of
from collector.ledger.rebuild import DERIVED_TABLES, rebuild
from collector.ledger.tree import LedgerTree, ask_of
from collector.merkle import Frontier
from firmware_config.chain import b64url, split_token
from firmware_config.fleet import WindowAssignment
from firmware_config.keys import SigningKey
from firmware_config.merkle_proof import is_consistent, is_included, leaf_hash

DAY_MS = 86_400_000
SESSIONS = 150
KEY = SigningKey.from_seed(b"k" * 32)


@pytest.fixture
def filled(ledger: Any, journal_of: Any) -> Any:
    """Two journals of `2 * SESSIONS` records each, in turns, on two days; all archived."""
    ledger.journals = [journal_of(f"dev-{number}") for number in (1, 2)]
    start_ms = ledger.now_ms
    for day in range(2):
        ledger.now_ms = start_ms + day * DAY_MS
        for number in range(SESSIONS // 2):
            for journal in ledger.journals:
                at_ms = ledger.now_ms - 3_600_000 + number * 1000
                case_no = f"case-{journal.device}-{day}-{number}"
                tokens = [
                    journal.invite(wall_ms=at_ms, case_no=case_no),
                    journal.rate(5 - number % 5, session=journal.session, wall_ms=at_ms + 500,
                                 case_no=case_no),
                ]  # fmt: skip
                ledger.writer.store([journal.message(*tokens)])
    ledger.cut_ms = start_ms + DAY_MS
    ledger.db.execute("UPDATE epochs SET archived = stored")
    ledger.writer = ledger.new_writer()
    return ledger


def purge(ledger: Any, before_ms: int | None = None) -> list[Any]:
    plan = plan_purge(ledger.db.conn, ledger.cut_ms if before_ms is None else before_ms)
    return list(
        purge_records(
            ledger.db,
            plan,
            by="me",
            sign=lambda purged: KEY.token(statement_of(purged, "hall-1")),
            clock_ms=lambda: ledger.now_ms,
        )
    )


def rollups(ledger: Any) -> list[Any]:
    return [
        ledger.table(name)
        for name in (
            "day_rollups",
            "hour_rollups",
            "month_rollups",
            "month_hour_rollups",
            "month_staff_rollups",
        )
    ]


def positions(ledger: Any) -> list[int]:
    return [row[0] for row in ledger.query("SELECT position FROM records ORDER BY position")]


def root_of_all(ledger: Any) -> bytes:
    frontier = Frontier()
    for _block, digests in digest_blocks(ledger.db.conn, 0, ledger.writer.size):
        frontier.extend(split_digests(digests))
    return frontier.root()


def test_only_old_whole_blocks_go_and_the_purge_is_written_down(filled: Any) -> None:
    [done] = purge(filled)

    assert (done.number, done.up_to) == (BLOCK, BLOCK)  # of 300 records of the first day
    assert positions(filled) == list(range(BLOCK + 1, 2 * 2 * SESSIONS + 1))
    [row] = filled.query("SELECT rule, before_ms, number, up_to, root, by, token FROM purges")
    assert row[:6] == ("records", filled.cut_ms, BLOCK, BLOCK, done.root, "me")
    said = read_statement(split_token(row[6]).payload)
    assert (said.up_to, said.number, said.by) == (BLOCK, BLOCK, "me")
    assert said.tables == b64url(tables_digest(filled.db.conn)).decode()


def test_every_column_of_what_is_frozen_is_signed(filled: Any) -> None:
    """A migration that adds one decides whether what was signed before must say it."""
    for table, named in {"outcomes": OUTCOMES, **TABLES}.items():
        columns = {row[1] for row in filled.query(f"PRAGMA table_info({table})")}
        assert set(named) == columns, table


def test_a_purge_that_cannot_be_signed_is_not_done(filled: Any) -> None:
    before = [filled.table(name) for name in ("outcomes", "purge_heads", "purged_boots")]

    def sign(_purged: Any) -> bytes:
        raise OSError("no key")

    plan = plan_purge(filled.db.conn, filled.cut_ms)
    with pytest.raises(OSError, match="no key"):
        list(purge_records(filled.db, plan, by="me", sign=sign, clock_ms=lambda: 0))

    assert len(positions(filled)) == 4 * SESSIONS
    assert [filled.table(name) for name in ("outcomes", "purge_heads", "purged_boots")] == before
    assert filled.query("SELECT count(*) FROM purges") == [(0,)]


def test_nothing_is_purged_that_no_verified_backup_holds(filled: Any) -> None:
    """I2: every thanked record is in a journal, or in the ledger and a verified backup."""
    filled.db.execute("UPDATE epochs SET archived = 20 WHERE id = 2")

    plan = plan_purge(filled.db.conn, filled.cut_ms)

    assert plan.cuts == ()
    assert plan.held_back == ("position 43 is not in a verified backup yet",)


def test_figures_stay_and_can_be_rebuilt(filled: Any) -> None:
    before = rollups(filled), filled.counts()

    purge(filled)
    assert (rollups(filled), filled.counts()) == before
    tables = [filled.table(name) for name in DERIVED_TABLES]
    filled.db.execute("BEGIN")
    rebuild(filled.db)
    filled.db.execute("COMMIT")

    assert [filled.table(name) for name in DERIVED_TABLES] == tables
    assert (rollups(filled), filled.counts()) == before


def test_the_root_of_any_size_can_still_be_computed(filled: Any) -> None:
    """I7: the Merkle root of the first n ledger rows can be recomputed for ever."""
    before = root_of_all(filled)
    state = filled.query("SELECT size, root FROM ledger_state")

    purge(filled)

    assert state == filled.query("SELECT size, root FROM ledger_state")
    assert root_of_all(filled) == before == state[0][1]


def test_the_chains_go_on_from_their_heads(filled: Any) -> None:
    journal = filled.journals[0]
    purge(filled)
    filled.new_writer()

    heads = filled.query("SELECT epoch, seq FROM purge_heads ORDER BY epoch")
    assert heads == [(1, BLOCK // 2), (2, BLOCK // 2)]
    stored = filled.writer.store([journal.message(journal.invite())])
    assert (stored.accepted, stored.conflicts, stored.quarantined) == (1, 0, 0)


def test_what_was_purged_and_comes_again_is_stored_no_second_time(filled: Any) -> None:
    """I3: one ledger row for each key."""
    purge(filled)
    filled.new_writer()
    before = filled.counts(), filled.writer.size

    for journal in filled.journals:
        for start in range(0, len(journal.tokens), 10):
            stored = filled.writer.store([journal.message(*journal.tokens[start : start + 10])])
            assert (stored.accepted, stored.conflicts, stored.quarantined) == (0, 0, 0)

    assert (filled.counts(), filled.writer.size) == before


def test_another_token_for_the_last_purged_place_is_still_evidence(
    filled: Any, journal_of: Any
) -> None:
    purge(filled)
    filled.new_writer()
    clone = journal_of("dev-1")
    clone.tokens = filled.journals[0].tokens[: BLOCK // 2 - 1]

    stored = filled.writer.store([clone.message(clone.ignore())])

    assert (stored.accepted, stored.conflicts) == (0, 1)


def test_a_case_whose_record_is_gone_is_known_again_and_cannot_be_read(filled: Any) -> None:
    purge(filled)
    filled.new_writer()

    journal = filled.journals[0]
    filled.writer.store([journal.message(journal.rate(1, case_no="case-dev-1-0-3"))])

    assert filled.counts()["repeats"] == 1
    texts = {row[0] for row in filled.query("SELECT case_no FROM outcomes WHERE position <= 256")}
    assert all(text.startswith("purged:") for text in texts)
    assert b"case-dev-1-0-3" not in b"".join(
        row[0] for row in filled.query("SELECT payload FROM records WHERE position < 300")
    )


def test_a_second_purge_begins_where_the_first_ended(filled: Any) -> None:
    purge(filled)
    before = rollups(filled)

    [done] = purge(filled, filled.cut_ms + DAY_MS)

    assert (done.up_to, done.number) == (2 * BLOCK, BLOCK)
    assert rollups(filled) == before
    assert positions(filled) == list(range(2 * BLOCK + 1, 4 * SESSIONS + 1))
    filled.db.execute("BEGIN")
    rebuild(filled.db)
    filled.db.execute("COMMIT")
    assert rollups(filled) == before


def test_a_ledger_whose_digests_do_not_give_its_root_is_not_purged(filled: Any) -> None:
    filled.db.execute("DROP TRIGGER records_are_never_changed")
    filled.db.execute("UPDATE records SET digest = zeroblob(32) WHERE position = 400")

    with pytest.raises(Exception, match="run `collector verify`"):
        purge(filled)

    assert len(positions(filled)) == 4 * SESSIONS


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM records WHERE position = 257",
        "UPDATE purges SET number = 0",
        "DELETE FROM purges",
        "INSERT OR REPLACE INTO purges SELECT * FROM purges",
        "DELETE FROM purge_heads",
        "UPDATE purge_heads SET seq = 0",
        "DELETE FROM purged_digests",
        "UPDATE purged_digests SET digests = x''",
        "INSERT OR REPLACE INTO purged_digests SELECT 0, x''",
    ],
)
def test_purges_themselves_are_never_changed(filled: Any, sql: str) -> None:
    purge(filled)

    with pytest.raises(sqlite3.IntegrityError, match=r"append-only"):
        filled.db.execute(sql)


def test_proofs_reach_into_what_was_purged(filled: Any) -> None:
    tree = LedgerTree(ask_of(filled.db.conn))
    size = filled.writer.size
    digest = filled.query("SELECT digest FROM records WHERE position = 7")[0][0]
    roots = {old: tree.root(old) for old in (1, 100, 255, 256, 300)}

    purge(filled)

    root = filled.query("SELECT root FROM ledger_state")[0][0]
    for old, before in roots.items():
        assert tree.root(old) == before
        assert is_consistent(old, size, before, root, tree.consistency(old, size))
    assert is_included(leaf_hash(digest), 6, size, tree.inclusion(7, size), root)


def test_a_purged_rating_is_found_as_it_was_by_name_and_by_place(filled: Any) -> None:
    """Else every correction of it would be told as wrong once it is purged."""

    def query(sql: str, *values: Any) -> list[Any]:
        return filled.db.conn.execute(sql, values).fetchall()

    [(place,)] = query("SELECT max(position) FROM outcomes WHERE position <= ?", BLOCK)
    before = rating_at(query, place)

    purge(filled)

    assert rating_at(query, place) == before
    assert rating_of(query, before.device, before.epoch, before.seq) == before
    with pytest.raises(CorrectionRefused, match="no such record"):
        rating_at(query, place - 1)  # an invitation


def test_an_exclusion_of_a_purged_rating_still_counts(filled: Any) -> None:
    def query(sql: str, *values: Any) -> list[Any]:
        return filled.db.conn.execute(sql, values).fetchall()

    [(device, epoch, seq, digest)] = query(
        "SELECT d.code, e.epoch, r.seq, r.digest FROM records r JOIN epochs e ON e.id = r.epoch"
        " JOIN devices d ON d.id = e.device WHERE r.position = 6"
    )
    these = [
        Exclusion(
            correction=1,
            device=device,
            epoch=epoch,
            seq=seq,
            digest=digest,
            reason="child",
            author="a",
            proposed_ms=1,
            approver="b",
            approved_ms=2,
        )
    ]
    before = excluded_ratings(query, these)
    assert len(before) == 1

    purge(filled)

    assert excluded_ratings(query, these) == before


@pytest.mark.parametrize(
    ("days", "expected"),
    [(1, Moved(86, date(2026, 7, 1), 64)), (2, Moved(22, date(2026, 7, 2), 128))],
)
def test_an_assignment_of_the_past_says_what_it_moves_and_what_stays_because_it_is_purged(
    days: int, expected: Moved, filled: Any, small_fleet: Any
) -> None:
    purge(filled, filled.cut_ms + (days - 1) * DAY_MS)
    moved = WindowAssignment(window="w1", department="market", from_on=date(2026, 6, 20))
    fleet = small_fleet(window_assignments=(*filled.fleet.window_assignments, moved))
    before = filled.query("SELECT * FROM outcomes WHERE position <= ?", days * BLOCK)

    assert compare_fleet(filled.db.conn, fleet, filled.keys).moved() == expected
    load_into_ledger(filled.db, fleet, filled.keys, now_ms=0)

    assert filled.query("SELECT * FROM outcomes WHERE position <= ?", days * BLOCK) == before
    [(number, since)] = filled.query(
        "SELECT count(*), min(on_date) FROM outcomes o JOIN departments d ON d.id = o.department"
        " WHERE d.code = 'market' AND o.device = (SELECT id FROM devices WHERE code = 'dev-1')"
    )
    assert Moved(number, date.fromisoformat(since), expected.kept) == expected


def test_ratings_that_stay_are_told_also_where_every_record_of_their_device_is_purged(
    ledger: Any, journal_of: Any, small_fleet: Any
) -> None:
    for code, number in (("dev-1", 256), ("dev-2", 10)):
        journal = journal_of(code)
        for _ in range(number):
            ledger.writer.store([journal.message(journal.rate())])
    ledger.db.execute("UPDATE epochs SET archived = stored")
    ledger.cut_ms = ledger.now_ms + 1
    purge(ledger)
    moved = WindowAssignment(window="w1", department="market", from_on=date(2026, 6, 20))
    fleet = small_fleet(window_assignments=(*ledger.fleet.window_assignments, moved))

    comparison = compare_fleet(ledger.db.conn, fleet, ledger.keys)

    assert (comparison.retroactive, comparison.moved()) == ([], Moved(0, None, 256))

"""Storing groups: records, watermark, rollups, repeats, status, receipts."""

from __future__ import annotations

import sqlite3
from hashlib import sha256
from typing import Any

import pytest

from collector.errors import LedgerError, LedgerMismatch
from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.writer import LedgerWriter
from collector.merkle import Frontier
from firmware_config import chain
from firmware_config.contract import Trigger


def test_a_stored_token_can_be_rebuilt_byte_for_byte(ledger: Any, journal_of: Any) -> None:
    journal = journal_of("dev-1")
    journal.boot_up()
    journal.invite(case_no="办件-𠮷-1", staff_no="017")
    journal.rate(session=1, case_no="办件-𠮷-1", staff_no="017")
    ledger.writer.store([journal.message()])
    rows = ledger.query(
        "SELECT k.kid, r.payload, r.signature, r.digest FROM records r"
        " JOIN device_keys k ON k.id = r.key ORDER BY r.position"
    )
    assert [chain.rebuild_token(*row[:3]) for row in rows] == journal.tokens
    assert [row[3] for row in rows] == [sha256(token).digest() for token in journal.tokens]


def test_the_same_message_again_changes_nothing_and_is_answered_again(
    ledger: Any, journal_of: Any
) -> None:
    journal = journal_of("dev-1")
    for level in (5, 5, 4, 1):
        journal.rate(level=level)
    ledger.writer.store([journal.message()])
    tables = ("records", "outcomes", "day_rollups", "hour_rollups", "epochs", "ledger_state")
    before = {name: ledger.table(name) for name in tables}

    stored = ledger.writer.store([journal.message(), journal.message()])

    assert (stored.accepted, stored.repeats) == (0, 8)
    assert stored.journals == [("dev-1", journal.epoch)]
    assert {name: ledger.table(name) for name in tables} == before
    # also by a writer that remembers nothing
    assert ledger.new_writer().store([journal.message()]).repeats == 4
    assert {name: ledger.table(name) for name in tables} == before


def test_records_in_any_order_end_with_a_full_watermark(ledger: Any, journal_of: Any) -> None:
    """I5: the order of a journal is its seq, whatever the order of arrival."""
    journal = journal_of("dev-1")
    for _ in range(6):
        journal.rate()
    for seq, stored, extra in (
        (5, 0, [(5, 5)]),
        (2, 0, [(2, 2), (5, 5)]),
        (3, 0, [(2, 3), (5, 5)]),
        (1, 3, [(5, 5)]),
        (6, 3, [(5, 6)]),
        (4, 6, []),
    ):
        ledger.writer.store([journal.message(journal.tokens[seq - 1])])
        receipt = ledger.writer.receipt(("dev-1", journal.epoch))
        assert (receipt.stored, receipt.extra) == (stored, extra)
        assert receipt.stored_hash == journal.link(stored)
    assert ledger.counts()["level5"] == 6


def test_positions_have_no_gaps_and_the_root_is_that_of_the_digests(
    ledger: Any, journal_of: Any
) -> None:
    """I7: the Merkle root of the first n rows can be recomputed."""
    roots = {}
    journals = [journal_of(f"dev-{number}") for number in (1, 2, 3)]
    for turn in range(5):
        for journal in journals[: 1 + turn % 3]:
            journal.rate()
        ledger.writer.store([one.message(one.tokens[-1]) for one in journals[: 1 + turn % 3]])
        receipt = ledger.writer.receipt(("dev-1", journals[0].epoch))
        roots[receipt.ledger_size] = receipt.ledger_root
    digests = ledger.query("SELECT position, digest FROM records ORDER BY position")
    assert [position for position, _ in digests] == list(range(1, len(digests) + 1))
    for size, root in roots.items():
        again = Frontier()
        again.extend([digest for _, digest in digests[:size]])
        assert chain.b64url(again.root()).decode() == root


def test_a_restarted_writer_goes_on_where_the_file_ends(ledger: Any, journal_of: Any) -> None:
    journal = journal_of("dev-1")
    for _ in range(7):
        journal.rate()
        ledger.new_writer().store([journal.message(journal.tokens[-1])])
    assert ledger.seqs(journal.epoch) == [1, 2, 3, 4, 5, 6, 7]
    again = Frontier()
    again.extend([digest for (digest,) in ledger.query("SELECT digest FROM records")])
    assert ledger.query("SELECT size, root FROM ledger_state") == [(7, again.root())]


def test_kinds_are_counted_where_they_belong(ledger: Any, journal_of: Any) -> None:
    journal = journal_of("dev-1")
    journal.boot_up()
    for level in (5, 4, 3, 2, 1):
        journal.invite(item="A1", staff_no="7")
        journal.rate(level=level, session=journal.session, item="A1", staff_no="7")
    journal.invite()
    journal.unrate()
    journal.ignore(staff_no="7")
    ledger.writer.store([journal.message(token) for token in journal.tokens])
    assert ledger.counts() == {
        "invited": 6,
        "level5": 1,
        "level4": 1,
        "level3": 1,
        "level2": 1,
        "level1": 1,
        "unrated": 1,
        "ignored": 1,
        "repeats": 0,
    }
    assert ledger.query(
        "SELECT on_date, staff_no, item, invited, ignored FROM day_rollups ORDER BY 2, 3"
    ) == [
        ("2026-07-01", "", "", 1, 0),
        ("2026-07-01", "7", "", 0, 1),
        ("2026-07-01", "7", "A1", 5, 0),
    ]
    assert ledger.query("SELECT level, reason FROM outcomes ORDER BY position")[-1] == (
        None,
        "timeout",
    )


def test_silence_never_becomes_a_rating(ledger: Any, journal_of: Any) -> None:
    journal = journal_of("dev-1")
    for _ in range(5):
        journal.invite()
        journal.unrate()
    ledger.writer.store([journal.message()])
    counts = ledger.counts()
    assert sum(counts[f"level{level}"] for level in range(1, 6)) == 0
    assert counts["unrated"] == 5


@pytest.mark.parametrize("is_one_group", [True, False])
def test_the_first_rating_of_a_case_counts_and_a_later_one_is_a_repeat(
    ledger: Any, journal_of: Any, is_one_group: bool
) -> None:
    one, other = journal_of("dev-1"), journal_of("dev-2")
    messages = [
        one.message(one.rate(level=2, case_no="C-1")),
        other.message(other.rate(level=5, case_no="C-1")),  # another window, same service
        one.message(one.rate(level=5, case_no="C-1")),
        one.message(one.rate(level=4, case_no="C-1", service_no=2)),  # another service
    ]
    for group in [messages] if is_one_group else [[message] for message in messages]:
        ledger.writer.store(group)
    counts = ledger.counts()
    assert (counts["level2"], counts["level4"], counts["level5"]) == (1, 1, 0)
    assert counts["repeats"] == 2
    assert len(ledger.query("SELECT 1 FROM outcomes")) == 4


@pytest.mark.parametrize("is_restarted", [True, False])
def test_without_a_case_number_a_session_is_rated_once(
    ledger: Any, journal_of: Any, is_restarted: bool
) -> None:
    journal = journal_of("dev-1")
    for session in (1, 2, 2, 1, 3):
        token = journal.rate(level=5, session=session)
        if is_restarted:
            ledger.new_writer()
        ledger.writer.store([journal.message(token)])
    counts = ledger.counts()
    assert (counts["level5"], counts["repeats"]) == (3, 2)


def test_a_session_counts_once_also_when_it_names_several_cases(
    ledger: Any, journal_of: Any
) -> None:
    journal = journal_of("dev-1")
    for case_no in ("C-1", "", "C-2"):
        ledger.writer.store([journal.message(journal.rate(level=5, session=1, case_no=case_no))])
    counts = ledger.counts()
    assert (counts["level5"], counts["repeats"]) == (1, 2)


def test_case_numbers_that_differ_after_a_nul_are_different_cases(
    ledger: Any, journal_of: Any
) -> None:
    journal = journal_of("dev-1")
    for case_no in ("7\x00a", "7\x00b", "7", "7\x00a"):
        ledger.writer.store([journal.message(journal.rate(case_no=case_no))])
    assert ledger.counts()["repeats"] == 1


def test_thousands_of_cases_in_one_group_are_told_apart(ledger: Any, journal_of: Any) -> None:
    journal = journal_of("dev-1")
    tokens = [journal.rate(case_no=f"C-{number % 900}") for number in range(1000)]
    stored = ledger.writer.store([journal.message(token) for token in tokens])
    assert stored.accepted == 1000
    assert (ledger.counts()["level5"], ledger.counts()["repeats"]) == (900, 100)


def test_status_and_health_are_kept_as_the_latest_word(ledger: Any, journal_of: Any) -> None:
    journal = journal_of("dev-1")
    ledger.writer.store([journal.health()])
    assert ledger.query("SELECT state FROM device_status") == [("unknown",)]
    stored = ledger.writer.store([journal.hello()])
    assert stored.hellos == [("dev-1", journal.epoch)]
    ledger.now_ms += 5000
    assert ledger.writer.store([journal.hello("offline")]).hellos == []
    [(state, status_ms, health)] = ledger.query(
        "SELECT state, status_ms, health FROM device_status"
    )
    assert (state, status_ms, health) == ("offline", ledger.now_ms, journal.health().payload)


def test_a_hello_of_an_unknown_journal_is_answered_with_nothing_stored(
    ledger: Any, journal_of: Any
) -> None:
    """I4: a device's stored is never above the collector's watermark of this gen."""
    journal = journal_of("dev-1")
    ledger.writer.store([journal.hello()])
    receipt = ledger.writer.receipt(("dev-1", journal.epoch))
    assert (receipt.stored, receipt.stored_hash, receipt.extra) == (0, "", [])
    assert ledger.query("SELECT * FROM epochs") == []
    assert ledger.writer.receipt(("nobody", journal.epoch)) is None


def test_the_gen_is_the_databases_and_differs_between_databases(new_ledger: Any) -> None:
    one, other = new_ledger(), new_ledger()
    gens = [made.writer.receipt(("dev-1", "A" * 22)).gen for made in (one, other, one)]
    assert gens[0] == gens[2] != gens[1]


def test_a_fleet_change_by_another_process_is_seen_with_the_next_group(
    ledger: Any, journal_of: Any, small_fleet: Any
) -> None:
    from collector.ledger.migrations import open_ledger
    from firmware_config.fleet import Device

    journal = journal_of("dev-4")
    journal.rate()
    ledger.writer.store([journal.message()])
    assert ledger.reasons() == ["unknown-device"]
    other = open_ledger(ledger.path)
    fleet = small_fleet(devices=(*small_fleet().devices, Device(id="dev-4", profile="five-key")))
    load_into_ledger(other, fleet, {"dev-4": journal.key.public}, now_ms=0)
    other.close()
    assert ledger.writer.store([journal.message()]).accepted == 1
    assert ledger.query("SELECT window, department FROM outcomes") == [(None, None)]


def test_an_archived_mark_set_by_a_backup_reaches_the_receipt(ledger: Any, journal_of: Any) -> None:
    journal = journal_of("dev-1")
    journal.rate()
    ledger.writer.store([journal.message()])
    other = sqlite3.connect(ledger.path)
    with other:
        other.execute("UPDATE epochs SET archived = 1")
    other.close()
    assert ledger.writer.receipt(("dev-1", journal.epoch)).archived == 1
    journal.rate()
    ledger.writer.store([journal.message(journal.tokens[-1])])
    assert ledger.writer.receipt(("dev-1", journal.epoch)).archived == 1


def test_a_database_error_stores_nothing_and_is_a_ledger_error(
    ledger: Any, journal_of: Any
) -> None:
    journal = journal_of("dev-1")
    journal.rate()
    ledger.db.execute("PRAGMA max_page_count = 1")  # as a full disk answers
    big = [journal.message(journal.rate(case_no="x" * 60)) for _ in range(400)]
    with pytest.raises(LedgerError, match="full"):
        ledger.writer.store([journal.message(journal.tokens[0]), *big])
    assert not ledger.db.conn.in_transaction
    assert ledger.query("SELECT count(*) FROM records") == [(0,)]


def test_a_ledger_of_another_hall_or_without_a_fleet_is_refused(ledger: Any, tmp_path: Any) -> None:
    from collector.ledger.migrations import open_ledger

    with pytest.raises(LedgerMismatch, match="expected hall-2, got hall-1"):
        LedgerWriter(ledger.db, hall="hall-2", clock_ms=lambda: 0)
    empty = open_ledger(tmp_path / "empty.db")
    with pytest.raises(LedgerMismatch, match="no fleet"):
        LedgerWriter(empty, hall="hall-1", clock_ms=lambda: 0)
    empty.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET digest = x'00'",
        "DELETE FROM records",
        "INSERT INTO records SELECT * FROM records",
        "INSERT INTO records SELECT position + 1, epoch, seq, digest, kind, key, received_ms,"
        " payload, signature FROM records",
    ],
)
def test_the_schema_refuses_to_change_a_record(
    ledger: Any, journal_of: Any, statement: str
) -> None:
    """I3, as a guard rail: the protection is signatures and witnesses."""
    journal = journal_of("dev-1")
    journal.rate(trigger=Trigger.CASE)
    ledger.writer.store([journal.message()])
    with pytest.raises(sqlite3.IntegrityError):
        ledger.db.execute(statement)


def test_replacing_a_record_through_the_ledgers_own_connection_is_refused(
    ledger: Any, journal_of: Any
) -> None:
    journal = journal_of("dev-1")
    journal.rate()
    ledger.writer.store([journal.message()])
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        ledger.db.execute("INSERT OR REPLACE INTO records SELECT * FROM records")

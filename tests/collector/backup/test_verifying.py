"""What a verified ledger may hold: gaps, and records that only a later signature vouches for."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from collector.backup.errors import BackupDamaged
from collector.backup.verifying import KnownPart, verify_ledger
from collector.ledger.bulk import BulkInsert
from collector.ledger.purge import plan_purge, purge_records
from collector.merkle import Frontier
from firmware_config.chain import b64url, split_token


def tell(_stage: str, _done: int, _total: int) -> None:
    """Nobody looks."""


def test_records_above_a_gap_are_checked_and_do_not_count_as_contiguous(
    ledger: Any, journal_of: Callable[..., Any]
) -> None:
    journal = journal_of("dev-1")
    for _ in range(9):
        journal.rate(5)
    for part in (journal.tokens[6:], journal.tokens[:3]):
        ledger.writer.store([journal.message(*part)])

    mark = verify_ledger(ledger.path, tell)

    assert (mark.size, mark.signatures) == (6, 6)
    assert [(one.dev, one.stored) for one in mark.journals] == [("dev-1", 3)]


def spoil_signature(token: bytes) -> bytes:
    return token.rpartition(b".")[0] + b"." + b64url(bytes(64))


def test_a_record_that_a_signed_successor_vouches_for_is_as_good_for_the_backup_as_for_ingest(
    ledger: Any, journal_of: Callable[..., Any]
) -> None:
    journal = journal_of("dev-1")
    journal.rate(5)
    journal.tokens[0] = spoil_signature(journal.tokens[0])
    journal.rate(4)
    ledger.writer.store([journal.message()])
    assert ledger.seqs(journal.epoch) == [1, 2]

    assert verify_ledger(ledger.path, tell).signatures == 2


def test_a_last_record_that_nothing_vouches_for_is_found_also_in_what_is_known(
    ledger: Any, journal_of: Callable[..., Any]
) -> None:
    """As somebody would write it who holds no key, with everything else made to fit."""
    journal = journal_of("dev-1")
    journal.rate(5)
    ledger.writer.store([journal.message()])
    journal.rate(4)
    journal.tokens[1] = spoil_signature(journal.tokens[1])
    token = split_token(journal.tokens[1])
    columns = ("position", "epoch", "seq", "digest", "kind", "key", "received_ms", "payload")
    BulkInsert("records", (*columns, "signature")).run(
        ledger.db.conn, [(2, 1, 2, token.digest, "RATED", 1, 1, token.payload, token.signature)]
    )
    frontier = Frontier()
    frontier.extend([split_token(raw).digest for raw in journal.tokens])
    ledger.db.execute(
        "UPDATE ledger_state SET size = 2, frontier = ?, root = ?",
        [frontier.packed(), frontier.root()],
    )
    ledger.db.execute("UPDATE epochs SET stored = 2, head = 2, stored_digest = ?", [token.digest])
    known = KnownPart(2, b64url(frontier.root()).decode())

    for part in (None, known):
        with pytest.raises(BackupDamaged, match="dev-1 seq 2: bad signature"):
            verify_ledger(ledger.path, tell, known=part)


def test_a_file_with_broken_pages_is_told_as_damaged(ledger: Any) -> None:
    path = ledger.path.with_name("copy.db")
    ledger.db.execute("VACUUM INTO ?", [str(path)])
    whole = path.read_bytes()
    for page in range(1, len(whole) // 4096):
        content = bytearray(whole)
        content[page * 4096 : page * 4096 + 64] = os.urandom(64)
        path.write_bytes(content)

        with pytest.raises(BackupDamaged):
            verify_ledger(path, tell)


@pytest.mark.parametrize("size", [100, 256, 400, 512, 600])
def test_the_root_of_the_backup_before_is_compared_also_where_all_of_it_is_purged(
    size: int, ledger: Any, journal_of: Callable[..., Any]
) -> None:
    journal = journal_of("dev-1")
    for _ in range(60):
        for _ in range(10):
            journal.rate(5)
        ledger.writer.store([journal.message(*journal.tokens[-10:])])
    ledger.db.execute("UPDATE epochs SET archived = stored")
    plan = plan_purge(ledger.db.conn, ledger.now_ms + 1)
    [done] = purge_records(
        ledger.db, plan, by="me", sign=lambda _: b"token", clock_ms=lambda: ledger.now_ms
    )
    assert done.up_to == 512
    frontier = Frontier()
    frontier.extend([split_token(raw).digest for raw in journal.tokens[:size]])

    root = b64url(frontier.root()).decode()
    assert verify_ledger(ledger.path, tell, known=KnownPart(size, root)).size == 600
    with pytest.raises(BackupDamaged, match=f"root of the first {size} records"):
        verify_ledger(ledger.path, tell, known=KnownPart(size, b64url(bytes(32)).decode()))

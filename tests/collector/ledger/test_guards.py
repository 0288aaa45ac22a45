"""What the ledger's own triggers refuse, whoever asks."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from collector.ledger.gens import begin_gen


@pytest.fixture
def filled(ledger: Any, journal_of: Any) -> Any:
    """Three records of one journal, and one checkpoint."""
    made = ledger
    journal = journal_of("dev-1")
    for level in (5, 4, 3):
        journal.rate(level)
    made.writer.store([journal.message()])
    made.db.execute("INSERT INTO merkle_nodes VALUES (8, 0, x'00'), (8, 1, x'01'), (9, 0, x'02')")
    made.db.execute("INSERT INTO checkpoints VALUES (1, 'g', 3, x'00', '2026-07-01', 0, x'01')")
    return made


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE records SET payload = x''",
        "UPDATE records SET received_ms = received_ms + 1 WHERE position = 2",
        "DELETE FROM records WHERE position = 3",
        "INSERT OR REPLACE INTO records SELECT * FROM records WHERE position = 2",
        "INSERT OR REPLACE INTO records"
        " SELECT 2, epoch, 9, digest, kind, key, received_ms, payload, signature FROM records"
        " WHERE position = 2",
        "INSERT OR IGNORE INTO records"
        " SELECT 4, epoch, seq, digest, kind, key, received_ms, payload, signature FROM records"
        " WHERE position = 2",
        "INSERT INTO records"
        " SELECT 9, epoch, 9, digest, kind, key, received_ms, payload, signature FROM records"
        " WHERE position = 2",
        "UPDATE checkpoints SET root = x'02'",
        "DELETE FROM checkpoints",
        "INSERT OR REPLACE INTO checkpoints VALUES (1, 'g', 2, x'00', '2026-07-01', 0, x'01')",
        "INSERT INTO checkpoints VALUES (2, 'g', 2, x'00', '2026-07-01', 0, x'01')",
        "UPDATE merkle_nodes SET hash = x'02'",
        "DELETE FROM merkle_nodes WHERE level = 9",
        "INSERT OR REPLACE INTO merkle_nodes VALUES (8, 1, x'02')",
        "INSERT INTO merkle_nodes VALUES (8, 3, x'02')",
        "UPDATE gens SET size = 0",
        "DELETE FROM gens",
        "INSERT OR REPLACE INTO gens SELECT id, 'other', 0, 'made', 0, x'' FROM gens",
    ],
)
def test_what_is_written_is_never_changed_removed_or_replaced(filled: Any, sql: str) -> None:
    """I3: one ledger row for each key, and its hash never changes."""
    before = dump(filled.db)
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only"):
        filled.db.execute(sql)
    assert dump(filled.db) == before


def test_a_new_life_is_written_down_with_what_there_was(filled: Any) -> None:
    first = filled.db.execute("SELECT gen, reason, size FROM gens").fetchall()
    assert [row[1:] for row in first] == [("made", 0)]
    gen = begin_gen(filled.db, "restored", 5)
    rows = filled.db.execute("SELECT gen, began_ms, reason, size, root FROM gens").fetchall()
    root = filled.db.execute("SELECT root FROM ledger_state").fetchone()[0]
    assert rows[1] == (gen, 5, "restored", 3, root)
    assert gen != first[0][0]
    assert filled.db.execute("SELECT value FROM meta WHERE key = 'gen'").fetchone() == (gen,)


def dump(db: Any) -> list[tuple[Any, ...]]:
    return [
        row
        for table in ("records", "checkpoints", "gens", "merkle_nodes")
        for row in db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    ]

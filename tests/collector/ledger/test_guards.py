"""What the ledger's own triggers refuse, whoever asks."""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import Any

import pytest

from collector.ledger.gens import begin_gen
from firmware_config.fleet import Staff, StaffAssignment

GUARDED = (
    "records",
    "checkpoints",
    "gens",
    "device_keys",
    "device_windows",
    "window_departments",
    "staff",
    "staff_windows",
    "merkle_nodes",
)


@pytest.fixture
def filled(new_ledger: Any, small_fleet: Any, journal_of: Any) -> Any:
    """Three records of one journal, one checkpoint, and one member of staff at a window."""
    since = date(2026, 1, 1)
    made = new_ledger(
        small_fleet(
            staff=(Staff(staff_no="s1", name="李静", name_en="Li Jing"),),
            staff_assignments=(StaffAssignment(staff_no="s1", window="w1", from_on=since),),
        )
    )
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
        "UPDATE device_keys SET x = ''",
        "DELETE FROM device_keys WHERE id = 3",
        "INSERT OR REPLACE INTO device_keys SELECT id, 2, 'other', x, 0 FROM device_keys",
        "INSERT OR REPLACE INTO device_keys SELECT id + 9, device, kid, '', 0 FROM device_keys",
        "INSERT OR IGNORE INTO device_keys SELECT * FROM device_keys",
        "UPDATE device_windows SET window = 2",
        "DELETE FROM device_windows",
        "INSERT OR REPLACE INTO device_windows SELECT device, from_ms, 2 FROM device_windows",
        "INSERT OR REPLACE INTO device_windows SELECT device, from_ms, NULL FROM device_windows",
        "UPDATE window_departments SET from_ms = from_ms + 1",
        "DELETE FROM window_departments WHERE window = 1",
        "INSERT OR REPLACE INTO window_departments"
        " SELECT window, from_ms, 2 FROM window_departments",
        "UPDATE staff SET staff_no = 's2'",
        "DELETE FROM staff",
        "INSERT OR REPLACE INTO staff SELECT id, 's2', name, name_en FROM staff",
        "INSERT OR REPLACE INTO staff SELECT id + 1, staff_no, name, name_en FROM staff",
        "UPDATE staff_windows SET window = NULL",
        "DELETE FROM staff_windows",
        "INSERT OR REPLACE INTO staff_windows SELECT staff, from_ms, 2 FROM staff_windows",
    ],
)
def test_what_is_written_is_never_changed_removed_or_replaced(filled: Any, sql: str) -> None:
    """I3: one ledger row for each key, and its hash never changes."""
    before = dump(filled.db)
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only"):
        filled.db.execute(sql)
    assert dump(filled.db) == before


@pytest.mark.parametrize("table", GUARDED)
def test_every_guarded_table_has_a_trigger_for_each_way_to_alter_it(
    filled: Any, table: str
) -> None:
    rows = filled.query(
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", table
    )
    for way in ("BEFORE INSERT ON", "BEFORE DELETE ON", "BEFORE UPDATE O"):
        assert sum(way in sql for (sql,) in rows) == 1
    assert filled.query(f"SELECT count(*) FROM {table}") > [(0,)]  # or the others could not fail


def test_a_name_of_staff_may_change_and_be_forgotten(filled: Any) -> None:
    filled.db.execute("UPDATE staff SET name = '', name_en = ''")
    assert filled.query("SELECT staff_no, name FROM staff") == [("s1", "")]


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
        for table in GUARDED
        for row in db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
    ]

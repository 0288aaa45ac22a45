"""A ledger of which old records were purged by rule is right; what is left of them is checked."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.migrations import open_ledger
from collector.ledger.purge import plan_purge, purge_records
from collector.ledger.purging import statement_of
from collector.ledger.rebuild import rebuild
from collector.periods import day_start_ms
from collector.verify.findings import Check, Level
from collector.verify.run import verify
from firmware_config.fleet import Fleet, WindowAssignment
from firmware_config.keys import SigningKey
from tests.collector.verify.copy import SpoiledLedger
from tests.collector.verify.hall import FIRST_ON, HALL, ZONE, WorkingHall


def purge(db: Database, hall: WorkingHall, days: int, key: SigningKey | None = None) -> int:
    """Purge all records of the first days; how many."""
    plan = plan_purge(db.conn, day_start_ms(FIRST_ON + timedelta(days=days), ZONE))
    done = purge_records(
        db,
        plan,
        by="test",
        sign=lambda purged: (key or hall.key).token(statement_of(purged, HALL)),
        clock_ms=lambda: hall.now_ms,
    )
    return sum(one.number for one in done)


@pytest.fixture
def purged(hall: WorkingHall, tmp_path: Path) -> Path:
    """The ledger after all records of the first three days were purged, in two purges."""
    path = tmp_path / "purged.db"
    shutil.copyfile(hall.path, path)
    with closing(open_ledger(path)) as db:
        db.execute("UPDATE epochs SET archived = stored")
        assert [purge(db, hall, days) for days in (2, 3)] == [512, 256]
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def failures(hall: WorkingHall, purged: Path, tmp_path: Path, monkeypatch: Any) -> Any:
    """`failures(sql, …)`: what is found after these statements, and all figures made to fit."""

    def found(*statements: str, derived: bool = True) -> list[Any]:
        monkeypatch.setattr(hall, "path", purged)
        ledger = SpoiledLedger(hall, tmp_path / "copy.db", random.Random(1))
        for sql in statements:
            ledger.run(sql)
        if derived:
            rebuild(Database(ledger.con))
        ledger.close()
        return verify(tmp_path / "copy.db", hall.known()).failures

    return found


def test_what_is_left_is_right_and_the_purge_is_told(hall: WorkingHall, purged: Path) -> None:
    report = verify(purged, hall.known(), jobs=2)

    assert report.failures == []
    assert report.root == verify(hall.path, hall.known()).root
    [note] = [one for one in report.findings if one.check is Check.PURGE]
    assert (note.level, note.last_position, note.count) == (Level.NOTE, 768, 768)


@pytest.mark.parametrize(
    ("sql", "check"),
    [
        ("UPDATE purged_digests SET digests = zeroblob(8192) WHERE block = 1", Check.PURGE),
        ("DELETE FROM purged_digests WHERE block = 2", Check.CHECKPOINT),
        ("UPDATE purge_heads SET digest = zeroblob(32)", Check.CHAIN),
        ("UPDATE purges SET up_to = 1024, number = 1024", Check.CHAIN),
        ("UPDATE purges SET root = zeroblob(32)", Check.PURGE),
        ("DELETE FROM records WHERE position = 770", Check.POSITIONS),
    ],
)
def test_what_is_left_of_purged_records_cannot_be_changed_unseen(
    sql: str,
    check: Check,
    failures: Any,
) -> None:
    assert check in {one.check for one in failures(sql, derived=False)}


BETTER = "SET level5 = level5 + level1, level1 = 0"


@pytest.mark.parametrize(
    ("statements", "where"),
    [
        ([f"UPDATE purged_day_rollups {BETTER}", f"UPDATE purged_hour_rollups {BETTER}"], 2),
        (["UPDATE outcomes SET level = 5 WHERE level = 1 AND position <= 512"], 1),
        (["UPDATE outcomes SET level = 5 WHERE level = 1 AND position BETWEEN 513 AND 768"], 2),
        (
            [
                "UPDATE outcomes SET position = -1"
                " WHERE position = (SELECT min(position) FROM outcomes)"
            ],
            1,
        ),
        (["UPDATE purged_boots SET not_after_ms = not_after_ms - 1"], 2),
        (["UPDATE purge_heads SET seq = seq - 1 WHERE purge = 1"], 1),
        (["UPDATE meta SET value = 'x' WHERE key = 'purge_salt'"], 1),
        (["UPDATE purges SET before_ms = before_ms + 1 WHERE id = 2"], 2),
        (["UPDATE purges SET \"by\" = 'nobody' WHERE id = 2"], 2),
        (["UPDATE purges SET token = NULL WHERE id = 2"], 2),
        (["UPDATE purges SET token = x'00' WHERE id = 2"], 2),
        (["UPDATE purges SET token = (SELECT token FROM purges WHERE id = 1) WHERE id = 2"], 2),
        (["UPDATE purges SET token = (SELECT token FROM checkpoints) WHERE id = 2"], 2),
    ],
)
def test_what_purges_froze_is_what_the_collector_signed(
    statements: list[str], where: int, failures: Any
) -> None:
    found = failures(*statements)

    assert f"purge {where}" in {one.where for one in found if one.check is Check.PURGE}


def test_a_purge_of_what_no_backup_holds_is_found(failures: Any) -> None:
    [found] = failures("UPDATE epochs SET archived = 9 WHERE id = 1")

    assert (found.check, found.device, found.first_seq) == (Check.PURGE, "dev-1", 10)


@pytest.mark.parametrize("key", [SigningKey.from_seed(b"x" * 32), None])
def test_a_purge_that_the_collector_did_not_sign_is_found(
    key: SigningKey | None, hall: WorkingHall, purged: Path
) -> None:
    """As whoever writes the file would make one: figures changed first, then all made to fit."""
    with closing(open_ledger(purged)) as db:
        db.execute("UPDATE outcomes SET level = 5 WHERE level = 1 AND position > 768")
        assert purge(db, hall, 5, key or SigningKey.from_seed(b"y" * 32)) > 0
        rebuild(db)
        if key is None:
            db.execute("DROP TRIGGER purges_are_never_changed")
            db.execute("UPDATE purges SET token = NULL WHERE id = 3")

    found = verify(purged, hall.known()).failures

    assert "purge 3" in {one.where for one in found if one.check is Check.PURGE}


def test_without_the_collectors_key_the_signature_is_told_as_not_checked(
    hall: WorkingHall, purged: Path
) -> None:
    report = verify(purged, hall.known(collector_key=None))

    assert report.failures == []
    [note] = [one for one in report.findings if "purges: the collector's key" in one.what]
    assert note.check is Check.NOT_CHECKED


def test_an_assignment_of_the_past_leaves_what_was_purged_as_it_was(
    hall: WorkingHall, purged: Path
) -> None:
    moved = WindowAssignment(window="w1", department="market", from_on=date(2026, 6, 2))
    fleet: Fleet = replace(hall.fleet, window_assignments=(*hall.fleet.window_assignments, moved))
    keys = {code: kept[0] for code, kept in hall.device_keys.items()}
    with closing(open_ledger(purged)) as db:
        changes = load_into_ledger(db, fleet, keys, now_ms=hall.now_ms)
    assert "retroactive" in {change.action for change in changes}

    assert verify(purged, hall.known(fleet=fleet)).failures == []

"""A ledger of which old records were purged by rule is right; what is left of them is checked."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from collector.ledger.migrations import open_ledger
from collector.periods import day_start_ms
from collector.verify.findings import Check, Level
from collector.verify.run import verify
from tests.collector.verify.copy import SpoiledLedger
from tests.collector.verify.hall import FIRST_ON, ZONE, WorkingHall

purging = pytest.importorskip("collector.ledger.purge", reason="needs retention")


@pytest.fixture
def purged(hall: WorkingHall, tmp_path: Path) -> Path:
    """The ledger after all records of the first three days were purged."""
    path = tmp_path / "purged.db"
    shutil.copyfile(hall.path, path)
    with closing(open_ledger(path)) as db:
        db.execute("UPDATE epochs SET archived = stored")
        plan = purging.plan_purge(db.conn, day_start_ms(FIRST_ON + timedelta(days=3), ZONE))
        done = list(
            purging.purge_records(db, plan, by="test", sign=None, clock_ms=lambda: hall.now_ms)
        )
        assert sum(one.number for one in done) == 768
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


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
    hall: WorkingHall,
    purged: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hall, "path", purged)
    ledger = SpoiledLedger(hall, tmp_path / "copy.db", random.Random(1))
    ledger.run(sql)
    ledger.close()

    assert check in {one.check for one in verify(tmp_path / "copy.db", hall.known()).failures}

"""`collector restore`: what it puts back, what it keeps, and that a crash leaves old or new."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.backup.errors import BackupDamaged
from collector.backup.restoring import Restored, check_copy, open_copy, restore
from collector.errors import LedgerInUse, UsageError
from collector.ledger.migrations import open_ledger
from collector.ledger.replacing import finish_replacing, ready_path
from collector.ledger.sole_writer import SoleWriter
from collector.ledger.writer import LedgerWriter

NAME = "20260701T100000Z"


def put_back(hall: Any, what: str = "latest", **options: Any) -> Restored:
    hall.now += timedelta(hours=1)
    return restore(
        hall.settings,
        what,
        **{"is_from_sftp": False, "now": lambda: hall.now, "tell": hall.tell, **options},
    )


def read(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def gone(hall: Any, journals: dict[str, Any]) -> Any:
    """A backup of 60 records, ten more in the ledger since, and nobody writing."""
    hall.back_up()
    hall.store_more(journals["dev-1"])
    hall.ledger.db.close()
    return hall


def test_the_copy_becomes_the_ledger_with_a_new_gen_and_all_of_it_archived(gone: Any) -> None:
    ledger = gone.settings.ledger
    [(gen, root)] = read(ledger, "SELECT gen, root FROM gens")

    done = put_back(gone)

    with closing(open_ledger(ledger)) as db:
        gens = db.execute("SELECT gen, reason, size FROM gens ORDER BY id").fetchall()
        assert gens == [(gen, "made", 0), (done.gen, "restored", 60)]
        assert db.execute("SELECT value FROM meta WHERE key = 'gen'").fetchall() == [(done.gen,)]
        assert db.execute("SELECT stored, archived FROM epochs").fetchall() == [(30, 30)] * 2
        assert LedgerWriter(db, hall="hall-1", clock_ms=lambda: 0).size == 60
    assert root != b""
    assert not ready_path(ledger).exists()


def test_the_old_ledger_is_kept_with_its_log(gone: Any) -> None:
    ledger = gone.settings.ledger
    log = ledger.with_name(ledger.name + "-wal")
    with closing(sqlite3.connect(ledger)) as writer:
        writer.execute("UPDATE epochs SET archived = 7")
        writer.commit()
        saved = ledger.read_bytes(), log.read_bytes()  # as kill -9 of a writer leaves them
    ledger.write_bytes(saved[0])
    log.write_bytes(saved[1])

    done = put_back(gone)

    assert done.kept is not None
    assert done.kept.name == f"{ledger.name}.before-20260701T110000Z"
    assert read(ledger, "SELECT archived FROM epochs") == [(30,), (30,)]
    assert not log.exists()
    assert read(done.kept, "SELECT archived FROM epochs") == [(7,), (7,)]
    assert read(done.kept, "SELECT count(*) FROM records") == [(70,)]


def test_a_ledger_that_is_lost_or_rubbish_is_replaced_as_well(gone: Any) -> None:
    ledger = gone.settings.ledger
    ledger.write_bytes(b"rubbish")
    done = put_back(gone)
    assert done.kept is not None
    assert done.kept.read_bytes() == b"rubbish"

    ledger.unlink()
    assert put_back(gone).kept is None
    assert read(ledger, "SELECT count(*) FROM records") == [(60,)]


def test_an_older_backup_can_be_chosen_by_its_folder_or_file(
    hall: Any, journals: dict[str, Any]
) -> None:
    hall.back_up()
    hall.store_more(journals["dev-1"])
    hall.now += timedelta(days=1)
    hall.back_up()
    hall.ledger.db.close()
    folder = hall.disk / "ledger" / NAME

    assert put_back(hall).mark.size == 70
    assert put_back(hall, str(folder)).mark.size == 60
    assert put_back(hall, str(folder / "ledger.db")).mark.size == 60


def test_a_copy_without_a_manifest_is_checked_to_the_last_signature(
    gone: Any, tmp_path: Path
) -> None:
    copy = tmp_path / "by-hand.db"
    shutil.copy(gone.disk / "ledger" / NAME / "ledger.db", copy)

    assert put_back(gone, str(copy), is_unsigned_taken=True).mark.signatures == 60


def test_it_is_refused_while_ingest_runs(gone: Any) -> None:
    lock = SoleWriter(gone.settings.ledger)
    with pytest.raises(LedgerInUse):
        put_back(gone)
    lock.release()

    put_back(gone)


def test_a_damaged_copy_changes_nothing(gone: Any) -> None:
    ledger = gone.settings.ledger
    before = ledger.read_bytes()
    copy = gone.disk / "ledger" / NAME / "ledger.db"
    content = bytearray(copy.read_bytes())
    content[-100] ^= 1
    copy.write_bytes(content)

    with pytest.raises(BackupDamaged, match="expected SHA-256"):
        put_back(gone)

    assert ledger.read_bytes() == before
    assert not ready_path(ledger).exists()


def test_a_copy_that_lacks_a_part_is_not_taken_for_the_latest(gone: Any) -> None:
    os.truncate(gone.disk / "ledger" / NAME / "ledger.db", 4096)

    with pytest.raises(UsageError, match="expected a good backup"):
        put_back(gone)


def test_a_copy_of_another_hall_is_refused(gone: Any) -> None:
    gone.settings = replace(gone.settings, hall="hall-2")

    with pytest.raises(BackupDamaged, match="hall: expected hall-2, got hall-1"):
        put_back(gone)


def test_verify_says_what_is_in_a_copy(gone: Any) -> None:
    copy = open_copy(gone.settings, gone.disk / "ledger" / NAME)

    quick = check_copy(copy, copy.file, None, gone.tell, is_full=False)
    full = check_copy(copy, copy.file, None, gone.tell, is_full=True)

    assert copy.is_ours
    assert (quick.size, quick.signatures, full.signatures) == (60, 0, 60)


RESTORE = """
import os, sys
from pathlib import Path
calls = 0
def stop_before(name):
    before = getattr(os, name)
    def call(*arguments, **named):
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), 9)
        return before(*arguments, **named)
    setattr(os, name, call)
for name in ("rename", "replace", "fsync", "unlink"):
    stop_before(name)
from collector.cli import main
sys.exit(main(["restore", "latest", "--yes", "-q", "--config", sys.argv[1]], {}))
"""


def test_killed_at_any_moment_it_leaves_the_old_ledger_or_the_new_one(
    gone: Any, tmp_path: Path
) -> None:
    """Before every rename, sync and removal: what ingest then opens is one of the two, whole."""
    ledger = gone.settings.ledger
    config = tmp_path / "collector.toml"
    config.write_text(
        f'hall = "hall-1"\nfleet = "f"\ndevice_keys = "k"\nkey = "collector.jwk"\n'
        f'ledger = "{ledger}"\n[broker]\nhost = "127.0.0.1"\n'
        f'[backup]\nfolder = "{gone.disk}"\nallow_same_disk = true\n'
    )
    with closing(sqlite3.connect(ledger)) as writer:
        # its log holds what a killed ingest had committed
        writer.execute("UPDATE epochs SET archived = 7")
        writer.commit()
        log = ledger.with_name(ledger.name + "-wal")
        saved = {ledger: ledger.read_bytes(), log: log.read_bytes()}
    seen = set()
    for number in range(1, 40):
        for entry in ledger.parent.glob(f"{ledger.name}*"):
            entry.unlink()
        for path, content in saved.items():
            path.write_bytes(content)
        done = subprocess.run(
            [sys.executable, "-c", RESTORE, str(config), str(number)], capture_output=True
        )
        if done.returncode == 0:
            break
        assert done.returncode == -9, done.stderr
        finish_replacing(ledger)  # as ingest does first
        with closing(open_ledger(ledger)) as db:
            [(size,)] = db.execute("SELECT size FROM ledger_state").fetchall()
            archived = db.execute("SELECT archived FROM epochs").fetchall()
            reasons = [reason for (reason,) in db.execute("SELECT reason FROM gens ORDER BY id")]
            assert LedgerWriter(db, hall="hall-1", clock_ms=lambda: 0).size == size
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        state = (size, archived[0][0], reasons[-1])
        assert state in {(70, 7, "made"), (60, 30, "restored")}
        seen.add(state[2])
    else:
        pytest.fail("never came to its end")
    assert number > 8
    assert seen == {"made", "restored"}

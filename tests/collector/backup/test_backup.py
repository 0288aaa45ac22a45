"""`collector backup` into a folder: what it writes, what it moves, what it refuses."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.backup.errors import BackupDamaged
from collector.backup.making import OFFICE
from collector.backup.manifest import decode_manifest
from collector.backup.run import run_backup
from collector.errors import LedgerInUse, LedgerMismatch
from collector.ledger.archive import move_archived
from collector.ledger.gens import begin_gen
from collector.ledger.migrations import open_ledger
from collector.ledger.sole_writer import SoleBackup
from collector.office.database import Office
from firmware_config.chain import split_token
from firmware_config.errors import InvalidSettings
from firmware_config.keys import load_signing_key

NAME = "20260701T100000Z"


def test_a_backup_is_one_file_with_a_signed_manifest_and_archived_moves(hall: Any) -> None:
    report = hall.back_up()

    folder = hall.disk / "ledger" / NAME
    assert (report.name, report.stored, report.failed) == (NAME, [str(hall.disk)], {})
    assert sorted(os.listdir(folder)) == ["ledger.db", "manifest.json", "manifest.jws"]
    content = (folder / "manifest.json").read_bytes()
    manifest = decode_manifest(content, "")
    assert manifest.files["ledger.db"].sha256 == sha256(folder / "ledger.db")
    token = split_token((folder / "manifest.jws").read_bytes().strip())
    assert token.payload == content
    assert load_signing_key(hall.settings.key).public.is_signed(
        token.signing_input, token.signature
    )
    assert manifest.ledger is not None
    assert (manifest.ledger.size, manifest.ledger.signatures) == (60, 60)
    assert [(one.dev, one.stored) for one in manifest.ledger.journals] == [
        ("dev-1", 30),
        ("dev-2", 30),
    ]
    assert report.moved == 2
    assert hall.archived() == {"dev-1": 30, "dev-2": 30}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_copy_needs_no_log_beside_it(hall: Any) -> None:
    assert hall.ledger.query("PRAGMA journal_mode") == [("wal",)]
    hall.back_up()

    copy = hall.disk / "ledger" / NAME / "ledger.db"
    assert copy.read_bytes()[18:20] == b"\x01\x01"  # rollback journal, by SQLite's file format
    with closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM records").fetchone() == (60,)


def test_signatures_that_the_backup_before_held_are_not_checked_again_unless_asked(
    hall: Any, journals: dict[str, Any]
) -> None:
    hall.back_up()
    hall.store_more(journals["dev-1"])
    hall.now += timedelta(days=1)

    assert hall.back_up().manifest.ledger.signatures == 10
    assert hall.back_up(is_full=True).manifest.ledger.signatures == 70


def test_a_manifest_that_is_not_signed_by_us_spares_no_signature(hall: Any) -> None:
    hall.back_up()
    (hall.disk / "ledger" / NAME / "manifest.jws").unlink()
    hall.now += timedelta(days=1)

    assert hall.back_up().manifest.ledger.signatures == 60


def test_two_backups_in_one_second_have_names_of_their_own(hall: Any) -> None:
    assert [hall.back_up().name for _ in range(2)] == [NAME, "20260701T100001Z"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "UPDATE records SET payload = CAST("
            "replace(CAST(payload AS TEXT), '\"level\":4', '\"level\":5') AS BLOB)",
            "digest",
        ),
        ("UPDATE records SET signature = zeroblob(64) WHERE seq = 30", "digest"),
        ("DELETE FROM records WHERE position = 60", "ledger_state.size"),
        ("UPDATE ledger_state SET root = zeroblob(32)", "ledger_state.root"),
        ("UPDATE epochs SET stored = 29", "stored: expected 30, got 29"),
        ("UPDATE epochs SET stored_digest = zeroblob(32)", "stored_digest"),
        ("UPDATE records SET epoch = 3 - epoch, seq = seq + 100 WHERE position = 60", "payload"),
    ],
)
def test_a_ledger_that_does_not_agree_with_itself_moves_nothing(
    hall: Any, change: str, problem: str
) -> None:
    for (trigger,) in hall.ledger.query("SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
        hall.ledger.db.execute(f"DROP TRIGGER {trigger}")
    hall.ledger.db.execute("PRAGMA foreign_keys = OFF")
    hall.ledger.db.execute(change)

    with pytest.raises(BackupDamaged, match=problem):
        hall.back_up()
    assert hall.archived() == {"dev-1": 0, "dev-2": 0}
    assert os.listdir(hall.disk / "ledger") == [f"{NAME}.part"]


def test_a_rewritten_beginning_shows_against_the_backup_before(
    hall: Any, new_ledger: Callable[..., Any], journal_of: Any
) -> None:
    """A ledger that agrees with itself, but is not the one that was backed up."""
    hall.back_up()
    other = new_ledger()
    journal = journal_of("dev-1", number=2)
    for _ in range(10):
        journal.rate(5)
    other.writer.store([journal.message(*journal.tokens)])
    gen = hall.ledger.query("SELECT value FROM meta WHERE key = 'gen'")[0][0]
    other.db.execute("UPDATE meta SET value = ? WHERE key = 'gen'", [gen])
    hall.ledger.db.close()
    other.db.close()
    shutil.copy(other.path, hall.settings.ledger)
    hall.now += timedelta(days=1)

    with pytest.raises(BackupDamaged, match="as in the backup before"):
        hall.back_up()


def test_the_rotation_removes_only_what_a_manifest_of_this_hall_names(hall: Any) -> None:
    hall.set(keep_daily=2, keep_weekly=0, keep_monthly=0)
    root = hall.disk / "ledger"
    for foreign in ("20200101T000000Z", "notes"):
        (root / foreign).mkdir(parents=True)
    names = []
    for _ in range(4):
        hall.now += timedelta(days=1)
        names.append(hall.back_up().name)

    assert sorted(os.listdir(root)) == ["20200101T000000Z", *names[2:], "notes"]


def test_a_rotation_that_keeps_nothing_keeps_the_newest(hall: Any) -> None:
    hall.set(keep_daily=0, keep_weekly=0, keep_monthly=0)
    hall.back_up()
    hall.now += timedelta(days=1)

    report = hall.back_up()

    assert os.listdir(hall.disk / "ledger") == [report.name]


def test_a_backup_made_after_the_clock_went_back_is_not_rotated_away(hall: Any) -> None:
    hall.set(keep_daily=1, keep_weekly=0, keep_monthly=0)
    newer = hall.back_up().name
    hall.now -= timedelta(days=30)

    report = hall.back_up()

    assert sorted(os.listdir(hall.disk / "ledger")) == [report.name, newer]


def test_a_backup_that_lacks_a_part_is_left_for_a_person_to_look_at(hall: Any) -> None:
    hall.set(keep_daily=1, keep_weekly=0, keep_monthly=0)
    damaged = hall.back_up().name
    (hall.disk / "ledger" / damaged / "ledger.db").unlink()
    hall.now += timedelta(days=1)

    report = hall.back_up()

    assert sorted(os.listdir(hall.disk / "ledger")) == [damaged, report.name]


def test_what_a_killed_run_left_is_removed_by_the_next(hall: Any) -> None:
    part = hall.disk / "ledger" / "20260630T100000Z.part"
    part.mkdir(parents=True)
    (part / "ledger.db").write_bytes(b"half")
    staging = hall.settings.ledger.parent / "backup-staging"
    staging.mkdir()

    hall.back_up()

    assert os.listdir(hall.disk / "ledger") == [NAME]
    assert not staging.exists()


def test_the_ledgers_own_disk_is_refused(hall: Any) -> None:
    hall.set(allow_same_disk=False)

    [told] = hall.back_up().failed.values()

    assert "expected another file system than that of" in told
    assert hall.archived() == {"dev-1": 0, "dev-2": 0}


def test_another_file_system_is_taken_without_further_ado(hall: Any) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as disk:
        assert os.stat(disk).st_dev != hall.settings.ledger.stat().st_dev
        hall.set(folder=Path(disk), allow_same_disk=False)

        assert hall.back_up().stored == [disk]


def test_a_folder_that_is_not_there_is_told_and_not_made(hall: Any) -> None:
    hall.disk.rmdir()

    [told] = hall.back_up().failed.values()

    assert "expected an existing folder" in told
    assert not hall.disk.exists()


def test_too_little_room_is_told_with_both_figures(
    hall: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(hall.disk)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1000))

    [told] = hall.back_up().failed.values()

    assert "bytes of free space, got 1000" in told


def test_without_a_place_nothing_is_done(hall: Any) -> None:
    hall.set(folder=None)

    with pytest.raises(InvalidSettings, match=r"backup\.folder"):
        hall.back_up()


def test_a_second_backup_at_the_same_time_is_refused(hall: Any) -> None:
    with SoleBackup(hall.settings.ledger), pytest.raises(LedgerInUse):
        hall.back_up()


def test_a_busy_writer_neither_stalls_nor_disturbs_the_copy(
    hall: Any, journals: dict[str, Any]
) -> None:
    """The copy is of one moment, although records are stored between its steps."""
    journal, ledger = journals["dev-1"], hall.ledger
    stored_between = 0

    def tell(stage: str, _done: int, _total: int) -> None:
        nonlocal stored_between
        if stage == "copy" and stored_between < 500:
            hall.store_more(journal)
            stored_between += 10

    hall.tell = tell
    ledger.db.execute("CREATE TABLE ballast (b BLOB)")  # so that the copy takes several steps
    ledger.db.execute("INSERT INTO ballast VALUES (zeroblob(20000000))")

    report = hall.back_up()

    assert stored_between >= 40
    assert report.manifest.ledger.size == 60
    assert hall.archived() == {"dev-1": 30, "dev-2": 30}


def test_archived_is_never_lowered_and_never_above_what_the_ledger_has(hall: Any) -> None:
    epochs = dict(
        hall.ledger.query("SELECT d.code, e.epoch FROM epochs e JOIN devices d ON d.id = e.device")
    )
    gen = hall.ledger.query("SELECT value FROM meta WHERE key = 'gen'")[0][0]

    assert move_archived(hall.ledger.db, gen, [("dev-1", epochs["dev-1"], 20)]) == 1
    assert move_archived(hall.ledger.db, gen, [("dev-1", epochs["dev-1"], 10)]) == 0
    assert move_archived(hall.ledger.db, gen, [("dev-2", epochs["dev-2"], 99)]) == 1
    assert hall.archived() == {"dev-1": 20, "dev-2": 30}


def test_archived_does_not_move_in_another_life_of_the_ledger(hall: Any) -> None:
    gen = hall.ledger.query("SELECT value FROM meta WHERE key = 'gen'")[0][0]
    begin_gen(hall.ledger.db, "renewed", 1)

    with pytest.raises(LedgerMismatch, match="gen"):
        move_archived(hall.ledger.db, gen, [])


def test_the_writer_learns_of_it_once_for_each_devices_newest_journal(
    hall: Any, journal_of: Any, journals: dict[str, Any]
) -> None:
    second = journal_of("dev-1", number=2)
    second.rate(5)
    hall.ledger.writer.store([second.message()])
    writer = hall.ledger.new_writer()
    assert writer.archive_moved() == []

    threading.Thread(target=hall.back_up).start()  # another connection, as in life
    moved: list[Any] = []
    while not moved:
        moved = writer.archive_moved()

    assert sorted(moved) == [("dev-1", second.epoch), ("dev-2", journals["dev-2"].epoch)]
    assert writer.archive_moved() == []
    assert writer.receipt(moved[0]).archived in (1, 30)


def test_the_dashboards_database_is_backed_up_beside_it(hall: Any, tmp_path: Path) -> None:
    office = Office(tmp_path / "office.db")
    office.prepare()
    key = office.cookie_key()
    office.close()

    report = run_backup(
        hall.settings,
        OFFICE,
        {"office.db": office.path},
        now=lambda: hall.now,
        tell=hall.tell,
    )

    copy = hall.disk / "office" / NAME / "office.db"
    assert report.moved is None
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT value FROM meta").fetchall() == [(key,)]


def test_a_ledger_that_is_being_replaced_is_not_opened(hall: Any) -> None:
    hall.ledger.path.with_name(hall.ledger.path.name + ".restore-note").write_text("x")

    with pytest.raises(LedgerMismatch, match="restore was interrupted"):
        open_ledger(hall.ledger.path)

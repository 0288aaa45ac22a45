"""Opening the ledger: how its connections are set, what is refused."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest

from collector.errors import LedgerError, LedgerInUse, LedgerMismatch, LedgerNotWritable
from collector.ledger.migrations import close_ledger, open_ledger
from collector.ledger.readers import LedgerReader, LedgerUnavailable
from collector.ledger.sole_writer import SoleWriter


def test_a_new_ledger_is_durable_strict_and_has_a_gen_of_its_own(tmp_path: Path) -> None:
    gens = set()
    for number in (1, 2):
        db = open_ledger(tmp_path / "folder" / f"{number}.db")
        gens.add(db.execute("SELECT value FROM meta WHERE key = 'gen'").fetchone()[0])
        for name, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            assert db.execute(f"PRAGMA {name}").fetchone()[0] == value
        tables = db.execute(
            "SELECT name, strict FROM pragma_table_list WHERE type = 'table' AND schema = 'main'"
        ).fetchall()
        loose = {name for name, is_strict in tables if not is_strict}
        assert {name for name in loose if not name.startswith("sqlite_")} <= {"_sqlite_migrations"}
        db.close()
    assert len(gens) == 2


def test_opening_again_keeps_the_gen(tmp_path: Path) -> None:
    gens = []
    for _ in range(2):
        db = open_ledger(tmp_path / "ledger.db")
        gens.append(db.execute("SELECT value FROM meta WHERE key = 'gen'").fetchone())
        db.close()
    assert gens[0] == gens[1]


def test_a_ledger_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    db = open_ledger(tmp_path / "ledger.db")
    db.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
        " VALUES ('ledger', '9999_later', '')"
    )
    db.close()
    with pytest.raises(LedgerMismatch, match="9999_later is newer"):
        open_ledger(tmp_path / "ledger.db")


def test_what_is_no_database_is_a_ledger_error(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"not a database, and long enough to be looked at closely" * 20)
    with pytest.raises(LedgerError, match="cannot be opened"):
        open_ledger(path)
    with pytest.raises(LedgerUnavailable, match="not a database"):
        LedgerReader(path).open()
    with pytest.raises(LedgerUnavailable, match=r"missing\.db: expected the ledger, found no file"):
        LedgerReader(tmp_path / "missing.db").open()
    assert not (tmp_path / "missing.db").exists()


def test_reading_refuses_to_write_and_works_while_ingest_is_stopped(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    open_ledger(path).close()
    assert not path.with_name("ledger.db-wal").exists()
    with LedgerReader(path) as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.connection.execute("DELETE FROM meta")


def test_reading_works_for_another_user_in_a_folder_it_cannot_write() -> None:
    is_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "ledger.db"
        open_ledger(path).close()
        Path(name).chmod(0o555)
        if is_root:  # root may write anywhere: look with the eyes of nobody
            os.seteuid(65534)
        try:
            with LedgerReader(path) as reader:
                assert reader.row("SELECT count(*) FROM gens") == (1,)
                assert reader.is_current
            assert [entry.name for entry in Path(name).iterdir()] == ["ledger.db"]
        finally:
            if is_root:
                os.seteuid(0)
            Path(name).chmod(0o755)


def test_a_user_who_may_only_read_is_told_which_file_and_whose() -> None:
    is_root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "ledger.db"
        open_ledger(path).close()
        Path(name).chmod(0o555)
        path.chmod(0o444)
        owner = path.owner()
        if is_root:
            os.seteuid(65534)
        try:
            for start in (open_ledger, SoleWriter):
                with pytest.raises(LedgerNotWritable) as caught:
                    start(path)
                assert re.fullmatch(
                    rf"{path}: user \S+ may not write it, only read; it belongs to {owner}: "
                    rf"run this as {owner}",
                    str(caught.value),
                )
            assert [entry.name for entry in Path(name).iterdir()] == ["ledger.db"]
        finally:
            if is_root:
                os.seteuid(0)
            Path(name).chmod(0o755)


def test_closing_leaves_everything_in_the_one_file_while_a_reader_looks_on(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    db = open_ledger(path)
    with LedgerReader(path, is_snapshot=False) as reader:
        db.execute("INSERT INTO meta VALUES ('x', 'y')")
        close_ledger(db)
        assert path.with_name("ledger.db-wal").stat().st_size == 0
        copy = tmp_path / "copy.db"
        shutil.copyfile(path, copy)
        assert reader.row("SELECT value FROM meta WHERE key = 'x'") == ("y",)
    with LedgerReader(copy) as reader:
        assert reader.row("SELECT value FROM meta WHERE key = 'x'") == ("y",)


def test_two_writers_of_one_ledger_are_refused(tmp_path: Path) -> None:
    first = SoleWriter(tmp_path / "ledger.db")
    with pytest.raises(LedgerInUse, match="another"):
        SoleWriter(tmp_path / "ledger.db")
    first.release()
    first.release()
    SoleWriter(tmp_path / "ledger.db").release()


def test_a_ledger_of_an_older_program_gets_the_indexes_of_bad_ratings(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    names = {"outcomes_bad", "outcomes_repeats_of_case"}
    db = open_ledger(path)
    for name in names:
        db.execute(f"DROP INDEX {name}")
    db.execute("DELETE FROM _sqlite_migrations WHERE name = '0011_bad_ratings'")
    close_ledger(db)
    db = open_ledger(path)
    kept = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'index'")}
    close_ledger(db)
    assert names <= kept

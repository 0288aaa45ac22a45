"""What a verification checks, leaves alone, and needs to be told from outside."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from collector.errors import CollectorError, LedgerMismatch
from collector.ledger.gens import begin_gen
from collector.ledger.migrations import open_ledger
from collector.ledger.readers import LedgerUnavailable
from collector.ledger.writer import LedgerWriter
from collector.verify.findings import Check, Level
from collector.verify.run import Report, verify
from collector.verify.statements import Kept
from firmware_config.keys import SigningKey
from tests.collector.verify.copy import SpoiledLedger
from tests.collector.verify.edits import EDITS
from tests.collector.verify.hall import HALL, WorkingHall

FAIL, NOTE = Level.FAIL, Level.NOTE


@pytest.fixture
def spoiled(hall: WorkingHall, tmp_path: Path) -> Any:
    """`spoiled(sql, …)`: the path of a copy of the ledger after these statements."""

    def make(*statements: str) -> Path:
        ledger = SpoiledLedger(hall, tmp_path / "copy.db", random.Random(1))
        for sql in statements:
            ledger.run(sql)
        ledger.close()
        return tmp_path / "copy.db"

    return make


def told(report: Report, level: Level, check: Check) -> list[str]:
    return [one.what for one in report.findings if (one.level, one.check) == (level, check)]


def test_a_ledger_that_is_right_has_no_failure_and_tells_what_a_person_should_know(
    hall: WorkingHall,
) -> None:
    report = verify(hall.path, hall.known())

    assert report.failures == []
    assert (report.records > 2_000, report.devices) == (True, 4)
    [gap] = [one for one in report.findings if one.check is Check.GAP]
    assert (gap.device, gap.first_on, gap.count) == ("dev-2", "2026-06-29", 1)
    assert len(told(report, NOTE, Check.CONFLICT)) == 2
    assert told(report, NOTE, Check.QUARANTINE) == ["refused as malformed, kept aside"]
    assert told(report, NOTE, Check.NOT_CHECKED) == []


def test_several_processes_find_what_one_finds(hall: WorkingHall, tmp_path: Path) -> None:
    ledger = SpoiledLedger(hall, tmp_path / "copy.db", random.Random(5))
    for kind in ("a_rating_changed", "a_record_removed", "an_outcome_changed", "a_rollup_changed"):
        EDITS[kind](ledger)
    ledger.close()

    one, two = (verify(tmp_path / "copy.db", hall.known(), jobs=jobs) for jobs in (1, 2))

    assert list(map(asdict, two.findings)) == list(map(asdict, one.findings))
    assert len(two.failures) > 5


def test_records_stored_meanwhile_are_left_for_the_next_time(
    spoiled: Any, hall: WorkingHall, journal_of: Any
) -> None:
    path = spoiled()
    before = verify(path, hall.known())
    with closing(open_ledger(path)) as db:
        writer = LedgerWriter(db, hall=HALL, clock_ms=lambda: hall.now_ms)
        journal = journal_of("dev-3", number=2)

        def store_one(done: int, total: int) -> None:
            journal.rate()
            writer.store([journal.message(journal.tokens[-1])])

        during = verify(path, hall.known(), progress=store_one)
        after = verify(path, hall.known(now_ms=hall.now_ms + 1000))

    assert (during.records, during.root, during.failures) == (before.records, before.root, [])
    assert after.records > before.records
    assert after.failures == []


def test_nothing_of_the_ledger_is_written(hall: WorkingHall) -> None:
    content = hall.path.read_bytes()

    verify(hall.path, hall.known())

    assert hall.path.read_bytes() == content


def test_what_is_not_known_from_elsewhere_is_said(hall: WorkingHall) -> None:
    bare = hall.known(
        collector_key=None, device_keys=None, fleet=None, exports=None, kept=[], hall=""
    )

    report = verify(hall.path, bare)

    assert report.failures == []
    words = " ".join(told(report, NOTE, Check.NOT_CHECKED))
    assert all(word in words for word in ("collector's key", "folder with keys", "fleet file"))
    assert "roots kept elsewhere" in words


def test_an_end_cut_off_and_covered_up_shows_only_by_what_lies_elsewhere(
    hall: WorkingHall, tmp_path: Path
) -> None:
    ledger = SpoiledLedger(hall, tmp_path / "copy.db", random.Random(1))
    EDITS["the_tail_cut_and_all_made_to_agree"](ledger)
    ledger.close()
    path = tmp_path / "copy.db"

    assert verify(path, hall.known(exports=None, kept=[])).failures == []
    assert {one.check for one in verify(path, hall.known(kept=[])).failures} == {Check.EXPORT}
    assert {one.check for one in verify(path, hall.known(exports=None)).failures} == {Check.KEPT}


def test_the_last_of_the_forks_taken_away_does_not_show_as_the_docs_say(
    spoiled: Any, hall: WorkingHall
) -> None:
    path = spoiled("DELETE FROM conflicts WHERE id = 3", "DELETE FROM quarantine")

    report = verify(path, hall.known())

    assert report.failures == []
    page = Path(__file__).resolve().parents[3] / "docs" / "verify.md"
    assert "the last rows of `conflicts`" in page.read_text("utf-8")


def test_a_restore_is_a_failure_until_it_is_said_to_be_known(
    hall: WorkingHall, tmp_path: Path
) -> None:
    """A copy of an earlier evening, put back under a new life, and what was said meanwhile."""
    shutil.copyfile(hall.backup, tmp_path / "copy.db")
    with closing(open_ledger(tmp_path / "copy.db")) as db:
        gen = begin_gen(db, "restored", hall.now_ms)

    asked = verify(tmp_path / "copy.db", hall.known())
    known = verify(tmp_path / "copy.db", hall.known(restored=[gen]))

    assert {one.check for one in asked.failures} == {Check.KEPT, Check.EXPORT}
    assert all(f"--restored {gen}" in one.what for one in asked.failures)
    assert known.failures == []
    assert told(known, NOTE, Check.GENS) == ["the ledger was restored from a copy"]
    assert len(told(known, NOTE, Check.KEPT)) == len(told(asked, FAIL, Check.KEPT))


def test_a_kept_token_that_the_collector_did_not_sign_is_a_failure(hall: WorkingHall) -> None:
    forged = SigningKey.from_seed(bytes(31) + b"x").token(b'{"what":"checkpoint"}')

    report = verify(hall.path, hall.known(kept=[Kept("mail", forged)]))

    assert told(report, FAIL, Check.KEPT) == [
        "not signed by the collector's key",
        "neither a checkpoint nor a receipt of this hall",
    ]


def test_a_key_that_a_device_had_before_is_no_failure(hall: WorkingHall, spoiled: Any) -> None:
    old = SigningKey.from_seed(bytes(31) + b"y").public
    path = spoiled(f"INSERT INTO device_keys VALUES (9, 1, '{old.kid}', '{old.x}', 0)")
    keys = {**hall.device_keys, "dev-1": [*hall.device_keys["dev-1"], old]}

    unknown = verify(path, hall.known())

    assert [(one.check, one.device) for one in unknown.failures] == [(Check.KEY, "dev-1")]
    assert verify(path, hall.known(device_keys=keys)).failures == []


def test_a_clock_set_back_is_a_note_of_the_day_and_not_of_each_record(
    spoiled: Any, hall: WorkingHall
) -> None:
    path = spoiled(
        "UPDATE records SET received_ms = received_ms - 7200000 WHERE position BETWEEN 50 AND 90"
    )

    report = verify(path, hall.known())

    notes = [one for one in report.findings if one.check is Check.RECEIVED]
    assert [(one.level, one.first_on) for one in notes] == [(NOTE, "2026-06-22")]
    assert (notes[0].first_position, notes[0].last_position, notes[0].count) == (50, 90, 41)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE device_keys SET x = 'ü', kid = 'ß' WHERE device = 1",
        "UPDATE gens SET size = -5",
        "UPDATE ledger_state SET size = -1",
        "UPDATE records SET received_ms = 9223372036854775807 WHERE position = 7",
        "UPDATE records SET received_ms = -9223372036854775807 WHERE position = 1",
        "UPDATE records SET digest = x'', signature = x'' WHERE position = 7",
        "UPDATE records SET position = 9223372036854775806 WHERE position = 7",
        "UPDATE records SET position = -4 WHERE position = 7",
        "UPDATE records SET epoch = 99, key = 99 WHERE position = 7",
        "UPDATE records SET payload = x'ff' WHERE position = 7",
        "UPDATE checkpoints SET token = x'00ff', made_ms = -9223372036854775807",
        "UPDATE epochs SET stored = -3, head = 9223372036854775807",
        "UPDATE meta SET value = '../etc/passwd' WHERE key = 'timezone'",
        "DELETE FROM meta",
        "DELETE FROM devices",
        "DELETE FROM gens",
        "UPDATE boots SET offset_ms = 9223372036854775807",
        "UPDATE conflicts SET token = x'', seq = -1",
    ],
)
def test_absurd_values_are_found_and_end_nothing(sql: str, spoiled: Any, hall: WorkingHall) -> None:
    assert verify(spoiled(sql), hall.known()).failures


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_is_found_or_called_unreadable(
    seed: int, hall: WorkingHall, tmp_path: Path
) -> None:
    draw, path = random.Random(seed), tmp_path / "copy.db"
    content = bytearray(hall.path.read_bytes())
    for _ in range(8):
        content[draw.randrange(100, len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)

    try:
        is_found = bool(verify(path, hall.known()).failures)
    except (sqlite3.Error, CollectorError):
        is_found = True

    assert is_found or dump(path) == dump(hall.path)  # bits that mean nothing, in free space


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [
            line
            for line in connection.iterdump()
            if not line.startswith('INSERT INTO "device_status"')
        ]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DELETE FROM _sqlite_migrations WHERE name LIKE '0004%'", "brings a ledger up to date"),
        (
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at)"
            " VALUES ('ledger', '9999_later', '')",
            "9999_later is newer than this program",
        ),
    ],
)
def test_a_ledger_of_another_program_is_not_judged(
    sql: str, words: str, spoiled: Any, hall: WorkingHall
) -> None:
    with pytest.raises(LedgerMismatch, match=words):
        verify(spoiled(sql), hall.known())


def test_there_must_be_a_ledger(tmp_path: Path, hall: WorkingHall) -> None:
    (tmp_path / "empty.db").write_bytes(b"")
    (tmp_path / "text.db").write_bytes(b"no database" * 1000)

    for name in ("missing.db", "empty.db", "text.db"):
        with pytest.raises(LedgerUnavailable):
            verify(tmp_path / name, hall.known())

"""The journal on real SQLite files: the chain, damage, full disks, kills, watermarks, days."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from firmware_config import chain
from firmware_config.contract import Kind, Trigger, decode_record
from firmware_config.errors import ContractError
from firmware_config.keys import SigningKey
from kiosk.clock import ManualClock, Stamp
from kiosk.drafts import Draft, Memory, Session
from kiosk.errors import ForeignJournalError, JournalError
from kiosk.journal import Journal
from kiosk.journal.days import day_counts, open_days
from kiosk.journal.reading import open_card, remember
from kiosk.links import broken_links
from kiosk.window import Watermarks

Opener = Callable[..., Journal]
BOOT = Draft(Kind.BOOT, 60_000, {"version": "1"})


def invited(number: int, at_ms: int = 60_000) -> Draft:
    session = Session(number=number, trigger=Trigger.CASE, invited_ms=at_ms, case_no=f"C-{number}")
    return Draft(Kind.INVITED, at_ms, session.fields())


def rated(number: int, level: int = 5, at_ms: int = 61_000) -> Draft:
    fields = dict(invited(number).fields) | {"level": level, "button": f"key-{level}"}
    return Draft(Kind.RATED, at_ms, fields)


def records(journal: Journal) -> list[dict[str, object]]:
    rows = journal.query("SELECT token FROM records ORDER BY seq")
    return [json.loads(chain.split_token(token).payload) for (token,) in rows]


def is_whole(journal: Journal, key: SigningKey) -> bool:
    with open_card(journal.path) as card:
        return not list(
            broken_links(
                card.rows(),
                dev="w-a01",
                epoch=journal.epoch,
                is_signed=lambda t: key.public.is_signed(t.signing_input, t.signature),
            )
        )


def test_records_are_chained_signed_and_stamped(
    open_it: Opener, clock: ManualClock, key: SigningKey
) -> None:
    journal = open_it()
    assert journal.append([BOOT], clock.stamp()) == 1
    assert journal.append([invited(1), rated(1, at_ms=61_234)], clock.stamp()) == 3

    tokens = [token for _, token in journal.tokens([1, 2, 3])]
    last = decode_record(chain.split_token(tokens[2]).payload)
    assert last.prev == chain.b64url(chain.digest(tokens[1])).decode()
    assert (last.dev, last.epoch, last.seq, last.boot) == ("w-a01", journal.epoch, 3, clock.boot_id)
    assert (last.mono_ms, last.wall, last.synced) == (61_234, "2026-03-02T01:00:01.234Z", True)
    assert is_whole(journal, key)


def test_the_database_is_durable_by_its_settings(open_it: Opener) -> None:
    journal = open_it()
    assert journal.query("PRAGMA journal_mode") == [("wal",)]
    assert journal.query("PRAGMA synchronous") == [(2,)]


def test_an_epoch_is_made_once_and_a_head_survives(open_it: Opener, clock: ManualClock) -> None:
    journal = open_it()
    journal.append([BOOT], clock.stamp())
    journal.close()
    again = open_it()
    assert (again.epoch, again.head) == (journal.epoch, 1)
    assert again.set_aside is None


def test_rows_cannot_be_changed_deleted_replaced_or_skipped(
    open_it: Opener, clock: ManualClock
) -> None:
    journal = open_it()
    journal.append([BOOT, invited(1)], clock.stamp())
    columns = "seq, kind, session, level, day, closed_on, digest, token"
    for sql in (
        "UPDATE records SET level = 5",
        "DELETE FROM records",
        f"INSERT OR REPLACE INTO records ({columns}) SELECT {columns} FROM records WHERE seq = 1",
        f"INSERT INTO records ({columns}) SELECT 9, kind, session, level, day, closed_on, digest,"
        " token FROM records WHERE seq = 1",
    ):
        with pytest.raises(JournalError):
            journal.query(sql)
    assert journal.head == 2


def test_a_draft_the_contract_does_not_allow_is_a_bug_and_leaves_nothing(
    open_it: Opener, clock: ManualClock
) -> None:
    journal = open_it()
    with pytest.raises(ContractError):
        journal.append(
            [BOOT, Draft(Kind.INVITED, 1, {**invited(1).fields, "session": 0})], clock.stamp()
        )
    assert journal.query("SELECT count(*) FROM records") == [(0,)]
    assert journal.append([BOOT], clock.stamp()) == 1


def test_signing_ahead_gives_the_record_it_would_have_given(
    open_it: Opener, clock: ManualClock, key: SigningKey
) -> None:
    journal = open_it()
    journal.append([BOOT], clock.stamp())
    journal.prepare([invited(1)], clock.stamp())
    journal.append([invited(1)], clock.stamp())
    journal.prepare([rated(1, 5)], clock.stamp())
    journal.append([rated(1, 1)], clock.stamp())  # something else happened
    journal.prepare([invited(2)], clock.stamp())
    journal.append([BOOT, invited(2)], clock.stamp())
    assert [record["kind"] for record in records(journal)] == [
        "BOOT",
        "INVITED",
        "RATED",
        "BOOT",
        "INVITED",
    ]
    assert records(journal)[2]["level"] == 1
    assert is_whole(journal, key)


def test_what_was_prepared_before_the_clock_moved_is_signed_anew(
    open_it: Opener, clock: ManualClock
) -> None:
    journal = open_it()
    journal.prepare([BOOT], clock.stamp())
    journal.append([BOOT], Stamp(clock.boot_id, 0, False))
    assert records(journal)[0]["wall"] == "1970-01-01T00:01:00.000Z"


def test_another_devices_journal_is_refused(open_it: Opener) -> None:
    open_it().close()
    with pytest.raises(ForeignJournalError, match="w-a01"):
        open_it(device="w-b02")


def test_a_journal_in_use_is_refused(open_it: Opener) -> None:
    open_it()
    with pytest.raises(JournalError, match="in use"):
        open_it()


# --- damage ---


def _overwrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xa5" * 4096
    path.write_bytes(content)


def _forge(path: Path) -> None:
    conn = sqlite3.connect(path)
    conn.execute("DROP TRIGGER records_are_never_changed")
    conn.execute("UPDATE records SET token = CAST(replace(token, 'a', 'b') AS BLOB) WHERE seq = 2")
    conn.commit()
    conn.close()


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(_overwrite, id="a page is overwritten"),
        pytest.param(_forge, id="a token was changed"),
        pytest.param(lambda path: path.write_bytes(b"not a database" * 1000), id="another file"),
    ],
)
def test_a_damaged_journal_is_set_aside_whole_and_a_new_epoch_begins(
    open_it: Opener, clock: ManualClock, damage: Callable[[Path], None]
) -> None:
    journal = open_it()
    for number in range(1, 40):
        journal.append([invited(number)], clock.stamp())
    journal.close()
    damage(journal.path)
    before = journal.path.read_bytes()

    new = open_it()

    assert new.epoch != journal.epoch
    assert new.head == 0
    assert new.set_aside is not None
    assert new.set_aside.name == "journal.db.damaged-20260302T010000Z"
    assert new.set_aside.read_bytes() == before
    assert new.append([BOOT], clock.stamp()) == 1


def test_two_damages_in_one_second_keep_two_files(open_it: Opener, tmp_path: Path) -> None:
    for _ in range(2):
        open_it().close()
        (tmp_path / "journal.db").write_bytes(b"x" * 5000)
    open_it()
    assert len(list(tmp_path.glob("journal.db.damaged-*"))) == 2


# --- full disks ---


def _fill(ballast: Path) -> None:
    with ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def _append_until_refused(journal: Journal, clock: ManualClock) -> None:
    for number in range(1, 500):
        journal.append([invited(number)], clock.stamp())


@pytest.fixture
def small_disk(tmp_path: Path, is_root: bool) -> Iterator[Path]:
    """A file system of 1 MiB of its own."""
    if not is_root:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_refuses_leaves_the_chain_whole_and_passes(
    open_it: Opener, clock: ManualClock, key: SigningKey, small_disk: Path
) -> None:
    journal = open_it(small_disk / "journal.db")
    journal.append([BOOT], clock.stamp())
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"):
        _fill(ballast)
    with pytest.raises(JournalError, match="full"):
        _append_until_refused(journal, clock)
    number = journal.head - 1
    with pytest.raises(JournalError):
        journal.append([invited(number + 1)], clock.stamp())

    ballast.unlink()
    assert journal.append([invited(number + 1)], clock.stamp()) == number + 2
    assert [record["seq"] for record in records(journal)] == list(range(1, number + 3))
    assert is_whole(journal, key)


def test_a_limit_of_pages_refuses_and_passes(
    open_it: Opener, clock: ManualClock, key: SigningKey
) -> None:
    journal = open_it()
    ((pages,),) = journal.query("PRAGMA page_count")
    journal.query(f"PRAGMA max_page_count={pages + 2}")
    with pytest.raises(JournalError, match="full"):
        _append_until_refused(journal, clock)
    number = journal.head
    assert number > 0
    journal.query("PRAGMA max_page_count=1000000")
    assert journal.append([invited(number + 1)], clock.stamp()) == number + 1
    assert is_whole(journal, key)


def test_a_failing_write_refuses_and_passes(
    open_it: Opener, clock: ManualClock, key: SigningKey
) -> None:
    journal = open_it()
    journal.append([BOOT], clock.stamp())
    previous = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    wal = journal.path.with_name("journal.db-wal").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal, previous[1]))
    try:
        with pytest.raises(JournalError):
            journal.append([invited(1)], clock.stamp())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, previous)
        signal.signal(signal.SIGXFSZ, handler)
    assert journal.append([invited(1)], clock.stamp()) == 2
    assert is_whole(journal, key)


# --- kills ---

WRITER = """
import sys
from pathlib import Path
from zoneinfo import ZoneInfo
from firmware_config.contract import Kind
from firmware_config.keys import SigningKey
from kiosk.clock import ManualClock
from kiosk.drafts import Draft
from kiosk.journal import open_journal
clock = ManualClock()
journal = open_journal(Path(sys.argv[1]), key=SigningKey.from_seed(b"k" * 32), device="w-a01",
                       zone=ZoneInfo("Asia/Shanghai"), wall_ms=clock.wall_ms())
while True:
    head = journal.append([Draft(Kind.CLOCK, 1, {"step_ms": 0})] * 3, clock.stamp())
    sys.stdout.write(f"{head}\\n")
    sys.stdout.flush()
"""


def test_killed_in_the_middle_nothing_that_was_told_is_lost(
    open_it: Opener, tmp_path: Path, key: SigningKey
) -> None:
    told = 0
    for kills in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "journal.db")],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        for _ in range(20 + kills * 7):
            told = int(writer.stdout.readline())
        writer.kill()
        rest = writer.stdout.read().split()
        told = int(rest[-1]) if rest else told
        writer.wait()
        writer.stdout.close()

        journal = open_it()
        assert journal.set_aside is None
        assert journal.head >= told
        assert journal.head % 3 == 0  # transactions are whole
        assert is_whole(journal, key)
        journal.close()


# --- watermarks and pruning ---


def test_watermarks_reach_the_disk_with_the_next_record_or_at_the_end(
    open_it: Opener, clock: ManualClock
) -> None:
    journal = open_it()
    first = Watermarks(gen="g", stored=1, archived=0, server_ms=5)
    journal.keep(first)  # a new gen goes to the disk at once
    with open_card(journal.path) as card:
        assert card.stored == 1
    journal.keep(Watermarks(gen="g", stored=2, archived=1, server_ms=6))
    with open_card(journal.path) as card:
        assert card.stored == 1
    journal.append([BOOT], clock.stamp())
    with open_card(journal.path) as card:
        assert (card.stored, card.archived) == (2, 1)
    last = Watermarks(gen="g", stored=3, archived=1, server_ms=7)
    journal.keep(last)
    journal.close()
    assert open_it().watermarks == last


def test_only_what_is_archived_and_old_is_pruned_and_the_rest_stays_verifiable(
    open_it: Opener, clock: ManualClock, key: SigningKey
) -> None:
    journal = open_it()
    for number in range(1, 11):
        journal.append([invited(number)], clock.stamp())
        clock.advance(24 * 3_600_000)
    later = Stamp(clock.boot_id, clock.stamp().offset_ms + 500 * 86_400_000, True)
    journal.append([invited(11), rated(11)], later)
    assert journal.prune("2027-01-01") == 0
    journal.keep(Watermarks(gen="g", stored=12, archived=4, server_ms=1))
    assert journal.prune("2027-01-01") == 4
    journal.keep(Watermarks(gen="g", stored=12, archived=12, server_ms=1, has_fork=True))
    assert journal.prune("2027-01-01") == 0
    journal.keep(Watermarks(gen="g", stored=12, archived=12, server_ms=1))
    journal.prune("2030-01-01")
    assert remember(journal).last_session == 11
    assert is_whole(journal, key)
    assert journal.append([invited(12)], clock.stamp()) == 13


# --- memory and days ---


def test_a_starting_program_remembers_session_pause_and_staff(
    open_it: Opener, clock: ManualClock
) -> None:
    journal = open_it()
    assert remember(journal) == Memory()
    journal.append(
        [
            Draft(Kind.SIGNIN, 1, {"staff_no": "012"}),
            invited(1),
            rated(1),
            Draft(Kind.PAUSED, 2, {}),
            Draft(Kind.RESUMED, 3, {}),
            invited(2),
        ],
        clock.stamp(),
    )
    memory = remember(journal)
    assert memory.open_session is not None
    assert (memory.open_session.number, memory.open_session.case_no) == (2, "C-2")
    assert (memory.last_session, memory.is_paused, memory.staff_no) == (2, False, "012")
    journal.append([rated(2), Draft(Kind.PAUSED, 4, {})], clock.stamp())
    assert remember(journal) == Memory(last_session=2, is_paused=True, staff_no="012")


def test_days_are_local_and_counted_with_their_zeros(open_it: Opener, clock: ManualClock) -> None:
    journal = open_it()
    journal.append([BOOT, invited(1), rated(1, 5), invited(2), rated(2, 1)], clock.stamp())
    clock.advance(15 * 3_600_000)  # 16:00 UTC is the next day in Shanghai
    journal.append([Draft(Kind.CLOCK, clock.mono_ms(), {"step_ms": 0})], clock.stamp())
    counts = day_counts(journal, date(2026, 3, 2))
    assert (counts["BOOT"], counts["INVITED"], counts["RATED"]) == (1, 2, 2)
    assert [counts[f"RATED.{level}"] for level in (5, 4, 3, 2, 1)] == [1, 0, 0, 0, 1]
    assert counts["FAULT"] == 0
    assert set(counts) == {*Kind, *(f"RATED.{level}" for level in range(1, 6))}
    assert set(day_counts(journal, date(2020, 1, 1)).values()) == {0}


def close_days(journal: Journal, today: date, stamp: Stamp, *, is_synced: bool = True) -> list[str]:
    days = open_days(journal, today, is_synced=is_synced)
    fields = [{"on": day.isoformat(), "counts": day_counts(journal, day)} for day in days]
    if days:
        journal.append([Draft(Kind.DAYCLOSE, 60_000, field) for field in fields], stamp)
    return [day.isoformat() for day in days]


def test_missed_days_are_closed_once_with_a_synchronised_clock(
    open_it: Opener, clock: ManualClock
) -> None:
    journal = open_it()
    journal.append([BOOT], clock.stamp())
    later = Stamp(clock.boot_id, clock.stamp().offset_ms + 3 * 86_400_000, True)
    today = date(2026, 3, 5)
    assert close_days(journal, date(2026, 3, 2), clock.stamp()) == []
    assert close_days(journal, today, later, is_synced=False) == ["2026-03-02"]
    assert close_days(journal, today, later) == ["2026-03-03", "2026-03-04"]
    assert close_days(journal, today, later) == []


def test_a_day_that_got_records_after_its_close_is_closed_again(
    open_it: Opener, clock: ManualClock
) -> None:
    journal = open_it()
    tomorrow = Stamp(clock.boot_id, clock.stamp().offset_ms + 86_400_000, True)
    journal.append([BOOT], clock.stamp())
    assert close_days(journal, date(2026, 3, 3), tomorrow) == ["2026-03-02"]
    journal.append([invited(1)], clock.stamp())  # the clock was set back
    assert close_days(journal, date(2026, 3, 3), tomorrow) == ["2026-03-02"]


def test_a_clock_of_another_century_makes_no_thousands_of_days(
    open_it: Opener, clock: ManualClock
) -> None:
    journal = open_it()
    journal.append([BOOT], Stamp(clock.boot_id, 0, False))
    assert close_days(journal, date(2026, 3, 2), clock.stamp()) == ["1970-01-01"]


# --- cards ---


def test_a_card_is_read_without_writing(open_it: Opener, clock: ManualClock) -> None:
    journal = open_it()
    journal.append([BOOT, invited(1)], clock.stamp())
    with open_card(journal.path) as card:
        assert [row.seq for row in card.rows(2)] == [2]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            card.conn.execute("INSERT INTO meta VALUES ('a', 'b')")
    missing = journal.path.with_name("nothing.db")
    with pytest.raises(JournalError, match="found nothing"), open_card(missing):
        pass
    assert not missing.exists()


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        ("DELETE FROM records WHERE seq = 2", "records are missing"),
        (
            "UPDATE records SET token = (SELECT token FROM records WHERE seq = 1) WHERE seq = 2",
            "expected record",
        ),
        ("UPDATE records SET digest = x'00' WHERE seq = 2", "digest was stored"),
        ("UPDATE records SET token = x'61' WHERE seq = 2", "malformed"),
        (
            "UPDATE records SET token = CAST(substr(token, 1, length(token) - 20)"
            " || 'AAAAAAAAAAAAAAAAAAAA' AS BLOB) WHERE seq = 2",
            "signature",
        ),
    ],
)
def test_verify_says_what_is_broken(
    open_it: Opener, clock: ManualClock, key: SigningKey, tamper: str, problem: str
) -> None:
    journal = open_it()
    journal.append([BOOT, invited(1), rated(1)], clock.stamp())
    for trigger in ("records_are_never_changed", "only_archived_records_are_pruned"):
        journal.query(f"DROP TRIGGER {trigger}")
    journal.query(tamper)
    with open_card(journal.path) as card:
        found = broken_links(
            card.rows(),
            dev="w-a01",
            epoch=journal.epoch,
            is_signed=lambda t: key.public.is_signed(t.signing_input, t.signature),
        )
        assert any(problem in broken.problem for broken in found)


def test_no_file_of_the_journal_is_readable_by_strangers_lock_included(open_it: Opener) -> None:
    lock = open_it().path.with_name("journal.db.lock")
    assert lock.stat().st_mode & 0o007 == 0
    assert os.access(lock, os.W_OK)


def test_a_journal_of_the_first_version_is_brought_up_to_date(
    open_it: Callable[..., Journal], tmp_path: Path, clock: ManualClock
) -> None:
    journal = open_it()
    journal.append([Draft(Kind.BOOT, 1, {"version": "1"})], clock.stamp())
    epoch = journal.epoch
    journal.close()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as old, old:
        old.execute("DROP TABLE commands")
        old.execute("DROP TABLE checkpoints")
        old.execute("DELETE FROM _sqlite_migrations WHERE name <> 'm0001_first'")

    again = open_it()

    assert (again.epoch, again.head, again.set_aside) == (epoch, 1, None)
    assert again.query("SELECT count(*) FROM commands") == [(0,)]
    assert again.query("SELECT count(*) FROM checkpoints") == [(0,)]

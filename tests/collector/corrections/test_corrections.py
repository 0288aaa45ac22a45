"""Corrections are additions: two people, one signed record, nothing ever taken back or changed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.corrections.entries import (
    ChainMark,
    CorrectionRefused,
    Reason,
    Refusal,
    State,
    UnknownCorrection,
    Verdict,
    person_of,
)
from collector.corrections.file import CorrectionsFile, CorrectionsUnavailable
from collector.corrections.reading import (
    chain_mark,
    correction,
    corrections_made,
    corrections_of,
    exclusions,
    open_corrections,
)
from collector.corrections.report import excluded_in
from collector.corrections.verify import problems_of
from collector.corrections.writing import decide, propose_exclusion, propose_restore
from collector.ledger.readers.ratings import excluded_ratings, rating_at, rating_of
from collector.ledger.rebuild import rebuild
from collector.periods import Period

ZONE = ZoneInfo("Asia/Shanghai")


@contextmanager
def refused(why: Refusal) -> Iterator[None]:
    """Expects a refusal for that reason."""
    with pytest.raises(CorrectionRefused) as caught:
        yield
    assert caught.value.why is why


def tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            name: connection.execute(f"SELECT * FROM {name} ORDER BY entry").fetchall()
            for name in ("proposals", "decisions")
        }


def test_corrections_are_additions(corrected: Any) -> None:
    """Every step adds rows; what was there stays byte for byte, through the whole life of one."""
    position = corrected.rate(1)
    seen: list[dict[str, list[tuple[Any, ...]]]] = [tables(corrected.file.path)]

    def added() -> None:
        now = tables(corrected.file.path)
        before = seen[-1]
        assert {name: rows[: len(before[name])] for name, rows in now.items()} == before
        assert sum(map(len, now.values())) == sum(map(len, before.values())) + 1
        seen.append(now)

    first = corrected.propose(position)
    added()
    decide(corrected.file, first, Verdict.APPROVED, decider="li", note="", now_ms=2)
    added()
    ending = propose_restore(corrected.file, first, note="a mistake", author="li", now_ms=3)
    added()
    decide(corrected.file, ending, Verdict.APPROVED, decider="wang", note="", now_ms=4)
    added()
    again = corrected.propose(position)
    added()
    decide(corrected.file, again, Verdict.REJECTED, decider="li", note="no", now_ms=5)
    added()
    assert correction(corrected.file, first).state is State.ENDED
    assert correction(corrected.file, ending).state is State.APPROVED
    assert correction(corrected.file, again).state is State.REJECTED
    assert problems_of(corrected.file, corrected.query) == []


def test_no_path_creates_or_edits_a_rating(corrected: Any) -> None:
    """The ledger's file is the same, byte for byte, after everything a correction can be."""
    positions = [corrected.rate(level) for level in (5, 1, 2)]
    before = corrected.fingerprint()
    number = corrected.exclude(positions[1])
    ending = propose_restore(corrected.file, number, note="a mistake", author="li", now_ms=3)
    decide(corrected.file, ending, Verdict.APPROVED, decider="wang", note="", now_ms=4)
    withdrawn = corrected.propose(positions[2])
    decide(corrected.file, withdrawn, Verdict.WITHDRAWN, decider="wang", note="", now_ms=5)
    corrected.exclude(positions[2])
    excluded_ratings(corrected.query, exclusions(corrected.file))
    assert corrected.fingerprint() == before


@pytest.mark.parametrize("statement", ["UPDATE", "DELETE", "REPLACE", "gap", "fork", "second"])
@pytest.mark.parametrize("table", ["proposals", "decisions"])
def test_a_plain_connection_cannot_change_what_is_there(
    corrected: Any, table: str, statement: str
) -> None:
    corrected.exclude(corrected.rate(1))
    corrected.propose(corrected.rate(2))
    key = {"proposals": "id", "decisions": "proposal"}[table]
    words = {
        "UPDATE": f"UPDATE {table} SET note = 'x'",
        "DELETE": f"DELETE FROM {table}",
        "REPLACE": f"INSERT OR REPLACE INTO {table} SELECT * FROM copy",
        "gap": f"INSERT INTO {table} SELECT * FROM copy",
        "fork": f"INSERT INTO {table} SELECT * FROM copy",
        "second": f"INSERT INTO {table} SELECT * FROM copy",
    }
    change = {
        "gap": f"{key} = 2, entry = 9",
        "fork": f"{key} = 2, entry = 4, prev = x'00'",
        "second": "entry = 4",
    }.get(statement, "entry = entry")
    with closing(sqlite3.connect(corrected.file.path)) as connection:
        before = connection.execute(f"SELECT * FROM {table}").fetchall()
        connection.execute(f"CREATE TEMP TABLE copy AS SELECT * FROM {table} WHERE {key} = 1")
        connection.execute(f"UPDATE temp.copy SET {change}")
        if table == "proposals":  # of another rating, so that only the order of entries refuses it
            connection.execute("UPDATE temp.copy SET seq = 99")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(words[statement])
        assert connection.execute(f"SELECT * FROM {table}").fetchall() == before


@pytest.mark.parametrize("name", ["wang", "unix:wang", "Wang", "UNIX:WANG"])
@pytest.mark.parametrize("verdict", [Verdict.APPROVED, Verdict.REJECTED])
def test_nobody_decides_on_their_own_proposal(corrected: Any, name: str, verdict: Verdict) -> None:
    number = corrected.propose(corrected.rate(1))
    with refused(Refusal.SAME_PERSON):
        decide(corrected.file, number, verdict, decider=name, note="mine", now_ms=2)
    assert correction(corrected.file, number).state is State.OPEN


@pytest.mark.parametrize(
    ("author", "decider", "verdict"),
    [
        ("wang", "wang", "approved"),
        ("wang", "unix:wang", "approved"),
        ("unix:Wang", "wang", "rejected"),
        ("wang", "li", "withdrawn"),
    ],
)
def test_the_schema_itself_wants_two_people(
    corrected: Any, author: str, decider: str, verdict: str
) -> None:
    """The trigger, past our own code."""
    number = corrected.propose(corrected.rate(1), author)
    with corrected.file.writing() as connection:
        entry, prev = connection.execute("SELECT entry, entry_digest FROM chain").fetchone()
        with pytest.raises(sqlite3.IntegrityError, match="two people"):
            connection.execute(
                "INSERT INTO decisions VALUES (?, ?, ?, ?, '', 1, ?, x'00')",
                (number, entry + 1, verdict, decider, prev),
            )


def test_ending_an_exclusion_takes_two_people_again(corrected: Any) -> None:
    number = corrected.exclude(corrected.rate(1))
    ending = propose_restore(corrected.file, number, note="a mistake", author="wang", now_ms=3)
    with refused(Refusal.SAME_PERSON):
        decide(corrected.file, ending, Verdict.APPROVED, decider="wang", note="", now_ms=4)
    assert [one.correction for one in exclusions(corrected.file)] == [number]
    with refused(Refusal.TAKEN):
        propose_restore(corrected.file, number, note="again", author="zhao", now_ms=5)
    decide(corrected.file, ending, Verdict.APPROVED, decider="li", note="", now_ms=6)
    assert exclusions(corrected.file) == []
    with refused(Refusal.NOT_IN_FORCE):
        propose_restore(corrected.file, number, note="again", author="zhao", now_ms=7)


def test_a_rating_has_one_open_proposal_or_one_exclusion(corrected: Any) -> None:
    position = corrected.rate(1)
    number = corrected.propose(position)
    with refused(Refusal.TAKEN):
        corrected.propose(position, "zhao")
    decide(corrected.file, number, Verdict.APPROVED, decider="li", note="", now_ms=2)
    with refused(Refusal.TAKEN):
        corrected.propose(position, "zhao")
    with refused(Refusal.DECIDED):
        decide(corrected.file, number, Verdict.REJECTED, decider="li", note="x", now_ms=3)


def test_what_is_in_no_figure_cannot_be_excluded(corrected: Any) -> None:
    """Unrated sessions, ignored presses, repeats, and records that are not there."""
    journal = corrected.journal()
    corrected.rate(5, case_no="2026-1")
    repeat = corrected.rate(1, case_no="2026-1")
    others = []
    for make in (journal.invite, journal.unrate, journal.ignore):
        corrected.ledger.writer.store([journal.message(make())])
        others.append(corrected.query("SELECT max(position) FROM records")[0][0])
    for position in (repeat, *others, 99):
        with refused(Refusal.NOT_A_RATING):
            corrected.propose(position)
    with refused(Refusal.NOT_A_RATING):
        rating_of(corrected.query, "dev-1", journal.epoch, 99)
    assert chain_mark(corrected.file) == ChainMark(entries=0, head="")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"reason": "annoying"}, Refusal.REASON),
        ({"reason": "other"}, Refusal.TEXT),
        ({"evidence": "  \n "}, Refusal.TEXT),
        ({"note": "x" * 501}, Refusal.TEXT),
        ({"note": "a\x1b[2J"}, Refusal.TEXT),
        ({"evidence": "\udcff"}, Refusal.TEXT),
    ],
)
def test_a_proposal_needs_a_reason_and_evidence(
    corrected: Any, given: dict[str, str], why: Refusal
) -> None:
    with refused(why):
        corrected.propose(corrected.rate(1), **given)


def test_rare_characters_are_kept(corrected: Any) -> None:
    number = corrected.propose(corrected.rate(1), note="𠮷老师 \U00031350\r\n第二行")
    assert correction(corrected.file, number).proposal.note == "𠮷老师 \U00031350\n第二行"


def test_an_exclusion_follows_its_rating_to_another_day(corrected: Any) -> None:
    """An estimated press time moves with a tighter offset: window and day are the outcome's."""
    journal = corrected.journal()
    day_ms = 86_400_000
    corrected.ledger.now_ms += 3 * day_ms  # it arrives three days late, with a clock never set
    position = corrected.rate(2, synced=False)
    corrected.exclude(position)
    late = datetime.fromtimestamp(corrected.ledger.now_ms / 1000, UTC).astimezone(ZONE).date()

    def days() -> list[str]:
        period = Period(date(2026, 6, 25), date(2026, 7, 10))
        return [one.on_date for one in excluded_in(corrected.query, corrected.file, period)]

    assert days() == [late.isoformat()]
    # a later record of the same boot arrives at once: the offset is known to the second now
    corrected.ledger.now_ms += 1000
    token = journal.rate(5, synced=False, mono_ms=864_000_000 + 3 * day_ms, wall_ms=1)
    corrected.ledger.writer.store([journal.message(token)])
    [(moved_on,)] = corrected.query("SELECT on_date FROM outcomes WHERE position = ?", position)
    assert moved_on != late.isoformat()
    assert days() == [moved_on]
    before = excluded_ratings(corrected.query, exclusions(corrected.file))
    rebuild(corrected.ledger.db)
    assert excluded_ratings(corrected.query, exclusions(corrected.file)) == before
    other = Period(late, date(2026, 7, 10))
    assert excluded_in(corrected.query, corrected.file, other) == []


def test_a_rating_that_is_not_in_the_ledger_is_in_no_sum(corrected: Any) -> None:
    """A restored copy lacks it until its device sends it again: raw lacks it as well."""
    one, two = corrected.rate(1), corrected.rate(2)
    corrected.exclude(one)
    corrected.exclude(two)
    these = exclusions(corrected.file)
    stranger = [these[0], replace(these[1], digest=bytes(32))]
    found = excluded_ratings(corrected.query, stranger)
    assert [rating.position for rating in found] == [one]


def test_open_ones_and_those_of_a_month_are_found(corrected: Any) -> None:
    first, second = corrected.rate(1), corrected.rate(2)
    number = corrected.propose(first)
    corrected.now_ms += 40 * 86_400_000
    later = corrected.exclude(second)
    assert [one.proposal.id for one in open_corrections(corrected.file)] == [number]
    made = corrections_made(corrected.file, corrected.now_ms, corrected.now_ms + 1)
    assert [one.proposal.id for one in made] == [later]
    rating = corrected.rating(first)
    key = (rating.device, rating.epoch, rating.seq)
    assert corrections_of(corrected.file, [key])[key].proposal.id == number
    assert corrections_of(corrected.file, []) == {}
    with pytest.raises(UnknownCorrection):
        correction(corrected.file, 99)


def _past_the_guards(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE proposals SET note = 'x' WHERE id = 1", "its digest is not that of its content"),
        ("UPDATE decisions SET decider = 'zhao' WHERE proposal = 2", "its digest is not"),
        ("UPDATE proposals SET digest = x'00' WHERE id = 3", "has another digest in the ledger"),
        ("UPDATE proposals SET seq = 77 WHERE id = 3", "the ledger has no such record"),
        ("UPDATE decisions SET decider = 'wang' WHERE proposal = 1", "approved by wang"),
        ("DELETE FROM decisions WHERE proposal = 1", "expected entry 2"),
        ("DELETE FROM proposals WHERE id = 3", "5 entries then, 4 now"),
        ("UPDATE proposals SET level = 5 WHERE id = 3", "level 5 here, 2 in the ledger"),
    ],
)
def test_what_got_past_the_guards_is_found(corrected: Any, statement: str, found: str) -> None:
    corrected.exclude(corrected.rate(1))
    corrected.exclude(corrected.rate(1))
    corrected.propose(corrected.rate(2))
    mark = chain_mark(corrected.file)
    assert mark.entries == 5
    assert problems_of(corrected.file, corrected.query, [("export", mark)]) == []
    _past_the_guards(corrected.file.path, statement)
    problems = problems_of(corrected.file, corrected.query, [("export", mark)])
    assert any(found in problem for problem in problems), problems


def test_a_rewritten_chain_is_found_by_a_mark_kept_elsewhere(
    corrected: Any, tmp_path: Path
) -> None:
    corrected.exclude(corrected.rate(1))
    mark = chain_mark(corrected.file)
    corrected.file.path.unlink()
    corrected.file.prepare()
    corrected.exclude(corrected.rate(2))
    assert problems_of(corrected.file, corrected.query) == []
    [problem] = problems_of(corrected.file, corrected.query, [("2026-07-01", mark)])
    assert problem == "2026-07-01: entry 2 had another digest then"


def test_no_file_is_no_correction_and_a_broken_one_is_an_error(tmp_path: Path) -> None:
    none = CorrectionsFile(tmp_path / "none.db")
    assert exclusions(none) == []
    assert not none.path.exists()
    assert none.version() == (0, 0, 0)
    broken = CorrectionsFile(tmp_path / "broken.db")
    broken.path.write_bytes(b"no database at all, but long enough to be looked at" * 40)
    with pytest.raises(CorrectionsUnavailable):
        exclusions(broken)
    newer = CorrectionsFile(tmp_path / "newer.db")
    newer.prepare()
    with closing(sqlite3.connect(newer.path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(CorrectionsUnavailable, match="schema"):
        exclusions(newer)
    with pytest.raises(CorrectionsUnavailable, match="schema"):
        newer.prepare()


def test_the_group_reads_it_and_nobody_else_writes(corrected: Any) -> None:
    assert stat.S_IMODE(corrected.file.path.stat().st_mode) == 0o640


def test_every_entry_changes_the_version(corrected: Any) -> None:
    before = corrected.file.version()
    corrected.propose(corrected.rate(1))
    assert corrected.file.version() != before


def test_a_writer_that_fails_leaves_nothing(corrected: Any) -> None:
    rating = corrected.rating(corrected.rate(1))
    with pytest.raises(CorrectionsUnavailable):
        propose_exclusion(
            CorrectionsFile(corrected.file.path.parent / "nowhere" / "corrections.db"),
            rating,
            reason=Reason.CHILD,
            note="",
            evidence="camera",
            author="wang",
            now_ms=1,
        )
    with suppress(KeyError), corrected.file.writing() as connection:
        connection.execute("CREATE TABLE half (a)")
        raise KeyError
    assert corrected.file.rows("SELECT name FROM sqlite_master WHERE name = 'half'") == []


def test_a_number_no_column_can_hold_is_the_files_error(corrected: Any) -> None:
    with pytest.raises(CorrectionsUnavailable):
        corrected.file.rows("SELECT 1 WHERE ? > 1", 2**63)
    with pytest.raises(CorrectionsUnavailable), corrected.file.writing() as connection:
        connection.execute("SELECT 1 WHERE ? > 1", [2**63])


def test_one_person_has_one_name_at_every_door() -> None:
    names = ("li", "Li", "unix:li", "UNIX:LI", "ｌｉ", "unix：Li", "unix:unix:li", "unix: li")
    assert {person_of(name) for name in names} == {"li"}
    assert person_of("STRASSE") == person_of("straße")
    assert person_of("unix:wang") != person_of("li")


def test_a_rating_is_found_by_position_or_by_record(corrected: Any) -> None:
    position = corrected.rate(4, device="dev-3")
    rating = rating_at(corrected.query, position)
    assert (rating.window, rating.department, rating.level) == ("w3", "market", 4)
    assert rating_of(corrected.query, "dev-3", rating.epoch, rating.seq) == rating


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_reads_it_and_cannot_write_one_byte(corrected: Any, tmp_path: Path) -> None:
    """As the export's user: of the group, in a folder it may not write, with no writer running."""
    corrected.exclude(corrected.rate(1))
    folder = Path(tempfile.mkdtemp(prefix="yiping-"))
    copy = folder / "corrections.db"
    shutil.copyfile(corrected.file.path, copy)
    group, stranger = 65_533, 65_532
    for path, mode in ((folder, 0o750), (copy, 0o640)):
        os.chown(path, 0, group)
        path.chmod(mode)
    reading, writing = os.pipe()
    child = os.fork()  # and not a new interpreter, which may lie where this user cannot read
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(group)
            os.setuid(stranger)
            file = CorrectionsFile(copy)
            os.write(writing, f"{len(exclusions(file))} ".encode())
            try:
                propose_restore(file, 1, note="x", author="x", now_ms=1)
            except CorrectionsUnavailable:
                os.write(writing, b"refused")
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as said:
        assert said.read() == "1 refused"
    shutil.rmtree(folder)

"""Reading the ledger: while it is written, while nobody writes, and never writing."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.add_session import add_session
from collector.ledger.migrations import open_ledger
from collector.ledger.readers import LedgerReader, LedgerUnavailable, counts, fleet, outcomes
from collector.ledger.readers.integrity import ledger_state
from collector.ledger.rebuild import rebuild
from collector.periods import Period, between, single_day

AT_MS = 1_778_655_000_000
SIZE_AS_ANOTHER_USER = """
import os, sys
from pathlib import Path
from collector.ledger.readers import LedgerReader
from collector.ledger.rebuild import rebuild
from collector.ledger.readers.integrity import ledger_state
if os.geteuid() == 0:  # else the test has closed the folder to ourselves
    os.setgroups([]), os.setgid(65534), os.setuid(65534)
with LedgerReader(Path(sys.argv[1])) as reader:
    print(ledger_state(reader).size, reader._is_immutable)
"""


@pytest.fixture
def foreign_ledger(made_ledger: Path) -> Iterator[Path]:
    """A ledger in a folder that another user may read but not write."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "ledger.db"
    shutil.copyfile(made_ledger, path)
    path.chmod(0o644)
    folder.chmod(0o755)
    yield path
    folder.chmod(0o755)
    shutil.rmtree(folder)


def read_as_another_user(path: Path) -> tuple[int, bool]:
    """Size of the ledger and whether it was opened immutable, asked by a user who owns nothing."""
    if os.geteuid() != 0:
        path.parent.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", SIZE_AS_ANOTHER_USER, str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
    size, is_immutable = done.stdout.split()
    return int(size), is_immutable == "True"


def size_of(path: Path) -> int:
    with LedgerReader(path) as reader:
        return ledger_state(reader).size


def test_another_user_reads_while_ingest_is_stopped(foreign_ledger: Path) -> None:
    expected = size_of(foreign_ledger)
    for suffix in ("-wal", "-shm"):
        foreign_ledger.with_name(foreign_ledger.name + suffix).unlink(missing_ok=True)
    assert read_as_another_user(foreign_ledger) == (expected, True)


def test_another_user_reads_while_ingest_writes(foreign_ledger: Path) -> None:
    before = size_of(foreign_ledger)
    writer = open_ledger(foreign_ledger)
    add_session(foreign_ledger, window="a01", level=5, at_ms=AT_MS)
    assert read_as_another_user(foreign_ledger) == (before + 2, False)
    writer.close()


def test_a_reader_can_write_nothing(reader: LedgerReader) -> None:
    for statement in (
        "DELETE FROM outcomes",
        "UPDATE day_rollups SET level5 = 0",
        "INSERT INTO meta VALUES ('a', 'b')",
        "DROP TABLE records",
        "PRAGMA user_version = 7",
    ):
        with pytest.raises(LedgerUnavailable):
            reader.rows(statement)


def test_the_answers_of_one_page_come_from_one_moment(ledger: Path) -> None:
    open_ledger(ledger).close()
    with LedgerReader(ledger) as reader:
        before = ledger_state(reader).size
        add_session(ledger, window="a01", level=5, at_ms=AT_MS)
        assert ledger_state(reader).size == before
    assert size_of(ledger) == before + 2


def test_a_reader_that_stays_open_sees_what_is_new(ledger: Path) -> None:
    with LedgerReader(ledger, is_snapshot=False) as reader:
        before, version = ledger_state(reader).size, reader.version()
        assert reader.version() == version
        add_session(ledger, window="a01", level=5, at_ms=AT_MS)
        assert reader.version() != version
        assert ledger_state(reader).size == before + 2


@pytest.fixture
def immutable(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LedgerReader]:
    """A reader that could not open the file in the usual way, as in a folder of another user."""
    usual = LedgerReader._connect

    def refuse(self: LedgerReader, flags: str) -> sqlite3.Connection:
        if flags == "mode=ro":
            raise sqlite3.OperationalError("unable to open database file")
        return usual(self, flags)

    monkeypatch.setattr(LedgerReader, "_connect", refuse)
    with LedgerReader(ledger, is_snapshot=False) as reader:
        assert reader.is_current
        yield reader


def test_a_writer_that_starts_beside_an_immutable_reader_is_noticed(
    immutable: LedgerReader, ledger: Path
) -> None:
    writer = open_ledger(ledger)
    writer.execute("INSERT INTO meta (key, value) VALUES ('x', 'y')")
    assert not immutable.is_current
    writer.close()


def test_a_writer_that_came_and_went_beside_an_immutable_reader_is_noticed(
    immutable: LedgerReader, ledger: Path
) -> None:
    add_session(ledger, window="a01", level=5, at_ms=AT_MS)
    assert not ledger.with_name(ledger.name + "-wal").exists()
    assert not immutable.is_current


@pytest.mark.parametrize("content", [None, b"", b"no database at all, really not one" * 99])
def test_what_is_not_a_ledger_is_unavailable(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LedgerUnavailable):
        LedgerReader(path).open()


def test_a_file_name_with_odd_characters_is_opened(ledger: Path) -> None:
    odd = ledger.with_name("账 本?mode=rwc#&.db")
    shutil.copyfile(ledger, odd)
    assert size_of(odd) > 0


def test_a_closed_reader_says_so(ledger: Path) -> None:
    reader = LedgerReader(ledger)
    with pytest.raises(LedgerUnavailable, match="not open"):
        reader.rows("SELECT 1")
    reader.close()


def test_the_rollups_say_what_the_outcomes_say(reader: LedgerReader) -> None:
    period = Period(date(2026, 5, 1), date(2026, 6, 1))
    by_pair = counts.by_window_and_department(reader, period)
    rows = reader.rows(
        "SELECT window, department, count(*), count(level), sum(level = 5), sum(level <= 2) "
        "FROM outcomes GROUP BY window, department"
    )
    for window, department, sessions, rated, level5, bad in rows:
        found = by_pair[window, department]
        assert (found.invited, found.rated) == (sessions, rated)
        assert (found.level5, found.bad) == (level5 or 0, bad or 0)
    rated = sum(c.rated for c in by_pair.values())
    windows = sorted({window for window, _ in by_pair})
    by_day = counts.by_day(reader, period, windows=windows)
    assert sum(c.rated for c in by_day.values()) == rated
    by_month = counts.by_month(reader, period, windows=windows)
    assert {month: c.rated for month, c in by_month.items()} == {"2026-05": rated}
    by_hour = [counts.by_hour_of_day(reader, date.fromisoformat(on)) for on in by_day]
    assert sum(c.rated for hours in by_hour for c in hours.values()) == rated


def test_counts_of_one_window_or_department_are_its_own(reader: LedgerReader) -> None:
    period = single_day(date(2026, 5, 13))
    by_pair = counts.by_window_and_department(reader, period)
    (window, department), expected = next(iter(by_pair.items()))
    assert list(counts.by_day(reader, period, windows=[window]).values()) == [expected]
    assert sum(c.rated for c in counts.by_hour(reader, period, window=window).values()) == (
        expected.rated
    )
    of_department = [c for (_, d), c in by_pair.items() if d == department]
    windows = [w for (w, d) in by_pair if d == department]
    (found,) = counts.by_day(reader, period, windows=windows, departments=[department]).values()
    assert found.rated == sum(c.rated for c in of_department)


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-05-11", "2026-05-13"), ("2026-05-01", "2026-05-31"), ("2026-04-20", "2026-05-12"),
     ("2025-12-31", "2026-06-01"), ("2026-05-12", "2027-02-01"), ("2020-01-01", "9999-11-30")],
)  # fmt: skip
def test_months_and_days_together_say_what_the_days_say(
    reader: LedgerReader, first: str, last: str
) -> None:
    period = between(date.fromisoformat(first), date.fromisoformat(last))
    rows = reader.rows(
        "SELECT window, department, sum(invited), sum(level5), sum(unrated) FROM day_rollups "
        "WHERE on_date BETWEEN ? AND ? GROUP BY 1, 2",
        first,
        last,
    )
    found = counts.by_window_and_department(reader, period)
    assert {k: (c.invited, c.level5, c.unrated) for k, c in found.items()} == {
        (row[0], row[1]): row[2:] for row in rows
    }
    assert rows


def test_rebuilding_from_the_records_changes_no_rollup(ledger: Path) -> None:
    tables = ("day_rollups", "hour_rollups", "month_rollups", "month_staff_rollups")
    of_hours = "month_hour_rollups"

    def content(connection: sqlite3.Connection) -> list[list[tuple[object, ...]]]:
        return [
            connection.execute(f"SELECT * FROM {table}").fetchall() for table in (*tables, of_hours)
        ]

    db = open_ledger(ledger)
    before = content(db.conn)
    db.execute("BEGIN IMMEDIATE")
    rebuild(db)
    db.execute("COMMIT")
    assert content(db.conn) == before
    sums = "sum(invited), sum(level5), sum(level4), sum(level1), sum(unrated)"
    days, hours, months, staff = (
        db.execute(f"SELECT window, {sums} FROM {table} GROUP BY window").fetchall()
        for table in tables
    )
    week_hours, departments = (
        db.execute(f"SELECT department, {sums} FROM {table} GROUP BY department").fetchall()
        for table in (of_hours, "month_rollups")
    )
    db.close()
    assert days == hours == months == staff != []
    assert week_hours == departments != []


@given(st.dates(date(1970, 1, 1), date(2200, 1, 1)), st.integers(0, 900))
def test_a_period_is_cut_into_months_and_days_without_gap(start: date, days: int) -> None:
    period = Period(start, start + timedelta(days=days))
    months, rest = counts.whole_months(period)
    parts = sorted([p for p in (months, *rest) if p.days], key=lambda p: p.start_on)
    assert [on for part in parts for on in part] == list(period)
    assert months.start_on.day == months.end_on.day == 1 or not months.days
    assert all(part.days <= 60 for part in rest)


def test_a_window_belongs_to_the_department_of_the_moment(ledger: Path) -> None:
    connection = sqlite3.connect(ledger)
    window, old = connection.execute(
        "SELECT window, department FROM window_departments LIMIT 1"
    ).fetchone()
    connection.execute("INSERT INTO window_departments VALUES (?, ?, ?)", (window, AT_MS, None))
    connection.commit()
    connection.close()
    with LedgerReader(ledger) as reader:
        before = {w.id: w.department for w in fleet.windows(reader, AT_MS - 1)}
        after = {w.id: w.department for w in fleet.windows(reader, AT_MS)}
    assert before[window] == old
    assert after[window] is None
    assert {k: v for k, v in before.items() if k != window} == {
        k: v for k, v in after.items() if k != window
    }


def test_the_latest_ratings_are_counted_ones_newest_first(reader: LedgerReader) -> None:
    rows = outcomes.latest_ratings(reader, after=0, limit=12)
    assert [r.position for r in rows] == sorted((r.position for r in rows), reverse=True)
    assert all(r.level and not r.is_repeat for r in rows)
    assert outcomes.latest_ratings(reader, after=rows[0].position, limit=12) == []


@pytest.mark.parametrize(
    "question",
    [
        "SELECT * FROM outcomes o WHERE o.window = 1 ORDER BY o.pressed_ms DESC LIMIT 25",
        "SELECT * FROM outcomes o WHERE o.position > 5 ORDER BY o.position DESC LIMIT 12",
        "SELECT sum(level5) FROM day_rollups WHERE on_date >= 'a' AND on_date < 'b' "
        "GROUP BY window, department",
        "SELECT max(position) FROM records",
    ],
)
def test_the_questions_of_the_pages_scan_no_growing_table(
    reader: LedgerReader, question: str
) -> None:
    plan = " ".join(row[3] for row in reader.rows(f"EXPLAIN QUERY PLAN {question}"))
    assert "SCAN" not in plan
    assert "SEARCH" in plan


def test_a_number_no_column_can_hold_is_the_ledgers_error(reader: LedgerReader) -> None:
    with pytest.raises(LedgerUnavailable):
        reader.rows("SELECT 1 WHERE ? > 1", 2**63)

"""Who served: the one who signed in, else the one member of staff of the window, else nobody."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from collector.ledger.fleet_compare import Moved
from collector.ledger.fleet_loader import compare_fleet, load_into_ledger
from collector.ledger.migrations import migrations, open_ledger
from collector.ledger.rebuild import DERIVED_TABLES, rebuild
from firmware_config.fleet import DeviceAssignment, Staff, StaffAssignment, WindowAssignment

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NO_CLOCK = {"synced": False, "wall": "1970-01-01T00:01:00.000Z"}
STAFF = tuple(Staff(staff_no=number) for number in ("s1", "s2"))


def at(staff_no: str, window: str | None, *on: int) -> StaffAssignment:
    return StaffAssignment(staff_no=staff_no, window=window, from_on=date(*on))


def staffed(small_fleet: Any, *assignments: StaffAssignment, **parts: Any) -> Any:
    return small_fleet(staff=STAFF, staff_assignments=assignments, **parts)


def served(ledger: Any) -> list[tuple[Any, ...]]:
    return ledger.query("SELECT staff_no, staff_from FROM outcomes ORDER BY position")


def live_and_rebuilt(ledger: Any) -> tuple[Any, Any]:
    live = {name: ledger.table(name) for name in DERIVED_TABLES}
    ledger.db.execute("BEGIN")
    rebuild(ledger.db)
    ledger.db.execute("COMMIT")
    return live, {name: ledger.table(name) for name in DERIVED_TABLES}


def test_a_rating_without_a_sign_in_is_of_the_one_who_works_there_that_day(
    new_ledger: Any, small_fleet: Any, journal_of: Any, now_ms: int
) -> None:
    ledger = new_ledger(
        staffed(
            small_fleet,
            at("s1", "w1", 2026, 6, 26),  # nobody before
            at("s2", "w1", 2026, 6, 28),  # two from here on
            at("s1", "w2", 2026, 6, 29),  # s2 alone
            at("s2", None, 2026, 6, 30),  # nobody again
        )
    )
    journal = journal_of("dev-1")
    for days_ago in range(6, 0, -1):
        journal.rate(wall_ms=now_ms - days_ago * DAY_MS)
    journal.rate(wall_ms=now_ms - 2 * DAY_MS, staff_no="9")  # on a day of s2
    ledger.writer.store([journal.message()])
    assert served(ledger) == [
        ("", ""),
        ("s1", "assignment"),
        ("s1", "assignment"),
        ("", ""),
        ("s2", "assignment"),
        ("", ""),
        ("9", "record"),
    ]
    live, again = live_and_rebuilt(ledger)
    assert live == again
    assert ledger.query(
        "SELECT staff_no, staff_from, level5 FROM day_rollups WHERE on_date = '2026-06-29'"
    ) == [("9", "record", 1), ("s2", "assignment", 1)]


def test_invitations_and_ignored_presses_are_counted_with_the_same_person(
    new_ledger: Any, small_fleet: Any, journal_of: Any
) -> None:
    ledger = new_ledger(staffed(small_fleet, at("s1", "w1", 2026, 1, 1)))
    journal = journal_of("dev-1")
    journal.invite()
    journal.rate(session=1)
    journal.invite()
    journal.unrate()
    journal.ignore()
    ledger.writer.store([journal.message()])
    assert ledger.query(
        "SELECT staff_no, staff_from, invited, level5, unrated, ignored FROM day_rollups"
    ) == [("s1", "assignment", 2, 1, 1, 1)]


def test_a_press_that_is_timed_anew_changes_its_person_with_its_day(
    new_ledger: Any, small_fleet: Any, journal_of: Any
) -> None:
    ledger = new_ledger(
        staffed(small_fleet, at("s1", "w1", 2026, 1, 1), at("s1", None, 2026, 7, 1))
    )
    journal = journal_of("dev-1")
    journal.rate(mono_ms=0, **NO_CLOCK)
    ledger.writer.store([journal.message()])
    assert served(ledger) == [("", "")]  # at reception, on 1 July
    journal.rate(mono_ms=20 * HOUR_MS, **NO_CLOCK)
    ledger.writer.store([journal.message(journal.tokens[-1])])
    assert served(ledger) == [("s1", "assignment"), ("", "")]
    live, again = live_and_rebuilt(ledger)
    assert live == again


def test_staff_typed_in_late_moves_stored_ratings_but_no_sign_in(
    ledger: Any, journal_of: Any, small_fleet: Any
) -> None:
    journal = journal_of("dev-1")
    journal.rate()
    journal.rate(staff_no="9")
    journal.rate()
    ledger.writer.store([journal.message()])
    fleet = staffed(small_fleet, at("s1", "w1", 2026, 6, 1))
    assert compare_fleet(ledger.db.conn, fleet, ledger.keys).moved() == Moved(2, date(2026, 7, 1))
    changes = load_into_ledger(ledger.db, fleet, ledger.keys, now_ms=0)
    assert [str(change) for change in changes] == [
        "retroactive staff at window s1: w1 from 2026-06-01",
        "add staff s1",
        "add staff s2",
        "add staff at window s1: w1 from 2026-06-01",
    ]
    assert served(ledger) == [("s1", "assignment"), ("9", "record"), ("s1", "assignment")]
    ledger.new_writer()
    live, again = live_and_rebuilt(ledger)
    assert live == again
    assert load_into_ledger(ledger.db, fleet, ledger.keys, now_ms=0) == []


def test_what_moves_no_stored_record_is_not_retroactive(
    ledger: Any, journal_of: Any, small_fleet: Any
) -> None:
    """New windows, spare devices and two who share a window may begin in the past."""
    journal = journal_of("dev-1")
    journal.rate()
    ledger.writer.store([journal.message()])
    fleet = small_fleet()
    fleet = staffed(
        small_fleet,
        at("s1", "w1", 2026, 6, 1),
        at("s2", "w1", 2026, 6, 1),
        window_assignments=(
            *fleet.window_assignments,
            WindowAssignment(window="w3", department="tax", from_on=date(2026, 6, 1)),
        ),
        device_assignments=(
            *fleet.device_assignments,
            DeviceAssignment(device="dev-2", window="w3", from_on=date(2026, 6, 1)),
        ),
    )
    changes = load_into_ledger(ledger.db, fleet, ledger.keys, now_ms=0)
    assert {change.action for change in changes} == {"add"}
    live, again = live_and_rebuilt(ledger)
    assert live == again


def test_the_past_can_be_left_out_and_loaded_later(
    ledger: Any, journal_of: Any, small_fleet: Any
) -> None:
    journal = journal_of("dev-1")
    journal.rate()
    ledger.writer.store([journal.message()])
    before = {name: ledger.table(name) for name in DERIVED_TABLES}
    fleet = staffed(
        small_fleet,
        at("s1", "w1", 2026, 6, 1),
        at("s2", "w2", 2026, 6, 1),  # dev-2 has stored nothing
        at("s1", "w3", 2030, 1, 1),
    )
    told = load_into_ledger(ledger.db, fleet, ledger.keys, now_ms=0, may_change_the_past=False)
    assert [str(one) for one in told if one.action == "retroactive"] == [
        "retroactive staff at window s1: w1 from 2026-06-01"
    ]
    assert {name: ledger.table(name) for name in DERIVED_TABLES} == before
    assert ledger.query("SELECT count(*) FROM staff_windows") == [(2,)]
    live, again = live_and_rebuilt(ledger)
    assert live == again
    changes = load_into_ledger(ledger.db, fleet, ledger.keys, now_ms=0)
    assert [change.action for change in changes] == ["retroactive", "add"]
    assert served(ledger) == [("s1", "assignment")]


def test_names_are_in_no_message_and_are_forgotten_when_they_leave_the_file(
    ledger: Any, small_fleet: Any
) -> None:
    told = []
    for staff in (
        (Staff(staff_no="s1", name="李静", name_en="Li Jing"), Staff(staff_no="s2", name="王强")),
        (Staff(staff_no="s1", name="李静", name_en="Li"), Staff(staff_no="s2", name="王强")),
        (Staff(staff_no="s1"),),
    ):
        changes = load_into_ledger(ledger.db, small_fleet(staff=staff), ledger.keys, now_ms=0)
        told.append([str(change) for change in changes])
    assert told == [
        ["add staff s1", "add staff s2"],
        ["rename staff s1"],
        ["forget staff name s1", "absent staff s2", "forget staff name s2"],
    ]
    assert ledger.query("SELECT staff_no, name, name_en FROM staff") == [
        ("s1", "", ""),
        ("s2", "", ""),
    ]


@pytest.mark.parametrize("staff_no", ["", "017"])
def test_a_ledger_of_the_program_before_keeps_its_figures(tmp_path: Path, staff_no: str) -> None:
    path = tmp_path / "ledger.db"
    old = Database(path, strict=True)
    migrations.apply(old, stop_before="0007_staff")
    old.execute("INSERT INTO devices (code) VALUES ('dev-1')")
    old.execute("INSERT INTO device_keys VALUES (1, 1, 'k', 'x', 0)")
    old.execute("INSERT INTO epochs (device, epoch) VALUES (1, 'e')")
    old.execute("INSERT INTO records VALUES (1, 1, 1, x'', 'RATED', 1, 0, x'', x'')")
    old.execute(
        "INSERT INTO outcomes VALUES (1, 1, 1, 1, NULL, NULL, 5, NULL, 'clerk', '', 1, '', ?,"
        " 0, '1970-01-01', 8, 0, 'synced', 0, NULL)",
        [staff_no],
    )
    old.execute(
        "INSERT INTO day_rollups VALUES ('1970-01-01', 0, 0, ?, 'i', 1, 2, 3, 4, 5, 6, 7, 8, 9)",
        [staff_no],
    )
    old.conn.commit()
    old.close()
    db = open_ledger(path)
    whence = "record" if staff_no else ""
    assert db.execute("SELECT staff_no, staff_from FROM outcomes").fetchall() == [
        (staff_no, whence)
    ]
    assert db.execute("SELECT * FROM day_rollups").fetchall() == [
        ("1970-01-01", 0, 0, staff_no, whence, "i", 1, 2, 3, 4, 5, 6, 7, 8, 9)
    ]
    db.close()

"""Press times in the ledger: offsets that tighten move stored outcomes, and rollups follow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.rebuild import DERIVED_TABLES, rebuild
from firmware_config.fleet import DeviceAssignment, WindowAssignment

HOUR_MS = 3_600_000
NO_CLOCK = {"synced": False, "wall": "1970-01-01T00:01:00.000Z"}


def derived(ledger: Any) -> dict[str, Any]:
    return {name: ledger.table(name) for name in DERIVED_TABLES}


def rebuilt(ledger: Any) -> dict[str, Any]:
    ledger.db.execute("BEGIN")
    rebuild(ledger.db)
    ledger.db.execute("COMMIT")
    return derived(ledger)


def test_presses_without_a_clock_are_timed_by_the_last_word_of_their_boot(
    ledger: Any, journal_of: Any, now_ms: int
) -> None:
    journal = journal_of("dev-1")
    for mono_ms in (0, 20 * HOUR_MS, 30 * HOUR_MS):  # offline for 30 hours, then all at once
        journal.invite(mono_ms=mono_ms, **NO_CLOCK)
        journal.rate(session=journal.session, mono_ms=mono_ms + 1000, **NO_CLOCK)
    for token in journal.tokens:  # each in a group of its own: later ones tighten the offset
        ledger.writer.store([journal.message(token)])
    rows = ledger.query(
        "SELECT pressed_ms, on_date, hour, time_quality FROM outcomes ORDER BY position"
    )
    start_ms = now_ms - 30 * HOUR_MS - 1000
    assert rows == [
        (start_ms + 1000, "2026-06-30", 12, "bounded"),
        (start_ms + 20 * HOUR_MS + 1000, "2026-07-01", 8, "bounded"),
        (now_ms, "2026-07-01", 18, "bounded"),
    ]
    assert ledger.query(
        "SELECT on_date, hour, invited, level5 FROM hour_rollups ORDER BY 1, 2"
    ) == [
        ("2026-06-30", 11, 1, 0),
        ("2026-06-30", 12, 0, 1),
        ("2026-07-01", 7, 1, 0),
        ("2026-07-01", 8, 0, 1),
        ("2026-07-01", 17, 1, 0),
        ("2026-07-01", 18, 0, 1),
    ]
    live = derived(ledger)
    assert rebuilt(ledger) == live


def test_a_first_synchronisation_gives_earlier_presses_their_exact_time(
    ledger: Any, journal_of: Any, now_ms: int
) -> None:
    journal = journal_of("dev-1")
    journal.rate(mono_ms=HOUR_MS, **NO_CLOCK)
    ledger.writer.store([journal.message(journal.tokens[0])])
    assert ledger.query("SELECT pressed_ms FROM outcomes") == [(now_ms,)]
    # written at mono 3 h when it was three hours before reception
    journal.rate(mono_ms=3 * HOUR_MS, wall_ms=now_ms - 3 * HOUR_MS)
    ledger.writer.store([journal.message(journal.tokens[1])])
    assert ledger.query("SELECT pressed_ms, time_quality FROM outcomes ORDER BY position") == [
        (now_ms - 5 * HOUR_MS, "offset"),
        (now_ms - 3 * HOUR_MS, "synced"),
    ]


@pytest.mark.parametrize("wall", ["2026-07-01T10:05:00.001Z", "2026-02-30T00:00:00.000Z"])
def test_a_clock_that_claims_to_be_right_and_is_not_refuses_no_press(
    ledger: Any, journal_of: Any, now_ms: int, wall: str
) -> None:
    journal = journal_of("dev-1")
    journal.rate(wall=wall, synced=True)
    assert ledger.writer.store([journal.message()]).accepted == 1
    assert ledger.query("SELECT pressed_ms, time_quality FROM outcomes") == [(now_ms, "bounded")]


def test_an_impossible_boot_clock_leaves_the_time_of_reception(
    ledger: Any, journal_of: Any, now_ms: int
) -> None:
    journal = journal_of("dev-1")
    journal.rate(mono_ms=5, **NO_CLOCK)
    ledger.writer.store([journal.message()])
    journal.rate(mono_ms=2**53 - 1, **NO_CLOCK)
    ledger.writer.store([journal.message(journal.tokens[-1])])
    assert ledger.query("SELECT pressed_ms, time_quality FROM outcomes ORDER BY position") == [
        (now_ms, "bounded"),
        (now_ms, "bounded"),
    ]
    assert ledger.query("SELECT boot IS NULL FROM outcomes ORDER BY position") == [(1,), (0,)]
    live = derived(ledger)
    assert rebuilt(ledger) == live


def test_a_press_counts_for_where_its_device_stood_then(
    new_ledger: Callable[..., Any], journal_of: Any, small_fleet: Any, now_ms: int
) -> None:
    since = date(2026, 1, 1)
    moved = date(2026, 7, 1)  # local midnight is 2026-06-30T16:00Z
    ledger = new_ledger(
        small_fleet(
            device_assignments=(
                DeviceAssignment(device="dev-1", window="w1", from_on=since),
                DeviceAssignment(device="dev-1", window="w3", from_on=moved),
            ),
            window_assignments=(
                WindowAssignment(window="w1", department="tax", from_on=since),
                WindowAssignment(window="w3", department="tax", from_on=since),
                WindowAssignment(window="w3", department="market", from_on=moved),
            ),
        )
    )
    journal = journal_of("dev-1")
    midnight_ms = now_ms - 18 * HOUR_MS
    for wall_ms in (1_735_660_800_000, midnight_ms - 1, midnight_ms):
        journal.rate(wall_ms=wall_ms, mono_ms=0)
    ledger.writer.store([journal.message()])
    assert ledger.query(
        "SELECT o.on_date, w.code, d.code FROM outcomes o LEFT JOIN windows w ON w.id = o.window"
        " LEFT JOIN departments d ON d.id = o.department ORDER BY o.position"
    ) == [
        ("2025-01-01", None, None),
        ("2026-06-30", "w1", "tax"),
        ("2026-07-01", "w3", "market"),
    ]


def test_an_assignment_typed_in_late_counts_stored_ratings_anew(
    ledger: Any, journal_of: Any, small_fleet: Any
) -> None:
    journal = journal_of("dev-1")
    journal.rate()
    journal.invite(mono_ms=0, **NO_CLOCK)
    ledger.writer.store([journal.message()])
    fleet = small_fleet()
    late = DeviceAssignment(device="dev-1", window="w3", from_on=date(2026, 6, 30))
    fleet = small_fleet(device_assignments=(*fleet.device_assignments, late))

    changes = load_into_ledger(ledger.db, fleet, ledger.keys, now_ms=0)

    assert [change.action for change in changes] == ["retroactive", "add"]
    assert ledger.query("SELECT w.code FROM outcomes o JOIN windows w ON w.id = o.window") == [
        ("w3",)
    ]
    # a tighter offset afterwards still moves the invitation out of where it is counted
    ledger.new_writer()
    journal.rate(session=1, mono_ms=HOUR_MS, **NO_CLOCK)
    ledger.writer.store([journal.message(journal.tokens[-1])])
    assert [row for row in ledger.table("day_rollups") if min(row[6:]) < 0] == []
    live = derived(ledger)
    assert rebuilt(ledger) == live

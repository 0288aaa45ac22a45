"""The plan and the opening hours reach the ledger with the fleet, and may change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collector.ledger.fleet_loader import compare_fleet, load_into_ledger
from collector.ledger.readers import LedgerReader
from collector.ledger.readers.plan import opening_hours, window_places
from firmware_config.hours import week_of

WEEK = week_of(["mon-fri 09:00-12:00", "sat 09:00-11:30"])


def placed(fleet: Any, *places: tuple[int, int] | None) -> Any:
    """The fleet with its windows at these places."""
    windows = tuple(
        window if place is None else replace(window, row=place[0], column=place[1])
        for window, place in zip(fleet.windows, places, strict=True)
    )
    return replace(fleet, windows=windows, hall=replace(fleet.hall, opens=WEEK))


def told(changes: Any) -> list[str]:
    return [str(change) for change in changes if change.what in ("plan", "opening hours")]


def test_plan_and_hours_are_loaded_told_once_and_read(ledger: Any, small_fleet: Any) -> None:
    fleet = placed(small_fleet(), (1, 1), (1, 3), None)
    assert told(load_into_ledger(ledger.db, fleet, ledger.keys, now_ms=0)) == [
        "move opening hours hall-1: mon 09:00-12:00, tue 09:00-12:00, wed 09:00-12:00, "
        "thu 09:00-12:00, fri 09:00-12:00, sat 09:00-11:30",
        "move plan hall-1: 2 windows: w1, w2",
    ]
    assert told(load_into_ledger(ledger.db, fleet, ledger.keys, now_ms=0)) == []
    with LedgerReader(ledger.path) as reader:
        assert window_places(reader) == {1: (1, 1), 2: (1, 3)}
        assert opening_hours(reader) == WEEK


def test_two_windows_may_change_places_and_one_may_leave(ledger: Any, small_fleet: Any) -> None:
    load_into_ledger(
        ledger.db, placed(small_fleet(), (1, 1), (1, 2), (1, 3)), ledger.keys, now_ms=0
    )
    moved = placed(small_fleet(), (1, 2), (1, 1), None)
    load_into_ledger(ledger.db, moved, ledger.keys, now_ms=0)
    assert ledger.query("SELECT window, plan_row, plan_column FROM window_plan ORDER BY 1") == [
        (1, 1, 2),
        (2, 1, 1),
    ]


def test_a_plan_that_is_loaded_again_writes_nothing(ledger: Any, small_fleet: Any) -> None:
    fleet = placed(small_fleet(), (1, 1), (1, 2), (1, 3))
    load_into_ledger(ledger.db, fleet, ledger.keys, now_ms=0)
    before = ledger.db.conn.total_changes
    ledger.db.execute("CREATE TEMP TABLE seen (what TEXT)")
    ledger.db.execute(
        "CREATE TEMP TRIGGER look AFTER DELETE ON window_plan BEGIN INSERT INTO seen VALUES ('x');"
        " END"
    )
    load_into_ledger(ledger.db, fleet, ledger.keys, now_ms=0)
    assert ledger.db.execute("SELECT count(*) FROM seen").fetchone() == (0,)
    assert before > 0


def test_a_plan_is_never_a_change_of_the_past(ledger: Any, small_fleet: Any) -> None:
    fleet = placed(small_fleet(), (1, 1), (1, 2), (1, 3))
    comparison = compare_fleet(ledger.db.conn, fleet, ledger.keys)
    assert comparison.retroactive == []
    assert comparison.moved().ratings == 0


@pytest.mark.parametrize("text", ["", "someday 09:00-12:00", "mon 12:00-09:00"])
def test_hours_that_cannot_be_read_are_not_known(ledger: Any, text: str) -> None:
    ledger.db.execute("INSERT OR REPLACE INTO meta VALUES ('hall_opens', ?)", [text])
    with LedgerReader(ledger.path) as reader:
        assert opening_hours(reader) in (None, ((),) * 7)

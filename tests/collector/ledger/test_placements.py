"""Placements against the fleet's own, slow answer for each day."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from collector.ledger.fleet_change import (
    DEVICE_AT_WINDOW,
    STAFF_AT_WINDOW,
    WINDOW_OF_DEPARTMENT,
    Assigned,
    find_retroactive,
    placements_of,
)
from collector.periods import day_start_ms

ZONE = ZoneInfo("Asia/Shanghai")
FIRST = date(2026, 1, 1)
KINDS: dict[str, tuple[tuple[str, ...], tuple[str | None, ...]]] = {
    DEVICE_AT_WINDOW: (("dev-1", "dev-2"), ("w1", "w2", None)),
    WINDOW_OF_DEPARTMENT: (("w1", "w2"), ("tax", "gas", None)),
    STAFF_AT_WINDOW: (("s1", "s2", "s3"), ("w1", "w2", None)),
}
assignment = st.sampled_from(sorted(KINDS)).flatmap(
    lambda what: st.tuples(
        st.just(what),
        st.sampled_from(KINDS[what][0]),
        st.integers(0, 9),
        st.sampled_from(KINDS[what][1]),
    )
)
assignments = st.lists(assignment, max_size=14, unique_by=lambda one: one[:3])


def assigned(rows: list[tuple[str, str, int, str | None]]) -> list[Assigned]:
    return [
        Assigned(what, code, day_start_ms(FIRST + timedelta(days=day), ZONE), to)
        for what, code, day, to in rows
    ]


def valid(rows: list[Any], what: str, code: str | None, day: int) -> str | None:
    """Where something is on a day: its last assignment that has begun."""
    past = [row for row in rows if row[:2] == (what, code) and row[2] <= day]
    return max(past, key=lambda row: row[2])[3] if past else None


def expected(rows: list[Any], device: str, day: int) -> tuple[str | None, str | None, str]:
    window = valid(rows, DEVICE_AT_WINDOW, device, day)
    here = [
        staff
        for staff in KINDS[STAFF_AT_WINDOW][0]
        if window is not None and valid(rows, STAFF_AT_WINDOW, staff, day) == window
    ]
    owner = valid(rows, WINDOW_OF_DEPARTMENT, window, day)
    return window, owner, here[0] if len(here) == 1 else ""


def everywhere(rows: list[Any], days: range) -> dict[tuple[str, int], Any]:
    return {
        (device, day): expected(rows, device, day)
        for device in KINDS[DEVICE_AT_WINDOW][0]
        for day in days
    }


@given(rows=assignments)
def test_at_every_instant_a_device_is_where_the_assignments_say(rows: list[Any]) -> None:
    placements = placements_of(assigned(rows))
    for (device, day), place in everywhere(rows, range(-1, 12)).items():
        begin_ms = day_start_ms(FIRST + timedelta(days=day), ZONE)
        for ms in (begin_ms, begin_ms + 86_399_999):
            found = placements.at(device, ms)
            assert (found.window, found.department, found.staff_no) == place


@given(rows=assignments, split=st.integers(0, 14), newest=st.tuples(*[st.integers(-1, 11)] * 2))
def test_retroactive_is_what_moves_a_stored_record_and_nothing_else(
    rows: list[Any], split: int, newest: tuple[int, int]
) -> None:
    """Left out, nothing stored moves; and nothing is left out where nothing would move."""
    known, added = rows[:split], rows[split:]
    days = {device: day for device, day in zip(("dev-1", "dev-2"), newest, strict=True) if day >= 0}
    newest_ms = {
        device: day_start_ms(FIRST + timedelta(days=day), ZONE) + 1 for device, day in days.items()
    }
    found = find_retroactive(assigned(known), assigned(added), newest_ms)

    def stored(some: list[Any]) -> dict[tuple[str, int], Any]:
        return {
            key: place
            for key, place in everywhere(some, range(-1, 12)).items()
            if key[1] <= days.get(key[0], -2)
        }

    kept = [row for row in added if assigned([row])[0] not in found]
    assert stored([*known, *kept]) == stored(known)
    assert bool(found) == (stored([*known, *added]) != stored(known))

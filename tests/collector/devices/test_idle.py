"""A device is called idle only when chance cannot explain it and the others do work."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.devices.idle import (
    EXPECTED,
    LEAST_DAYS,
    LEAST_OPEN_MS,
    Habit,
    idle_devices,
)

HOUR = 3_600_000
BUSY = Habit(sessions=20 * 30, days=20, open_ms=20 * 6 * HOUR, idle_open_ms=10 * 60_000)
"""Thirty sessions a day of six hours: five an hour, so 9.2 are missed in 1 h 50 min."""
IDLE = replace(BUSY, idle_open_ms=2 * HOUR)


def hall(suspect: Habit, *, peers: int = 6, peer: Habit = BUSY) -> dict[str, Habit]:
    return {"suspect": suspect, **{f"peer-{number}": peer for number in range(peers)}}


def test_a_busy_device_that_has_nothing_to_do_for_two_hours_is_idle() -> None:
    assert idle_devices(hall(IDLE), is_open=True) == {"suspect"}


@pytest.mark.parametrize(
    ("suspect", "why"),
    [
        (BUSY, "ten minutes are nothing"),
        (replace(IDLE, idle_open_ms=round(1.7 * HOUR)), "8.5 sessions are missed, not 9.2"),
        (replace(IDLE, sessions=20), "one session a day: two hours are usual"),
        (replace(IDLE, days=LEAST_DAYS - 1), "too new to have a habit"),
        (replace(IDLE, idle_open_ms=None), "it never had a session: a test finds that"),
        (replace(IDLE, sessions=9000, idle_open_ms=LEAST_OPEN_MS - 1), "less than an hour"),
    ],
)
def test_a_device_is_left_alone(suspect: Habit, why: str) -> None:
    assert idle_devices(hall(suspect), is_open=True) == frozenset(), why


def test_nobody_is_idle_while_the_hall_is_closed() -> None:
    assert idle_devices(hall(IDLE), is_open=False) == frozenset()


def test_a_holiday_is_no_fault_of_a_device() -> None:
    quiet = replace(BUSY, idle_open_ms=3 * HOUR)
    assert idle_devices(hall(IDLE, peer=quiet), is_open=True) == frozenset()


def test_a_device_without_peers_is_not_judged() -> None:
    assert idle_devices({"suspect": IDLE}, is_open=True) == frozenset()


@given(
    st.integers(0, 10_000), st.integers(1, 28), st.integers(1, 28 * 6), st.integers(0, 100 * HOUR)
)
def test_what_is_called_idle_was_expected_to_work(
    sessions: int, days: int, hours: int, idle_ms: int
) -> None:
    one = Habit(sessions=sessions, days=days, open_ms=hours * HOUR, idle_open_ms=idle_ms)
    if "suspect" in idle_devices(hall(one), is_open=True):
        assert one.expected >= EXPECTED
        longer = replace(one, idle_open_ms=idle_ms + HOUR)
        assert "suspect" in idle_devices(hall(longer), is_open=True)

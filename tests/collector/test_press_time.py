"""When a press happened, told from clocks that may be wrong or missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.press_time import (
    EARLIEST_MS,
    TimeQuality,
    believed_wall_ms,
    offset_bound_ms,
    press_time,
    wall_ms,
)

RECEIVED_MS = 1_782_900_000_000


@pytest.mark.parametrize(
    ("wall", "ms"),
    [
        ("1970-01-01T00:00:00.000Z", 0),
        ("2026-07-01T10:00:00.125Z", 1_782_900_000_125),
        ("2024-02-29T23:59:59.999Z", 1_709_251_199_999),
        ("2026-02-30T00:00:00.000Z", None),  # passes the contract's pattern, is no date
        ("0000-01-01T00:00:00.000Z", None),
    ],
)
def test_a_wall_time_is_read_to_the_millisecond(wall: str, ms: int | None) -> None:
    assert wall_ms(wall) == ms


@pytest.mark.parametrize(
    ("wall", "is_synced", "believed"),
    [
        ("2026-07-01T09:59:58.000Z", True, 1_782_899_998_000),
        ("2026-07-01T09:59:58.000Z", False, None),
        ("2026-07-01T10:05:00.000Z", True, RECEIVED_MS + 300_000),  # five minutes fast: still
        ("2026-07-01T10:05:00.001Z", True, None),
        ("2019-12-31T23:59:59.999Z", True, None),
        ("2020-01-01T00:00:00.000Z", True, EARLIEST_MS),
        ("2026-02-30T00:00:00.000Z", True, None),
    ],
)
def test_only_a_synchronised_and_plausible_wall_clock_is_believed(
    wall: str, is_synced: bool, believed: int | None
) -> None:
    assert believed_wall_ms(wall, is_synced, RECEIVED_MS) == believed


def test_a_believed_clock_gives_a_tighter_offset_than_reception() -> None:
    assert offset_bound_ms(5_000, None, RECEIVED_MS) == RECEIVED_MS - 5_000
    assert offset_bound_ms(5_000, RECEIVED_MS - 60_000, RECEIVED_MS) == RECEIVED_MS - 65_000


def test_the_quality_says_how_a_time_is_known() -> None:
    offset = RECEIVED_MS - 100_000
    assert press_time(7, RECEIVED_MS - 9, RECEIVED_MS, offset) == (
        RECEIVED_MS - 9,
        TimeQuality.SYNCED,
    )
    assert press_time(40_000, None, RECEIVED_MS, offset) == (
        RECEIVED_MS - 60_000,
        TimeQuality.OFFSET,
    )
    assert press_time(0, None, RECEIVED_MS, EARLIEST_MS - 1) == (RECEIVED_MS, TimeQuality.BOUNDED)


@given(
    st.integers(0, 2**53 - 1),
    st.lists(st.integers(0, 2**53 - 1), max_size=5),
    st.integers(EARLIEST_MS, 4_000_000_000_000),
)
def test_a_time_without_a_clock_is_never_after_reception(
    mono_ms: int, others: list[int], received_ms: int
) -> None:
    offset = min(offset_bound_ms(mono, None, received_ms) for mono in (mono_ms, *others))
    ms, _ = press_time(mono_ms, None, received_ms, offset)
    assert EARLIEST_MS <= ms <= received_ms

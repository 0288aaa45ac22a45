"""When a press happened, told from clocks that may be wrong or missing."""

from __future__ import annotations

import pytest

from collector.press_time import (
    EARLIEST_MS,
    TimeQuality,
    believed_wall_ms,
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


@pytest.mark.parametrize("quality", [TimeQuality.OFFSET, TimeQuality.BOUNDED])
def test_a_press_is_told_by_its_boot_and_as_well_as_that_is_known(quality: TimeQuality) -> None:
    begun_ms = RECEIVED_MS - 100_000
    assert press_time(40_000, RECEIVED_MS, begun_ms, quality) == (RECEIVED_MS - 60_000, quality)


def test_a_boot_clock_that_makes_no_sense_leaves_the_time_of_reception() -> None:
    bounded = (RECEIVED_MS, TimeQuality.BOUNDED)
    assert press_time(0, RECEIVED_MS, EARLIEST_MS - 1, TimeQuality.OFFSET) == bounded
    assert press_time(0, RECEIVED_MS, EARLIEST_MS, TimeQuality.OFFSET) != bounded

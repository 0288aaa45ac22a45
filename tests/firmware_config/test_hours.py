"""Opening hours: lines and weeks, what is open when, and what no week is."""

from __future__ import annotations

from datetime import datetime, time

import pytest

from firmware_config.hours import (
    expected_spans,
    expected_week,
    is_in,
    is_open,
    lines_of,
    span_of,
    week_of,
)

LINES = ("mon-fri 13:30-17:00", "mon-fri 09:00-12:00", "sat 09:00-12:00")


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-02T08:59:59.999999", False),
        ("2026-03-02T09:00", True),
        ("2026-03-02T12:00", False),
        ("2026-03-06T16:59", True),
        ("2026-03-07T11:00", True),
        ("2026-03-07T14:00", False),
        ("2026-03-08T11:00", False),
    ],
)
def test_a_week_is_open_from_begin_up_to_but_not_including_end(at: str, expected: bool) -> None:
    assert is_open(week_of(LINES), datetime.fromisoformat(at)) is expected


def test_a_week_can_be_written_as_lines_and_read_again() -> None:
    week = week_of(LINES)

    assert week_of(lines_of(week)) == week
    assert lines_of(week)[0] == "mon 09:00-12:00"


@pytest.mark.parametrize(
    "lines",
    [
        ("monday 09:00-12:00",),
        ("fri-mon 09:00-12:00",),
        ("mon 12:00-09:00",),
        ("mon 09:00",),
        ("mon",),
        ("",),
        ("mon 09:00-25:00",),
        ("mon-sun 09:00+08:00-17:00+08:00",),
        ("mon-sun 09:00+08:00-17:00",),
        ("mon 09:00Z-17:00Z",),
        ("mon 09:00:30-17:00",),
        ("mon ９:００-17:00",),
        ("mon 09:00-12:00", "mon-fri 11:59-13:00"),
    ],
)
def test_what_is_no_week_is_refused_with_what_was_expected(lines: tuple[str, ...]) -> None:
    assert expected_week(lines)
    with pytest.raises(ValueError, match="got"):
        week_of(lines)


def test_no_line_is_a_week_that_is_never_open_and_allowed() -> None:
    assert not expected_week(())
    assert not is_open(week_of(()), datetime(2026, 3, 2, 10))  # noqa: DTZ001 - local by meaning


@pytest.mark.parametrize(
    ("span", "at", "expected"),
    [
        ("12:00-13:30", "12:00", True),
        ("12:00-13:30", "13:30", False),
        ("22:00-07:00", "23:00", True),
        ("22:00-07:00", "06:59", True),
        ("22:00-07:00", "07:00", False),
    ],
)
def test_quiet_hours_may_cross_midnight(span: str, at: str, expected: bool) -> None:
    assert is_in([span_of(span)], time.fromisoformat(at)) is expected


def test_what_is_no_stretch_is_refused() -> None:
    assert not expected_spans(("12:00-13:30",))
    assert expected_spans(("noon",))
    assert expected_spans(("12:00Z-13:00Z",))
    assert expected_spans(("12:00+08:00-13:00",))

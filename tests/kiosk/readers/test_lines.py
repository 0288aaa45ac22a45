"""Characters to lines, lines to staff numbers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.counter_settings import ReaderSettings
from kiosk.readers.lines import (
    LINE_MAXIMUM,
    REPEAT_MS,
    SILENCE_MS,
    BadgeFilter,
    LineBuffer,
    holds_resident_id,
)

DEFAULT = ReaderSettings().pattern
RESIDENT_ID = "11010519491231002X"  # the example of GB 11643-1999


def lines_of(text: str) -> list[str]:
    return LineBuffer().feed(text, 1)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("1024\n", ["1024"]),
        ("1024\r\n2048\r\n", ["1024", "2048"]),
        ("\n\r\n", []),
        ("1024", []),
        ("\x0204A1B2C3D4\x03", ["04A1B2C3D4"]),
        ("103\b24\n", ["1024"]),
        ("\b\b7\n", ["7"]),
        ("999\x1b1024\n", ["1024"]),
        ("1\x000\n", ["10"]),
        ("10\x1824\n4096\n", ["4096"]),  # a part is missing: the rest is no number
        ("10\x182\x1b4\n4096\n", ["4096"]),
        ("x" * LINE_MAXIMUM + "\n", ["x" * LINE_MAXIMUM]),
        ("x" * (LINE_MAXIMUM + 1) + "\n1024\n", ["1024"]),
    ],
)
def test_a_line_is_what_stands_before_its_end(text: str, lines: list[str]) -> None:
    assert lines_of(text) == lines


def test_a_line_that_is_too_long_is_counted() -> None:
    buffer = LineBuffer()
    buffer.feed("x" * 500 + "\n", 1)

    assert buffer.broken == 1


def test_a_half_typed_line_is_dropped_after_silence_and_not_before() -> None:
    buffer = LineBuffer()

    buffer.feed("10", 1_000)
    assert buffer.feed("24\n", 1_000 + SILENCE_MS) == ["1024"]
    buffer.feed("10", 50_000)
    assert buffer.feed("24\n", 50_001 + SILENCE_MS) == ["24"]


@given(st.lists(st.tuples(st.text(max_size=80), st.integers(0, 30_000))))
def test_no_text_makes_a_line_empty_or_too_long(parts: list[tuple[str, int]]) -> None:
    buffer, at_ms = LineBuffer(), 0

    for text, pause_ms in parts:
        at_ms += pause_ms
        assert all(1 <= len(line) <= LINE_MAXIMUM for line in buffer.feed(text, at_ms))


@given(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=LINE_MAXIMUM))
def test_in_however_many_pieces_a_line_arrives_it_is_the_same(text: str) -> None:
    buffer = LineBuffer()

    found = [line for piece in f"{text}\n" for line in buffer.feed(piece, 1)]

    assert found == lines_of(f"{text}\n") == [text]


@pytest.mark.parametrize(
    ("pattern", "line", "number"),
    [
        (DEFAULT, "1024", "1024"),
        (DEFAULT, "  A-17 ", "A-17"),
        (DEFAULT, "04A1B2C3D4E5F6", "04A1B2C3D4E5F6"),
        (DEFAULT, "1024;1", None),
        (DEFAULT, "6222021234567890123", None),  # as long as a bank card's number
        (r"YP(\d{4})", "YP1024", "1024"),
        (r"YP(\d{4})", "1024", None),
        (r"YP(\d{4})?", "YP", None),
        (r".*", RESIDENT_ID, None),
        (r".*", RESIDENT_ID.lower(), None),
        (r".*", f"ID{RESIDENT_ID}9", None),
        (r".*", RESIDENT_ID[:-1] + "1", RESIDENT_ID[:-1] + "1"),  # its check character is wrong
    ],
)
def test_only_a_line_that_matches_as_a_whole_is_a_staff_number(
    pattern: str, line: str, number: str | None
) -> None:
    badges = BadgeFilter(pattern)

    assert badges.staff_no(line, 1) == number
    assert (badges.reads, badges.rejected) == (int(number is not None), int(number is None))


def test_the_same_badge_counts_once_for_as_long_as_it_lies_on_the_reader() -> None:
    badges = BadgeFilter(DEFAULT)

    found = [badges.staff_no("1024", at_ms) for at_ms in (0, 2_000, 4_000, 6_000)]

    assert found == ["1024", "", "", ""]
    assert badges.staff_no("1024", 6_000 + REPEAT_MS) == "1024"
    assert badges.reads == 2


def test_another_badge_counts_at_once_and_so_does_the_first_one_after_it() -> None:
    badges = BadgeFilter(DEFAULT)

    assert [badges.staff_no(line, 10) for line in ("1024", "2048", "1024")] == [
        "1024",
        "2048",
        "1024",
    ]


@given(st.text(max_size=LINE_MAXIMUM), st.sampled_from([DEFAULT, r".*", r"(\d+)(x)?", r"(a)|b"]))
def test_what_is_given_matches_the_pattern_and_fits_a_record(line: str, pattern: str) -> None:
    number = BadgeFilter(pattern).staff_no(line, 1)

    assert number is None or 1 <= len(number) <= LINE_MAXIMUM
    assert number is None or (number in line and re.fullmatch(pattern, line.strip()))


@pytest.mark.parametrize(
    ("text", "is_one"),
    [(RESIDENT_ID, True), ("110105194912310021", False), ("", False), ("1" * 18, False)],
)
def test_a_resident_identity_number_is_known_by_its_check_character(
    text: str, is_one: bool
) -> None:
    assert holds_resident_id(text) is is_one

"""Characters to lines, lines to staff numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.counter_settings import STAFF_NO_MAXIMUM
from kiosk.readers.lines import (
    LINE_MAXIMUM,
    REPEAT_MS,
    SILENCE_MS,
    BadgeFilter,
    LineBuffer,
    NumberShape,
    holds_resident_id,
)

ANY = NumberShape()
WIDE = NumberShape(longest=32)
BADGE = NumberShape(prefix="YP", suffix="*", is_digits=True, shortest=4, longest=4)
RESIDENT_ID = "11010519491231002X"  # the example of GB 11643-1999
OLD_RESIDENT_ID = "110105491231002"  # the same person before 1999


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
    ("shape", "line", "number"),
    [
        (ANY, "1024", "1024"),
        (ANY, "  A-17 ", "A-17"),
        (ANY, "04A1B2C3D4E5F6", "04A1B2C3D4E5F6"),
        (ANY, "1024;1", None),
        (ANY, "１０２４", None),  # digits, but not ASCII
        (ANY, "6222021234567890123", None),  # as long as a bank card's number
        (BADGE, "YP1024*", "1024"),
        (BADGE, "1024", None),
        (BADGE, "YP1024", None),
        (BADGE, "YP102A*", None),
        (BADGE, "YP102*", None),
        (BADGE, "YP10245*", None),
        (BADGE, "YP*", None),
        (NumberShape(prefix="12", suffix="23"), "123", None),  # the two overlap
        (NumberShape(prefix="12", suffix="23"), "1223", None),
        (WIDE, RESIDENT_ID, None),
        (WIDE, RESIDENT_ID.lower(), None),
        (WIDE, f"ID{RESIDENT_ID}9", None),
        (WIDE, RESIDENT_ID[:-1] + "1", RESIDENT_ID[:-1] + "1"),  # its check character is wrong
        (ANY, OLD_RESIDENT_ID, None),
        (NumberShape(prefix="ID", is_digits=True), f"ID{OLD_RESIDENT_ID}", None),
        (ANY, OLD_RESIDENT_ID + "1", OLD_RESIDENT_ID + "1"),  # sixteen digits: another number
    ],
)
def test_only_a_line_of_the_right_shape_is_a_staff_number(
    shape: NumberShape, line: str, number: str | None
) -> None:
    badges = BadgeFilter(shape)

    assert badges.staff_no(line, 1) == number
    assert (badges.reads, badges.rejected) == (int(number is not None), int(number is None))


def test_the_same_badge_counts_once_for_as_long_as_it_lies_on_the_reader() -> None:
    badges = BadgeFilter(ANY)

    found = [badges.staff_no("1024", at_ms) for at_ms in (0, 2_000, 4_000, 6_000)]

    assert found == ["1024", "", "", ""]
    assert badges.staff_no("1024", 6_000 + REPEAT_MS) == "1024"
    assert badges.reads == 2


def test_another_badge_counts_at_once_and_so_does_the_first_one_after_it() -> None:
    badges = BadgeFilter(ANY)

    assert [badges.staff_no(line, 10) for line in ("1024", "2048", "1024")] == [
        "1024",
        "2048",
        "1024",
    ]


@given(st.text(max_size=LINE_MAXIMUM) | st.from_regex(r"(YP)?[0-9A-z]{1,20}\*?"))
def test_what_is_given_stands_in_the_line_and_is_no_longer_than_allowed(line: str) -> None:
    for shape in (ANY, WIDE, BADGE):
        number = BadgeFilter(shape).staff_no(line, 1)

        assert number is None or shape.shortest <= len(number) <= shape.longest
        assert number is None or f"{shape.prefix}{number}{shape.suffix}" == line.strip()


def test_a_line_holds_the_longest_number_with_what_may_stand_around_it() -> None:
    shape = NumberShape(prefix="<" * 16, suffix=">" * 16, longest=STAFF_NO_MAXIMUM)
    number = "x" * STAFF_NO_MAXIMUM

    (line,) = lines_of(f"{shape.prefix}{number}{shape.suffix}\n")

    assert BadgeFilter(shape).staff_no(line, 1) == number


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (RESIDENT_ID, True),
        ("110105194912310021", False),
        ("", False),
        ("1" * 18, False),
        (OLD_RESIDENT_ID, True),
        (f"id {OLD_RESIDENT_ID}.", True),
        (f"1{OLD_RESIDENT_ID}", False),  # sixteen digits
        ("990105491231002", False),  # no such province
        ("110105491331002", False),  # no such month
        ("110105490230002", False),  # no such day
        ("110105480229002", True),  # a leap year
    ],
)
def test_a_resident_identity_number_is_known_by_check_character_or_date(
    text: str, is_one: bool
) -> None:
    assert holds_resident_id(text) is is_one

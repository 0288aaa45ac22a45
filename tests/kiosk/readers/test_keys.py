"""Key events to characters: the US layout, modifiers, a buffer that ran over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.readers.keys import (
    BACKSPACE,
    CANCEL,
    CLEAR,
    END,
    EV_KEY,
    EV_SYN,
    SYN_DROPPED,
    KeyDecoder,
)
from kiosk.readers.lines import LINE_MAXIMUM, LineBuffer

SHIFT, CTRL, ALT, CAPS, ENTER = 42, 29, 56, 58, 28


def typed(*events: tuple[int, int] | int) -> str:
    """What codes type; a bare code is pressed and let go."""
    keys = KeyDecoder()
    text = ""
    for event in events:
        pairs = [(event, 1), (event, 0)] if isinstance(event, int) else [event]
        text += "".join(keys.feed(EV_KEY, code, value) for code, value in pairs)
    return text


@pytest.mark.parametrize(
    ("codes", "text"),
    [
        ([2, 3, 4, 5, 6, 7, 8, 9, 10, 11], "1234567890"),
        ([82, 79, 80, 81, 75, 76, 77, 71, 72, 73], "0123456789"),
        ([16, 17, 25, 30, 38, 44, 50], "qwpalzm"),
        ([12, 13, 43, 52, 53, 57], "-=\\./ "),
        ([2, ENTER, 3, 96, 4, 15], f"1{END}2{END}3{END}"),
        ([2, 14, 1, 111], f"1{BACKSPACE}{CLEAR}{CLEAR}"),
        ([59, 113, 240, 767], ""),
    ],
    ids=["row", "keypad", "letters", "signs", "ends", "corrections", "no-characters"],
)
def test_keys_type_what_is_printed_on_them(codes: list[int], text: str) -> None:
    assert typed(*codes) == text


def test_shift_holds_for_as_long_as_it_is_down() -> None:
    assert typed(30, (SHIFT, 1), 30, 3, (SHIFT, 0), 30, 3) == "aA@a2"


def test_either_of_two_shifts_is_enough() -> None:
    assert typed((SHIFT, 1), (54, 1), (SHIFT, 0), 30, (54, 0), 30) == "Aa"


def test_caps_lock_changes_letters_only_and_shift_undoes_it() -> None:
    assert typed(CAPS, 30, 2, (SHIFT, 1), 30, (SHIFT, 0), CAPS, 30) == "A1aa"


@pytest.mark.parametrize("modifier", [CTRL, ALT, 125])
def test_a_command_types_nothing(modifier: int) -> None:
    assert typed((modifier, 1), 46, ENTER, (modifier, 0), 46) == "c"


def test_a_key_held_down_types_once() -> None:
    assert typed((2, 1), (2, 2), (2, 2), (2, 0)) == "1"


def test_a_buffer_that_ran_over_cancels_the_line_and_what_follows_up_to_the_report() -> None:
    keys = KeyDecoder()
    keys.feed(EV_KEY, SHIFT, 1)

    assert keys.feed(EV_SYN, SYN_DROPPED, 0) == CANCEL
    assert keys.feed(EV_KEY, 30, 1) == ""
    assert keys.feed(EV_SYN, 0, 0) == ""
    assert keys.feed(EV_KEY, 30, 1) == "a"


@given(
    st.lists(
        st.tuples(
            st.one_of(st.sampled_from([EV_SYN, EV_KEY]), st.integers(0, 65535)),
            st.one_of(st.integers(0, 120), st.integers(0, 65535)),
            st.one_of(st.integers(0, 2), st.integers(-(2**31), 2**31 - 1)),
        ),
        max_size=300,
    )
)
def test_no_events_whatever_can_break_the_way_to_a_line(
    events: list[tuple[int, int, int]],
) -> None:
    keys, lines = KeyDecoder(), LineBuffer()

    for at_ms, event in enumerate(events):
        text = keys.feed(*event)
        assert len(text) <= 1
        for line in lines.feed(text, at_ms):
            assert 1 <= len(line) <= LINE_MAXIMUM
            assert line.isprintable()

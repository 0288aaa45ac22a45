"""Keys: proven by a press or a test, and one-sided only where chance cannot explain it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.devices.keys import (
    CHANCE,
    KEY_DAYS,
    KeyUse,
    one_sided,
    shares_elsewhere,
    unproven,
)

NOW = 1_800_000_000_000
DAY = 86_400_000
SHARES = {5: 0.90, 4: 0.05, 3: 0.03, 2: 0.015, 1: 0.005}


def keys(*presses: int, tested: dict[int, int] | None = None) -> tuple[KeyUse, ...]:
    return tuple(
        KeyUse(level=level, presses=number, tested_ms=(tested or {}).get(level))
        for level, number in zip((5, 4, 3, 2, 1), presses, strict=True)
    )


@pytest.mark.parametrize(
    ("presses", "tested", "levels"),
    [
        ((9, 1, 1, 1, 1), {}, ()),
        ((9, 0, 0, 0, 0), {}, (4, 3, 2, 1)),
        ((9, 1, 0, 0, 0), {3: NOW, 2: NOW - KEY_DAYS * DAY, 1: NOW - KEY_DAYS * DAY - 1}, (1,)),
        ((0, 0, 0, 0, 0), {5: NOW}, (4, 3, 2, 1)),
    ],
)
def test_a_key_is_proven_by_a_press_or_a_test_of_the_last_month(
    presses: tuple[int, ...], tested: dict[int, int], levels: tuple[int, ...]
) -> None:
    assert unproven(keys(*presses, tested=tested), NOW) == levels


@pytest.mark.parametrize(
    ("presses", "levels", "why"),
    [
        ((60, 0, 0, 0, 0), (), "60 x 5 % = 3 were expected: that happens"),
        ((183, 0, 0, 0, 0), (), "9.15"),
        ((190, 0, 0, 0, 0), (4,), "190 x 5 % = 9.5 were expected"),
        ((600, 40, 0, 10, 0), (3,), "650 x 3 % = 19.5; of level 1 only 3"),
        ((0, 0, 0, 0, 0), (), "nobody pressed anything"),
    ],
)
def test_a_level_is_missed_only_where_it_had_to_come(
    presses: tuple[int, ...], levels: tuple[int, ...], why: str
) -> None:
    assert one_sided(keys(*presses), SHARES, NOW) == levels, why


def test_a_key_that_was_tested_is_not_one_sided_however_it_is_used() -> None:
    assert one_sided(keys(5000, 0, 300, 90, 30, tested={4: NOW - DAY}), SHARES, NOW) == ()


def test_the_hall_is_what_all_the_others_do() -> None:
    shares = shares_elsewhere(
        {1: keys(90, 10, 0, 0, 0), 2: keys(30, 0, 0, 10, 0), 3: keys(*[0] * 5)}
    )
    assert shares[1] == {5: 0.75, 4: 0.0, 3: 0.0, 2: 0.25, 1: 0.0}
    assert shares[2][4] == 0.1
    assert sum(shares[3].values()) == pytest.approx(1)


def test_the_only_device_of_a_hall_is_compared_with_nobody() -> None:
    shares = shares_elsewhere({1: keys(900, 0, 0, 0, 0)})
    assert set(shares[1].values()) == {0.0}
    assert one_sided(keys(900, 0, 0, 0, 0), shares[1], NOW) == ()


@given(st.integers(0, 20_000), st.floats(0.0001, 0.2))
def test_a_good_key_is_suspected_less_often_than_promised(ratings: int, share: float) -> None:
    suspect = one_sided(keys(ratings, 0, 0, 0, 0), {4: share}, NOW)
    if suspect:
        assert math.log(1 - share) * ratings <= math.log(CHANCE)

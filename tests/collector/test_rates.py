"""Counts, rules and exact percentages."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.rates import (
    COUNT_FIELDS,
    DEFAULT_RULE,
    Counts,
    Rate,
    Rule,
    participation,
    percent,
    satisfaction,
)
from firmware_config.levels import Level

counts = st.builds(Counts, *[st.integers(0, 10**7)] * len(COUNT_FIELDS))


def test_the_first_users_period_is_99_911_percent_of_47411() -> None:
    period = Counts(level5=46_472, level4=897, level3=20, level2=12, level1=10)
    rate = satisfaction(period)
    assert (rate.numerator, rate.base) == (47_369, 47_411)
    assert percent(rate) == "99.911 %"
    assert str(rate) == "99.911 % (47369/47411, satisfied-4-5/rated v1)"


def test_no_rating_is_no_rate_rather_than_a_rate_of_zero() -> None:
    rate = satisfaction(Counts(invited=30, unrated=30))
    assert rate.value is None
    assert percent(rate) == "—"


def test_silence_and_repeats_never_move_the_satisfaction_rate() -> None:
    quiet = Counts(invited=10, level5=3, level1=1)
    loud = quiet + Counts(invited=500, unrated=490, ignored=77, repeats=9)
    assert satisfaction(loud) == satisfaction(quiet)
    assert participation(loud).value == Fraction(4, 510)


def test_participation_is_rated_over_invited_with_a_rule_of_its_own_name() -> None:
    rate = participation(Counts(invited=943_500, level5=46_472, level4=897, level1=42))
    assert (rate.numerator, rate.base, rate.rule.name) == (47_411, 943_500, "rated/invited")
    assert percent(rate, 2) == "5.03 %"


def test_a_rule_chooses_levels_and_base() -> None:
    rule = Rule("only-5/invited", 3, frozenset({Level.VERY_SATISFIED}), "invited")
    rate = satisfaction(Counts(invited=8, level5=2, level4=4), rule)
    assert (rate.numerator, rate.base, str(rate.rule)) == (2, 8, "only-5/invited v3")


@pytest.mark.parametrize(
    ("numerator", "base", "decimals", "text"),
    [
        (1, 3, 3, "33.333 %"),
        (2, 3, 3, "66.667 %"),
        (1, 8, 0, "13 %"),  # 12.5 goes up
        (1, 16, 1, "6.3 %"),  # 6.25 goes up, where rounding to even says 6.2
        (1, 1, 3, "100.000 %"),
        (0, 7, 2, "0.00 %"),
        (1, 200_000, 3, "0.001 %"),  # 0.0005 goes up
    ],
)
def test_percent_rounds_half_up(numerator: int, base: int, decimals: int, text: str) -> None:
    assert percent(Rate(numerator, base), decimals) == text


@given(st.integers(0, 10**9), st.integers(1, 10**9), st.integers(0, 6))
def test_percent_agrees_with_decimal_arithmetic(numerator: int, base: int, decimals: int) -> None:
    exact = Fraction(100 * numerator, base)
    scaled = exact * 10**decimals
    floor = scaled.numerator // scaled.denominator
    units = floor + (scaled - floor >= Fraction(1, 2))
    expected = (Decimal(units) / 10**decimals).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    assert percent(Rate(numerator, base), decimals) == f"{expected} %"


@given(counts, counts)
def test_adding_counts_adds_every_field_and_every_numerator(one: Counts, other: Counts) -> None:
    both = one + other
    for name in COUNT_FIELDS:
        assert getattr(both, name) == getattr(one, name) + getattr(other, name)
    assert both.rated == one.rated + other.rated == sum(both.levels.values())
    assert satisfaction(both).numerator == (
        satisfaction(one).numerator + satisfaction(other).numerator
    )


@given(counts)
def test_the_default_rate_is_within_zero_and_one(some: Counts) -> None:
    value = satisfaction(some, DEFAULT_RULE).value
    assert value is None if some.rated == 0 else 0 <= value <= 1  # type: ignore[operator]

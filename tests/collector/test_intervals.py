"""The Wilson interval: published examples, and what must hold of every one."""

from __future__ import annotations

from math import isclose, sqrt

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from collector.intervals import Z_95, wilson
from collector.rates import Rate


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    base = draw(st.integers(1, 10**7))
    return Rate(draw(st.integers(0, base)), base)


@pytest.mark.parametrize(
    ("numerator", "base", "low", "high"),
    [
        # Newcombe 1998, table I, method 3 (score method without continuity correction)
        (81, 263, "0.2553", "0.3662"),
        (15, 148, "0.0624", "0.1605"),
        (0, 20, "0.0000", "0.1611"),
        (1, 29, "0.0061", "0.1718"),
    ],
)
def test_it_gives_the_published_examples(numerator: int, base: int, low: str, high: str) -> None:
    found = wilson(Rate(numerator, base))
    assert found is not None
    assert (f"{found.low:.4f}", f"{found.high:.4f}") == (low, high)


@given(rates())
def test_the_rate_lies_inside_and_the_bounds_are_proportions(rate: Rate) -> None:
    found = wilson(rate)
    assert found is not None
    assert rate.value is not None
    assert 0 <= found.low <= float(rate.value) + 1e-12
    assert float(rate.value) - 1e-12 <= found.high <= 1
    assert found.low < found.high


@given(rates())
def test_a_bound_is_as_far_from_the_rate_as_the_score_test_allows(rate: Rate) -> None:
    """The definition: |p - bound| = z √(bound (1 - bound) / n)."""
    found = wilson(rate)
    assert found is not None
    share = rate.numerator / rate.base
    for bound in (found.low, found.high):
        if 0 < bound < 1:
            allowed = Z_95 * sqrt(bound * (1 - bound) / rate.base)
            assert isclose(abs(share - bound), allowed, rel_tol=1e-5, abs_tol=1e-9)


@given(rates())
def test_satisfied_and_not_satisfied_mirror_each_other(rate: Rate) -> None:
    one, other = wilson(rate), wilson(Rate(rate.base - rate.numerator, rate.base))
    assert one is not None
    assert other is not None
    assert isclose(one.low, 1 - other.high, abs_tol=1e-12)
    assert isclose(one.high, 1 - other.low, abs_tol=1e-12)


@given(rates(), st.integers(2, 50))
def test_more_of_the_same_makes_it_narrower(rate: Rate, times: int) -> None:
    one, more = wilson(rate), wilson(Rate(rate.numerator * times, rate.base * times))
    assert one is not None
    assert more is not None
    assert more.high - more.low < one.high - one.low


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_what_is_no_proportion_has_none(numerator: int, base: int) -> None:
    assume(base == 0 or numerator > base)
    assert wilson(Rate(numerator, base)) is None

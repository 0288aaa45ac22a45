"""How sure a rate is: the Wilson score interval of a proportion.

Pure. A window with two good ratings of two is not a better window than one with 99 of 100: the
interval says between which rates the truth may lie, so that a small base is seen to be one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

from collector.rates import Rate

Z_95: Final = 1.959963984540054
"""The 97.5 % point of the standard normal distribution: two-sided 95 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Lower and upper bound of a rate, both 0..1."""

    low: float
    high: float

    def percents(self, decimals: int) -> tuple[str, str]:
        """Both bounds in percent, without a sign, e.g. `("94.2", "99.1")` with one decimal."""
        return f"{100 * self.low:.{decimals}f}", f"{100 * self.high:.{decimals}f}"


def wilson(rate: Rate, z: float = Z_95) -> Interval | None:
    """The Wilson score interval, without continuity correction.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
    J. Am. Stat. Assoc. 22 (1927) 209-212; as method 3 in R. G. Newcombe, Two-sided confidence
    intervals for the single proportion, Statistics in Medicine 17 (1998) 857-872.

    Args:
        rate: a numerator over a base.
        z: point of the standard normal distribution; the default gives 95 %.

    Returns:
        None where there is no proportion: the base is 0, or the numerator is above it.
    """
    hits, base = rate.numerator, rate.base
    if not base or not 0 <= hits <= base:
        return None
    square = z * z
    middle = 2 * hits + square
    spread = z * sqrt(square + 4 * hits * (base - hits) / base)
    below = 2 * (base + square)
    # at the ends the formula gives 0 and 1 exactly; floating point may miss them by a hair
    low = 0.0 if hits == 0 else max(0.0, (middle - spread) / below)
    high = 1.0 if hits == base else min(1.0, (middle + spread) / below)
    return Interval(low, high)

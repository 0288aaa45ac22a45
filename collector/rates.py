"""Rates: counts of one period, the named rule that turns them into a rate, exact percentages.

Pure. A rate is never a bare number: it keeps its numerator, its base and the rule that chose them,
because the figures assess people and someone else must be able to compute them again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Final, Literal

from firmware_config.levels import LEVELS, Level


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened in one period at one place; every field is a number of records.

    Attributes:
        invited: sessions opened.
        level5: first ratings of a session or case with level 5; `level4` … `level1` alike.
        unrated: sessions closed without a rating, for any reason.
        ignored: presses that were kept but not counted.
        repeats: later ratings of a case or session already rated; in no level.
    """

    invited: int = 0
    level5: int = 0
    level4: int = 0
    level3: int = 0
    level2: int = 0
    level1: int = 0
    unrated: int = 0
    ignored: int = 0
    repeats: int = 0

    def __add__(self, other: Counts) -> Counts:
        """The counts of both together."""
        return Counts(
            self.invited + other.invited,
            self.level5 + other.level5,
            self.level4 + other.level4,
            self.level3 + other.level3,
            self.level2 + other.level2,
            self.level1 + other.level1,
            self.unrated + other.unrated,
            self.ignored + other.ignored,
            self.repeats + other.repeats,
        )

    @property
    def rated(self) -> int:
        """Counted ratings of all five levels."""
        return self.level5 + self.level4 + self.level3 + self.level2 + self.level1

    @property
    def bad(self) -> int:
        """差评: ratings of levels 2 and 1."""
        return self.level2 + self.level1

    @property
    def levels(self) -> dict[Level, int]:
        """Level → counted ratings, from 5 down to 1."""
        return {
            Level.VERY_SATISFIED: self.level5,
            Level.SATISFIED: self.level4,
            Level.BASICALLY_SATISFIED: self.level3,
            Level.DISSATISFIED: self.level2,
            Level.VERY_DISSATISFIED: self.level1,
        }


COUNT_FIELDS: Final = (
    "invited",
    "level5",
    "level4",
    "level3",
    "level2",
    "level1",
    "unrated",
    "ignored",
    "repeats",
)
"""Names of the fields of `Counts` in order; the rollup tables' columns have the same names."""


class Rounding(StrEnum):
    """How the last digit shown is chosen; always in exact arithmetic."""

    HALF_UP = "half-up"
    HALF_EVEN = "half-even"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Rule:
    """How a rate is computed. A changed rule gets another name or a higher version.

    Attributes:
        name: stable text shown beside every rate, e.g. `satisfied-4-5/rated`.
        version: 1, 2, 3 …
        satisfied: the levels in the numerator.
        base: `rated` (counted ratings) or `invited` (sessions opened).
        rounding: how percentages by this rule are rounded.
        decimals: digits shown after the point; None: as many as the place shows.
        minimum_base: rates over a smaller base are shown but not ranked; None: not said.
    """

    name: str
    version: int
    satisfied: frozenset[Level]
    base: Literal["rated", "invited"] = "rated"
    rounding: Rounding = Rounding.HALF_UP
    decimals: int | None = None
    minimum_base: int | None = None

    def __str__(self) -> str:
        """Name and version, e.g. `satisfied-4-5/rated v1`."""
        return f"{self.name} v{self.version}"


DEFAULT_RULE: Final = Rule(
    "satisfied-4-5/rated", 1, frozenset({Level.VERY_SATISFIED, Level.SATISFIED}), "rated"
)
"""满意率. Source: the first user's figures: 46,472 × level 5 + 897 × level 4 of 47,411 ratings."""

PARTICIPATION_RULE: Final = Rule("rated/invited", 1, frozenset(Level), "invited")
"""参评率: counted ratings of any level over sessions opened. Source: our choice of base."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A numerator over a base, and the rule that chose them.

    A participation may exceed 1 for a short period, when sessions opened before it end in it.
    """

    numerator: int
    base: int
    rule: Rule = DEFAULT_RULE

    @property
    def value(self) -> Fraction | None:
        """The exact rate, 0..1; None when the base is 0: no rating is not a rate of zero."""
        return Fraction(self.numerator, self.base) if self.base else None

    def __str__(self) -> str:
        """Percentage, numerator, base and rule on one line."""
        return f"{percent(self)} ({self.numerator}/{self.base}, {self.rule})"


def net_of(raw: Counts, excluded: Counts) -> Counts:
    """净: the counts without ratings that approved corrections leave out (剔除).

    Args:
        raw: what the devices signed.
        excluded: ratings of `raw` by level; its other fields are not looked at.

    Returns:
        `raw` with fewer ratings; invitations, unrated sessions and the rest stay as they are.
    """
    return replace(
        raw,
        level5=raw.level5 - excluded.level5,
        level4=raw.level4 - excluded.level4,
        level3=raw.level3 - excluded.level3,
        level2=raw.level2 - excluded.level2,
        level1=raw.level1 - excluded.level1,
    )


@lru_cache(maxsize=64)
def _are_satisfied(levels: frozenset[Level]) -> tuple[bool, ...]:
    """Which of the levels 5, 4, 3, 2, 1 are among them; tables ask thousands of times."""
    return tuple(level in levels for level in LEVELS)


def satisfaction(counts: Counts, rule: Rule = DEFAULT_RULE) -> Rate:
    """The rate of these counts by this rule."""
    five, four, three, two, one = _are_satisfied(rule.satisfied)
    numerator = (
        counts.level5 * five
        + counts.level4 * four
        + counts.level3 * three
        + counts.level2 * two
        + counts.level1 * one
    )
    return Rate(numerator, counts.rated if rule.base == "rated" else counts.invited, rule)


def participation(counts: Counts) -> Rate:
    """参评率: counted ratings ÷ sessions opened."""
    return satisfaction(counts, PARTICIPATION_RULE)


def percent(rate: Rate, decimals: int = 3) -> str:
    """The rate as text, e.g. `99.911 %`, rounded as its rule says in exact arithmetic.

    Args:
        rate: the rate.
        decimals: digits after the point, 0 or more.

    Returns:
        `—` when the base is 0.
    """
    if not rate.base:
        return "—"
    scale = 10**decimals
    # in integers, so that no binary fraction decides a figure
    units, rest = divmod(100 * scale * rate.numerator, rate.base)
    match rate.rule.rounding:
        case Rounding.HALF_UP:
            units += 2 * rest >= rate.base
        case Rounding.HALF_EVEN:
            units += 2 * rest > rate.base or (2 * rest == rate.base and units % 2 == 1)
        case Rounding.DOWN:
            pass
    whole, rest = divmod(units, scale)
    return f"{whole}.{rest:0{decimals}d} %" if decimals else f"{whole} %"


def published(rate: Rate, decimals: int = 3) -> str:
    """The rate as it is published: with the digits its rule says, else with `decimals`."""
    return percent(rate, decimals if rate.rule.decimals is None else rate.rule.decimals)


def is_ranked(rate: Rate, minimum_base: int) -> bool:
    """Whether the base is large enough for a place in a ranking.

    Args:
        rate: the rate.
        minimum_base: what counts where the rule says none.
    """
    said = rate.rule.minimum_base
    return rate.base > 0 and rate.base >= (minimum_base if said is None else said)

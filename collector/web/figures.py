"""What is shown of counts: rates with numerator and base, shares, bars. Pure.

Where approved corrections leave ratings out (剔除), everything about satisfaction is net and stands
beside the raw figure; everything about taking part stays raw.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from collector.rates import (
    DEFAULT_RULE,
    Counts,
    Rate,
    Rule,
    is_ranked,
    net_of,
    participation,
    published,
    satisfaction,
)
from firmware_config.levels import Level

NO_FIGURE: Final = "—"
_NOTHING: Final = Counts()
UNRATED_RULE: Final = Rule("unrated/invited", 1, frozenset(), "invited")
"""未评率: sessions closed without a rating over sessions opened. Source: our choice of base."""
SHARE_RULE: Final = Rule("level/rated", 1, frozenset(), "rated")


@dataclass(frozen=True, slots=True)
class Segment:
    """One level in a distribution bar: start and width in percent of the bar."""

    level: int
    count: int
    start: str
    width: str


@dataclass(frozen=True)
class Figures:
    """The figures of one place in one period.

    Attributes:
        counts: raw: everything the devices signed.
        excluded: ratings among them that approved corrections leave out, by level.
        rule: what is a satisfied rating, and over which base.
    """

    counts: Counts
    excluded: Counts = _NOTHING
    rule: Rule = DEFAULT_RULE

    def __add__(self, other: Figures) -> Figures:
        """The figures of both together, by the rule of the first."""
        return Figures(self.counts + other.counts, self.excluded + other.excluded, self.rule)

    @cached_property
    def net(self) -> Counts:
        """净: the counts without the excluded ratings."""
        return net_of(self.counts, self.excluded) if self.excluded.rated else self.counts

    @cached_property
    def rate(self) -> Rate:
        """原始满意率."""
        return satisfaction(self.counts, self.rule)

    @cached_property
    def net_rate(self) -> Rate:
        """净满意率: the same rule over the net counts; what a page shows in front."""
        return satisfaction(self.net, self.rule)

    @cached_property
    def participation(self) -> Rate:
        """参评率."""
        return participation(self.counts)

    @property
    def unrated_share(self) -> Rate:
        """未评率."""
        return Rate(self.counts.unrated, self.counts.invited, UNRATED_RULE)

    def share(self, level: int) -> Rate:
        """One level's part of the net ratings."""
        return Rate(self.net.levels[Level(level)], self.net.rated, SHARE_RULE)

    @cached_property
    def segments(self) -> list[Segment]:
        """The net distribution from level 5 to level 1, empty levels left out.

        A level that occurs is never narrower than 0.6 % of the bar: three bad ratings among a
        thousand good ones must still be seen.
        """
        net = self.net
        rated = net.rated
        present = [(level, count) for level, count in net.levels.items() if count]
        if not rated:
            return []
        widths = [max(count / rated * 100, 0.6) for _, count in present]
        total = sum(widths)
        segments: list[Segment] = []
        start = 0.0
        for (level, count), width in zip(present, widths, strict=True):
            share = width / total * 100
            segments.append(Segment(int(level), count, f"{start:.3f}%", f"{share:.3f}%"))
            start += share
        return segments


def rate_json(rate: Rate) -> dict[str, Any]:
    """A rate for machines: exact as a fraction, readable as percent; both None for base 0."""
    return {
        "numerator": rate.numerator,
        "base": rate.base,
        "percent": percent_text(rate, 3) if rate.base else None,
        "fraction": f"{rate.numerator}/{rate.base}" if rate.base else None,
        "rule": rate.rule.name,
        "rule_version": rate.rule.version,
    }


def figures_json(figures: Figures) -> dict[str, Any]:
    """All figures of one place for machines: raw, excluded, net."""
    counts, net = figures.counts, figures.net
    return {
        "rate": rate_json(figures.rate),
        "participation": rate_json(figures.participation),
        "unrated_share": rate_json(figures.unrated_share),
        "invited": counts.invited,
        "rated": counts.rated,
        "unrated": counts.unrated,
        "bad": counts.bad,
        "ignored": counts.ignored,
        "repeats": counts.repeats,
        "levels": _levels_json(counts),
        "excluded": {
            "ratings": figures.excluded.rated,
            "levels": _levels_json(figures.excluded),
        },
        "net": {
            "rate": rate_json(figures.net_rate),
            "rated": net.rated,
            "bad": net.bad,
            "levels": _levels_json(net),
        },
    }


def _levels_json(counts: Counts) -> dict[str, int]:
    return {str(int(level)): count for level, count in counts.levels.items()}


def percent_text(rate: Rate, decimals: int) -> str:
    """The percentage without its sign, `—` for base 0.

    Args:
        rate: the rate.
        decimals: where the rate's rule does not say how many are shown.
    """
    return published(rate, decimals).removesuffix(" %")


def total(many: Iterable[Figures], start: Figures) -> Figures:
    """The sum of figures, by the rule of `start`."""
    return sum(many, start)


def rate_order(figures: Figures, minimum_base: int) -> tuple[int, Any]:
    """A key that sorts by net rate: enough ratings first, then too few, then none.

    Args:
        figures: of the place.
        minimum_base: what is enough where the rule does not say.

    Returns:
        The group (0, 1, 2) and the exact value inside it.
    """
    rate = figures.net_rate
    value = rate.value
    if value is None:
        return 2, 0
    return (0 if is_ranked(rate, minimum_base) else 1), value

"""A table of places or people: its order, its ranks, and what is set apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from collector.intervals import wilson
from collector.rates import Rate
from collector.web.asked import Order
from collector.web.figures import Figures
from collector.web.ranking import is_ranked, ranks
from collector.web.sparklines import Sparklines

Item = TypeVar("Item")
RATE_COLUMN: Final = "rate"
INTERVAL_DECIMALS: Final = 3
"""Of the bounds of an interval, in percent, in reports and for machines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked(Generic[Item]):
    """The rows of a table in their order.

    Attributes:
        rows: those with enough ratings where the order is by rate, else all.
        few: by rate: those with too few ratings, which are compared with nobody.
        rank: key → rank; not in it: too few ratings.
        lines: the small trends; None: not drawn.
    """

    order: Order[Item]
    rows: list[Item]
    few: list[Item]
    rank: dict[Any, int]
    lines: Sparklines | None

    @property
    def is_by_rate(self) -> bool:
        """Whether the rows stand in order of their rate."""
        return self.order.column.key == RATE_COLUMN

    @property
    def bodies(self) -> list[list[Item]]:
        """The table's parts: the rows, and apart from them those with too few ratings."""
        return [self.rows, self.few] if self.few else [self.rows]

    @property
    def all(self) -> list[Item]:
        """Every row, in the order shown."""
        return self.rows + self.few


def ranked(
    order: Order[Item],
    items: Sequence[Item],
    figures_of: Callable[[Item], Figures],
    key_of: Callable[[Item], Any],
    minimum_base: int,
    lines: Sparklines | None = None,
) -> Ranked[Item]:
    """The items as a table shows them."""
    ordered = order.sorted(items)
    few: list[Item] = []
    if order.column.key == RATE_COLUMN:
        few = [item for item in ordered if not is_ranked(figures_of(item), minimum_base)]
        ordered = [item for item in ordered if is_ranked(figures_of(item), minimum_base)]
    return Ranked(
        order=order,
        rows=ordered,
        few=few,
        rank=ranks(items, figures_of, key_of, minimum_base),
        lines=lines,
    )


def interval_json(rate: Rate) -> dict[str, str] | None:
    """The interval of a rate for machines, in percent with three decimals."""
    found = wilson(rate)
    if found is None:
        return None
    low, high = found.percents(INTERVAL_DECIMALS)
    return {"method": "wilson", "level": "95", "low": low, "high": high}


def ranked_json(told: dict[str, Any], figures: Figures, rank: int | None) -> dict[str, Any]:
    """A row for machines, with its rank and interval."""
    return {**told, "rank": rank, "interval": interval_json(figures.net_rate)}

"""Who is compared with whom: ranks among places with enough ratings. Pure.

Equal rates are ties and have the same rank; what has too few ratings has none, whatever its rate.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

from collector.web.figures import Figures, rate_order

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


def is_ranked(figures: Figures, minimum_base: int) -> bool:
    """Whether there are enough ratings for a rank."""
    return rate_order(figures, minimum_base)[0] == 0


def ranks(
    items: Iterable[Item],
    figures_of: Callable[[Item], Figures],
    key_of: Callable[[Item], Key],
    minimum_base: int,
) -> dict[Key, int]:
    """Key → rank by net rate, 1 the highest; only of what has enough ratings.

    Rates are compared as exact fractions. After two that share rank 3 comes rank 5 (standard
    competition ranking): a rank says how many are better.
    """
    values = {}
    for item in items:
        value = figures_of(item).net_rate.value
        if value is not None and is_ranked(figures_of(item), minimum_base):
            values[key_of(item)] = value
    ordered = sorted(values.values(), reverse=True)
    first: dict[object, int] = {}
    for rank, value in enumerate(ordered, start=1):
        first.setdefault(value, rank)
    return {key: first[value] for key, value in values.items()}

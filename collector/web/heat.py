"""When a place is busy and when it is liked: figures by weekday and hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from collector.corrections.excluded import ExcludedRating, excluded_by
from collector.ledger.readers.week_hours import WeekHour
from collector.rates import Counts
from collector.web.figures import Figures, figures_json
from collector.web.view import View

STEPS: Final = 5
"""Shades of the map; more cannot be told apart by their lightness alone."""
FIRST_HOUR: Final = 8
LAST_HOUR: Final = 17
WORKING_DAYS: Final = range(1, 6)
"""Hours and weekdays that are always drawn; others only where something happened."""


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One hour of one weekday over a whole period.

    Attributes:
        number_step: shade by number of net ratings, 0 (none) … `STEPS`.
        rate_step: shade by net rate, 1 … `STEPS`; 0: too few ratings to say.
    """

    weekday: int
    hour: int
    figures: Figures
    number_step: int
    rate_step: int


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Rows of hours, one for each weekday drawn.

    Attributes:
        hours: local hours of the columns.
        rows: ISO weekday → its cells.
        most: ratings of the fullest cell.
        lowest: net rate in percent at which the lightest shade begins, 0..99.
    """

    hours: list[int]
    rows: list[tuple[int, list[HeatCell]]]
    most: int
    lowest: int

    @property
    def is_empty(self) -> bool:
        """Whether nothing was rated."""
        return not self.most

    def numbers_from(self, step: int) -> int:
        """The fewest ratings that have a shade."""
        return self.most * (step - 1) // STEPS + 1


def heat_map(
    view: View,
    found: Mapping[WeekHour, Counts],
    excluded: Iterable[ExcludedRating],
    minimum_base: int,
) -> HeatMap:
    """The map of a place.

    Args:
        view: by which rule.
        found: counts by weekday and hour.
        excluded: the ratings among them that approved corrections leave out.
        minimum_base: a rate over fewer ratings has no shade.
    """
    out = excluded_by(excluded, lambda one: (one.weekday, one.hour))
    made = {key: view.figures(counts, out.get(key)) for key, counts in found.items()}
    there = {key: figures for key, figures in made.items() if figures.counts != Counts()}
    hours = range(
        min([FIRST_HOUR, *(hour for _, hour in there)]),
        max([LAST_HOUR, *(hour for _, hour in there)]) + 1,
    )
    weekdays = sorted({*WORKING_DAYS, *(weekday for weekday, _ in there)})
    most = max((figures.net.rated for figures in there.values()), default=0)
    lowest = _lowest(there.values(), minimum_base)

    def cell(weekday: int, hour: int) -> HeatCell:
        figures = there.get((weekday, hour), view.nothing)
        rate = figures.net_rate
        rate_step = 0
        if rate.value is not None and rate.base >= max(1, minimum_base):
            share = (100 * rate.value - lowest) / (100 - lowest)
            rate_step = min(STEPS, 1 + int(share * STEPS))
        number_step = -(-STEPS * figures.net.rated // most) if most else 0
        return HeatCell(weekday, hour, figures, number_step, rate_step)

    rows = [(weekday, [cell(weekday, hour) for hour in hours]) for weekday in weekdays]
    return HeatMap(list(hours), rows, most, lowest)


def _lowest(figures: Iterable[Figures], minimum_base: int) -> int:
    """The lowest rate that has a shade, in whole percent; at most 99."""
    values = [
        one.net_rate.value
        for one in figures
        if one.net_rate.value is not None and one.net_rate.base >= max(1, minimum_base)
    ]
    return min(99, int(100 * min(values))) if values else 0


def heat_json(heat: HeatMap) -> list[dict[str, Any]]:
    """The map for machines: the cells in which something happened."""
    cells: Sequence[HeatCell] = [cell for _, row in heat.rows for cell in row]
    return [
        {"weekday": cell.weekday, "hour": cell.hour, **figures_json(cell.figures)}
        for cell in cells
        if cell.figures.counts != Counts()
    ]

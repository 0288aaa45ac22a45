"""The hall in any period but today: what its page and its API are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from collector.ledger.readers.listing import Wanted, outcomes_before
from collector.ledger.readers.outcomes import OutcomeRow
from collector.ledger.readers.week_hours import by_week_hour
from collector.web.compared import comparison
from collector.web.comparison import Comparison, comparison_json
from collector.web.dashboard import now_ms, ranked_from, reader, today
from collector.web.figures import Figures, figures_json
from collector.web.follow_up import followed_up
from collector.web.hall.today import IN_LISTS
from collector.web.heat import HeatMap, heat_json, heat_map
from collector.web.places import Places, department_json, leading, places, with_bad_ratings
from collector.web.trend import days_json, trend
from collector.web.view import View
from firmware_config.levels import BAD_LEVELS

LATEST: Final = 12
"""Bad ratings in the list beside the figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HallPeriod:
    """The hall, or the visitor's departments, in a period.

    Attributes:
        followed: bad ratings whose follow-up has begun.
        latest_bad: the last bad ratings, newest first.
    """

    these: Places
    comparison: Comparison | None
    followed: int
    days: list[tuple[str, Figures]]
    heat: HeatMap
    latest_bad: list[OutcomeRow]

    @property
    def figures(self) -> Figures:
        """Of everything in the view."""
        return self.these.hall


def hall_period(view: View) -> HallPeriod:
    """Everything about the hall in a view."""
    these = places(reader(), view, now_ms())
    ids = view.scope.ids
    minimum = ranked_from()
    bad = frozenset(int(level) for level in BAD_LEVELS)
    return HallPeriod(
        these=these,
        comparison=comparison(view, these.hall, figures_of_hall()),
        followed=followed_up(view),
        days=trend(reader(), view, today(), windows=None),
        heat=heat_map(
            view, by_week_hour(reader(), view.period, departments=ids), view.excluded, minimum
        ),
        latest_bad=outcomes_before(
            reader(),
            Wanted(period=view.period, departments=ids, levels=bad),
            before=None,
            limit=LATEST,
        ),
    )


def figures_of_hall() -> Callable[[View], Figures]:
    """How the hall's figures of another period are found."""
    return lambda view: places(reader(), view, now_ms()).hall


def leading_of(page: HallPeriod) -> tuple[list[Any], list[Any]]:
    """The two lists of departments: highest rates, and bad ratings."""
    minimum = ranked_from()
    departments = page.these.departments
    return (
        leading(departments, minimum_base=minimum, limit=IN_LISTS),
        with_bad_ratings(departments, limit=IN_LISTS),
    )


def period_json(page: HallPeriod) -> dict[str, Any]:
    """The whole page for machines."""
    best, attention = leading_of(page)
    return {
        "first_on": page.these.view.period.start_on.isoformat(),
        "last_on": page.these.view.period.last_on.isoformat(),
        "figures": figures_json(page.figures),
        "before": comparison_json(page.comparison),
        "bad_followed_up": page.followed,
        "trend": days_json(page.days),
        "heat": heat_json(page.heat),
        "leading": [department_json(place) for place in best],
        "attention": [department_json(place) for place in attention],
        "departments": len(page.these.departments),
        "departments_with_ratings": sum(
            1 for place in page.these.departments if place.figures.counts.rated
        ),
    }

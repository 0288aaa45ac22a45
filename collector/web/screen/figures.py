"""What a big screen tells everybody in the lobby: sums only, and none over too few ratings. Pure.

No staff, no windows, no single ratings, no order of merit. Departments are told in the order of the
fleet file and up to yesterday: whoever watched a department's figures move with each press would
learn what the person at its window has just pressed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, Final

from collector.periods import Period
from collector.rates import Rate
from collector.web.figures import Figures, percent_text
from collector.web.hall.today import HourFigures
from collector.web.places import DepartmentFigures

LEAST_BASE: Final = 5
"""A screen in public shows no figure over fewer ratings, however low the hall's own minimum is.
Source: our choice; 5 is the usual least cell of published official statistics."""
DEPARTMENT_DAYS: Final = 30
"""Days, the last of them yesterday, over which departments are told. Source: our choice; at about
two ratings a window and day a single day would leave most departments out."""
HEARD_AFTER_MS: Final = 95_000
"""A hall of whose devices none was heard for so long is not connected: three missed health
messages, which come every 30 s, and some slack."""


def least_base(minimum_base: int) -> int:
    """Ratings below which a screen shows nothing: the hall's minimum, but 5 at least."""
    return max(minimum_base, LEAST_BASE)


def department_period(today: date) -> Period:
    """The days over which departments are told."""
    return Period(today - timedelta(days=DEPARTMENT_DAYS), today)


def told_rate(rate: Rate, least: int, decimals: int) -> dict[str, Any] | None:
    """A rate for the screen; None where its base is too small."""
    if rate.base < least:
        return None
    return {
        "percent": percent_text(rate, decimals),
        "numerator": rate.numerator,
        "base": rate.base,
    }


def told_hall(figures: Figures, least: int) -> dict[str, Any]:
    """The hall's figures of today; parts are None where too few have rated.

    Satisfaction and distribution are net. Of what is left out only the number is told: beside a raw
    rate it would say how a few citizens had rated.
    """
    net = figures.net
    is_enough = net.rated >= least
    return {
        "rate": told_rate(figures.net_rate, least, 3),
        "rated": net.rated if is_enough else None,
        "excluded": figures.excluded.rated,
        "participation": told_rate(figures.participation, least, 2) if is_enough else None,
        "levels": {str(int(level)): number for level, number in net.levels.items()}
        if is_enough
        else None,
    }


def told_hours(hours: Iterable[HourFigures], least: int) -> list[dict[str, int | None]]:
    """Ratings by local hour; None where there are some but too few."""
    told: list[dict[str, int | None]] = []
    for one in hours:
        rated = one.figures.net.rated
        told.append({"hour": one.hour, "rated": rated if not rated or rated >= least else None})
    return told


def told_departments(these: Iterable[DepartmentFigures], least: int) -> list[dict[str, Any]]:
    """Departments with enough ratings, in the order of the fleet file."""
    return [
        {"name": one.department.name, **rate}
        for one in these
        if (rate := told_rate(one.figures.net_rate, least, 2)) is not None
    ]

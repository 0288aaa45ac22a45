"""A period against the one of equal length before it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any, Final

from collector.periods import FIRST_DAY, Period
from collector.web.figures import Figures, rate_json

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the period before had.

    Attributes:
        period: its days.
        now: figures of the period that is looked at.
        before: figures of the period before.
        minimum_base: with fewer ratings on either side a difference says little.
    """

    period: Period
    now: Figures
    before: Figures
    minimum_base: int

    @property
    def points(self) -> Fraction | None:
        """By how many percentage points the net rate has risen; None where one has no rate."""
        now, before = self.now.net_rate.value, self.before.net_rate.value
        return None if now is None or before is None else 100 * (now - before)

    @property
    def is_weak(self) -> bool:
        """Whether either base is below the minimum."""
        bases = (self.now.net_rate.base, self.before.net_rate.base)
        return min(bases) < self.minimum_base


def elapsed(period: Period, today: date) -> Period | None:
    """The part of a period that has begun, today included; None for a period in the future.

    A running month is compared by as many days as it has, never with a whole one.
    """
    end = min(period.end_on, today + _DAY)
    return Period(period.start_on, end) if period.start_on < end else None


def period_before(period: Period, today: date) -> Period | None:
    """The days to compare with: as many as have passed of the period, ending where it starts.

    Returns:
        None for a period in the future, or one before which no record can be.
    """
    past = elapsed(period, today)
    if past is None or (past.start_on - FIRST_DAY).days < past.days:
        return None
    return past.before()


def points_text(points: Fraction) -> str:
    """Percentage points with sign and two decimals, rounded half away from zero: `+0.12`."""
    units = (abs(points) * 200 + 1) // 2
    whole, rest = divmod(int(units), 100)
    sign = "" if not units else "+" if points > 0 else "−"
    return f"{sign}{whole}.{rest:02d}"


def comparison_json(comparison: Comparison | None) -> dict[str, Any] | None:
    """A comparison for machines."""
    if comparison is None:
        return None
    points = comparison.points
    return {
        "first_on": comparison.period.start_on.isoformat(),
        "last_on": comparison.period.last_on.isoformat(),
        "net_rate": rate_json(comparison.before.net_rate),
        "points": None if points is None else points_text(points).replace("−", "-"),
        "is_weak": comparison.is_weak,
    }

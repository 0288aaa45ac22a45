"""Counts by day or month for charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, Final

from collector.corrections.excluded import ExcludedRating, excluded_by
from collector.ledger.readers import LedgerReader, counts
from collector.periods import Period, between
from collector.rates import Counts
from collector.web.figures import Figures, figures_json
from collector.web.view import View

MOST_POINTS: Final = 92
"""A longer period is drawn by month: more bars than a quarter's days cannot be told apart."""


def trend(
    reader: LedgerReader,
    view: View,
    today: date,
    *,
    windows: Sequence[int] | None,
) -> list[tuple[str, Figures]]:
    """Label → figures for every day of a period up to today, or for every month of a long one.

    Days without records are there with zeros: a gap must be seen as one.

    Args:
        reader: the ledger.
        view: from when to when, by which rule; only what was rated for its departments counts.
        today: nothing is drawn after it.
        windows: ids of the windows to count together; None: everything in the view.

    Returns:
        Labels are ISO dates, or ISO months.
    """

    def found(past: Period, by_month: bool) -> dict[str, Counts]:
        departments = view.scope.ids
        if windows is None:
            of_hall = counts.by_month_of_hall if by_month else counts.by_day_of_hall
            return of_hall(reader, past, departments=departments)
        of_windows = counts.by_month if by_month else counts.by_day
        return of_windows(reader, past, windows=windows, departments=departments)

    excluded = [one for one in view.excluded if windows is None or one.window in windows]
    return drawn(view, today, found, excluded)


def drawn(
    view: View,
    today: date,
    found: Callable[[Period, bool], dict[str, Counts]],
    excluded: Sequence[ExcludedRating],
) -> list[tuple[str, Figures]]:
    """The points of a trend: see `trend`.

    Args:
        view: from when to when, by which rule.
        today: nothing is drawn after it.
        found: counts by label, of a period by its days or (True) months.
        excluded: the ratings among them that approved corrections leave out.
    """
    start_on, last_on = view.period.start_on, min(view.period.last_on, today)
    if last_on < start_on:
        return []
    past = between(start_on, last_on)
    by_month = past.days > MOST_POINTS
    length = 7 if by_month else 10  # of an ISO month, or of an ISO day
    labels = list(dict.fromkeys(on.isoformat()[:length] for on in past))
    counted = found(past, by_month)
    out = excluded_by(excluded, lambda one: one.on_date[:length])
    return [(label, view.figures(counted.get(label, Counts()), out.get(label))) for label in labels]


def days_json(days: list[tuple[str, Figures]]) -> list[dict[str, Any]]:
    """The trend for charts and machines."""
    return [{"label": label, **figures_json(figures)} for label, figures in days]

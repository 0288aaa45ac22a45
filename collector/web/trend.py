"""Counts by day or month for charts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from collector.corrections.excluded import excluded_by
from collector.ledger.readers import LedgerReader, counts
from collector.periods import between
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
    windows: Sequence[int],
) -> list[tuple[str, Figures]]:
    """Label → figures for every day of a period up to today, or for every month of a long one.

    Days without records are there with zeros: a gap must be seen as one.

    Args:
        reader: the ledger.
        view: from when to when, by which rule; only what was rated for its departments counts.
        today: nothing is drawn after it.
        windows: ids of the windows to count together.

    Returns:
        Labels are ISO dates, or ISO months.
    """
    start_on, last_on = view.period.start_on, min(view.period.last_on, today)
    if last_on < start_on:
        return []
    past, departments = between(start_on, last_on), view.scope.ids
    if past.days <= MOST_POINTS:
        labels = [on.isoformat() for on in past]
        found = counts.by_day(reader, past, windows=windows, departments=departments)
    else:
        labels = list(dict.fromkeys(on.isoformat()[:7] for on in past))
        found = counts.by_month(reader, past, windows=windows, departments=departments)
    length = len(labels[0])  # of an ISO day, or of an ISO month
    out = excluded_by(
        [one for one in view.excluded if one.window in windows],
        lambda one: one.on_date[:length],
    )
    return [(label, view.figures(found.get(label, Counts()), out.get(label))) for label in labels]


def days_json(days: list[tuple[str, Figures]]) -> list[dict[str, Any]]:
    """The trend for charts and machines."""
    return [{"label": label, **figures_json(figures)} for label, figures in days]

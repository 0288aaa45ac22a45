"""Counts by day or month for charts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from collector.corrections.excluded import ExcludedRating, excluded_by
from collector.ledger.readers import LedgerReader, counts
from collector.periods import Period, between
from collector.rates import Counts
from collector.web.figures import Figures, figures_json

MOST_POINTS: Final = 92
"""A longer period is drawn by month: more bars than a quarter's days cannot be told apart."""


def trend(
    reader: LedgerReader,
    period: Period,
    today: date,
    *,
    windows: Sequence[int],
    department: int | None = None,
    excluded: Sequence[ExcludedRating] = (),
) -> list[tuple[str, Figures]]:
    """Label → figures for every day of a period up to today, or for every month of a long one.

    Days without records are there with zeros: a gap must be seen as one.

    Args:
        reader: the ledger.
        period: from when to when.
        today: nothing is drawn after it.
        windows: ids of the windows to count together.
        department: count only what was rated while they belonged to it; None: everything.
        excluded: the ratings of the period, of any place, that approved corrections leave out.

    Returns:
        Labels are ISO dates, or ISO months.
    """
    last_on = min(period.last_on, today)
    if last_on < period.start_on:
        return []
    past = between(period.start_on, last_on)
    if past.days <= MOST_POINTS:
        labels = [on.isoformat() for on in past]
        found = counts.by_day(reader, past, windows=windows, department=department)
    else:
        labels = list(dict.fromkeys(on.isoformat()[:7] for on in past))
        found = counts.by_month(reader, past, windows=windows, department=department)
    length = len(labels[0])  # of an ISO day, or of an ISO month
    out = excluded_by(
        [one for one in excluded if one.window in windows and department in (None, one.department)],
        lambda one: one.on_date[:length],
    )
    return [
        (label, Figures(found.get(label, Counts()), out.get(label, Counts()))) for label in labels
    ]


def days_json(days: list[tuple[str, Figures]]) -> list[dict[str, Any]]:
    """The trend for charts and machines."""
    return [{"label": label, **figures_json(figures)} for label, figures in days]

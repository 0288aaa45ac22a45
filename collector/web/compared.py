"""The figures of the period before, for what a page is about."""

from __future__ import annotations

from collections.abc import Callable

from collector.web.comparison import Comparison, period_before
from collector.web.dashboard import ranked_from, today, view_of
from collector.web.figures import Figures
from collector.web.view import Scope, View


def comparison(
    view: View,
    now: Figures,
    figures_in: Callable[[View], Figures],
    *,
    scope: Scope | None = None,
) -> Comparison | None:
    """A view's figures against those of as many days before it; None where there are none.

    Args:
        view: what is looked at.
        now: its figures.
        figures_in: the same figures of another view.
        scope: departments to narrow the other view to; None: those of the visitor.
    """
    period = period_before(view.period, today())
    if period is None:
        return None
    before = figures_in(view_of(period, scope, rule=view.rule))
    return Comparison(period, now, before, ranked_from())

"""The tables of departments and of windows as pages and the API show them."""

from __future__ import annotations

from typing import Any, Literal

from collector.web.asked import AskedPeriod, Order
from collector.web.dashboard import ranked_from, reader, today, view_of
from collector.web.described import Parameter
from collector.web.places import DepartmentFigures, WindowFigures
from collector.web.ranked import Ranked, ranked
from collector.web.sparklines import Sparklines, sparklines, trend_period
from collector.web.view import Scope


def sort_parameter(*columns: str) -> Parameter:
    """The `sort` of a table with these columns."""
    known: Any = Literal[tuple(columns)]
    return Parameter(name="sort", type=known, help="Column to sort by.")


def department_table(
    order: Order[DepartmentFigures],
    departments: list[DepartmentFigures],
    asked: AskedPeriod | None = None,
) -> Ranked[DepartmentFigures]:
    """Departments in their order; with their small trends where a period is given."""
    return ranked(
        order,
        departments,
        lambda place: place.figures,
        lambda place: place.key,
        ranked_from(),
        None if asked is None else _lines(asked, "department", None),
    )


def window_table(
    order: Order[WindowFigures],
    windows: list[WindowFigures],
    asked: AskedPeriod | None = None,
    scope: Scope | None = None,
) -> Ranked[WindowFigures]:
    """Windows in their order; with their small trends where a period is given.

    Args:
        order: asked for.
        windows: with their figures.
        asked: the period; None: no trends.
        scope: departments to which the trends are narrowed; None: the visitor's.
    """
    return ranked(
        order,
        windows,
        lambda place: place.figures,
        lambda place: place.key,
        ranked_from(),
        None if asked is None else _lines(asked, "window", scope),
    )


def _lines(asked: AskedPeriod, of: str, scope: Scope | None) -> Sparklines:
    view = view_of(trend_period(asked.period, today()), scope)
    return sparklines(
        reader(),
        view,
        of=of,
        key_of=lambda one: one.window if of == "window" else one.department,
    )

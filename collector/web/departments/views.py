"""Departments: the table of all, and one with its windows."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _

from collector.ledger.readers.week_hours import by_week_hour
from collector.web.asked import Column, Order, asked_order, asked_period
from collector.web.compared import comparison
from collector.web.comparison import Comparison, comparison_json
from collector.web.dashboard import dashboard, now_ms, reader, scope, today, view_of
from collector.web.departments.answers import DepartmentsAnswer, OneDepartmentAnswer
from collector.web.described import ORDER, RATED, described
from collector.web.figures import Figures, figures_json, rate_order
from collector.web.follow_up import followed_up
from collector.web.heat import HeatMap, heat_json, heat_map
from collector.web.place_table import department_table, sort_parameter, window_table
from collector.web.places import (
    DepartmentFigures,
    Places,
    WindowFigures,
    department_json,
    places,
    window_json,
)
from collector.web.ranked import ranked_json
from collector.web.ratings.asked import asked_ratings
from collector.web.ratings.listed import BESIDE_OTHERS, listed
from collector.web.trend import days_json, trend
from collector.web.view import Scope, View
from collector.web.windows.table import columns as window_columns

blueprint = Blueprint("departments", __name__)
FIRST_COLUMN: Final = "place"
COLUMNS: Final = ("place", "windows", "invited", "rated", "participation", "rate", "bad")


def columns() -> tuple[Column[DepartmentFigures], ...]:
    """The columns of the table."""
    minimum = dashboard().options.minimum_base
    return (
        Column(FIRST_COLUMN, _("Department"), lambda d: d.department.ordinal, is_number=False),
        Column("windows", _("Windows"), lambda d: d.windows),
        Column("invited", _("Invited"), lambda d: d.figures.counts.invited),
        Column("rated", _("Rated"), lambda d: d.figures.counts.rated),
        Column("participation", _("Participation"), lambda d: _participation(d)),
        Column("rate", _("Satisfaction"), lambda d: rate_order(d.figures, minimum)),
        Column("bad", _("Bad ratings"), lambda d: d.figures.net.bad),
    )


def _participation(place: DepartmentFigures) -> tuple[int, object]:
    value = place.figures.participation.value
    return (1, 0) if value is None else (0, value)


def _order() -> Order[DepartmentFigures]:
    return asked_order(request.args, columns(), default="rated")


@blueprint.get("/departments")
def index() -> ResponseReturnValue:
    """All departments in a period, in the order asked for."""
    asked = asked_period(request.args, today())
    order = _order()
    these = places(reader(), view_of(asked.period), now_ms())
    return render_template(
        "departments/index.html",
        asked=asked,
        order=order,
        hall_figures=these.hall,
        table=department_table(order, these.departments, asked),
    )


def _seen(place: DepartmentFigures) -> Scope:
    return scope().narrowed(place.department.id)


def _found(these: Places, code: str) -> DepartmentFigures:
    """The department; 404 for one that does not exist or may not be seen."""
    place = these.department(code)
    if place is None:
        abort(HTTPStatus.NOT_FOUND)
    return place


def _figures_in(code: str, view: View) -> Figures:
    place = places(reader(), view, now_ms()).department(code)
    return place.figures if place else view.nothing


def _comparison(view: View, place: DepartmentFigures) -> Comparison | None:
    code = place.department.code
    return comparison(
        view, place.figures, lambda other: _figures_in(code, other), scope=_seen(place)
    )


def _days(view: View, rows: list[WindowFigures]) -> list[dict[str, Any]]:
    days = trend(reader(), view, today(), windows=[row.window.id for row in rows])
    return days_json(days)


def _heat(view: View) -> HeatMap:
    found = by_week_hour(reader(), view.period, departments=view.scope.ids)
    return heat_map(view, found, view.excluded, dashboard().options.minimum_base)


@blueprint.get("/departments/<code>")
def one(code: str) -> ResponseReturnValue:
    """One department in a period, with its windows."""
    asked = asked_period(request.args, today())
    order = asked_order(request.args, window_columns(), default="rated")
    these = places(reader(), view_of(asked.period), now_ms())
    place = _found(these, code)
    view = view_of(asked.period, _seen(place))
    rows = these.windows_of(place.department)
    ratings = asked_ratings({**request.args, "department": code})
    return render_template(
        "departments/one.html",
        asked=asked,
        order=order,
        place=place,
        comparison=_comparison(view, place),
        followed=followed_up(view),
        table=window_table(order, rows, asked, _seen(place)),
        days=_days(view, rows),
        heat=_heat(view),
        excluded=view.excluded,
        ratings=ratings,
        page=listed(ratings, BESIDE_OTHERS),
    )


@blueprint.get("/api/v1/departments")
@described(DepartmentsAnswer, *RATED, sort_parameter(*COLUMNS), ORDER)
def api_index() -> ResponseReturnValue:
    """All departments for machines."""
    asked = asked_period(request.args, today())
    these = places(reader(), view_of(asked.period), now_ms())
    table = department_table(_order(), these.departments)
    return jsonify(
        first_on=asked.period.start_on.isoformat(),
        last_on=asked.period.last_on.isoformat(),
        hall=figures_json(these.hall),
        departments=[
            ranked_json(department_json(one), one.figures, table.rank.get(one.department.id))
            for one in table.all
        ],
    )


@blueprint.get("/api/v1/departments/<code>")
@described(OneDepartmentAnswer, *RATED)
def api_one(code: str) -> ResponseReturnValue:
    """One department for machines."""
    asked = asked_period(request.args, today())
    these = places(reader(), view_of(asked.period), now_ms())
    place = _found(these, code)
    view = view_of(asked.period, _seen(place))
    rows = these.windows_of(place.department)
    rank = department_table(_order(), these.departments).rank.get(place.department.id)
    return jsonify(
        first_on=asked.period.start_on.isoformat(),
        last_on=asked.period.last_on.isoformat(),
        **ranked_json(department_json(place), place.figures, rank),
        before=comparison_json(_comparison(view, place)),
        bad_followed_up=followed_up(view),
        trend=_days(view, rows),
        heat=heat_json(_heat(view)),
        windows_in_period=[window_json(w) for w in rows],
    )

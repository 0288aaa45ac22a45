"""Departments: the table of all, and one with its windows."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from flask import Blueprint, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _

from collector.web.asked import Column, Order, asked_order, asked_period
from collector.web.dashboard import dashboard, now_ms, reader, scope, today, view_of
from collector.web.departments.answers import SORT, DepartmentsAnswer, OneDepartmentAnswer
from collector.web.described import ORDER, RATED, described
from collector.web.figures import figures_json, rate_order
from collector.web.places import DepartmentFigures, department_json, places, window_json
from collector.web.trend import days_json, trend
from collector.web.windows.table import columns as window_columns

blueprint = Blueprint("departments", __name__)
FIRST_COLUMN: Final = "place"


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
        rows=order.sorted(these.departments),
    )


@blueprint.get("/departments/<code>")
def one(code: str) -> ResponseReturnValue:
    """One department in a period, with its windows."""
    asked = asked_period(request.args, today())
    order = asked_order(request.args, window_columns(), default="rated")
    these = places(reader(), view_of(asked.period), now_ms())
    place = these.department(code)
    if place is None:
        abort(HTTPStatus.NOT_FOUND)
    rows = these.windows_of(place.department)
    days = trend(
        reader(),
        view_of(asked.period, scope().narrowed(place.department.id)),
        today(),
        windows=[row.window.id for row in rows],
    )
    return render_template(
        "departments/one.html",
        asked=asked,
        order=order,
        place=place,
        hall_figures=these.hall,
        rows=order.sorted(rows),
        days=days_json(days),
    )


@blueprint.get("/api/v1/departments")
@described(DepartmentsAnswer, *RATED, SORT, ORDER)
def api_index() -> ResponseReturnValue:
    """All departments for machines."""
    asked = asked_period(request.args, today())
    order = _order()
    these = places(reader(), view_of(asked.period), now_ms())
    return jsonify(
        first_on=asked.period.start_on.isoformat(),
        last_on=asked.period.last_on.isoformat(),
        hall=figures_json(these.hall),
        departments=[department_json(place) for place in order.sorted(these.departments)],
    )


@blueprint.get("/api/v1/departments/<code>")
@described(OneDepartmentAnswer, *RATED)
def api_one(code: str) -> ResponseReturnValue:
    """One department for machines."""
    asked = asked_period(request.args, today())
    these = places(reader(), view_of(asked.period), now_ms())
    place = these.department(code)
    if place is None:
        abort(HTTPStatus.NOT_FOUND)
    return jsonify(
        first_on=asked.period.start_on.isoformat(),
        last_on=asked.period.last_on.isoformat(),
        **department_json(place),
        windows_in_period=[window_json(w) for w in these.windows_of(place.department)],
    )

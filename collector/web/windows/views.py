"""Windows: the table of all, and one with its device and last sessions."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from flask import Blueprint, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from collector.corrections.entries import Correction
from collector.corrections.reading import corrections_of
from collector.ledger.readers import counts, outcomes
from collector.ledger.readers import fleet as fleet_reader
from collector.ledger.readers.assignments import devices_of_window
from collector.ledger.readers.outcomes import OutcomeRow
from collector.ledger.readers.week_hours import by_week_hour_of_window
from collector.web.asked import asked_order, asked_period
from collector.web.calendar_days import holidays
from collector.web.compared import comparison
from collector.web.comparison import Comparison, comparison_json
from collector.web.coverage import coverage, coverage_json
from collector.web.dashboard import (
    corrections,
    dashboard,
    now_ms,
    reader,
    real_ms,
    scope,
    today,
    view_of,
)
from collector.web.described import ORDER, RATED, described
from collector.web.figures import Figures, figures_json
from collector.web.follow_up import followed_up
from collector.web.hall.today import hours_json, hours_of
from collector.web.heat import HeatMap, heat_json, heat_map
from collector.web.place_table import sort_parameter, window_table
from collector.web.places import Places, WindowFigures, places, window_json
from collector.web.ranked import ranked_json
from collector.web.ratings.asked import asked_ratings
from collector.web.ratings.listed import BESIDE_OTHERS, listed, session_json
from collector.web.trend import days_json, trend
from collector.web.view import WHOLE_HALL, View
from collector.web.windows.answers import OneWindowAnswer, WindowsAnswer
from collector.web.windows.devices import device_json, devices_at
from collector.web.windows.table import columns

blueprint = Blueprint("windows", __name__)
LAST_SESSIONS: Final = 25
COLUMNS: Final = ("place", "department", "invited", "rated", "participation", "rate", "bad")


@blueprint.get("/windows")
def index() -> ResponseReturnValue:
    """All windows in a period, in the order asked for."""
    asked = asked_period(request.args, today())
    order = asked_order(request.args, columns(), default="rated")
    these = places(reader(), view_of(asked.period), now_ms())
    return render_template(
        "windows/index.html",
        asked=asked,
        order=order,
        hall_figures=these.hall,
        table=window_table(order, these.windows, asked),
    )


def _found(these: Places, code: str) -> WindowFigures:
    """The window; 404 for one that does not exist or may not be seen."""
    place = these.window(code)
    if place is None:
        abort(HTTPStatus.NOT_FOUND)
    return place


def _figures_in(code: str, view: View) -> Figures:
    place = places(reader(), view, now_ms()).window(code)
    return place.figures if place else view.nothing


def _comparison(view: View, place: WindowFigures) -> Comparison | None:
    code = place.window.code
    return comparison(view, place.figures, lambda other: _figures_in(code, other))


def _heat(view: View, key: int) -> HeatMap:
    found = by_week_hour_of_window(reader(), view.period, window=key, departments=view.scope.ids)
    return heat_map(view, found, view.excluded_at(key), dashboard().options.minimum_base)


@blueprint.get("/windows/<code>")
def one(code: str) -> ResponseReturnValue:
    """One window in a period."""
    asked = asked_period(request.args, today())
    view = view_of(asked.period)
    place = _found(places(reader(), view, now_ms()), code)
    key = place.window.id
    by_hour = counts.by_hour(reader(), asked.period, window=key, departments=view.scope.ids)
    ratings = asked_ratings({**request.args, "window": code})
    return render_template(
        "windows/one.html",
        asked=asked,
        place=place,
        comparison=_comparison(view, place),
        followed=followed_up(view, window=key),
        hours=hours_json(hours_of(view, by_hour, view.excluded_at(key))),
        days=days_json(trend(reader(), view, today(), windows=[key])),
        heat=_heat(view, key),
        coverage=coverage(reader(), view, key, holidays()),
        excluded=view.excluded_at(key),
        stays=devices_of_window(reader(), key),
        devices=devices_at(fleet_reader.devices(reader(), now_ms()), key, real_ms()),
        ratings=ratings,
        page=listed(ratings, BESIDE_OTHERS),
    )


def _known(sessions: Sequence[OutcomeRow]) -> dict[tuple[str, str, int], Correction]:
    """Record → its last correction, of the sessions that have one."""
    return corrections_of(corrections(), [(row.device, row.epoch, row.seq) for row in sessions])


@blueprint.get("/api/v1/windows")
@described(WindowsAnswer, *RATED, sort_parameter(*COLUMNS), ORDER)
def api_index() -> ResponseReturnValue:
    """All windows for machines."""
    asked = asked_period(request.args, today())
    order = asked_order(request.args, columns(), default="rated")
    these = places(reader(), view_of(asked.period), now_ms())
    table = window_table(order, these.windows)
    return jsonify(
        first_on=asked.period.start_on.isoformat(),
        last_on=asked.period.last_on.isoformat(),
        hall=figures_json(these.hall),
        windows=[
            ranked_json(window_json(one), one.figures, table.rank.get(one.window.id))
            for one in table.all
        ],
    )


@blueprint.get("/api/v1/windows/<code>")
@described(OneWindowAnswer, *RATED)
def api_one(code: str) -> ResponseReturnValue:
    """One window for machines."""
    asked = asked_period(request.args, today())
    order = asked_order(request.args, columns(), default="rated")
    view = view_of(asked.period)
    these = places(reader(), view, now_ms())
    place = _found(these, code)
    key = place.window.id
    ids = view.scope.ids
    by_hour = counts.by_hour(reader(), asked.period, window=key, departments=ids)
    sessions = outcomes.latest_of_window(reader(), key, limit=LAST_SESSIONS, departments=ids)
    known = _known(sessions)
    devices = devices_at(fleet_reader.devices(reader(), now_ms()), key, real_ms())
    rank = window_table(order, these.windows).rank.get(key)
    return jsonify(
        first_on=asked.period.start_on.isoformat(),
        last_on=asked.period.last_on.isoformat(),
        **ranked_json(window_json(place), place.figures, rank),
        before=comparison_json(_comparison(view, place)),
        bad_followed_up=followed_up(view, window=key),
        hours=hours_json(hours_of(view, by_hour, view.excluded_at(key))),
        trend=days_json(trend(reader(), view, today(), windows=[key])),
        heat=heat_json(_heat(view, key)),
        coverage=coverage_json(coverage(reader(), view, key, holidays())),
        sessions=[session_json(row, known) for row in sessions],
        devices=[device_json(one, tells_presses=scope() == WHOLE_HALL) for one in devices],
        stays=[
            {"device": stay.device, "from_ms": stay.from_ms, "to_ms": stay.to_ms}
            for stay in devices_of_window(reader(), key)
        ],
    )

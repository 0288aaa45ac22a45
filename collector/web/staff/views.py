"""Members of staff: the table of all, one, API; 404 where the hall has not switched it on."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from flask import Blueprint, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _

from collector.ledger.readers.fleet import WindowRow
from collector.ledger.readers.staff import (
    by_day_of_staff,
    by_month_of_staff,
    by_week_hour_of_staff,
)
from collector.periods import Period
from collector.rates import Counts
from collector.web.asked import Column, Order, asked_order, asked_period
from collector.web.compared import comparison
from collector.web.comparison import comparison_json
from collector.web.dashboard import dashboard, now_ms, ranked_from, reader, today, view_of
from collector.web.described import ORDER, RATED, described
from collector.web.figures import Figures, rate_order
from collector.web.follow_up import followed_up
from collector.web.heat import HeatMap, heat_json, heat_map
from collector.web.place_table import sort_parameter
from collector.web.places import Places, places
from collector.web.ranked import Ranked, ranked, ranked_json
from collector.web.ratings.asked import asked_ratings
from collector.web.ratings.listed import BESIDE_OTHERS, listed
from collector.web.sparklines import Sparklines, sparklines, trend_period
from collector.web.staff.answers import PersonAnswer, StaffAnswer
from collector.web.staff.people import (
    StaffFigures,
    excluded_of,
    excluded_ratings_of,
    people,
    person_json,
)
from collector.web.trend import days_json, drawn
from collector.web.view import View

blueprint = Blueprint("staff", __name__)
COLUMNS: Final = ("place", "window", "rated", "participation", "rate", "bad")


@blueprint.before_request
def _only_where_switched_on() -> None:
    if not dashboard().options.shows_staff:
        abort(HTTPStatus.NOT_FOUND)


def columns() -> tuple[Column[StaffFigures], ...]:
    """The columns of the table."""
    minimum = ranked_from()
    return (
        Column("place", _("Staff"), lambda one: one.row.staff_no, is_number=False),
        Column("window", _("Window"), _window, is_number=False),
        Column("rated", _("Rated"), lambda one: one.figures.counts.rated),
        Column("participation", _("Participation"), _participation),
        Column("rate", _("Satisfaction"), lambda one: rate_order(one.figures, minimum)),
        Column("bad", _("Bad ratings"), lambda one: one.figures.net.bad),
    )


def _window(one: StaffFigures) -> tuple[int, tuple[str, ...]]:
    there = (one.window,) if one.window else one.served
    return (0, there) if there else (1, ())


def _participation(one: StaffFigures) -> tuple[int, object]:
    value = one.figures.participation.value
    return (1, 0) if value is None else (0, value)


def _table(view: View, these: Places, lines: Sparklines | None) -> Ranked[StaffFigures]:
    order: Order[StaffFigures] = asked_order(request.args, columns(), default="rated")
    found = people(reader(), view, these, now_ms())
    return ranked(
        order,
        found,
        lambda one: one.figures,
        lambda one: one.key,
        ranked_from(),
        lines,
    )


@blueprint.get("/staff")
def index() -> ResponseReturnValue:
    """Everybody in a period, in the order asked for."""
    asked = asked_period(request.args, today())
    view = view_of(asked.period)
    trends = view_of(trend_period(asked.period, today()))
    whose = excluded_of(reader(), trends)
    lines = sparklines(
        reader(), trends, of="staff_no", key_of=lambda one: whose.get(one.position, "")
    )
    these = places(reader(), view, now_ms())
    return render_template(
        "staff/index.html",
        asked=asked,
        table=_table(view, these, lines),
        hall_figures=these.hall,
        window_names=_window_names(these),
    )


def _window_names(these: Places) -> dict[str, WindowRow]:
    """Code of a window → its row, which has its names."""
    return {place.window.code: place.window for place in these.windows}


def _person(view: View, staff_no: str, these: Places | None = None) -> StaffFigures | None:
    these = these or places(reader(), view, now_ms())
    found = people(reader(), view, these, now_ms(), staff_no=staff_no)
    return found[0] if found else None


def _one(view: View, staff_no: str, these: Places | None = None) -> StaffFigures:
    """The person; 404 for a number that neither the fleet file nor any record names."""
    found = _person(view, staff_no, these)
    if found is None:
        abort(HTTPStatus.NOT_FOUND)
    return found


def _days(view: View, staff_no: str) -> list[tuple[str, Figures]]:
    def found(past: Period, by_month: bool) -> dict[str, Counts]:
        of_staff = by_month_of_staff if by_month else by_day_of_staff
        return of_staff(reader(), past, staff_no=staff_no, departments=view.scope.ids)

    return drawn(view, today(), found, excluded_ratings_of(reader(), view, staff_no))


def _heat(view: View, person: StaffFigures) -> HeatMap:
    return heat_map(
        view,
        by_week_hour_of_staff(
            reader(), view.period, staff_no=person.row.staff_no, departments=view.scope.ids
        ),
        excluded_ratings_of(reader(), view, person.row.staff_no),
        ranked_from(),
    )


def _figures_in(staff_no: str, view: View) -> Figures:
    found = _person(view, staff_no)
    return found.figures if found else view.nothing


@blueprint.get("/staff/<path:staff_no>")
def one(staff_no: str) -> ResponseReturnValue:
    """One member of staff in a period."""
    asked = asked_period(request.args, today())
    view = view_of(asked.period)
    these = places(reader(), view, now_ms())
    person = _one(view, staff_no, these)
    ratings = asked_ratings({**request.args, "staff": staff_no})
    return render_template(
        "staff/one.html",
        asked=asked,
        person=person,
        window_names=_window_names(these),
        comparison=comparison(view, person.figures, lambda other: _figures_in(staff_no, other)),
        followed=followed_up(view, staff_no=staff_no),
        days=days_json(_days(view, staff_no)),
        heat=_heat(view, person),
        excluded=excluded_ratings_of(reader(), view, staff_no),
        ratings=ratings,
        page=listed(ratings, BESIDE_OTHERS),
    )


@blueprint.get("/api/v1/staff")
@described(StaffAnswer, *RATED, sort_parameter(*COLUMNS), ORDER, is_optional=True)
def api_index() -> ResponseReturnValue:
    """Everybody in a period for machines."""
    asked = asked_period(request.args, today())
    view = view_of(asked.period)
    table = _table(view, places(reader(), view, now_ms()), None)
    return jsonify(
        first_on=asked.period.start_on.isoformat(),
        last_on=asked.period.last_on.isoformat(),
        staff=[
            ranked_json(person_json(one), one.figures, table.rank.get(one.row.staff_no))
            for one in table.all
        ],
    )


@blueprint.get("/api/v1/staff/<path:staff_no>")
@described(PersonAnswer, *RATED)
def api_one(staff_no: str) -> ResponseReturnValue:
    """One member of staff for machines."""
    asked = asked_period(request.args, today())
    view = view_of(asked.period)
    person = _one(view, staff_no)
    rank = _table(view, places(reader(), view, now_ms()), None).rank.get(staff_no)
    before = comparison(view, person.figures, lambda other: _figures_in(staff_no, other))
    return jsonify(
        first_on=asked.period.start_on.isoformat(),
        last_on=asked.period.last_on.isoformat(),
        **ranked_json(person_json(person), person.figures, rank),
        before=comparison_json(before),
        bad_followed_up=followed_up(view, staff_no=staff_no),
        trend=days_json(_days(view, staff_no)),
        heat=heat_json(_heat(view, person)),
    )

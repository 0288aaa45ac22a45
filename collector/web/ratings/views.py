"""The outcomes behind a figure: a page, a part of other pages, API."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from flask import Blueprint, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from msgspec import Meta

from collector.web.described import IN_PERIOD, Parameter, described
from collector.web.ratings.answers import RatingsAnswer
from collector.web.ratings.asked import asked_ratings, mark_text
from collector.web.ratings.listed import listed, outcome_json
from firmware_config.contract import Trigger

blueprint = Blueprint("ratings", __name__)

_FILTERS: Final = (
    Parameter(name="department", type=str, help="Code of the department at press time."),
    Parameter(name="window", type=str, help="Code of the window at press time."),
    Parameter(name="staff", type=str, help="Number of the member of staff."),
    Parameter(
        name="level",
        type=Literal["5", "4", "3", "2", "1", "bad"],
        help="Counted ratings of a level; bad: 2 and 1.",
    ),
    Parameter(
        name="outcome", type=Literal["rated", "unrated", "repeat"], help="How the session ended."
    ),
    Parameter(name="trigger", type=Trigger, help="What opened the session; for 92 days at most."),
    Parameter(name="hour", type=Annotated[int, Meta(ge=0, le=23)], help="Local hour of the press."),
    Parameter(
        name="weekday", type=Annotated[int, Meta(ge=1, le=7)], help="ISO weekday, 1 is Monday."
    ),
    Parameter(name="before", type=str, help="`next` of the page before; left out: the newest."),
)


@blueprint.get("/ratings")
def index() -> ResponseReturnValue:
    """The outcomes asked for; for a page that is already open only their list."""
    asked = asked_ratings(request.args)
    is_part = request.headers.get("HX-Request") == "true"
    template = "ratings/_list.html" if is_part else "ratings/index.html"
    page = listed(asked)
    answer = make_response(render_template(template, ratings=asked, page=page, asked=asked.asked))
    answer.headers["Vary"] = "HX-Request"
    return answer


@blueprint.get("/api/v1/ratings")
@described(RatingsAnswer, *IN_PERIOD, *_FILTERS)
def api() -> ResponseReturnValue:
    """The outcomes behind a figure for machines, 50 a page."""
    asked = asked_ratings(request.args)
    page = listed(asked)
    return jsonify(
        first_on=asked.asked.period.start_on.isoformat(),
        last_on=asked.asked.period.last_on.isoformat(),
        number=page.number,
        excluded=page.excluded,
        next=mark_text(page.next) if page.next else None,
        ratings=[outcome_json(row, page) for row in page.rows],
    )

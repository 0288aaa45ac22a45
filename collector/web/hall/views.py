"""The hall today: page, live stream with its polling fall-back, API."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from flask import Blueprint, Response, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from msgspec import Meta

from collector.ledger.readers import integrity
from collector.periods import PeriodName, single_day
from collector.web.access import still_allowed
from collector.web.asked import AskedPeriod, asked_number, asked_period
from collector.web.compared import comparison
from collector.web.dashboard import (
    corrections,
    dashboard,
    now_ms,
    reader,
    real_ms,
    rule_of,
    scope,
    today,
    view_of,
    visitor,
)
from collector.web.described import EVENTS, RATED, RULE, Parameter, described
from collector.web.follow_up import followed_up
from collector.web.hall.answers import HallAnswer, HallPeriodAnswer, LiveAnswer
from collector.web.hall.events import LiveEvents
from collector.web.hall.period import figures_of_hall, hall_period, leading_of, period_json
from collector.web.hall.today import HallToday, hall_today, hours_json, today_json
from collector.web.languages import html_language
from collector.web.live import stream
from collector.web.trend import days_json

blueprint = Blueprint("hall", __name__)
OVERVIEW_KEPT_MS: Final = 10_000
"""After so long an overview is made anew though nothing was stored: names may have changed."""
AFTER: Final = Parameter(
    name="after",
    type=Annotated[int, Meta(ge=0, le=10**15)],
    help="Ratings stored after this row of the ledger are told; left out: the latest.",
)


def _today() -> HallToday:
    parts = dashboard()
    return hall_today(
        reader(),
        parts.alarms,
        now_ms(),
        real_ms=real_ms(),
        minimum_base=parts.options.minimum_base,
        scope=scope(),
        rule_of=rule_of,
    )


def _events() -> LiveEvents:
    parts = dashboard()
    return LiveEvents(
        real_ms,
        parts.alarms,
        minimum_base=parts.options.minimum_base,
        follows_records=parts.options.follows_records,
        rule_of=rule_of,
    )


@blueprint.get("/")
def page() -> ResponseReturnValue:
    """The hall: today, live, or in the period asked for."""
    asked = asked_period(request.args, today())
    if asked.name != PeriodName.TODAY:
        return _page_of_period(asked)
    shown = _today()
    return render_template(
        "hall/today.html",
        page=shown,
        asked=asked,
        hours=hours_json(shown.hours),
        comparison=comparison(view_of(asked.period), shown.figures, figures_of_hall()),
        followed=followed_up(view_of(asked.period)),
    )


def _page_of_period(asked: AskedPeriod) -> ResponseReturnValue:
    found = hall_period(view_of(asked.period))
    best, attention = leading_of(found)
    return render_template(
        "hall/period.html",
        page=found,
        asked=asked,
        best=best,
        attention=attention,
        days=days_json(found.days),
        windows={place.window.id: place.window for place in found.these.windows},
    )


@blueprint.get("/api/v1/hall/period")
@described(HallPeriodAnswer, *RATED)
def api_period() -> ResponseReturnValue:
    """The hall in a period for machines."""
    asked = asked_period(request.args, today())
    return jsonify(period_json(hall_period(view_of(asked.period))))


@blueprint.get("/hall/overview")
def overview() -> ResponseReturnValue:
    """Alarms and the two lists of departments, for a page that is already open.

    Every open page asks for it at the same event, so pages that show the same share one answer.
    """

    def made() -> str:
        text = render_template("hall/_overview.html", page=_today())
        reader().require_current()
        return text

    day = today()
    state = (
        integrity.ledger_state(reader()),
        corrections().version(),
        day,
        rule_of(single_day(day)),
        real_ms() // OVERVIEW_KEPT_MS,
    )
    return dashboard().shared.answer((html_language(), scope()), state, made)


@blueprint.get("/api/v1/hall")
@described(HallAnswer, RULE)
def api() -> ResponseReturnValue:
    """The hall today for machines."""
    page = _today()
    followed = followed_up(view_of(single_day(page.on)))
    return jsonify(**today_json(page), bad_followed_up=followed)


@blueprint.get("/api/v1/live")
@described(LiveAnswer, AFTER)
def live() -> ResponseReturnValue:
    """What is new after a position: the fall-back of pages without a stream."""
    after = asked_number(request.args, "after", default=0)
    return jsonify(_events().event(reader(), after=after, scope=scope()))


@blueprint.get("/api/v1/live/stream")
@described(LiveAnswer, AFTER, media=EVENTS)
def live_stream() -> ResponseReturnValue:
    """Server-Sent Events; 503 when all, or one's own, are too many, then pages ask `live`."""
    after = asked_number(request.args, "after", default=0)
    last_seen = request.headers.get("Last-Event-ID", "")
    if last_seen.isascii() and last_seen.isdigit() and len(last_seen) <= 15:
        after = int(last_seen)
    watcher = dashboard().watcher
    who = visitor()
    subscription = watcher.subscribe(scope(), visitor=who.id if who else None)
    if subscription is None:
        abort(HTTPStatus.SERVICE_UNAVAILABLE)
    try:
        first = _events().event(reader(), after=after, scope=scope())
    except BaseException:
        watcher.unsubscribe(subscription)
        raise
    gone = request.environ.get("waitress.client_disconnected", lambda: False)
    response = Response(
        stream(
            subscription,
            first,
            is_gone=gone,
            is_allowed=still_allowed(),
        ),
        mimetype="text/event-stream; charset=utf-8",
    )
    # on close and not in the generator: one that was never started runs no `finally`
    response.call_on_close(lambda: watcher.unsubscribe(subscription))
    response.headers["X-Accel-Buffering"] = "no"
    return response

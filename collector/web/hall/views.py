"""The hall today: page, live stream with its polling fall-back, API."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from collector.web.access import session_id_of
from collector.web.asked import asked_number
from collector.web.dashboard import dashboard, now_ms, reader, rule_of, scope
from collector.web.hall.events import LiveEvents
from collector.web.hall.today import HallToday, hall_today, hours_json, today_json
from collector.web.live import stream

blueprint = Blueprint("hall", __name__)


def _today() -> HallToday:
    parts = dashboard()
    return hall_today(
        reader(),
        parts.alarms,
        now_ms(),
        minimum_base=parts.options.minimum_base,
        scope=scope(),
        rule_of=rule_of,
    )


def _events() -> LiveEvents:
    parts = dashboard()
    return LiveEvents(
        now_ms, parts.alarms, minimum_base=parts.options.minimum_base, rule_of=rule_of
    )


@blueprint.get("/")
def page() -> ResponseReturnValue:
    """The hall today."""
    shown = _today()
    return render_template("hall/today.html", page=shown, hours=hours_json(shown.hours))


@blueprint.get("/hall/overview")
def overview() -> ResponseReturnValue:
    """Alarms and the two lists of departments, for a page that is already open."""
    return render_template("hall/_overview.html", page=_today())


@blueprint.get("/api/v1/hall")
def api() -> ResponseReturnValue:
    """The hall today for machines."""
    return jsonify(today_json(_today()))


@blueprint.get("/api/v1/live")
def live() -> ResponseReturnValue:
    """What is new after a position: the fall-back of pages without a stream."""
    after = asked_number(request.args, "after", default=0)
    return jsonify(_events().event(reader(), after=after, scope=scope()))


@blueprint.get("/api/v1/live/stream")
def live_stream() -> ResponseReturnValue:
    """Server-Sent Events; 503 when there are too many, then pages ask `live` instead."""
    after = asked_number(request.args, "after", default=0)
    last_seen = request.headers.get("Last-Event-ID", "")
    if last_seen.isascii() and last_seen.isdigit() and len(last_seen) <= 15:
        after = int(last_seen)
    watcher = dashboard().watcher
    subscription = watcher.subscribe(scope())
    if subscription is None:
        abort(HTTPStatus.SERVICE_UNAVAILABLE)
    try:
        first = _events().event(reader(), after=after, scope=scope())
    except BaseException:
        watcher.unsubscribe(subscription)
        raise
    parts, session_id = dashboard(), session_id_of(request)
    gone = request.environ.get("waitress.client_disconnected", lambda: False)
    response = Response(
        stream(
            subscription,
            first,
            is_gone=gone,
            is_allowed=lambda: parts.sessions.is_running(session_id, now_ms=parts.clock()),
        ),
        mimetype="text/event-stream; charset=utf-8",
    )
    # on close and not in the generator: one that was never started runs no `finally`
    response.call_on_close(lambda: watcher.unsubscribe(subscription))
    response.headers["X-Accel-Buffering"] = "no"
    return response

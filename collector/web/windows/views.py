"""Windows: the table of all, and one with its device and last sessions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from collector.ledger.readers import counts, outcomes
from collector.ledger.readers import fleet as fleet_reader
from collector.ledger.readers.outcomes import OutcomeRow
from collector.web.asked import asked_order, asked_period
from collector.web.dashboard import now_ms, reader, today
from collector.web.figures import figures_json
from collector.web.hall.today import hours_json, hours_of
from collector.web.places import places, window_json
from collector.web.trend import days_json, trend
from collector.web.windows.devices import device_json, devices_at
from collector.web.windows.table import columns

blueprint = Blueprint("windows", __name__)
LAST_SESSIONS: Final = 25


@blueprint.get("/windows")
def index() -> ResponseReturnValue:
    """All windows in a period, in the order asked for."""
    asked = asked_period(request.args, today())
    order = asked_order(request.args, columns(), default="rated")
    these = places(reader(), asked.period, now_ms())
    return render_template(
        "windows/index.html",
        asked=asked,
        order=order,
        hall_figures=these.hall,
        rows=order.sorted(these.windows),
    )


@blueprint.get("/windows/<code>")
def one(code: str) -> ResponseReturnValue:
    """One window in a period."""
    asked = asked_period(request.args, today())
    these = places(reader(), asked.period, now_ms())
    place = these.window(code)
    if place is None:
        abort(HTTPStatus.NOT_FOUND)
    key = place.window.id
    by_hour = counts.by_hour(reader(), asked.period, window=key)
    days = trend(reader(), asked.period, today(), windows=[key])
    return render_template(
        "windows/one.html",
        asked=asked,
        place=place,
        hall_figures=these.hall,
        hours=hours_json(hours_of(by_hour)),
        days=days_json(days),
        sessions=outcomes.latest_of_window(reader(), key, limit=LAST_SESSIONS),
        devices=devices_at(fleet_reader.devices(reader(), now_ms()), key, now_ms()),
    )


@blueprint.get("/api/v1/windows")
def api_index() -> ResponseReturnValue:
    """All windows for machines."""
    asked = asked_period(request.args, today())
    order = asked_order(request.args, columns(), default="rated")
    these = places(reader(), asked.period, now_ms())
    return jsonify(
        first_on=asked.period.start_on.isoformat(),
        last_on=asked.period.last_on.isoformat(),
        hall=figures_json(these.hall),
        windows=[window_json(place) for place in order.sorted(these.windows)],
    )


@blueprint.get("/api/v1/windows/<code>")
def api_one(code: str) -> ResponseReturnValue:
    """One window for machines."""
    asked = asked_period(request.args, today())
    these = places(reader(), asked.period, now_ms())
    place = these.window(code)
    if place is None:
        abort(HTTPStatus.NOT_FOUND)
    key = place.window.id
    sessions = outcomes.latest_of_window(reader(), key, limit=LAST_SESSIONS)
    devices = devices_at(fleet_reader.devices(reader(), now_ms()), key, now_ms())
    return jsonify(
        first_on=asked.period.start_on.isoformat(),
        last_on=asked.period.last_on.isoformat(),
        **window_json(place),
        hours=hours_json(hours_of(counts.by_hour(reader(), asked.period, window=key))),
        sessions=[_session_json(row) for row in sessions],
        devices=[device_json(device) for device in devices],
    )


def _session_json(row: OutcomeRow) -> dict[str, Any]:
    return {
        "position": row.position,
        "level": row.level,
        "reason": row.reason,
        "trigger": row.trigger,
        "case_no": row.case_no,
        "service_no": row.service_no,
        "item": row.item,
        "staff_no": row.staff_no,
        "staff_from": row.staff_from,
        "pressed_ms": row.pressed_ms,
        "answer_ms": row.answer_ms,
        "time_quality": row.time_quality,
        "earliest_ms": row.earliest_ms,
        "latest_ms": row.latest_ms,
        "is_repeat": row.is_repeat,
    }

"""Windows: the table of all, and one with its device and last sessions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from collector.corrections.entries import Correction
from collector.corrections.reading import corrections_of
from collector.ledger.readers import counts, outcomes
from collector.ledger.readers import fleet as fleet_reader
from collector.ledger.readers.outcomes import OutcomeRow
from collector.web.asked import asked_order, asked_period
from collector.web.corrections.rights import is_proposer
from collector.web.dashboard import corrections, now_ms, reader, today, view_of
from collector.web.described import ORDER, RATED, described
from collector.web.figures import figures_json
from collector.web.hall.today import hours_json, hours_of
from collector.web.places import places, window_json
from collector.web.trend import days_json, trend
from collector.web.windows.answers import SORT, OneWindowAnswer, WindowsAnswer
from collector.web.windows.devices import device_json, devices_at
from collector.web.windows.table import columns

blueprint = Blueprint("windows", __name__)
LAST_SESSIONS: Final = 25


@blueprint.get("/windows")
def index() -> ResponseReturnValue:
    """All windows in a period, in the order asked for."""
    asked = asked_period(request.args, today())
    order = asked_order(request.args, columns(), default="rated")
    view = view_of(asked.period)
    these = places(reader(), view, now_ms())
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
    view = view_of(asked.period)
    these = places(reader(), view, now_ms())
    place = these.window(code)
    if place is None:
        abort(HTTPStatus.NOT_FOUND)
    key = place.window.id
    ids = view.scope.ids
    by_hour = counts.by_hour(reader(), asked.period, window=key, departments=ids)
    sessions = outcomes.latest_of_window(reader(), key, limit=LAST_SESSIONS, departments=ids)
    days = trend(reader(), view, today(), windows=[key])
    return render_template(
        "windows/one.html",
        asked=asked,
        place=place,
        hall_figures=these.hall,
        hours=hours_json(hours_of(view, by_hour, view.excluded_at(key))),
        days=days_json(days),
        sessions=sessions,
        devices=devices_at(fleet_reader.devices(reader(), now_ms()), key, now_ms()),
        known_corrections=_known(sessions),
        may_correct=_may_correct(),
    )


def _known(sessions: Sequence[OutcomeRow]) -> dict[tuple[str, str, int], Correction]:
    """Record → its last correction, of the sessions that have one."""
    return corrections_of(corrections(), [(row.device, row.epoch, row.seq) for row in sessions])


def _may_correct() -> Callable[[int | None], bool]:
    """Whether the visitor may propose corrections of a department's (row id) ratings."""
    codes = {row.id: row.code for row in fleet_reader.departments(reader())}
    return lambda department: is_proposer(codes.get(department or 0, ""))


@blueprint.get("/api/v1/windows")
@described(WindowsAnswer, *RATED, SORT, ORDER)
def api_index() -> ResponseReturnValue:
    """All windows for machines."""
    asked = asked_period(request.args, today())
    order = asked_order(request.args, columns(), default="rated")
    view = view_of(asked.period)
    these = places(reader(), view, now_ms())
    return jsonify(
        first_on=asked.period.start_on.isoformat(),
        last_on=asked.period.last_on.isoformat(),
        hall=figures_json(these.hall),
        windows=[window_json(place) for place in order.sorted(these.windows)],
    )


@blueprint.get("/api/v1/windows/<code>")
@described(OneWindowAnswer, *RATED)
def api_one(code: str) -> ResponseReturnValue:
    """One window for machines."""
    asked = asked_period(request.args, today())
    view = view_of(asked.period)
    these = places(reader(), view, now_ms())
    place = these.window(code)
    if place is None:
        abort(HTTPStatus.NOT_FOUND)
    key = place.window.id
    ids = view.scope.ids
    by_hour = counts.by_hour(reader(), asked.period, window=key, departments=ids)
    sessions = outcomes.latest_of_window(reader(), key, limit=LAST_SESSIONS, departments=ids)
    known = _known(sessions)
    devices = devices_at(fleet_reader.devices(reader(), now_ms()), key, now_ms())
    return jsonify(
        first_on=asked.period.start_on.isoformat(),
        last_on=asked.period.last_on.isoformat(),
        **window_json(place),
        hours=hours_json(hours_of(view, by_hour, view.excluded_at(key))),
        sessions=[_session_json(row, known) for row in sessions],
        devices=[device_json(device) for device in devices],
    )


def _session_json(row: OutcomeRow, known: dict[tuple[str, str, int], Correction]) -> dict[str, Any]:
    correction = known.get((row.device, row.epoch, row.seq))
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
        "device": row.device,
        "epoch": row.epoch,
        "seq": row.seq,
        "correction": None
        if correction is None
        else {"id": correction.proposal.id, "state": correction.state.value},
    }

"""Devices: the list with the plan of the hall, one device, and both for machines."""

from __future__ import annotations

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from collector.devices.state import DeviceState
from collector.ledger.readers import fleet
from collector.ledger.readers.plan import opening_hours, window_places
from collector.web.asked import asked_order
from collector.web.dashboard import now_ms, reader, scope
from collector.web.described import described
from collector.web.devices.answers import (
    FILTERS,
    DeviceAnswer,
    DevicesAnswer,
    device_answer,
    devices_answer,
)
from collector.web.devices.identify import asked_wish, may_identify
from collector.web.devices.listing import (
    asked_filter,
    columns,
    groups_of,
    seen_devices,
    tally_of,
)
from collector.web.devices.one import device_page
from collector.web.devices.plan import plan_of
from collector.web.devices.shown import key_words
from collector.web.shown import may_open, state_text

blueprint = Blueprint("devices", __name__)


@blueprint.get("/devices")
def index() -> ResponseReturnValue:
    """All devices: what they need, where they stand, and the table."""
    wanted = asked_filter(request.args)
    order = asked_order(request.args, columns(), default="place")
    devices = seen_devices()
    windows = [row for row in fleet.windows(reader(), now_ms()) if row.department in scope()]
    return render_template(
        "devices/index.html",
        order=order,
        wanted=wanted,
        tally=tally_of(devices),
        urgent=groups_of(devices, urgent=True),
        soon=groups_of(devices, urgent=False),
        rows=order.sorted(one for one in devices if wanted.takes(one)),
        plan=plan_of(windows, window_places(reader())),
        windows={row.id: row for row in windows},
        device_at={one.window.id: one for one in devices if one.window is not None},
        shown_codes={one.device.code for one in devices if wanted.takes(one)},
        hours=opening_hours(reader()),
        now_ms=now_ms(),
        # once and not in every row: a translation is looked up each time
        state_words={state: state_text(state) for state in DeviceState},
        key_words=key_words(),
    )


@blueprint.get("/devices/<code>")
def one(code: str) -> ResponseReturnValue:
    """One device."""
    page = device_page(code)
    return render_template(
        "devices/one.html",
        page=page,
        told=asked_wish(page.listed.device.code),
        can_identify=may_identify(),
        now_ms=now_ms(),
        sees_windows=may_open("windows.one"),
        sees_ratings=may_open("ratings.index") and not page.listed.has_foreign_presses,
    )


@blueprint.get("/api/v1/devices")
@described(DevicesAnswer, *FILTERS)
def api_index() -> ResponseReturnValue:
    """All devices for machines."""
    wanted = asked_filter(request.args)
    order = asked_order(request.args, columns(), default="place")
    devices = seen_devices()
    rows = order.sorted(one for one in devices if wanted.takes(one))
    return jsonify(devices_answer(tally_of(devices), rows, sees_ratings=may_open("ratings.api")))


@blueprint.get("/api/v1/devices/<code>")
@described(DeviceAnswer)
def api_one(code: str) -> ResponseReturnValue:
    """One device for machines."""
    return jsonify(device_answer(device_page(code), sees_ratings=may_open("ratings.api")))

"""The ledger itself: size, root, what was kept aside, what is missing."""

from __future__ import annotations

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue

from collector.corrections.reading import chain_mark
from collector.ledger.readers import counts, fleet, integrity
from collector.web.alarms import ShownAlarm, alarm_json, shown_alarms
from collector.web.dashboard import corrections, dashboard, now_ms, reader, today
from collector.web.hall.today import ledger_json

blueprint = Blueprint("integrity", __name__)


@blueprint.get("/integrity")
def page() -> ResponseReturnValue:
    """The state of the ledger."""
    devices, journals = integrity.record_counts(reader())
    return render_template(
        "integrity/page.html",
        ledger=integrity.ledger_state(reader()),
        quarantine=integrity.quarantine(reader()),
        conflicts=integrity.conflicts(reader()),
        gaps=integrity.gaps(reader()),
        devices=devices,
        journals=journals,
        days=counts.days_with_records(reader()),
        corrections=chain_mark(corrections()),
        alarms=_alarms(),
    )


def _alarms() -> list[ShownAlarm]:
    """Alarms of this month and the last about excluded ratings."""
    found = dashboard().alarms.alarms(reader(), today())
    return shown_alarms(found, fleet.departments(reader()), fleet.windows(reader(), now_ms()))


@blueprint.get("/api/v1/integrity")
def api() -> ResponseReturnValue:
    """The state of the ledger for machines."""
    quarantine = integrity.quarantine(reader())
    conflicts = integrity.conflicts(reader())
    mark = chain_mark(corrections())
    return jsonify(
        **ledger_json(integrity.ledger_state(reader())),
        quarantine=[
            {"reason": row.reason, "messages": row.messages, "times": row.times}
            for row in quarantine
        ],
        conflicts=[
            {"device": row.device, "tokens": row.tokens, "times": row.times} for row in conflicts
        ],
        gaps=[
            {"device": row.device, "epoch": row.epoch, "stored": row.stored, "head": row.head}
            for row in integrity.gaps(reader())
        ],
        corrections={"entries": mark.entries, "head": mark.head},
        alarms=[alarm_json(alarm) for alarm in _alarms()],
    )

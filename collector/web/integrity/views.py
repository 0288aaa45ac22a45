"""The ledger itself: size, root, what was kept aside, what is missing."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, abort, jsonify, render_template
from flask.typing import ResponseReturnValue

from collector.corrections.reading import chain_mark
from collector.ledger.checkpoints import read_checkpoints
from collector.ledger.gens import read_lives
from collector.ledger.readers import counts, fleet, integrity
from collector.ledger.readers.purges import purges
from collector.press_time import wall_text
from collector.web.alarms import ShownAlarm, alarm_json, shown_alarms
from collector.web.dashboard import corrections, dashboard, now_ms, reader, today
from collector.web.hall.today import ledger_json, root_text
from collector.web.integrity.sheet import sheet_of
from collector.web.shown import local_time

blueprint = Blueprint("integrity", __name__)

CHECKPOINTS: Final = 14
"""How many of the last ones are listed. Our choice: two weeks."""
PURGES: Final = 5
"""How many of the last ones are listed. Our choice: `collector retention` lists all."""


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
        refusing=integrity.refusing(reader()),
        devices=devices,
        journals=journals,
        days=counts.days_with_records(reader()),
        checkpoints=read_checkpoints(reader().rows, limit=CHECKPOINTS),
        lives=read_lives(reader().rows)[::-1],
        purges=purges(reader(), newest=PURGES)[::-1],
        corrections=chain_mark(corrections()),
        alarms=_alarms(),
    )


@blueprint.get("/integrity/checkpoints/<int:number>")
def checkpoint(number: int) -> ResponseReturnValue:
    """One checkpoint, made for printing."""
    found = read_checkpoints(reader().rows, "id = ?", number)
    if not found:
        abort(404)
    return render_template(
        "integrity/checkpoint.html", **sheet_of(found[0], local_time(found[0].made_ms))
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
        refusing=integrity.refusing(reader()),
        checkpoints=[
            {
                "on": row.on_date,
                "size": row.size,
                "root": root_text(row.root),
                "time": wall_text(row.made_ms),
                "gen": row.gen,
                "token": row.token.decode("ascii"),
            }
            for row in read_checkpoints(reader().rows, limit=CHECKPOINTS)
        ],
        lives=[
            {
                "gen": life.gen,
                "began": wall_text(life.began_ms),
                "reason": life.reason,
                "size": life.size,
                "root": root_text(life.root),
            }
            for life in read_lives(reader().rows)
        ],
        purges=[
            {
                "rule": row.rule,
                "made": wall_text(row.made_ms),
                "before": wall_text(row.before_ms),
                "number": row.number,
                "up_to": row.up_to,
                "signed": row.is_signed,
            }
            for row in purges(reader(), newest=PURGES)
        ],
        corrections={"entries": mark.entries, "head": mark.head},
        alarms=[alarm_json(alarm) for alarm in _alarms()],
    )

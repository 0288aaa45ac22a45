"""The ledger itself: size, root, what was kept aside, what is missing, and how it is cared for."""

from __future__ import annotations

from datetime import date
from typing import Final

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

from collector.corrections.reading import chain_mark
from collector.ledger.checkpoints import read_checkpoints
from collector.ledger.gens import read_lives
from collector.ledger.readers import counts, fleet, integrity
from collector.ledger.readers.purges import purges
from collector.press_time import wall_ms
from collector.web.alarms import ShownAlarm, shown_alarms
from collector.web.answers import send
from collector.web.care.backups import archived, backup_places
from collector.web.care.exports import names_by_day, unbalanced_days
from collector.web.care.reconciliation import last_reconciliation
from collector.web.dashboard import corrections, dashboard, now_ms, reader, today
from collector.web.described import described
from collector.web.integrity import shown
from collector.web.integrity.answers import IntegrityAnswer
from collector.web.integrity.sheet import sheet_of
from collector.web.shown import local_time, may_open

blueprint = Blueprint("integrity", __name__)
blueprint.add_app_template_filter(shown.verdict_text, "day_verdict")
blueprint.add_app_template_filter(shown.ask_text, "ask")
blueprint.add_app_template_filter(shown.moment_text, "moment")

CHECKPOINTS: Final = 14
"""How many of the last ones are listed. Our choice: two weeks."""
PURGES: Final = 5
"""How many of the last ones are listed. Our choice: `collector retention` lists all."""


@blueprint.get("/integrity")
def page() -> ResponseReturnValue:
    """The state of the ledger."""
    devices, journals = integrity.record_counts(reader())
    care = dashboard().options.care
    reconciled = last_reconciliation(care.reconcile)
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
        archived=archived(reader()),
        backups=backup_places(care),
        reconciled=reconciled,
        reconciled_ms=None if reconciled is None else wall_ms(reconciled.made_at),
        has_reconciliation=care.reconcile is not None,
        unbalanced=_unbalanced(),
        now=now_ms(),
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
    """Alarms of this month and the last about excluded ratings, for who may see corrections."""
    if not may_open("corrections.index"):
        return []
    found = dashboard().alarms.alarms(reader(), today())
    return shown_alarms(found, fleet.departments(reader()), fleet.windows(reader(), now_ms()))


def _unbalanced() -> list[date]:
    """Exported days of the last weeks that do not balance; none where exports cannot be read."""
    root = dashboard().options.care.exports
    try:
        return [] if root is None else unbalanced_days(root, names_by_day(root))
    except OSError:
        return []


@blueprint.get("/api/v1/integrity")
@described(IntegrityAnswer)
def api() -> ResponseReturnValue:
    """The state of the ledger, its backups and its last reconciliation."""
    care = dashboard().options.care
    return send(
        shown.integrity_answer(
            reader(),
            mark=chain_mark(corrections()),
            alarms=_alarms(),
            checkpoints=CHECKPOINTS,
            purges=PURGES,
            backups=backup_places(care),
            reconciled=last_reconciliation(care.reconcile),
            unbalanced=_unbalanced(),
        )
    )

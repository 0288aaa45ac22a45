"""The list of bad ratings, one of them in full, and the list for machines."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue

from collector.ledger.readers import fleet
from collector.ledger.readers.fleet import DepartmentRow, WindowRow
from collector.office.follow_ups import FollowUps, FollowUpState
from collector.web.audit import note
from collector.web.bad.api import PARAMETERS, BadRatings, answer_of
from collector.web.bad.asked import LEVELS, AskedList, asked_list, cursor_text
from collector.web.bad.detail import bad_detail
from collector.web.bad.listing import BadList, Desk, bad_list
from collector.web.calendar_days import deadline
from collector.web.corrections.rights import is_proposer
from collector.web.dashboard import (
    corrections,
    dashboard,
    now_ms,
    reader,
    scope,
    today,
    view_of,
    zone,
)
from collector.web.described import described

blueprint = Blueprint("bad", __name__)


def _desk() -> Desk:
    parts = dashboard()
    return Desk(
        reader=reader(),
        follow_ups=FollowUps(parts.office),
        corrections=corrections(),
        deadline=deadline(),
        zone=zone(),
        today=today(),
    )


def _departments() -> list[DepartmentRow]:
    """Those that the visitor may see."""
    return [row for row in fleet.departments(reader()) if row.id in scope()]


def _windows() -> list[WindowRow]:
    """Windows that belong to what the visitor may see now; names of others are not told."""
    return [row for row in fleet.windows(reader(), now_ms()) if row.department in scope()]


def _asked() -> tuple[AskedList, BadList]:
    asked = asked_list(request.args, today(), _departments(), _windows())
    return asked, bad_list(_desk(), view_of(asked.period.period), asked)


def _names() -> dict[str, Any]:
    """Departments and windows by their row ids, for what was rated at any time."""
    return {
        "departments": {row.id: row for row in fleet.departments(reader())},
        "windows": {row.id: row for row in fleet.windows(reader(), now_ms())},
    }


@blueprint.get("/bad-ratings")
def index() -> ResponseReturnValue:
    """The list, filtered, ordered and by pages."""
    asked, these = _asked()
    return render_template(
        "bad/index.html",
        asked=asked,
        these=these,
        next_after=cursor_text(these.next) if these.next else None,
        states=list(FollowUpState),
        bad_levels=LEVELS,
        offered_departments=_departments(),
        offered_windows=_windows(),
        deadline=deadline(),
        **_names(),
    )


@blueprint.get("/api/v1/bad-ratings")
@described(BadRatings, *PARAMETERS)
def api_index() -> ResponseReturnValue:
    """The bad ratings of a period with the state of their follow-up."""
    asked, these = _asked()
    answer = answer_of(asked, these, **_names())
    return Response(msgspec.json.encode(answer), mimetype="application/json")


@blueprint.get("/bad-ratings/<device>/<epoch>/<int:seq>")
def one(device: str, epoch: str, seq: int) -> ResponseReturnValue:
    """One bad rating in full; of others it is said that there is nothing."""
    found = bad_detail(_desk(), scope(), (device[:100], epoch[:100], seq))
    if found is None:
        abort(HTTPStatus.NOT_FOUND)
    names = _names()
    department = names["departments"].get(found.rating.outcome.department or 0)
    note("bad.read", f"{device}/{epoch}/{seq}")
    return render_template(
        "bad/one.html",
        shown=found,
        may_correct=is_proposer(department.code if department else ""),
        **names,
    )

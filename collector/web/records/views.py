"""One record: a page and its API. Everything it says of signature, link and tree is checked now."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from flask import Blueprint, abort, jsonify, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from collector.corrections.entries import Correction
from collector.corrections.reading import corrections_of
from collector.ledger.readers import fleet, records
from collector.ledger.readers.outcomes import outcome_at
from collector.web.corrections.rights import is_proposer
from collector.web.dashboard import corrections, now_ms, reader, scope
from collector.web.described import described
from collector.web.hall.today import root_text
from collector.web.records.answers import RecordAnswer
from collector.web.records.checked import CheckedRecord, Inclusion, checked_record
from collector.web.records.words import kind_text, said_rows, said_table
from collector.web.view import WHOLE_HALL

blueprint = Blueprint("records", __name__)


def _found(device: str, epoch: str, seq: int) -> CheckedRecord:
    """The record; who may see some departments only sees what happened at their windows."""
    found = checked_record(reader(), device, epoch, seq)
    if found is None or (scope() != WHOLE_HALL and found.department not in scope()):
        abort(HTTPStatus.NOT_FOUND)
    return found


def _correction(found: CheckedRecord) -> Correction | None:
    name = (found.device, found.epoch, found.seq)
    return corrections_of(corrections(), [name]).get(name)


def _codes(found: CheckedRecord) -> tuple[Any, Any]:
    """Rows of the window and department where the device stood; None for none."""
    windows = {row.id: row for row in fleet.windows(reader(), now_ms())}
    departments = {row.id: row for row in fleet.departments(reader())}
    return windows.get(found.window or 0), departments.get(found.department or 0)


@blueprint.get("/records/<device>/<epoch>/<int:seq>")
def one(device: str, epoch: str, seq: int) -> ResponseReturnValue:
    """One record of the ledger."""
    journal = records.journal(reader(), device, epoch)
    if (
        scope() == WHOLE_HALL
        and journal is not None
        and 0 < seq <= records.purged_to(reader(), journal)
        and records.purged_record(reader(), journal, seq) is None
    ):
        return render_template("records/purged.html", device=device, epoch=epoch, seq=seq)
    found = _found(device, epoch, seq)
    window, department = _codes(found)
    outcome = found.outcome
    return render_template(
        "records/one.html",
        record=found,
        kind=kind_text(found.stored.kind) if found.stored else "",
        said=said_rows(found.said) if found.said else [],
        table=said_table(found.said) if found.said else [],
        window=window,
        department=department,
        correction=_correction(found),
        may_correct=outcome is not None
        and outcome.level is not None
        and not outcome.is_repeat
        and is_proposer(department.code if department else ""),
    )


@blueprint.get("/records/at/<int:position>")
def at(position: int) -> ResponseReturnValue:
    """The record of an outcome by its place in the ledger, which is all that live events tell."""
    found = outcome_at(reader(), position)
    if found is None or (scope() != WHOLE_HALL and found.department not in scope()):
        abort(HTTPStatus.NOT_FOUND)
    return redirect(url_for("records.one", device=found.device, epoch=found.epoch, seq=found.seq))


@blueprint.get("/api/v1/records/<device>/<epoch>/<int:seq>")
@described(RecordAnswer)
def api(device: str, epoch: str, seq: int) -> ResponseReturnValue:
    """One record for machines."""
    found = _found(device, epoch, seq)
    window, department = _codes(found)
    correction = _correction(found)
    stored = found.stored
    return jsonify(
        device=found.device,
        epoch=found.epoch,
        seq=found.seq,
        position=found.position,
        digest=root_text(found.digest),
        purged=found.is_purged,
        kind=stored.kind if stored else None,
        key=stored.kid if stored else None,
        received_ms=stored.received_ms if stored else None,
        happened_ms=found.at_ms,
        token=found.token or None,
        payload=msgspec.to_builtins(found.said) if found.said else None,
        digest_is_right=found.is_digest_right,
        signature_is_right=found.is_signed,
        previous=root_text(found.previous) if found.previous else None,
        link_is_right=found.is_linked,
        window=window.code if window else None,
        department=department.code if department else None,
        inclusion=_inclusion_json(found, found.inclusion),
        correction={"id": correction.proposal.id, "state": correction.state.value}
        if correction
        else None,
    )


def _inclusion_json(found: CheckedRecord, inclusion: Inclusion | None) -> dict[str, Any] | None:
    if inclusion is None:
        return None
    checkpoint = inclusion.checkpoint
    return {
        "index": found.position - 1,
        "size": inclusion.size,
        "root": root_text(inclusion.root),
        "proof": [root_text(one) for one in inclusion.proof],
        "holds": inclusion.holds,
        "checkpoint": {
            "number": checkpoint.id,
            "on": checkpoint.on_date,
            "token": checkpoint.token.decode("ascii"),
        }
        if checkpoint
        else None,
    }

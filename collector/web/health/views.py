"""`/healthz`: 200 or 503 for whoever asks, and what is behind it for those who run the place."""

from __future__ import annotations

import sqlite3
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, abort, request
from flask.typing import ResponseReturnValue

from collector.corrections.file import CorrectionsUnavailable
from collector.corrections.reading import chain_mark
from collector.ledger.readers import LedgerUnavailable, integrity
from collector.ledger.readers.days import last_received_ms
from collector.office.roles import Role
from collector.web.answers import Answer, Ms, send
from collector.web.dashboard import corrections, dashboard, reader, visitor

blueprint = Blueprint("health", __name__)
DETAIL_ROLES: Final = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})


class HealthAnswer(Answer):
    """Attributes: last_stored_ms: null: the ledger is empty, or cannot be read."""

    ledger: str
    corrections: str
    office: str
    records: int | None
    last_stored_ms: Ms | None
    live: bool
    streams: int


@blueprint.get("/healthz")
def check() -> ResponseReturnValue:
    """Whether ledger, corrections and `office.db` can be read.

    With `?detail` more, for operators and administrators.
    """
    is_detailed = "detail" in request.args
    who = visitor()
    if is_detailed and who is None:
        abort(HTTPStatus.UNAUTHORIZED)
    if is_detailed and (who is None or who.role not in DETAIL_ROLES):
        abort(HTTPStatus.FORBIDDEN)
    found = _health()
    parts = {"ledger": found.ledger, "corrections": found.corrections, "office.db": found.office}
    bad = [name for name, state in parts.items() if state != "ok"]
    status = HTTPStatus.SERVICE_UNAVAILABLE if bad else HTTPStatus.OK
    if is_detailed:
        response = send(found)
        response.status_code = status
        return response
    text = f"cannot be read: {', '.join(bad)}\n" if bad else "ok\n"
    return Response(text, status=status, mimetype="text/plain")


def _health() -> HealthAnswer:
    watcher = dashboard().watcher
    ledger, size, last_ms = "ok", None, None
    try:
        size = integrity.ledger_state(reader()).size
        last_ms = last_received_ms(reader())
    except LedgerUnavailable as error:
        ledger = str(error)
    problem = "ok"
    try:
        chain_mark(corrections())
    except CorrectionsUnavailable as error:
        problem = str(error)
    office = "ok"
    try:
        dashboard().office.database.execute("SELECT 1 FROM meta").fetchone()
    except sqlite3.Error as error:
        office = str(error)
    return HealthAnswer(
        ledger=ledger,
        corrections=problem,
        office=office,
        records=size,
        last_stored_ms=last_ms,
        live=watcher.is_running,
        streams=watcher.streams,
    )

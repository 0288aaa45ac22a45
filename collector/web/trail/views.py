"""The audit trail on pages: who saw or changed what, and whether the chain of entries holds."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from http import HTTPStatus
from typing import Final

from flask import Blueprint, abort, render_template, request, stream_with_context
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from flask_babel import gettext as _

from collector.export.csv_format import guard
from collector.office.audit_pruning import KEPT_DAYS
from collector.office.audit_reading import Asked, AuditReader, KeptEntry, Verified
from collector.web.asked import BadParameter, asked_number
from collector.web.audit import note
from collector.web.dashboard import dashboard
from collector.web.moments import moment, office_zone
from collector.web.trail.facts import facts_text
from collector.web.trail.words import action_text

blueprint = Blueprint("audit", __name__)

ROWS: Final = 100
"""Of one page. Our choice."""
LONGEST_TEXT: Final = 64
COLUMNS: Final = ("id", "time", "account", "role", "address", "action", "subject", "facts")


def _midnight(name: str, plus_days: int) -> int | None:
    """Local midnight of a date in the address, UTC milliseconds; None where none is given."""
    text = request.args.get(name, "")
    if not text:
        return None
    try:
        if len(text) != 10:
            raise ValueError
        on = date.fromisoformat(text) + timedelta(days=plus_days)
        at = datetime.combine(on, time(), office_zone())
        return int(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise BadParameter(
            _("“%(name)s”: expected a date such as 2026-05-01, got “%(text)s”.")
            % {"name": name, "text": text[:40]}
        ) from None


def _asked_text(name: str) -> str:
    text = request.args.get(name, "").strip()
    if len(text) > LONGEST_TEXT:
        raise BadParameter(
            _("“%(name)s”: at most %(most)s characters.") % {"name": name, "most": LONGEST_TEXT}
        )
    return text.encode("utf-8", "replace").decode()


def _asked() -> Asked:
    return Asked(
        from_ms=_midnight("from", 0),
        to_ms=_midnight("to", 1),
        account=_asked_text("account"),
        action=_asked_text("action"),
    )


def _reader() -> AuditReader:
    return AuditReader(dashboard().office)


def _page(verified: Verified | None = None) -> str:
    asked, page = _asked(), max(1, asked_number(request.args, "page", default=1))
    reader = _reader()
    total = reader.count(asked)
    pages = max(1, -(-total // ROWS))
    if page > pages:
        abort(HTTPStatus.NOT_FOUND)
    return render_template(
        "trail/index.html",
        rows=reader.newest(asked, limit=ROWS, skip=(page - 1) * ROWS),
        total=total,
        page=page,
        pages=pages,
        asked={name: request.args.get(name, "") for name in ("from", "to", "account", "action")},
        actions=reader.actions(),
        action_text=action_text,
        verified=verified,
        kept_days=KEPT_DAYS,
        facts_text=facts_text,
        moment=moment,
    )


@blueprint.get("/audit")
def index() -> ResponseReturnValue:
    """Entries, newest first; `from`, `to` (both days included), `account`, `action`, `page`."""
    return _page()


@blueprint.post("/audit/verify")
def verify() -> ResponseReturnValue:
    """Compute the chain again, and say what was found."""
    verified = _reader().verify()
    note("audit.verify", entries=verified.entries, broken_at=verified.broken_at)
    return _page(verified)


@blueprint.get("/audit.csv")
def download() -> ResponseReturnValue:
    """The entries asked for, oldest first, with digests."""
    asked = _asked()
    note(
        "audit.download",
        **{
            name: value
            for name, value in request.args.items()
            if name in ("from", "to", "account", "action")
        },
    )

    def lines() -> Iterator[str]:
        yield "\ufeff" + _line([*COLUMNS, "digest"])
        for kept in _reader().after(0, asked):
            yield _line(_cells(kept))

    response = Response(stream_with_context(lines()), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return response


def _cells(kept: KeptEntry) -> list[str]:
    entry = kept.entry
    texts = [
        moment(entry.made_ms),
        entry.account,
        entry.role,
        entry.address,
        entry.action,
        entry.subject,
        json.dumps(entry.facts, ensure_ascii=False, sort_keys=True),
        kept.digest.hex(),
    ]
    return [str(kept.id), *map(guard, texts)]


def _line(cells: list[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue()

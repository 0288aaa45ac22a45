"""The page of the nightly exports, its API, and the download of one file."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from msgspec import Meta

from collector.corrections.report import month_of
from collector.export.folders import FoundExport
from collector.ledger.readers.days import counted_days, first_received_ms
from collector.periods import Period, local_day
from collector.web.answers import send
from collector.web.asked import BadParameter
from collector.web.audit import note
from collector.web.care.exports import (
    ExportChanged,
    ExportState,
    export_file,
    export_state,
    exports_in,
    names_by_day,
    unbalanced_days,
)
from collector.web.dashboard import dashboard, hall, now_ms, reader, today, zone
from collector.web.described import Parameter, described
from collector.web.exports.answers import ExportsAnswer, exports_answer
from collector.web.problems import answer
from collector.web.shown import local_time

blueprint = Blueprint("exports", __name__)
MONTH: Final = Parameter(
    name="month",
    type=Annotated[str, Meta(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")],
    help="A calendar month, e.g. 2026-11; left out: that of the last exported day.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a request looks at."""

    state: ExportState
    month: Period
    found: list[FoundExport]
    unbalanced: list[date]

    @property
    def missing(self) -> list[date]:
        """Missing days of the month, newest first."""
        month = self.month
        return [on for on in self.state.missing[::-1] if month.start_on <= on < month.end_on]


def _asked_month(last_on: date | None) -> Period:
    """The month asked for; without it that of the last export, or the present one."""
    text = request.args.get("month", "")
    if not text:
        return month_of(last_on or today())
    try:
        if len(text) != 7 or not text.startswith("20"):
            raise ValueError
        return month_of(date.fromisoformat(f"{text}-01"))
    except ValueError:
        raise BadParameter(
            _("“%(name)s”: expected a month such as 2026-05, got “%(text)s”.")
            % {"name": "month", "text": text[:40]}
        ) from None


def current_state() -> tuple[ExportState, Path | None, Mapping[date, list[str]]]:
    """How the exports stand now, their folder, and the names in it."""
    care = dashboard().options.care
    names: dict[date, list[str]] | None = None
    if care.exports is not None:
        try:
            names = names_by_day(care.exports)
        except OSError:
            names = None
    first_ms = first_received_ms(reader())
    state = export_state(
        names,
        counted_days(reader()),
        None if first_ms is None else local_day(first_ms, zone()),
        now=local_time(now_ms()),
        run_at=care.run_at,
    )
    return state, care.exports, names or {}


def _seen() -> _Seen:
    state, root, names = current_state()
    month = _asked_month(state.last_on)
    if root is None:
        return _Seen(state=state, month=month, found=[], unbalanced=[])
    return _Seen(
        state=state,
        month=month,
        found=exports_in(root, names, month),
        unbalanced=unbalanced_days(root, names),
    )


def _month_text(on: date) -> str:
    return on.isoformat()[:7]


@blueprint.get("/exports")
def index() -> ResponseReturnValue:
    """How the exports stand, and those of a month."""
    seen = _seen()
    month = seen.month
    return render_template(
        "exports/index.html",
        state=seen.state,
        unbalanced=seen.unbalanced,
        found=seen.found,
        missing=seen.missing,
        month=_month_text(month.start_on),
        month_before=_month_text(month.start_on - timedelta(days=1)),
        month_after=_month_text(month.end_on) if month.end_on <= today() else "",
    )


@blueprint.get("/api/v1/exports")
@described(ExportsAnswer, MONTH)
def api_index() -> ResponseReturnValue:
    """The nightly exports: how they stand, and those of a month."""
    seen = _seen()
    month = _month_text(seen.month.start_on)
    return send(exports_answer(seen.state, seen.unbalanced, month, seen.found))


@blueprint.get("/exports/<name>/<file>")
def file(name: str, file: str) -> ResponseReturnValue:
    """One file of one export, as its manifest says it is; refused when it is not."""
    root = dashboard().options.care.exports
    if root is None:
        abort(HTTPStatus.NOT_FOUND)
    try:
        content = export_file(root, name, file)
    except ExportChanged as error:
        note("export.changed", f"{name}/{file}", problem=str(error))
        return answer(
            HTTPStatus.CONFLICT,
            _("The file is not what its manifest says: somebody changed it. It is not given out."),
        )
    except OSError:
        content = None
    if content is None:
        abort(HTTPStatus.NOT_FOUND)
    note("export.download", f"{name}/{file}", bytes=len(content))
    kind = mimetypes.guess_type(file)[0] or "application/octet-stream"
    response = Response(content, mimetype=kind)
    response.headers.set(
        "Content-Disposition", "attachment", filename=f"{hall().code}-{name}-{file}"
    )
    return response

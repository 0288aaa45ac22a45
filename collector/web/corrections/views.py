"""Corrections: what is open, what a month had, and the three forms that add an entry."""

from __future__ import annotations

from datetime import date, timedelta
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, abort, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from collector.corrections.entries import (
    Correction,
    CorrectionRefused,
    RatingRecord,
    Reason,
    Refusal,
    UnknownCorrection,
    Verdict,
)
from collector.corrections.reading import (
    chain_mark,
    correction,
    corrections_made,
    corrections_of,
    open_corrections,
    open_restore,
)
from collector.corrections.report import month_of
from collector.corrections.writing import decide, propose_exclusion, propose_restore
from collector.ledger.readers import fleet
from collector.ledger.readers.ratings import rating_of
from collector.periods import Period, local_day, period_ms
from collector.web.asked import BadParameter, asked_number
from collector.web.corrections.answers import MONTH, CorrectionsAnswer
from collector.web.corrections.finding import case_of, find
from collector.web.corrections.rights import (
    is_author,
    is_proposer,
    is_seen,
    may_restore,
    verdicts,
    visitor,
)
from collector.web.corrections.shown import correction_json, refusal_text
from collector.web.dashboard import corrections, now_ms, reader, real_ms, zone
from collector.web.described import described

blueprint = Blueprint("corrections", __name__)
blueprint.add_url_rule("/corrections/find", "find", find)

MOST_ROWS: Final = 200
"""Of one list on a page. Our choice: more than any month of a hall within the alarm's share."""


def _asked_month() -> Period:
    """The calendar month of `month=2026-11`; without it the present one."""
    text = request.args.get("month", "")
    if not text:
        return month_of(_today())
    try:
        if len(text) != 7 or not text.startswith("20"):
            raise ValueError
        return month_of(date.fromisoformat(f"{text}-01"))
    except ValueError:
        raise BadParameter(
            _("“%(name)s”: expected a month such as 2026-05, got “%(text)s”.")
            % {"name": "month", "text": text[:40]}
        ) from None


def _of_month(month: Period) -> list[Correction]:
    return [
        one for one in corrections_made(corrections(), *period_ms(month, zone())) if is_seen(one)
    ]


def _waiting() -> list[Correction]:
    return [one for one in open_corrections(corrections()) if is_seen(one)]


def _today() -> date:
    return local_day(real_ms(), zone())


def _month_text(on: date) -> str:
    return on.isoformat()[:7]


def _places() -> dict[str, Any]:
    """Names of windows and departments by code, for a page."""
    windows = fleet.windows(reader(), now_ms())
    departments = fleet.departments(reader())
    return {
        "windows": {row.code: row for row in windows},
        "departments": {row.code: row for row in departments},
    }


@blueprint.get("/corrections")
def index() -> ResponseReturnValue:
    """What waits for a decision (oldest first), and what was proposed in a month (newest first).

    Each list ends after `MOST_ROWS`; `after=NUMBER` and `before=NUMBER` lead on.
    """
    month = _asked_month()
    after = asked_number(request.args, "after", default=0)
    before = asked_number(request.args, "before", default=0)
    waiting = [one for one in _waiting() if one.proposal.id > after]
    made = [one for one in _of_month(month) if not before or one.proposal.id < before]
    return render_template(
        "corrections/index.html",
        month=_month_text(month.start_on),
        month_before=_month_text(month.start_on - timedelta(days=1)),
        month_after=_month_text(month.end_on) if month.end_on <= _today() else "",
        waiting=waiting[:MOST_ROWS],
        more_waiting=len(waiting[MOST_ROWS:]),
        made=made[:MOST_ROWS],
        more_made=len(made[MOST_ROWS:]),
        asked={"after": after or None, "before": before or None},
        **_places(),
    )


@blueprint.get("/api/v1/corrections")
@described(CorrectionsAnswer, MONTH)
def api_index() -> ResponseReturnValue:
    """Corrections for machines: those that wait, and those proposed in a month."""
    month = _asked_month()
    mark = chain_mark(corrections())
    return jsonify(
        month=_month_text(month.start_on),
        open=[correction_json(one) for one in _waiting()],
        made=[correction_json(one) for one in _of_month(month)],
        entries=mark.entries,
        head=mark.head,
    )


def _asked_rating(given: Any) -> RatingRecord:
    """The rating an address or a form names, as the ledger has it.

    Nothing else of it is taken from the visitor.
    """
    try:
        rating = rating_of(
            reader().rows,
            given.get("device", "")[:100],
            given.get("epoch", "")[:100],
            asked_number(given, "seq", default=0),
        )
        if not is_proposer(rating.department):  # of others it is said that there is none
            raise CorrectionRefused(Refusal.NOT_A_RATING, "a rating of another department")
    except CorrectionRefused as error:
        raise BadParameter(refusal_text(error.why)) from None
    return rating


def _form(rating: RatingRecord, problem: str) -> str:
    return render_template(
        "corrections/new.html",
        rating=rating,
        case=case_of(rating),
        reasons=list(Reason),
        problem=problem,
        given=request.form,
        **_places(),
    )


@blueprint.get("/corrections/new")
def new() -> ResponseReturnValue:
    """The form that proposes to exclude one rating."""
    rating = _asked_rating(request.args)
    known = corrections_of(corrections(), [(rating.device, rating.epoch, rating.seq)])
    for one in known.values():
        if one.decision is None:
            return redirect(url_for("corrections.one", number=one.proposal.id))
    return _form(rating, "")


@blueprint.post("/corrections")
def propose() -> ResponseReturnValue:
    """Propose to exclude one rating."""
    rating = _asked_rating(request.form)
    try:
        number = propose_exclusion(
            corrections(),
            rating,
            reason=request.form.get("reason", ""),
            note=request.form.get("note", ""),
            evidence=request.form.get("evidence", ""),
            author=visitor().name,
            now_ms=real_ms(),
        )
    except CorrectionRefused as error:
        return _form(rating, refusal_text(error.why)), HTTPStatus.BAD_REQUEST
    return redirect(url_for("corrections.one", number=number), HTTPStatus.SEE_OTHER)


def _seen(number: int) -> Correction:
    """A correction the visitor may see; others are answered as if there were none."""
    try:
        one = correction(corrections(), number)
    except UnknownCorrection:
        abort(HTTPStatus.NOT_FOUND)
    if not is_seen(one):
        abort(HTTPStatus.NOT_FOUND)
    return one


def _page(one: Correction, problem: str = "") -> str:
    return render_template(
        "corrections/one.html",
        one=one,
        case=case_of(one.proposal.rating),
        verdicts=verdicts(one),
        may_restore=may_restore(one),
        waiting=open_restore(corrections(), one.proposal.id),
        problem=problem,
        **_places(),
    )


@blueprint.get("/corrections/<int:number>")
def one(number: int) -> ResponseReturnValue:
    """One correction in full."""
    return _page(_seen(number))


@blueprint.post("/corrections/<int:number>/decision")
def decision(number: int) -> ResponseReturnValue:
    """Approve, reject or withdraw."""
    found = _seen(number)
    try:
        verdict = Verdict(request.form.get("verdict", ""))
    except ValueError:
        abort(HTTPStatus.BAD_REQUEST)
    is_open = found.decision is None
    if is_open and verdict not in verdicts(found):
        return _page(found, refusal_text(_why_not(found, verdict))), HTTPStatus.FORBIDDEN
    try:
        decide(
            corrections(),
            number,
            verdict,
            decider=visitor().name,
            note=request.form.get("note", ""),
            now_ms=real_ms(),
        )
    except CorrectionRefused as error:
        return _page(_seen(number), refusal_text(error.why)), HTTPStatus.BAD_REQUEST
    return redirect(url_for("corrections.one", number=number), HTTPStatus.SEE_OTHER)


def _why_not(found: Correction, verdict: Verdict) -> Refusal:
    if verdict is Verdict.WITHDRAWN:
        return Refusal.NOT_THE_AUTHOR
    return Refusal.SAME_PERSON if is_author(found) else Refusal.RIGHTS


@blueprint.post("/corrections/<int:number>/restore")
def restore(number: int) -> ResponseReturnValue:
    """Propose that an exclusion ends."""
    found = _seen(number)
    if not is_proposer(found.proposal.rating.department):
        abort(HTTPStatus.FORBIDDEN)
    try:
        made = propose_restore(
            corrections(),
            number,
            note=request.form.get("note", ""),
            author=visitor().name,
            now_ms=real_ms(),
        )
    except CorrectionRefused as error:
        return _page(found, refusal_text(error.why)), HTTPStatus.BAD_REQUEST
    return redirect(url_for("corrections.one", number=made), HTTPStatus.SEE_OTHER)

"""The rules: every version, what changed between them, and the form that adds one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from collector.corrections.report import excluded_in
from collector.ledger.readers import LedgerUnavailable
from collector.periods import Period, PeriodName
from collector.rates import Rounding
from collector.rules.entries import (
    SATISFIED_CHOICES,
    RulesRefused,
    Version,
    in_force,
    stretches,
)
from collector.web.audit import note
from collector.web.dashboard import corrections, dashboard, now_ms, reader, real_ms, today, visitor
from collector.web.described import described
from collector.web.figures import Figures
from collector.web.last_whole import last_whole
from collector.web.places import places
from collector.web.rights import may
from collector.web.rules import form, words
from collector.web.rules.answers import RulesAnswer, rules_answer
from collector.web.view import View

blueprint = Blueprint("rules", __name__)


def _may_change() -> bool:
    who = visitor()
    return who is not None and may(who.role, "rules.add")


def _figures(period: Period, version: Version) -> Figures:
    """The whole hall's figures of a period by a version; aggregate, for everyone who sees rules."""
    view = View(
        period=period,
        rule=version.rule,
        excluded=excluded_in(reader().rows, corrections(), period),
    )
    return places(reader(), view, now_ms()).hall


def _preview(new: Version, old: Version) -> dict[str, Any]:
    """The rate of last month, by the rule in force and by the one that is asked for."""
    try:
        month = last_whole(reader(), PeriodName.LAST_MONTH, today())
        by_old = _figures(month, old)
    except LedgerUnavailable:  # a hall may set its rules before its first record
        return {"month": None}
    return {
        "month": month,
        "by_old": by_old,
        "by_new": Figures(by_old.counts, by_old.excluded, new.rule),
    }


def _form_page(status: int = HTTPStatus.OK, **shown: Any) -> ResponseReturnValue:
    versions = dashboard().rules.versions()
    values = {"problems": [], "wrong": set(), "preview": None, "changes": [], "draft": None} | shown
    page = render_template(
        "rules/new.html",
        newest=versions[-1],
        in_force_now=in_force(versions, today()),
        choices=SATISFIED_CHOICES,
        roundings=list(Rounding),
        words=words,
        today=today(),
        **values,
    )
    return page, status


@blueprint.get("/rules")
def index() -> ResponseReturnValue:
    """Every version, newest first, and which of them is the rule of which days."""
    versions = dashboard().rules.versions()
    return render_template(
        "rules/index.html",
        versions=versions[::-1],
        by_number={version.number: version for version in versions},
        stretches=stretches(versions)[::-1],
        in_force_now=in_force(versions, today()),
        words=words,
        may_change=_may_change(),
    )


@blueprint.get("/rules/new")
def new() -> ResponseReturnValue:
    """The form, filled with what the newest version says."""
    newest = dashboard().rules.versions()[-1]
    return _form_page(given=form.fields_of(newest, today()), after=newest.number)


@blueprint.post("/rules")
def add() -> ResponseReturnValue:
    """Show what a new version changes (`step=preview`), or add it (`step=add`)."""
    book = dashboard().rules
    versions = book.versions()
    asked = form.asked(request.form, today())
    given = form.given(request.form)
    after_text = request.form.get("after", "")
    after = int(after_text) if after_text.isascii() and after_text[:9].isdigit() else 0
    problems = list(asked.problems)
    who = visitor()
    if asked.rules is not None and asked.from_on is not None and who is not None:
        draft = Version(
            number=versions[-1].number + 1,
            from_on=asked.from_on,
            rules=asked.rules,
            author=who.name,
            reason=asked.reason,
            past_reason=asked.past_reason,
            made_ms=real_ms(),
            prev=b"",
        )
        is_preview = request.form.get("step") != "add"
        try:
            if is_preview:
                book.check(draft, today=today(), after=after)
            else:
                added = book.add(draft, today=today(), after=after)
        except RulesRefused as error:
            problems += [one for one in error.problems if one not in problems]
        else:
            if not is_preview:
                note(
                    "rule.change",
                    f"v{added.number}",
                    from_on=added.from_on.isoformat(),
                    rule=added.rules.name,
                    reason=added.reason,
                )
                return redirect(
                    url_for("rules.index", _anchor=f"v{added.number}"), HTTPStatus.SEE_OTHER
                )
            return _form_page(
                given=given,
                after=after,
                draft=draft,
                changes=words.differences(versions[-1].rules, draft.rules),
                preview=_preview(draft, in_force(versions, today())),
            )
    return _form_page(
        HTTPStatus.BAD_REQUEST,
        given=given,
        after=versions[-1].number,
        problems=[words.problem_text(*problem) for problem in problems],
        wrong=form.wrong_fields(problems),
    )


@blueprint.get("/api/v1/rules")
@described(RulesAnswer)
def api_index() -> ResponseReturnValue:
    """All versions of the hall's rules."""
    versions = dashboard().rules.versions()
    answer = rules_answer(versions, in_force(versions, today()).number)
    return json_answer(answer)


def json_answer(answer: msgspec.Struct) -> Response:
    """An answer of the API as it is described."""
    return current_app.response_class(msgspec.json.encode(answer), mimetype="application/json")

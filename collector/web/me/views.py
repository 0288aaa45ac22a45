"""One's own account: password, sessions, second factor."""

from __future__ import annotations

from http import HTTPStatus

import segno
from flask import Blueprint, abort, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from flask_babel import gettext as _

from collector.errors import CollectorError
from collector.ledger.readers import LedgerUnavailable
from collector.office.account_changes import AccountChanges
from collector.office.accounts import Account
from collector.office.factors import enrolment_uri
from collector.office.passwords import RECOMMENDED_PASSWORD, SHORTEST_PASSWORD
from collector.office.sessions import handle_of
from collector.web.access import address, next_step, session_id_of, start_session
from collector.web.account.problems import account_problem
from collector.web.account.views import leave, refused
from collector.web.audit import changing, note
from collector.web.dashboard import dashboard, hall, real_ms, visitor
from collector.web.moments import moment

blueprint = Blueprint("me", __name__)


def _me() -> Account:
    who = visitor()
    assert who is not None  # the matrix lets nobody else in
    return who


def hall_names() -> tuple[str, ...]:
    """The hall's names, which no password may be."""
    try:
        return hall().name, hall().name_en
    except LedgerUnavailable:
        return ()


def _wrong_password(what: str) -> tuple[str, HTTPStatus] | None:
    """Ask for one's own password once more; what to answer when it is wrong."""
    outcome = dashboard().accounts.sign_in(
        _me().name, request.form.get("old", ""), address=address(), now_ms=real_ms()
    )
    if outcome.account is not None:
        return None
    note(f"{what}_refused", _me().name, wait_s=outcome.wait_s)
    problem, status = refused(outcome.wait_s, _("Your present password is wrong."))
    return problem, HTTPStatus.BAD_REQUEST if status == HTTPStatus.FORBIDDEN else status


def _renewed(where: str) -> Response:
    """Go on under a new session id: what the session may do has changed."""
    response = redirect(where)
    assert isinstance(response, Response)
    dashboard().sessions.end(session_id_of(request))
    session.pop("csrf_token", None)
    start_session(_me(), response)
    return response


@blueprint.get("/me")
def index() -> ResponseReturnValue:
    """One's own account."""
    me, parts = _me(), dashboard()
    return render_template(
        "me/index.html",
        me=me,
        sessions=parts.sessions.of(me, now_ms=real_ms()),
        this_one=handle_of(session_id_of(request)),
        codes_left=parts.factors.recovery_codes_left(me),
        moment=moment,
    )


def _password_page(problem: str = "") -> str:
    return render_template(
        "me/password.html",
        me=_me(),
        problem=problem,
        shortest=SHORTEST_PASSWORD,
        recommended=RECOMMENDED_PASSWORD,
    )


@blueprint.get("/me/password")
def password() -> ResponseReturnValue:
    """The form for a new password."""
    return _password_page()


@blueprint.post("/me/password")
def change_password() -> ResponseReturnValue:
    """Take a new password; ends all other sessions and renews this one."""
    me, parts, form = _me(), dashboard(), request.form
    if form.get("password", "") != form.get("again", ""):
        return _password_page(_("The two passwords differ.")), HTTPStatus.BAD_REQUEST
    wrong = _wrong_password("account.own_password")
    if wrong is not None:
        return _password_page(wrong[0]), wrong[1]
    if form["password"] == form["old"]:
        return _password_page(_("That is your present password.")), HTTPStatus.BAD_REQUEST
    try:
        with changing("account.own_password", me.name):
            AccountChanges(parts.office).set_password(
                me,
                form["password"],
                parts.accounts,
                now_ms=real_ms(),
                initial=False,
                context=hall_names(),
            )
    except CollectorError as error:
        return _password_page(account_problem(error)), HTTPStatus.BAD_REQUEST
    return _renewed(url_for("me.index"))


@blueprint.post("/me/sessions")
def end_sessions() -> ResponseReturnValue:
    """End one of one's sessions, all others, or all."""
    me, parts = _me(), dashboard()
    which = request.form.get("which", "")
    if which == "all":
        with changing("session.end_all", me.name):
            parts.sessions.end_all(me)
        response = redirect(url_for("account.login"))
        assert isinstance(response, Response)
        leave(response)
        return response
    if which == "others":
        with changing("session.end_others", me.name) as facts:
            facts["sessions"] = parts.sessions.end_all(me, but=session_id_of(request))
        return redirect(url_for("me.index"))
    if not (which.isalnum() and which.isascii()):
        abort(HTTPStatus.BAD_REQUEST)
    with changing("session.end_one", me.name, session=which[:16]):
        if not parts.sessions.end_named(me, which):
            abort(HTTPStatus.NOT_FOUND)
    return redirect(url_for("me.index"))


def _factor_page(problem: str = "") -> str:
    me, secret, picture = _me(), dashboard().factors.pending(_me()), ""
    if secret is not None and not me.has_factor:
        uri = enrolment_uri(me, secret, next(iter(hall_names()), ""))
        picture = segno.make(uri, error="m").svg_data_uri(scale=5, border=4, light="#ffffff")
    return render_template(
        "me/factor.html",
        me=me,
        problem=problem,
        picture=picture,
        secret=" ".join((secret or "")[at : at + 4] for at in range(0, len(secret or ""), 4)),
        is_step=next_step(me) == "me.factor",
    )


@blueprint.get("/me/factor")
def factor() -> ResponseReturnValue:
    """Switch the second factor on or off."""
    return _factor_page()


@blueprint.post("/me/factor/begin")
def begin_factor() -> ResponseReturnValue:
    """Make a secret, after one's password."""
    wrong = _wrong_password("account.factor_begin")
    if wrong is not None:
        return _factor_page(wrong[0]), wrong[1]
    with changing("account.factor_begin", _me().name):
        dashboard().factors.begin(_me())
    return redirect(url_for("me.factor"))


@blueprint.post("/me/factor/confirm")
def confirm_factor() -> ResponseReturnValue:
    """Switch it on with the first code; show the recovery codes once; end all other sessions."""
    me, parts = _me(), dashboard()
    with parts.office.transaction():
        codes, checked = parts.factors.confirm(
            me, request.form.get("code", "")[:64], address=address(), now_ms=real_ms()
        )
        note("account.factor_on" if codes else "account.factor_refused", me.name)
        if codes:
            parts.sessions.end_all(me)
    if not codes:
        problem, status = refused(checked.wait_s, _("That code is wrong or too old."))
        is_wrong = status == HTTPStatus.FORBIDDEN
        return _factor_page(problem), HTTPStatus.BAD_REQUEST if is_wrong else status
    g.account = parts.accounts.with_id(me.id)
    session.pop("csrf_token", None)
    response = Response("", mimetype="text/html")
    start_session(me, response)
    response.set_data(render_template("me/recovery.html", codes=codes))
    return response


@blueprint.post("/me/factor/remove")
def remove_factor() -> ResponseReturnValue:
    """Switch it off, after one's password; not where the role or an administrator requires it."""
    me, parts = _me(), dashboard()
    if me.needs_factor:
        problem = _("Your role requires the second factor. An administrator can set up a new one.")
        return _factor_page(problem), HTTPStatus.CONFLICT
    wrong = _wrong_password("account.factor_off")
    if wrong is not None:
        return _factor_page(wrong[0]), wrong[1]
    with changing("account.factor_off", me.name):
        parts.factors.remove(me)
        parts.sessions.end_all(me)
    return _renewed(url_for("me.index"))

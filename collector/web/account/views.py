"""Signing in and out, and the language and theme of a visitor."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, abort, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from flask_babel import gettext as _
from flask_babel import ngettext

from collector.errors import CollectorError
from collector.office.accounts import Account
from collector.office.sessions import Stage
from collector.web.access import (
    address,
    end_session,
    local_target,
    session_id_of,
    start_session,
)
from collector.web.account.problems import account_problem
from collector.web.audit import note
from collector.web.dashboard import dashboard, real_ms, visitor
from collector.web.languages import LANGUAGES
from collector.web.shown import THEMES

blueprint = Blueprint("account", __name__)


@blueprint.get("/login")
def login() -> ResponseReturnValue:
    """The sign-in page; who is signed in goes on."""
    target = local_target(request.args.get("next", ""))
    if visitor() is not None:
        return redirect(target)
    if dashboard().setup.is_open:
        return redirect(url_for("account.setup"))
    return render_template("account/login.html", target=target, name="", problem="")


@blueprint.post("/login")
def sign_in() -> ResponseReturnValue:
    """Check name and password; begin a session."""
    name = request.form.get("name", "").strip()
    target = local_target(request.form.get("next", ""))
    outcome = dashboard().accounts.sign_in(
        name, request.form.get("password", ""), address=address(), now_ms=real_ms()
    )
    if outcome.account is not None:
        return _let_in(outcome.account, target)
    known = name if dashboard().accounts.find(name) else ""  # what is no name may be a password
    note("session.refused", known, wait_s=outcome.wait_s)
    problem, status = refused(outcome.wait_s, _("Name or password is wrong."))
    page = render_template("account/login.html", target=target, name=name[:64], problem=problem)
    return page, status


def refused(wait_s: int, problem: str) -> tuple[str, HTTPStatus]:
    """Sentence and status for an attempt that failed."""
    if not wait_s:
        return problem, HTTPStatus.FORBIDDEN
    wait = ngettext(
        "Too many attempts. Please wait %(num)d second.",
        "Too many attempts. Please wait %(num)d seconds.",
        wait_s,
    )
    return wait, HTTPStatus.TOO_MANY_REQUESTS


def _let_in(account: Account, target: str) -> ResponseReturnValue:
    """Begin a session under a new id: whole, or one that waits for the second factor's code."""
    where = url_for("account.code", next=target) if account.has_factor else target
    response = redirect(where)
    assert isinstance(response, Response)
    end_session(response)
    session.pop("csrf_token", None)
    if account.has_factor:
        start_session(account, response, Stage.CODE)
        return response
    start_session(account, response)
    g.account = account
    note("session.start", account.name, factor="password")
    return response


def _waiting() -> Account | None:
    """Whose second factor is waited for in this browser."""
    return dashboard().sessions.account_of(
        session_id_of(request), now_ms=real_ms(), stage=Stage.CODE
    )


@blueprint.get("/login/code")
def code() -> ResponseReturnValue:
    """Ask for the second factor's code; without a password before, the sign-in page."""
    target = local_target(request.args.get("next", ""))
    if _waiting() is None:
        return redirect(url_for("account.login", next=target))
    return render_template("account/code.html", target=target, problem="")


@blueprint.post("/login/code")
def check_code() -> ResponseReturnValue:
    """Check the second factor's code; begin a whole session under a new id."""
    target = local_target(request.form.get("next", ""))
    account = _waiting()
    if account is None:
        return redirect(url_for("account.login", next=target))
    checked = dashboard().factors.check(
        account, request.form.get("code", "")[:64], address=address(), now_ms=real_ms()
    )
    if not checked.how:
        note("session.refused", account.name, factor="code", wait_s=checked.wait_s)
        problem, status = refused(
            checked.wait_s, _("That code is wrong, too old, or was used already.")
        )
        page = render_template("account/code.html", target=target, problem=problem)
        return page, HTTPStatus.BAD_REQUEST if status == HTTPStatus.FORBIDDEN else status
    response = redirect(target)
    assert isinstance(response, Response)
    end_session(response)
    session.pop("csrf_token", None)
    start_session(account, response)
    g.account = account
    note("session.start", account.name, factor=checked.how)
    return response


@blueprint.get("/setup")
def setup() -> ResponseReturnValue:
    """The first start: make the first administrator; when there are accounts, the sign-in page."""
    if not dashboard().setup.is_open:
        return redirect(url_for("account.login"))
    return render_template("account/setup.html", name="", problem="")


@blueprint.post("/setup")
def set_up() -> ResponseReturnValue:
    """Make the first administrator with the set-up code, and sign in."""
    if not dashboard().setup.is_open:
        return redirect(url_for("account.login"))
    form = request.form
    name = form.get("name", "").strip()
    problem, status = "", HTTPStatus.BAD_REQUEST
    account: Account | None = None
    if form.get("password", "") != form.get("again", ""):
        problem = _("The two passwords differ.")
    else:
        try:
            with dashboard().office.transaction():
                account, wait_s = dashboard().setup.first_administrator(
                    form.get("code", "")[:64],
                    name,
                    form.get("password", ""),
                    address=address(),
                    now_ms=real_ms(),
                )
                note(
                    "account.setup" if account else "account.setup_refused", name if account else ""
                )
            if account is None:
                problem, status = refused(wait_s, _("The set-up code is wrong or too old."))
        except CollectorError as error:
            problem = account_problem(error)
    if account is None:
        return render_template("account/setup.html", name=name[:64], problem=problem), status
    return _let_in(account, url_for("hall.page"))


@blueprint.post("/logout")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    response = redirect(url_for("account.login"))
    assert isinstance(response, Response)
    who = visitor()
    note("session.end", who.name if who else "")
    leave(response)
    return response


def leave(response: Response) -> None:
    """End this browser's session, and have it forget the pages it has kept."""
    end_session(response)
    session.pop("csrf_token", None)
    if dashboard().options.is_https:  # elsewhere browsers ignore it, and complain
        response.headers["Clear-Site-Data"] = '"cache", "storage"'


@blueprint.post("/preferences")
def preferences() -> ResponseReturnValue:
    """Keep the language or theme chosen, and go back to the page it was chosen on."""
    language = request.form.get("language")
    theme = request.form.get("theme")
    if (language is not None and language not in LANGUAGES) or (
        theme is not None and theme not in THEMES
    ):
        abort(HTTPStatus.BAD_REQUEST)
    session.permanent = True
    if language is not None:
        session["language"] = language
    if theme is not None:
        session["theme"] = theme
    return redirect(local_target(request.form.get("next", "")))

"""Signing in and out, and the language and theme of a visitor."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from flask_babel import gettext as _
from flask_babel import ngettext

from collector.web.access import (
    address,
    end_session,
    local_target,
    start_session,
)
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
        response = redirect(target)
        assert isinstance(response, Response)
        end_session(response)
        session.pop("csrf_token", None)
        start_session(outcome.account, response)
        return response
    problem = _("Name or password is wrong.")
    status = HTTPStatus.FORBIDDEN
    if outcome.wait_s:
        problem = ngettext(
            "Too many attempts. Please wait %(num)d second.",
            "Too many attempts. Please wait %(num)d seconds.",
            outcome.wait_s,
        )
        status = HTTPStatus.TOO_MANY_REQUESTS
    page = render_template("account/login.html", target=target, name=name[:64], problem=problem)
    return page, status


@blueprint.post("/logout")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    response = redirect(url_for("account.login"))
    assert isinstance(response, Response)
    end_session(response)
    session.pop("csrf_token", None)
    return response


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

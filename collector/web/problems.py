"""What a visitor sees when something cannot be answered: a sentence, in the house style or JSON."""

from __future__ import annotations

import logging
import sqlite3
from http import HTTPStatus
from typing import Final

from flask import Flask, g, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from collector.corrections.file import CorrectionsUnavailable
from collector.ledger.readers import LedgerUnavailable
from collector.rules.book import RulesUnavailable
from collector.web.access import session_id_of, wants_json
from collector.web.asked import BadParameter
from collector.web.audit import entry_of
from collector.web.dashboard import dashboard, real_ms
from collector.web.rights import PUBLIC, may

logger = logging.getLogger(__name__)

SENTENCES: Final = {
    400: (
        lazy_gettext("That request makes no sense"),
        lazy_gettext("Something in the address or the form is not as expected."),
    ),
    401: (
        lazy_gettext("Sign in first"),
        lazy_gettext("This answer is only for people who have signed in."),
    ),
    403: (
        lazy_gettext("Not allowed"),
        lazy_gettext("Your account may not see this."),
    ),
    404: (
        lazy_gettext("Not found"),
        lazy_gettext("There is nothing at this address. It may have been mistyped."),
    ),
    405: (
        lazy_gettext("Not possible"),
        lazy_gettext("This address does not take that kind of request."),
    ),
    409: (
        lazy_gettext("Not possible now"),
        lazy_gettext("Something stands in the way of this. Load the page again."),
    ),
    413: (
        lazy_gettext("Too much"),
        lazy_gettext("The request is larger than anything this site takes."),
    ),
    429: (
        lazy_gettext("Please wait"),
        lazy_gettext("There were too many attempts. Wait a little and try again."),
    ),
    500: (
        lazy_gettext("Something went wrong here"),
        lazy_gettext("The mistake is ours and has been logged. No rating is affected."),
    ),
    503: (
        lazy_gettext("The ledger cannot be read yet"),
        lazy_gettext("It appears as soon as the collector has stored its first record."),
    ),
}
"""Status → title and sentence."""
_KEPT_HEADERS: Final = frozenset({"Allow", "Retry-After"})


def answer(status: int, detail: str = "", *, title: str = "") -> ResponseReturnValue:
    """The answer for a status; `detail` and `title`, translated, replace its usual words."""
    usual, sentence = SENTENCES.get(status, SENTENCES[400 if status < 500 else 500])
    title = title or str(usual)
    text = detail or str(sentence)
    if wants_json():
        return jsonify(error={"status": status, "title": title, "detail": text}), status
    page = render_template("problem.html", status=status, title=title, sentence=text)
    return page, status


def _on_bad_parameter(error: BadParameter) -> ResponseReturnValue:
    return answer(HTTPStatus.BAD_REQUEST, str(error))


def _on_ledger(error: LedgerUnavailable) -> ResponseReturnValue:
    logger.warning("page without ledger error=%s", error)
    if not dashboard().options.ledger.exists():
        return answer(HTTPStatus.SERVICE_UNAVAILABLE)
    return answer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        _(
            "The ledger is there and cannot be read: nobody is shown figures by a guess. The log "
            "of the dashboard says why; devices keep what is not stored."
        ),
        title=_("The ledger cannot be read"),
    )


def _on_corrections(error: CorrectionsUnavailable) -> ResponseReturnValue:
    logger.error("page without corrections error=%s", error)
    return answer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        _("The corrections cannot be read, and no figure is shown as if there were none."),
    )


def _on_rules(error: RulesUnavailable) -> ResponseReturnValue:
    logger.error("page without rules error=%s", error)
    return answer(
        HTTPStatus.SERVICE_UNAVAILABLE,
        _("The hall's rules cannot be read, and no rate is shown by a guess."),
    )


def _on_office(error: sqlite3.DatabaseError) -> ResponseReturnValue:
    if isinstance(error, sqlite3.OperationalError):
        detail = _(
            "The dashboard’s own file, office.db, is locked, full or write-protected. Nothing was "
            "changed; signing in, changes and downloads have to wait. No rating is affected."
        )
    elif type(error) is sqlite3.DatabaseError:  # malformed, or no database at all
        detail = _(
            "The dashboard’s own file, office.db, is damaged and must be restored from a backup. "
            "Until then nobody can sign in. No rating is affected."
        )
    else:  # a statement that should not have been
        raise error
    logger.error("office.db not usable error=%s", error)
    return answer(
        HTTPStatus.SERVICE_UNAVAILABLE, detail, title=_("The dashboard’s own file cannot be used")
    )


def _on_csrf(error: CSRFError) -> ResponseReturnValue:
    # tokens are looked at before the session is
    g.account = dashboard().sessions.account_of(session_id_of(request), now_ms=real_ms())
    dashboard().audit.later(entry_of("form.refused", request.path))
    text = _("The form is too old. Load the page again and repeat it.")
    if g.account is None and not may(PUBLIC, request.endpoint or ""):
        text = _("You are no longer signed in. Sign in, go back to the form and repeat it.")
    return answer(HTTPStatus.BAD_REQUEST, text)


def _on_http(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.code < 400:
        return error.get_response()
    response = make_response(answer(error.code))
    for name, value in error.get_headers():
        if name in _KEPT_HEADERS:
            response.headers[name] = value
    if error.code == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _on_bug(error: Exception) -> ResponseReturnValue:
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, sqlite3.OperationalError):  # of the audit trail, after the page was made
        return _on_office(cause)
    logger.error("page failed", exc_info=error)
    return answer(HTTPStatus.INTERNAL_SERVER_ERROR)


def register(app: Flask) -> None:
    """Answer all errors of an application this way."""
    app.register_error_handler(BadParameter, _on_bad_parameter)
    app.register_error_handler(LedgerUnavailable, _on_ledger)
    app.register_error_handler(CorrectionsUnavailable, _on_corrections)
    app.register_error_handler(RulesUnavailable, _on_rules)
    app.register_error_handler(sqlite3.DatabaseError, _on_office)
    app.register_error_handler(CSRFError, _on_csrf)
    app.register_error_handler(HTTPException, _on_http)
    app.register_error_handler(500, _on_bug)

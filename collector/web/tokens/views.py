"""The page of tokens: making one, which is shown once, and revoking it."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from collector.ledger.readers import LedgerUnavailable, fleet
from collector.ledger.readers.fleet import DepartmentRow
from collector.office.accounts import LONGEST_NAME
from collector.office.tokens import DEFAULT_DAYS, InvalidToken, TokenExists
from collector.web.audit import note
from collector.web.bearer import opens_something
from collector.web.dashboard import dashboard, reader, real_ms, visitor
from collector.web.token_groups import Group
from collector.web.tokens import words

blueprint = Blueprint("tokens", __name__)
blueprint.add_app_template_filter(words.group_text, "token_group")
blueprint.add_app_template_filter(words.role_text, "api_role")
DAYS: Final = (30, 90, 180, 365)
"""What the form offers."""


class _Refused(ValueError):
    """The form asks for a token that there cannot be; the message is for the visitor."""


@blueprint.get("/tokens")
def index() -> ResponseReturnValue:
    """All tokens, and the form that makes one."""
    return _page()


@blueprint.post("/tokens")
def add() -> ResponseReturnValue:
    """Make a token; this page is the only one that ever shows it."""
    name = request.form.get("name", "").strip()
    try:
        parts, departments, days = _asked()
        token = dashboard().tokens.add(
            name, parts=parts, departments=departments, days=days, by=_me(), now_ms=real_ms()
        )
    except (_Refused, InvalidToken, TokenExists) as error:
        return _page(problem=_why(error)), HTTPStatus.BAD_REQUEST
    note(
        "token.add",
        name,
        parts=sorted(parts),
        departments=sorted(departments),
        days=days,
    )
    return _page(token=token, name=name)


@blueprint.post("/tokens/<int:number>/revoke")
def revoke(number: int) -> ResponseReturnValue:
    """Let a token end now."""
    found = next((one for one in dashboard().tokens.all() if one.id == number), None)
    if found is None:
        abort(HTTPStatus.NOT_FOUND)
    dashboard().tokens.revoke(found.name, by=_me(), now_ms=real_ms())
    note("token.revoke", found.name)
    return redirect(url_for("tokens.index"), HTTPStatus.SEE_OTHER)


def _me() -> str:
    who = visitor()
    assert who is not None  # `rights.toml` lets nobody else in
    return who.name


def _asked() -> tuple[frozenset[str], frozenset[str], int]:
    """Groups, departments (none: the whole hall) and days of the form.

    Raises:
        _Refused: one of them makes no sense.
    """
    parts = frozenset(request.form.getlist("part"))
    if not parts <= set(_offered(frozenset())):
        abort(HTTPStatus.BAD_REQUEST)
    departments: frozenset[str] = frozenset()
    if request.form.get("scope") == "departments":
        departments = frozenset(request.form.getlist("department"))
        if not departments:
            raise _Refused(_("Choose at least one department."))
        if not departments <= {row.code for row in _departments()}:
            abort(HTTPStatus.BAD_REQUEST)
    days = request.form.get("days", "")
    if days not in {str(number) for number in DAYS}:
        abort(HTTPStatus.BAD_REQUEST)
    for part in sorted(parts - set(_offered(departments))):
        raise _Refused(
            _("“%(part)s” is only for a token of the whole hall.")
            % {"part": words.group_text(part)}
        )
    return parts, departments, int(days)


def _offered(departments: frozenset[str]) -> list[Group]:
    """The groups in which a token of these departments (none: the whole hall) can read anything."""
    routes = {rule.endpoint: rule.rule for rule in current_app.url_map.iter_rules()}
    return [group for group in Group if opens_something(departments, group, routes)]


def _why(error: Exception) -> str:
    if isinstance(error, TokenExists):
        text = _("There is a token of that name already. A revoked one keeps its name.")
    elif isinstance(error, InvalidToken) and error.field == "name":
        text = _("A name has 1 to %(most)s letters, digits, “.”, “_” or “-”.") % {
            "most": LONGEST_NAME
        }
    elif isinstance(error, InvalidToken) and error.field == "parts":
        text = _("Choose at least one part to read.")
    else:
        text = str(error)
    return str(text)


def _departments() -> list[DepartmentRow]:
    with suppress(LedgerUnavailable):
        return fleet.departments(reader())
    return []


def _page(*, problem: str = "", token: str = "", name: str = "") -> str:
    found = dashboard().tokens.all()
    now_ms = real_ms()
    groups = _offered(frozenset())
    given: dict[str, Any] = {} if token else {**request.form.to_dict()}
    return render_template(
        "tokens/index.html",
        good=[one for one in found if one.holds(now_ms)],
        ended=[one for one in found if not one.holds(now_ms)],
        groups=[(group.value, words.GROUPS[group], words.HELP[group]) for group in groups],
        departments=_departments(),
        days=DAYS,
        default_days=DEFAULT_DAYS,
        problem=problem,
        token=token,
        name=name,
        given=given,
        given_parts=[] if token else request.form.getlist("part"),
        given_departments=[] if token else request.form.getlist("department"),
    )

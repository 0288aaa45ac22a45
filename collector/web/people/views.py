"""Accounts, for the administrator. Every change is in the audit trail, with the account's name."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from collector.errors import CollectorError
from collector.ledger.readers import LedgerUnavailable
from collector.ledger.readers import fleet as fleet_reader
from collector.ledger.readers.fleet import DepartmentRow
from collector.office.account_changes import AccountChanges
from collector.office.accounts import INITIAL_S, Account, UnknownAccount
from collector.office.passwords import made_up
from collector.office.roles import Role
from collector.web.account.problems import account_problem
from collector.web.asked import BadParameter
from collector.web.audit import changing
from collector.web.dashboard import dashboard, reader, real_ms, visitor
from collector.web.moments import moment

blueprint = Blueprint("people", __name__)

ROLES: Final = (
    (Role.DIRECTOR, lazy_gettext("Director"), lazy_gettext("reads everything")),
    (
        Role.DEPARTMENT,
        lazy_gettext("Department manager"),
        lazy_gettext("reads the own departments only"),
    ),
    (
        Role.SUPERVISOR,
        lazy_gettext("Supervisor"),
        lazy_gettext("reads and verifies everything, decides on corrections"),
    ),
    (
        Role.OPERATOR,
        lazy_gettext("Operator"),
        lazy_gettext("devices and fleet, no single ratings"),
    ),
    (
        Role.ADMINISTRATOR,
        lazy_gettext("Administrator"),
        lazy_gettext("accounts and settings, no ratings"),
    ),
)
"""Role, its name, what it may."""


def role_name(role: str) -> str:
    """What a role is called."""
    return next((str(name) for known, name, _may in ROLES if known == role), role)


def _departments() -> list[DepartmentRow]:
    """The ledger's departments; none while there is no ledger."""
    try:
        return fleet_reader.departments(reader())
    except LedgerUnavailable:
        return []


def _asked_role() -> Role:
    text = request.form.get("role", "")
    try:
        return Role(text)
    except ValueError:
        raise BadParameter(
            _("“%(name)s”: expected one of %(names)s, got “%(text)s”.")
            % {"name": "role", "names": ", ".join(Role), "text": text[:40]}
        ) from None


def _asked_departments() -> list[str]:
    known = {row.code for row in _departments()}
    asked = request.form.getlist("department")
    for code in asked:
        if code not in known:
            raise BadParameter(_("There is no department “%(code)s”.") % {"code": code[:40]})
    return sorted(set(asked))


def _one(number: int) -> Account:
    try:
        return dashboard().accounts.with_id(number)
    except UnknownAccount:
        abort(HTTPStatus.NOT_FOUND)


def _is_me(account: Account) -> bool:
    who = visitor()
    return who is not None and who.id == account.id


def _list_page(problem: str = "", told: tuple[str, str] | None = None) -> str:
    parts = dashboard()
    accounts = parts.accounts.all()
    return render_template(
        "people/index.html",
        accounts=accounts,
        running={one.id: len(parts.sessions.of(one, now_ms=real_ms())) for one in accounts},
        required=parts.factors.required_roles(),
        departments=_departments(),
        **_words(problem, told),
    )


def _one_page(account: Account, problem: str = "", told: tuple[str, str] | None = None) -> str:
    account = dashboard().accounts.with_id(account.id)
    return render_template(
        "people/one.html",
        one=account,
        is_me=_is_me(account),
        sessions=dashboard().sessions.of(account, now_ms=real_ms()),
        departments=_departments(),
        **_words(problem, told),
    )


def _words(problem: str, told: tuple[str, str] | None) -> dict[str, object]:
    return {
        "problem": problem,
        "told": told,
        "roles": ROLES,
        "role_name": role_name,
        "moment": moment,
        "initial_days": INITIAL_S // 86_400,
        "form": request.form,
    }


@blueprint.get("/people")
def index() -> ResponseReturnValue:
    """All accounts, a form for another one, and which roles must have a second factor."""
    return _list_page()


@blueprint.post("/people")
def add() -> ResponseReturnValue:
    """Add an account with a made-up password, which is shown once."""
    name, role, departments = request.form.get("name", "").strip(), _asked_role(), []
    departments = _asked_departments()
    password = made_up()
    try:
        with changing("account.add", name, role=role.value, departments=departments):
            dashboard().accounts.add(
                name,
                password,
                now_ms=real_ms(),
                role=role,
                departments=departments,
                initial=True,
            )
    except CollectorError as error:
        return _list_page(account_problem(error)), HTTPStatus.BAD_REQUEST
    return _list_page(told=(name, password))


@blueprint.post("/people/policy")
def policy() -> ResponseReturnValue:
    """Say which roles must have a second factor."""
    if "save" not in request.form:
        abort(HTTPStatus.BAD_REQUEST)
    asked = request.form.getlist("role")
    if set(asked) - set(Role):
        raise BadParameter(
            _("“%(name)s”: expected one of %(names)s, got “%(text)s”.")
            % {"name": "role", "names": ", ".join(Role), "text": ", ".join(asked)[:40]}
        )
    factors = dashboard().factors
    before = sorted(factors.required_roles())
    with changing("policy.factor", before=before, after=sorted(asked)):
        factors.require([Role(role) for role in asked])
    return redirect(url_for("people.index"), HTTPStatus.SEE_OTHER)


@blueprint.get("/people/<int:number>")
def one(number: int) -> ResponseReturnValue:
    """One account."""
    return _one_page(_one(number))


def _done(account: Account) -> ResponseReturnValue:
    """Back to the account; to the sign-in when it was one's own and its sessions have ended."""
    return redirect(url_for("people.one", number=account.id), HTTPStatus.SEE_OTHER)


@blueprint.post("/people/<int:number>/rights")
def rights(number: int) -> ResponseReturnValue:
    """Give it another role or other departments; its sessions end at once."""
    account, role, departments = _one(number), _asked_role(), _asked_departments()
    facts = {
        "before": _rights_text(account.role, account.departments),
        "after": _rights_text(role, departments),
        "own": _is_me(account),
    }
    try:
        with changing("account.rights", account.name, **facts):
            AccountChanges(dashboard().office).set_rights(account, role, departments)
    except CollectorError as error:
        return _one_page(account, account_problem(error)), HTTPStatus.BAD_REQUEST
    return _done(account)


def _rights_text(role: str, departments: Iterable[str]) -> list[str]:
    return [str(role), *sorted(departments)]


@blueprint.post("/people/<int:number>/state")
def state(number: int) -> ResponseReturnValue:
    """Disable or enable it."""
    account, wanted = _one(number), request.form.get("state", "")
    changes = AccountChanges(dashboard().office)
    try:
        if wanted == "disabled":
            with changing("account.disable", account.name, own=_is_me(account)):
                changes.disable(account, now_ms=real_ms())
        elif wanted == "enabled":
            with changing("account.enable", account.name):
                changes.enable(account)
        else:
            abort(HTTPStatus.BAD_REQUEST)
    except CollectorError as error:
        return _one_page(account, account_problem(error)), HTTPStatus.BAD_REQUEST
    return _done(account)


@blueprint.post("/people/<int:number>/password")
def password(number: int) -> ResponseReturnValue:
    """Make up a new password for it, shown once; its sessions end. The second factor stays."""
    account = _one(number)
    if _is_me(account):
        return redirect(url_for("me.password"), HTTPStatus.SEE_OTHER)
    password = made_up()
    with changing("account.reset_password", account.name):
        AccountChanges(dashboard().office).set_password(
            account, password, dashboard().accounts, now_ms=real_ms(), initial=True
        )
    return _one_page(account, told=(account.name, password))


@blueprint.post("/people/<int:number>/sessions")
def sessions(number: int) -> ResponseReturnValue:
    """End its sessions."""
    account = _one(number)
    with changing("account.end_sessions", account.name) as facts:
        facts["sessions"] = dashboard().sessions.end_all(account)
    return _done(account)


@blueprint.post("/people/<int:number>/factor")
def factor(number: int) -> ResponseReturnValue:
    """Require a second factor of it, or not; or take away one whose telephone is lost."""
    account, wanted = _one(number), request.form.get("factor", "")
    changes = AccountChanges(dashboard().office)
    if wanted not in ("required", "optional", "remove"):
        abort(HTTPStatus.BAD_REQUEST)
    with changing(f"account.factor_{wanted}", account.name, own=_is_me(account)):
        if wanted == "remove":
            dashboard().factors.remove(account)
            dashboard().sessions.end_all(account)
        else:
            changes.require_factor(account, wanted == "required")
    return _done(account)

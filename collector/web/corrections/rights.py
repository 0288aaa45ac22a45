"""What the visitor may do with corrections; asked by pages and again by every form they send."""

from __future__ import annotations

from http import HTTPStatus

from flask import abort

from collector.corrections.entries import Correction, Kind, State, Verdict, person_of
from collector.office.accounts import Account
from collector.office.roles import may_decide, may_propose, sees_department
from collector.web import dashboard


def visitor() -> Account:
    """Who is signed in; every page here needs a session."""
    found = dashboard.visitor()
    if found is None:
        abort(HTTPStatus.UNAUTHORIZED)
    return found


def is_seen(one: Correction) -> bool:
    """Whether a correction is shown to the visitor."""
    who = visitor()
    return sees_department(who.role, who.departments, one.proposal.rating.department)


def is_proposer(department: str) -> bool:
    """Whether the visitor may propose corrections of a department's ratings (empty: of none)."""
    who = visitor()
    return may_propose(who.role, who.departments, department)


def is_author(one: Correction) -> bool:
    """Whether the visitor proposed it."""
    return person_of(visitor().name) == person_of(one.proposal.author)


def verdicts(one: Correction) -> list[Verdict]:
    """What the visitor may say of a correction now."""
    if one.state is not State.OPEN:
        return []
    if is_author(one):
        return [Verdict.WITHDRAWN]
    return [Verdict.APPROVED, Verdict.REJECTED] if may_decide(visitor().role) else []


def may_restore(one: Correction) -> bool:
    """Whether the visitor may propose that an exclusion ends."""
    holds = one.proposal.kind is Kind.EXCLUDE and one.state is State.APPROVED
    return holds and is_proposer(one.proposal.rating.department)

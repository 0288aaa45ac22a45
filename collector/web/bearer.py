"""Requests of programs: who shows a token is what the token says, whatever cookies come along.

A token is read from the header `Authorization: Bearer …` and from nowhere else: addresses are
logged, kept and sent on.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from flask import abort, g, request
from werkzeug.exceptions import TooManyRequests

from collector.office.roles import Role
from collector.office.tokens import Token
from collector.web import audit
from collector.web.dashboard import dashboard, real_ms
from collector.web.rights import may
from collector.web.token_groups import ANY, group_of

SCHEME: Final = "bearer"
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def is_shown() -> bool:
    """Whether this request shows a token, good or not. Other schemes may be a proxy's."""
    scheme, _, _text = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == SCHEME


def token_id() -> int | None:
    """Number of the token this request is answered for; None: it is a session's."""
    found: Token | None = g.get("token")
    return None if found is None else found.id


def know_visitor() -> None:
    """Find the token and let it pass where its group, its role and the method allow.

    Aborts with 401 (no such token, or it has ended), 403 (not for this), 429 (too many wrong ones).
    """
    text = request.headers["Authorization"].partition(" ")[2].strip()
    address = request.remote_addr or ""
    shown = dashboard().tokens.shown(text, address=address, now_ms=real_ms())
    if shown.wait_s:
        raise TooManyRequests(retry_after=shown.wait_s)
    if shown.token is None:
        audit.note("token.refused", request.path[:200])
        abort(HTTPStatus.UNAUTHORIZED)
    g.token = shown.token
    g.account = shown.token.account
    if request.url_rule is None:
        return  # answered with 404, or 405
    if request.method not in READING or not is_open_to(shown.token, request.url_rule.rule):
        abort(HTTPStatus.FORBIDDEN)


def is_open_to(token: Token, rule: str) -> bool:
    """Whether a token may read an address: by its groups, and by its role in the matrix."""
    assert request.endpoint is not None
    group = group_of(rule)
    in_parts = group == ANY or group in token.parts
    return in_parts and may(token.role, request.endpoint)


def opens_something(departments: frozenset[str], group: str, routes: dict[str, str]) -> bool:
    """Whether a token of these departments could read anything in a group.

    Args:
        departments: codes; empty: the whole hall.
        group: one group.
        routes: endpoint → address, of everything there is.
    """
    role = Role.DEPARTMENT if departments else Role.DIRECTOR
    return any(group_of(rule) == group and may(role, name) for name, rule in routes.items())

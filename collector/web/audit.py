"""What views call to leave an entry in the audit trail, and what leaves one by itself.

Changes, sign-ins and refusals at the sign-in are on disk before the answer. Who read which page is
written by one thread in batches, so that pages stay quick.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, g, request
from flask.wrappers import Response

from collector.office.audit import AuditTrail, Entry
from collector.web.dashboard import dashboard, real_ms, visitor

POLLED: Final = frozenset(
    {
        *("static", "hall.live", "hall.live_stream", "hall.overview"),
        *("identify.fate", "screen.now", "metrics.index", "health.check"),
    }
)
"""Addresses that pages ask by themselves, of which the page itself has told already."""
UNNOTED: Final = frozenset({"account.preferences"})
"""Forms that change nothing but the look of a page."""
LONGEST: Final = 500
"""Characters of a text that visitors choose."""
_PERIOD: Final = ("period", "from", "to", "month", "span")
_OPENS_WITH_TODAY: Final = frozenset({"hall", "departments", "windows", "staff", "ratings"})
"""Groups of pages that show today where the address names no period."""


def entry_of(action: str, subject: str = "", /, **facts: Any) -> Entry:
    """An entry about what the visitor does now."""
    who = visitor()
    return Entry(
        made_ms=real_ms(),
        account=who.name if who else "",
        role=who.role if who else "",
        address=request.remote_addr or "",
        action=action,
        subject=subject[:LONGEST],
        facts=facts,
    )


def note(action: str, subject: str = "", /, **facts: Any) -> None:
    """Add an entry about what the visitor does; it is on disk when this returns.

    Args:
        action: what kind of thing, e.g. `account.add`, `rule.change`, `report.download`.
        subject: what it is done to: a name, a number, an address.
        facts: what else a later reader needs; never a secret.
    """
    AuditTrail(dashboard().office).add(entry_of(action, subject, **facts))
    g.is_noted = True


@contextmanager
def changing(action: str, subject: str = "", /, **facts: Any) -> Iterator[dict[str, Any]]:
    """Around a change of `office.db`: change and entry hold together, or neither.

    Gives the facts, for what is known only afterwards.
    """
    with dashboard().office.transaction():
        yield facts
        note(action, subject, **facts)


def _note_read(response: Response) -> Response:
    who = visitor()
    endpoint = request.endpoint
    if who is None or endpoint is None or endpoint in POLLED:
        return response
    if request.method == "POST" and response.status_code < 400 and endpoint not in UNNOTED:
        if not g.get("is_noted"):  # a change of a page that says nothing more of it
            note(endpoint, request.path, led_to=(response.location or "")[:LONGEST])
        return response
    is_denied = response.status_code == HTTPStatus.FORBIDDEN
    if not is_denied and (request.method != "GET" or response.status_code >= 300):
        return response
    facts: dict[str, Any] = {"page": endpoint}
    if is_denied:
        facts["method"] = request.method
    else:
        facts["scope"] = sorted(who.departments) or "hall"
        named = {k: request.args[k][:40] for k in _PERIOD if k in request.args}
        if named or request.blueprint in _OPENS_WITH_TODAY:
            facts["period"] = named or "today"
    if request.query_string:
        facts["query"] = request.query_string.decode("utf-8", "replace")[:LONGEST]
    if is_denied:
        dashboard().audit.later(entry_of("access.denied", request.path, **facts))
    else:
        dashboard().audit.read(entry_of("page.read", request.path, **facts))
    return response


def watch(app: Flask) -> None:
    """Note of every request of an application who read what, and who was refused."""
    app.after_request(_note_read)

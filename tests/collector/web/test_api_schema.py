"""Every API address against its own description: schemathesis asks, and holds the answers to it.

With a director's session, and with the tokens of a director and of a department manager. The
questions are the same at every run.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import schemathesis
from argon2 import PasswordHasher
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from bench.add_corrections import add_corrections, last_ratings
from collector.office.roles import Role
from collector.web.api.document import document
from collector.web.api.operations import operations
from collector.web.app import create_app
from collector.web.dashboard import EXTENSION, Dashboard, WebOptions
from collector.web.hall.answers import LiveAnswer
from collector.web.token_groups import Group

UNTIL = datetime.fromisoformat("2026-05-13T15:30:00+08:00")
NOW_MS = int(UNTIL.timestamp() * 1000)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
EXAMPLES = 10
STREAM = "/api/v1/live/stream"
VISITORS = ("director", "director's token", "manager's token")
MANAGER = frozenset({"market", "tax"})
Ask = Callable[[Any, str], Any]


@pytest.fixture(scope="module")
def hall(made_ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A dashboard with corrections of every kind; nothing in these tests changes it."""
    folder = tmp_path_factory.mktemp("api")
    ledger = folder / "ledger.db"
    shutil.copyfile(made_ledger, ledger)
    app = create_app(
        WebOptions(
            ledger=ledger,
            office=folder / "office.db",
            corrections=folder / "corrections.db",
            shows_staff=True,
        ),
        clock=lambda: NOW_MS,
        hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
    )
    parts: Dashboard = app.extensions[EXTENSION]
    first, second, *others = last_ratings(ledger, "a03", 8)
    add_corrections(parts.corrections, [first], now_ms=NOW_MS - 7_200_000, verdict=None)
    add_corrections(parts.corrections, others, now_ms=NOW_MS - 7_200_000)
    assert second
    yield app
    parts.watcher.stop()
    parts.office.close()


@pytest.fixture(scope="module")
def reach(hall: Flask) -> dict[str, dict[str, str]]:
    """One of `VISITORS` → the headers of what it asks."""
    parts: Dashboard = hall.extensions[EXTENSION]
    account = parts.accounts.add(
        "director", "correct horse battery", now_ms=NOW_MS, role=Role.DIRECTOR
    )
    session = parts.sessions.start(account, address="", agent="", now_ms=NOW_MS)
    headers = {"director": {"Cookie": f"yiping_session={session}"}}
    for visitor, departments in zip(VISITORS[1:], (frozenset[str](), MANAGER), strict=True):
        token = parts.tokens.add(
            visitor.partition("'")[0],
            parts=list(Group),
            departments=departments,
            days=1,
            by="a test",
            now_ms=NOW_MS,
        )
        headers[visitor] = {"Authorization": f"Bearer {token}"}
    return headers


@pytest.fixture(scope="module")
def ask(hall: Flask, reach: dict[str, dict[str, str]]) -> Ask:
    """Sends a case for one of `VISITORS`."""

    def send(case: Any, visitor: str) -> Any:
        headers = dict(reach[visitor])
        cookies = dict([headers.pop("Cookie").split("=")]) if "Cookie" in headers else None
        return case.call(headers=headers, cookies=cookies, app=hall)

    return send


def _can_be_wrong(described: Any) -> bool:
    """Whether an address takes anything but free texts, which are all well-formed."""
    return any(
        one["schema"].keys() & {"enum", "format", "minimum", "$ref"} or "pattern" in one["schema"]
        for one in described["parameters"]
        if one["in"] == "query" or one["schema"]["type"] != "string"
    )


def _try_out(cases: Any, ask: Ask, visitor: str, statuses: set[int]) -> None:
    """Ask one address; every answer must be as described."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def once(case: Any) -> None:
        answer = ask(case, visitor)
        statuses.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    once()


def hold(hall: Flask, ask: Ask, visitor: str, mode: GenerationMode) -> dict[str, set[int]]:
    """Ask every address for a while; gives the statuses that came of each."""
    described = document(operations(hall), version="1")
    del described["components"]["securitySchemes"]  # who asks is ours to say
    for methods in described["paths"].values():
        for operation in methods.values():
            del operation["security"]
    found: dict[str, set[int]] = {}
    for result in schemathesis.openapi.from_dict(described).get_all_operations():
        operation = result.ok()
        if operation.path == STREAM:
            continue  # never ends; see below
        if mode is GenerationMode.NEGATIVE and not _can_be_wrong(operation.definition.raw):
            continue  # nothing about it can be wrong
        _try_out(operation.as_strategy(mode), ask, visitor, found.setdefault(operation.path, set()))
    return found


@pytest.mark.parametrize("visitor", VISITORS)
def test_answers_are_as_described_and_nothing_fails(hall: Flask, ask: Ask, visitor: str) -> None:
    found = hold(hall, ask, visitor, GenerationMode.POSITIVE)
    assert {"/api/v1/hall", "/api/v1/integrity", "/api/v1/exports"} <= set(found)
    mine = found["/api/v1/departments"] | found["/api/v1/hall"] | found["/api/v1/corrections"]
    assert 200 in mine
    assert mine <= {200, 400}
    closed = 403 if visitor == "manager's token" else 200
    assert closed in found["/api/v1/integrity"]


@pytest.mark.parametrize("visitor", VISITORS)
def test_what_does_not_fit_the_description_is_refused(hall: Flask, ask: Ask, visitor: str) -> None:
    found = hold(hall, ask, visitor, GenerationMode.NEGATIVE)
    assert 400 in found["/api/v1/departments"]
    assert 400 in found["/api/v1/live"]
    assert all(status in (400, 403, 404) for status in found["/api/v1/windows"])


@pytest.mark.parametrize("visitor", VISITORS)
def test_the_data_of_a_live_event_is_as_described(
    hall: Flask, reach: dict[str, dict[str, str]], visitor: str
) -> None:
    parts: Dashboard = hall.extensions[EXTENSION]
    parts.watcher.start()
    answer = hall.test_client(use_cookies=False).get(STREAM, headers=reach[visitor], buffered=False)
    try:
        assert answer.mimetype == "text/event-stream"
        texts = iter(answer.response)
        first = next(texts)
    finally:
        answer.close()
        parts.watcher.stop()
    text = first if isinstance(first, str) else first.decode()
    (line,) = (line for line in text.splitlines() if line.startswith("data: "))
    event = msgspec.json.decode(line.removeprefix("data: "), type=LiveAnswer)
    assert event.is_partial is False
    assert event.hours

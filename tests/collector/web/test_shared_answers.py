"""Answers that open pages share are made once, and never old or another visitor's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from bench.add_session import add_session
from collector.ledger.readers import LedgerReader
from collector.office.roles import Role
from collector.web.dashboard import Dashboard
from collector.web.hall import views
from collector.web.shared_answers import MOST_KEPT, SharedAnswers
from tests.collector.web.conftest import PASSWORD, ManualClock


def test_who_asks_while_an_answer_is_made_gets_that_one() -> None:
    shared = SharedAnswers()
    is_making, may_end = threading.Event(), threading.Event()
    made: list[str] = []

    def make() -> str:
        is_making.set()
        assert may_end.wait(60)
        made.append("made")
        return f"answer {len(made)}"

    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(shared.answer("en", 1, make)))
        for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    assert is_making.wait(60)
    may_end.set()
    for thread in threads:
        thread.join(60)
    assert answers == ["answer 1"] * 40


def test_an_answer_is_kept_for_its_kind_and_state_only() -> None:
    shared = SharedAnswers()
    assert shared.answer("en", 1, lambda: "a") == "a"
    assert shared.answer("en", 1, lambda: "b") == "a"
    assert shared.answer("zh", 1, lambda: "c") == "c"
    assert shared.answer("en", 2, lambda: "d") == "d"
    assert shared.answer("en", 1, lambda: "e") == "e"


def test_a_failure_is_the_askers_and_is_not_kept() -> None:
    shared = SharedAnswers()

    def fail() -> str:
        raise OSError("the ledger")

    with pytest.raises(OSError, match="the ledger"):
        shared.answer("en", 1, fail)
    assert shared.answer("en", 1, lambda: "a") == "a"


def test_the_kept_answers_have_an_upper_number() -> None:
    shared = SharedAnswers()
    for kind in range(MOST_KEPT + 1):
        shared.answer(kind, 1, lambda: "a")
    assert shared.answer(0, 1, lambda: "b") == "b"


def test_open_pages_share_an_overview_until_something_is_stored(
    client: FlaskClient, ledger: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    original = views.hall_today

    def counted(reader: LedgerReader, *args: object, **kwargs: object) -> object:
        asked.append(1)
        return original(reader, *args, **kwargs)

    monkeypatch.setattr(views, "hall_today", counted)
    before = client.get("/hall/overview").text
    assert client.get("/hall/overview").text == before
    assert len(asked) == 1
    for _ in range(60):
        add_session(ledger, window="a01", level=1, at_ms=clock.at_ms)
    after = client.get("/hall/overview").text
    assert after != before
    assert len(asked) == 2


def test_a_shared_overview_is_nobody_elses(
    client: FlaskClient,
    dashboard: Dashboard,
    sign_in: Callable[..., int],
    token: Callable[[FlaskClient], str],
) -> None:
    whole = client.get("/hall/overview").text
    dashboard.accounts.add(
        "market", PASSWORD, now_ms=dashboard.clock(), role=Role.DEPARTMENT, departments=["market"]
    )
    manager = client.application.test_client()
    assert sign_in(manager, "market") == 302
    own = manager.get("/hall/overview").text
    assert own.count("/departments/") < whole.count("/departments/")
    form = {"csrf_token": token(client), "language": "en", "next": "/"}
    client.post("/preferences", data=form)
    assert "Highest satisfaction" in client.get("/hall/overview").text
    assert manager.get("/hall/overview").text == own

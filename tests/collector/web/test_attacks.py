"""What attackers of the dashboard found once stays mended."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from bench.add_corrections import add_corrections, last_ratings
from collector.corrections.entries import Reason
from collector.office.accounts import Accounts
from collector.office.roles import Role
from collector.web.dashboard import EXTENSION
from collector.web.live import Subscription, stream
from collector.web.view import WHOLE_HALL


@pytest.mark.parametrize("target", ["//[", "//[evil", "//℀.com"])
def test_a_place_that_is_no_address_is_no_error(visitor: Any, target: str) -> None:
    assert visitor.get("/login", query_string={"next": target}).status_code == 200


@pytest.mark.parametrize(
    "query", ["endpoint=x", "_method=POST", "_external=1", "code=ZZZ", "_anchor=x"]
)
def test_strange_parameters_never_reach_the_making_of_links(client: Any, query: str) -> None:
    for path in ("/departments", "/windows"):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 200
        assert 'href="http' not in answer.get_data(as_text=True)


def test_a_stream_ends_soon_after_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.web.live.ALLOWED_EVERY_S", 0.0)
    subscription = Subscription(threading.Condition(), WHOLE_HALL)
    running = stream(subscription, {"position": 1}, is_gone=lambda: False, is_allowed=lambda: False)
    assert len(list(running)) == 1  # the first event, then the end


def test_failures_from_elsewhere_do_not_shut_out_a_colleague(app: Any) -> None:
    accounts: Accounts = app.extensions[EXTENSION].accounts
    accounts.add("colleague", "the right password", now_ms=0)
    for number in range(200):
        accounts.sign_in("colleague", "wrong", address=f"10.0.{number}.1", now_ms=1000 + number)
    done = accounts.sign_in("colleague", "the right password", address="10.1.0.1", now_ms=2000)
    assert done.account is not None


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMINISTRATOR])
def test_who_may_see_no_corrections_learns_nothing_of_them_from_their_alarms(
    client: Any, dashboard: Any, sign_in: Any, app: Any, ledger: Path, role: Role
) -> None:
    now_ms = dashboard.clock()
    ratings = last_ratings(ledger, "a05", 6)
    add_corrections(dashboard.corrections, ratings, now_ms=now_ms, reason=Reason.TEST)
    assert client.get("/api/v1/integrity").json["alarms"]
    dashboard.accounts.add("someone", "correct horse battery", now_ms=now_ms, role=role)
    browser = app.test_client()
    assert sign_in(browser, "someone") == 302
    assert browser.get("/api/v1/integrity").json["alarms"] == []
    assert "A05" not in browser.get("/integrity").text

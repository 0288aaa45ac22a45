"""What attackers of the dashboard found once stays mended."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from collector.office.accounts import Accounts
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

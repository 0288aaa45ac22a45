"""What attackers of the dashboard found once stays mended."""

from __future__ import annotations

import re
import sqlite3
import threading
from contextlib import closing
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


@pytest.mark.parametrize("name", ["corrections.db", "rules.db"])
@pytest.mark.parametrize("what", ["gone", "empty", "damaged"])
def test_no_figure_is_shown_without_the_decisions_it_rests_on(
    client: Any, dashboard: Any, name: str, what: str
) -> None:
    path = dashboard.options.office.with_name(name)
    assert client.get("/departments").status_code == 200
    path.unlink()
    if what != "gone":
        path.write_bytes(b"" if what == "empty" else b"x" * 5000)
    for address in ("/", "/departments", "/windows/a01", "/api/v1/hall", "/reports"):
        assert client.get(address).status_code == 503, address


def test_a_locked_office_file_leaves_pages_readable_and_changes_refused(
    client: Any, clock: Any, dashboard: Any, token: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.office.database.BUSY_TIMEOUT_MS", 20)
    dashboard.office.database.execute("PRAGMA busy_timeout = 20")
    dashboard.audit.start()
    form = {"csrf_token": token(client), "which": "others"}
    clock.advance_s(120)  # long enough for the session to be noted as seen
    with closing(sqlite3.connect(dashboard.options.office, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert client.get("/").status_code == 200
        refused = client.post("/me/sessions", data=form)
        assert refused.status_code == 503
        assert "office.db" in refused.text
        other.execute("ROLLBACK")
    assert client.post("/me/sessions", data=form).status_code == 302
    dashboard.audit.stop()


def test_a_damaged_office_file_is_said_to_be_that_and_no_mistake_of_the_program(
    client: Any, dashboard: Any
) -> None:
    path = dashboard.options.office
    dashboard.office.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    dashboard.office.close()  # it would remember what it has read
    size = path.stat().st_size
    with path.open("r+b") as file:  # all but the first page
        file.seek(4096)
        file.write(b"x" * (size - 4096))
    for address in ("/", "/api/v1/hall", "/login"):
        answer = client.get(address)
        assert answer.status_code == 503, address
        assert "office.db" in answer.text, address


def test_pages_that_can_no_longer_be_noted_say_why(
    app: Any, client: Any, dashboard: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    monkeypatch.setattr("collector.web.audit_writer.MOST_WAITING", 0)
    monkeypatch.setattr("collector.office.database.BUSY_TIMEOUT_MS", 20)
    dashboard.office.database.execute("PRAGMA busy_timeout = 20")
    with closing(sqlite3.connect(dashboard.options.office, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = client.get("/departments")
        other.execute("ROLLBACK")
    assert refused.status_code == 503
    assert "office.db" in refused.text
    assert client.get("/departments").status_code == 200


def test_a_manager_is_told_the_same_of_foreign_records_and_of_none(
    app: Any, dashboard: Any, sign_in: Any, ledger: Path
) -> None:
    dashboard.accounts.add(
        "ma", "correct horse battery", now_ms=1, role=Role.DEPARTMENT, departments=["tax"]
    )
    browser = app.test_client()
    assert sign_in(browser, "ma") == 302
    [foreign] = last_ratings(ledger, "a01", 1)
    answers = {
        (answer.status_code, re.sub(r'value="[^"]*"', "", answer.text).replace(str(seq), ""))
        for seq in (foreign.seq, 99_999_999)
        for answer in [
            browser.get(
                "/corrections/new",
                query_string={"device": foreign.device, "epoch": foreign.epoch, "seq": seq},
            )
        ]
    }
    assert {status for status, _text in answers} == {400}
    assert len(answers) == 1

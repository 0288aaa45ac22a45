"""Who saw or changed what: every sign-in, refusal and page read, and the page that shows it."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import collector
from bench.add_corrections import last_ratings
from collector.office.audit import Entry
from collector.office.audit_reading import Asked, AuditReader
from collector.office.roles import Role
from collector.web import audit_writer
from collector.web.audit_writer import AuditWriter
from collector.web.dashboard import EXTENSION, Dashboard, WebOptions
from collector.web.rights import matrix
from collector.web.trail.facts import PAGES
from collector.web.trail.words import ACTIONS

PASSWORD = "correct horse battery"
SignIn = Callable[..., int]


def entries(dashboard: Dashboard, action: str = "") -> list[Entry]:
    """Oldest first."""
    found = AuditReader(dashboard.office).newest(Asked(action=action), limit=1000)
    return [one.entry for one in found[::-1]]


@pytest.fixture
def supervisor(app: Flask, dashboard: Dashboard, sign_in: SignIn) -> FlaskClient:
    """A browser of the supervisor `sun`."""
    dashboard.accounts.add("sun", PASSWORD, now_ms=dashboard.clock(), role=Role.SUPERVISOR)
    browser = app.test_client()
    assert sign_in(browser, "sun") == 302
    return browser


def test_sign_ins_refusals_and_sign_outs_are_noted(
    app: Flask, dashboard: Dashboard, sign_in: SignIn, token: Callable[..., str]
) -> None:
    browser = app.test_client()
    assert sign_in(browser, "zhang", "wrong") == 403
    assert sign_in(browser, "my secret typed into the wrong field", "x") == 403
    assert sign_in(browser) == 302
    browser.post("/logout", data={"csrf_token": token(browser)})
    found = [(e.action, e.account, e.subject) for e in entries(dashboard, "session")]
    assert found == [
        ("session.refused", "", "zhang"),
        ("session.refused", "", ""),
        ("session.start", "zhang", "zhang"),
        ("session.end", "zhang", "zhang"),
    ]
    assert all(e.address == "127.0.0.1" for e in entries(dashboard, "session"))


def test_who_read_what_is_noted_with_period_and_scope_and_polling_is_not(
    app: Flask, client: FlaskClient, dashboard: Dashboard, sign_in: SignIn
) -> None:
    client.get("/windows?period=month&sort=rate")
    client.get("/api/v1/live")
    client.get("/static/mark.svg").close()
    client.get("/nowhere")
    dashboard.accounts.add(
        "ma", PASSWORD, now_ms=1, role=Role.DEPARTMENT, departments=["tax", "market"]
    )
    browser = app.test_client()
    assert sign_in(browser, "ma") == 302
    browser.get("/windows")
    whole, own = (e for e in entries(dashboard, "page.read") if e.subject == "/windows")
    assert whole.facts["period"] == {"period": "month"}
    assert whole.facts["scope"] == "hall"
    assert whole.facts["query"] == "period=month&sort=rate"
    assert own.facts["scope"] == ["market", "tax"]
    assert own.facts["period"] == "today"
    read = {e.subject for e in entries(dashboard, "page.read")}
    assert not read & {"/api/v1/live", "/static/mark.svg", "/nowhere"}


def test_an_entry_names_no_period_that_a_page_did_not_show(
    client: FlaskClient, dashboard: Dashboard
) -> None:
    for path in ("/bad-ratings", "/reports", "/reports?span=2026-04", "/ratings", "/rules"):
        assert client.get(path).status_code == 200, path
    noted = [e.facts.get("period") for e in entries(dashboard, "page.read")]
    # 30 days, last month and April; a page of rules has no period
    assert noted == [None, None, {"span": "2026-04"}, "today", None]


def test_a_person_can_read_what_an_entry_tells(
    client: FlaskClient, supervisor: FlaskClient, dashboard: Dashboard
) -> None:
    for path in ("/windows", "/windows?period=30-days", "/?from=2026-05-11&to=2026-05-12"):
        assert client.get(path).status_code == 200
    assert client.get("/api/v1/departments").status_code == 200
    dashboard.audit.stop()  # what was read is written now
    page = supervisor.get("/audit").text
    told = [text.strip() for text in re.findall(r'data-label="详情">([^<]*)<', page)]
    assert "页面 窗口 · 时段 今日 · 范围 全大厅" in told
    assert "页面 窗口 · 时段 近 30 天 · 查询条件 period=30-days · 范围 全大厅" in told
    assert any("时段 2026-05-11 – 2026-05-12" in one for one in told)
    assert any(one.startswith("页面 部门 (API)") for one in told)


def test_every_group_of_pages_has_a_name_in_the_trail() -> None:
    groups = {endpoint.partition(".")[0] for endpoint in matrix()}
    assert groups - {"static", "metrics", "health"} == set(PAGES)


def test_a_refused_page_is_noted(client: FlaskClient, dashboard: Dashboard) -> None:
    assert client.get("/people").status_code == 403
    (entry,) = entries(dashboard, "access.denied")
    assert (entry.account, entry.subject) == ("zhang", "/people")


def test_a_form_without_its_token_is_noted(client: FlaskClient, dashboard: Dashboard) -> None:
    assert client.post("/me/password", data={}).status_code == 400
    (entry,) = entries(dashboard, "form.refused")
    assert (entry.account, entry.subject) == ("zhang", "/me/password")


def test_every_form_that_changes_something_is_noted_even_if_its_page_says_nothing(
    app: Flask, client: FlaskClient, dashboard: Dashboard, token: Callable[..., str], ledger: Path
) -> None:
    (rating,) = last_ratings(ledger, "a01", 1)
    form = {
        "csrf_token": token(client),
        "device": rating.device,
        "epoch": rating.epoch,
        "seq": str(rating.seq),
        "reason": "child",
        "evidence": "camera 3",
    }
    assert client.post("/corrections", data={**form, "reason": "none"}).status_code == 400
    assert client.post("/corrections", data=form).status_code == 303
    assert client.post("/preferences", data={"csrf_token": form["csrf_token"], "theme": "dark"})
    (entry,) = entries(dashboard, "corrections")
    assert (entry.account, entry.action) == ("zhang", "corrections.propose")
    assert entry.facts["led_to"].startswith("/corrections/")
    assert not entries(dashboard, "account.preferences")


def test_the_page_filters_pages_and_refuses_nonsense(
    supervisor: FlaskClient, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.web.trail.views.ROWS", 3)
    for number in range(7):  # seven questions: the same one again is not noted at once
        supervisor.get(f"/integrity?look={number}")
    page = supervisor.get("/audit?action=page.read&account=sun").text
    assert "/integrity" in page
    assert len(re.findall(r'scope="row"', page)) == 3
    assert supervisor.get("/audit?action=page&page=3").status_code == 200
    assert supervisor.get("/audit?page=999").status_code == 404
    assert 'class="empty"' in supervisor.get("/audit?account=nobody").text
    assert 'class="empty"' in supervisor.get("/audit?to=2020-01-01").text
    for query in ("from=x", "to=2026-13-01", "page=x", "to=9999-12-31", f"account={'x' * 65}"):
        assert supervisor.get(f"/audit?{query}").status_code == 400, query


@pytest.mark.parametrize("broken", [False, True])
def test_the_page_verifies_the_chain(
    supervisor: FlaskClient, dashboard: Dashboard, token: Callable[..., str], broken: bool
) -> None:
    if broken:
        dashboard.office.database.execute("DROP TRIGGER audit_is_never_changed")
        dashboard.office.database.execute("UPDATE audit SET account = 'x' WHERE id = 1")
    page = supervisor.post("/audit/verify", data={"csrf_token": token(supervisor)}).text
    assert ('class="broken"' in page, 'class="holds"' in page) == (broken, not broken)


def test_the_download_holds_what_was_asked_for_and_no_formula(
    supervisor: FlaskClient, dashboard: Dashboard
) -> None:
    dashboard.audit.later(
        Entry(
            made_ms=dashboard.clock(),
            account="=1+1",
            role="",
            address="@x",
            action="x.y",
            subject="+86",
            facts={},
        )
    )
    answer = supervisor.get("/audit.csv?action=x")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="audit.csv"'
    head, row = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    told = dict(zip(head, row, strict=True))
    assert (told["account"], told["address"], told["subject"]) == ("'=1+1", "'@x", "'+86")
    assert len(told["digest"]) == 64
    (entry,) = entries(dashboard, "audit.download")
    assert entry.account == "sun"


def test_reads_are_written_in_batches_and_all_of_them_at_the_stop(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    add_all = audit_writer.AuditTrail.add_all

    def counted(trail: Any, given: list[Entry]) -> None:
        batches.append(len(given))
        add_all(trail, given)

    monkeypatch.setattr(audit_writer.AuditTrail, "add_all", counted)
    monkeypatch.setattr(audit_writer, "EVERY_S", 60.0)  # only the stop writes
    writer = AuditWriter(dashboard.office)
    writer.start()
    entry = replace(_entry(), action="page.read")
    for _ in range(500):
        writer.later(entry)
    writer.stop()
    assert sum(batches) == 500
    assert max(batches) > 100
    assert len(entries(dashboard, "page.read")) == 500
    assert AuditReader(dashboard.office).verify().broken_at is None


def test_when_too_many_wait_none_is_left_out(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_writer, "MOST_WAITING", 3)
    monkeypatch.setattr(audit_writer, "EVERY_S", 60.0)
    writer = AuditWriter(dashboard.office)
    writer.start()
    for _ in range(10):
        writer.later(_entry())
    writer.stop()
    assert len(entries(dashboard)) == 10


def test_threads_that_write_at_once_keep_one_chain(dashboard: Dashboard) -> None:
    def write() -> None:
        for _ in range(20):
            audit_writer.AuditTrail(dashboard.office).add(_entry())
        dashboard.office.close()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = AuditReader(dashboard.office).verify()
    assert (found.entries, found.broken_at) == (80, None)


def test_a_syslog_server_that_is_away_fails_no_page(
    make_app: Callable[..., Flask], options: WebOptions, sign_in: SignIn
) -> None:
    app = make_app(replace(options, syslog="tcp://127.0.0.1:1"))
    parts: Dashboard = app.extensions[EXTENSION]
    parts.audit.start()
    browser = app.test_client()
    assert sign_in(browser) == 302
    assert browser.get("/windows").status_code == 200
    parts.audit.stop()
    assert "/windows" in {e.subject for e in entries(parts, "page.read")}


def _entry() -> Entry:
    return Entry(
        made_ms=1,
        account="zhang",
        role="director",
        address="10.0.0.1",
        action="x.y",
        subject="",
        facts={},
    )


def test_a_page_that_refreshes_itself_is_noted_once_in_ten_minutes(
    client: FlaskClient, dashboard: Dashboard, clock: Any
) -> None:
    def reads() -> int:
        return int(
            dashboard.office.database.execute(
                "SELECT count(*) FROM audit WHERE action = 'page.read' AND subject = '/windows'"
            ).fetchone()[0]
        )

    for _ in range(3):
        client.get("/windows")
    assert reads() == 1
    client.get("/windows?period=7-days")  # another question
    assert reads() == 2
    clock.advance_s(601)
    client.get("/windows")
    assert reads() == 3


NOTED = r'(?:note|changing|entry_of)\(\s*"([a-z]+\.[a-z_.-]+)"'


def test_every_action_that_is_noted_has_words() -> None:
    code = Path(collector.__file__).parent
    noted = {
        action
        for file in code.rglob("*.py")
        for action in re.findall(NOTED, file.read_text(encoding="utf-8"))
    }
    assert len(noted) > 25
    assert noted <= set(ACTIONS)


def test_the_trail_is_told_in_words(supervisor: FlaskClient) -> None:
    supervisor.get("/integrity")
    page = supervisor.get("/audit").text
    assert '<option value="page.read">查看页面</option>' in page
    assert "登录" in page


def test_a_refused_visitor_is_led_to_a_page_of_their_own(
    app: Flask, dashboard: Dashboard, sign_in: SignIn
) -> None:
    dashboard.accounts.add("op", PASSWORD, now_ms=1, role=Role.OPERATOR)
    browser = app.test_client()
    assert sign_in(browser, "op") == 302
    with browser.session_transaction() as kept:
        kept["language"] = "en"
    refused = browser.get("/reports")
    assert refused.status_code == 403
    assert "To your first page" in refused.text
    assert "To the hall today" not in refused.text

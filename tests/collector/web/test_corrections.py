"""Corrections on the pages: who may do what, two people at every door, figures that add up."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bench.add_corrections import add_corrections, last_ratings, spread_ratings
from collector.corrections.entries import RatingRecord, State, Verdict
from collector.corrections.file import CorrectionsUnavailable
from collector.corrections.reading import chain_mark, correction
from collector.corrections.writing import decide, propose_exclusion
from collector.ledger.readers import LedgerReader
from collector.office.accounts import InvalidAccount
from collector.office.roles import Role, may_decide, may_propose, sees_department
from collector.web.dashboard import Dashboard, WebOptions

UNTIL = datetime.fromisoformat("2026-05-13T15:30:00+08:00")
PASSWORD = "correct horse battery"
SignIn = Callable[..., int]


@pytest.fixture
def people(app: Flask, dashboard: Dashboard, sign_in: SignIn) -> Callable[..., FlaskClient]:
    """`people(name, role, department)`: a browser of an account made for it."""

    def make(name: str, role: Role = Role.SUPERVISOR, department: str = "") -> FlaskClient:
        dashboard.accounts.add(
            name,
            PASSWORD,
            now_ms=dashboard.clock(),
            role=role,
            departments=[department] if department else [],
        )
        browser = app.test_client()
        assert sign_in(browser, name) == 302
        return browser

    return make


def form_of(rating: RatingRecord, csrf: str, **given: str) -> dict[str, str]:
    return {
        "csrf_token": csrf,
        "device": rating.device,
        "epoch": rating.epoch,
        "seq": str(rating.seq),
        "reason": "child",
        "evidence": "camera 3",
        **given,
    }


@pytest.fixture
def propose(
    ledger: Path, token: Callable[[FlaskClient], str], dashboard: Dashboard
) -> Callable[..., int]:
    """Proposes through the form; gives the correction's number."""

    def do(browser: FlaskClient, window: str = "a01", at: int = 0) -> int:
        rating = last_ratings(ledger, window, at + 1)[at]
        answer = browser.post("/corrections", data=form_of(rating, token(browser)))
        assert answer.status_code == 303, unescape(answer.text)
        return int(answer.location.rsplit("/", 1)[1])

    return do


@pytest.fixture
def exclude(dashboard: Dashboard, ledger: Path) -> Callable[..., list[RatingRecord]]:
    """Excludes the last ratings of a window, past the pages."""

    def do(window: str = "a01", number: int = 1, skip: int = 0) -> list[RatingRecord]:
        these = last_ratings(ledger, window, number + skip)[skip:]
        for rating in these:
            made = propose_exclusion(
                dashboard.corrections,
                rating,
                reason="child",
                note="",
                evidence="camera",
                author="wang",
                now_ms=dashboard.clock(),
            )
            decide(
                dashboard.corrections,
                made,
                Verdict.APPROVED,
                decider="li",
                note="",
                now_ms=dashboard.clock(),
            )
        return these

    return do


def say(
    browser: FlaskClient, csrf: str, number: int, verdict: str, note: str = ""
) -> tuple[int, str]:
    form = {"csrf_token": csrf, "verdict": verdict, "note": note}
    answer = browser.post(f"/corrections/{number}/decision", data=form)
    return answer.status_code, unescape(answer.text)


def test_one_person_proposes_and_another_approves(
    client: FlaskClient,
    people: Callable[..., FlaskClient],
    propose: Callable[..., int],
    token: Callable[[FlaskClient], str],
    dashboard: Dashboard,
    ledger: Path,
) -> None:
    before = hashlib.sha256(ledger.read_bytes()).hexdigest()
    raw = client.get("/api/v1/windows/a01").json
    number = propose(client)
    li = people("li")
    page = li.get("/corrections").text
    assert f"#{number}" in page
    assert "儿童按键" in page
    assert say(client, token(client), number, "approved")[0] == 403
    assert correction(dashboard.corrections, number).state is State.OPEN
    assert client.get("/api/v1/windows/a01").json["net"] == raw["net"]
    assert say(li, token(li), number, "approved")[0] == 303
    told = client.get("/api/v1/windows/a01").json
    assert told["rated"] == raw["rated"]
    assert told["excluded"]["ratings"] == 1
    assert told["net"]["rated"] == raw["rated"] - 1
    marked = [row["correction"] for row in told["sessions"] if row["correction"]]
    assert marked == [{"id": number, "state": "approved"}]
    assert hashlib.sha256(ledger.read_bytes()).hexdigest() == before


def test_author_and_approver_differ_at_the_web_door(
    client: FlaskClient,
    propose: Callable[..., int],
    token: Callable[[FlaskClient], str],
    dashboard: Dashboard,
) -> None:
    number = propose(client)
    for verdict in ("approved", "rejected"):
        status, page = say(client, token(client), number, verdict, "mine")
        assert status == 403
        assert "须由申请人以外的人审批" in page
    page = client.get(f"/corrections/{number}").text
    assert 'value="approved"' not in page
    assert 'value="withdrawn"' in page
    assert chain_mark(dashboard.corrections).entries == 1
    assert say(client, token(client), number, "withdrawn")[0] == 303
    assert correction(dashboard.corrections, number).state is State.WITHDRAWN


def test_a_department_proposes_for_itself_and_decides_on_nothing(
    client: FlaskClient,
    people: Callable[..., FlaskClient],
    propose: Callable[..., int],
    token: Callable[[FlaskClient], str],
    ledger: Path,
) -> None:
    [own] = last_ratings(ledger, "a01", 1)
    with LedgerReader(ledger) as reader:
        [(other_window,)] = reader.rows(
            "SELECT w.code FROM outcomes o JOIN windows w ON w.id = o.window"
            " JOIN departments p ON p.id = o.department WHERE p.code <> ?"
            " AND o.level IS NOT NULL AND o.is_repeat = 0 LIMIT 1",
            own.department,
        )
    theirs = propose(client, other_window)
    same = propose(client, "a01", 1)
    manager = people("chen", Role.DEPARTMENT, own.department)
    assert manager.get(f"/corrections/{theirs}").status_code == 404
    listed = manager.get("/corrections").text
    assert f"#{same}<" in listed
    assert f"#{theirs}<" not in listed
    told = manager.get("/api/v1/corrections").json
    assert [one["id"] for one in told["open"]] == [same]
    [foreign] = last_ratings(ledger, other_window, 1)
    assert manager.post("/corrections", data=form_of(foreign, token(manager))).status_code == 400
    status, page = say(manager, token(manager), same, "approved")
    assert status == 403
    assert "不能审批" in page
    assert say(manager, token(manager), theirs, "approved")[0] == 404
    own_number = propose(manager)
    assert own_number > same
    window_page = manager.get(f"/windows/{other_window}").text
    assert "申请剔除" not in window_page
    assert "申请剔除" in manager.get("/windows/a01").text


def test_an_exclusion_ends_by_two_people_again(
    client: FlaskClient,
    people: Callable[..., FlaskClient],
    propose: Callable[..., int],
    token: Callable[[FlaskClient], str],
    dashboard: Dashboard,
) -> None:
    number = propose(client)
    li = people("li")
    assert say(li, token(li), number, "approved")[0] == 303
    form = {"csrf_token": token(li), "note": ""}
    assert li.post(f"/corrections/{number}/restore", data=form).status_code == 400
    answer = li.post(f"/corrections/{number}/restore", data={**form, "note": "wrong one"})
    assert answer.status_code == 303
    ending = int(answer.location.rsplit("/", 1)[1])
    assert say(li, token(li), ending, "approved")[0] == 403
    assert client.get("/api/v1/windows/a01").json["excluded"]["ratings"] == 1
    assert say(client, token(client), ending, "approved")[0] == 403  # a director asks only
    wang = people("wang")
    assert say(wang, token(wang), ending, "approved")[0] == 303
    assert correction(dashboard.corrections, number).state is State.ENDED
    assert client.get("/api/v1/windows/a01").json["excluded"]["ratings"] == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"reason": "annoying"}, "请选择一项原因"),
        ({"reason": "other", "note": ""}, "说明缺失"),
        ({"evidence": ""}, "说明缺失"),
        ({"seq": "999999999"}, "只能剔除已计入的评价"),
        ({"seq": "-1"}, "应为整数"),
        ({"device": "no-such"}, "只能剔除已计入的评价"),
    ],
)
def test_a_bad_form_is_answered_with_a_sentence_and_adds_nothing(
    client: FlaskClient,
    ledger: Path,
    token: Callable[[FlaskClient], str],
    dashboard: Dashboard,
    given: dict[str, str],
    words: str,
) -> None:
    [rating] = last_ratings(ledger, "a01", 1)
    answer = client.post("/corrections", data=form_of(rating, token(client), **given))
    assert answer.status_code == 400
    assert words in unescape(answer.text)
    assert chain_mark(dashboard.corrections).entries == 0


def test_what_a_form_says_of_a_rating_is_not_believed(
    client: FlaskClient, ledger: Path, token: Callable[[FlaskClient], str], dashboard: Dashboard
) -> None:
    [rating] = last_ratings(ledger, "a01", 1)
    lie = {"level": "1", "digest": "00", "department": "none", "author": "li"}
    answer = client.post("/corrections", data=form_of(rating, token(client), **lie))
    made = correction(dashboard.corrections, int(answer.location.rsplit("/", 1)[1])).proposal
    assert made.rating == rating
    assert made.author == "zhang"


def test_raw_excluded_and_net_add_up_on_every_page(
    client: FlaskClient, exclude: Callable[..., Any]
) -> None:
    """Hall, departments, windows, hours and days, in short periods and in years."""
    for period in ("", "?period=7-days", "?period=month", "?from=2020-01-01&to=2026-12-31"):
        before = client.get(f"/api/v1/windows{period}").json
        if not period:
            exclude("a01", 3)
        told = client.get(f"/api/v1/windows{period}").json
        departments = client.get(f"/api/v1/departments{period}").json
        one = client.get(f"/api/v1/windows/a01{period}").json
        assert told["hall"]["rated"] == before["hall"]["rated"]
        assert told["hall"] == departments["hall"]
        for part in ("windows", "departments"):
            these = told[part] if part == "windows" else departments[part]
            for level in "54321":
                for path in (("excluded", "levels"), ("net", "levels")):
                    summed = sum(row[path[0]][path[1]][level] for row in these)
                    assert summed == told["hall"][path[0]][path[1]][level]
        hours = one["hours"]
        assert sum(hour["excluded"]["ratings"] for hour in hours) == one["excluded"]["ratings"]
        assert sum(hour["net"]["rated"] for hour in hours) == one["net"]["rated"]
        assert one["excluded"]["ratings"] == 3
        assert one["net"]["rated"] + 3 == one["rated"]
        assert one["participation"]["numerator"] == one["rated"]


def test_with_nothing_excluded_a_page_says_only_that(client: FlaskClient) -> None:
    page = client.get("/windows/a01").text
    [line] = re.findall(r'<p class="corrected">.*?</p>', page)
    hidden = re.findall(r"<span hidden>", line)
    assert len(hidden) == 3  # raw and net, which would say the same, and the dot between
    assert "<span>剔除 <span>0</span><span hidden> ·</span></span><span hidden>" in line
    assert 'class="raw"' not in page


@pytest.mark.parametrize("path", ["/", "/windows/a01", "/windows", "/departments"])
def test_net_never_stands_without_raw_and_excluded(
    client: FlaskClient, exclude: Callable[..., Any], path: str
) -> None:
    exclude("a01", 2)
    page = client.get(path).text
    [line] = re.findall(r'<p class="corrected some"[^>]*>.*?</p>', page)
    assert " hidden" not in line
    text = re.sub(r"<[^>]+>", "", line)
    rate = r"[\d.]+ % \([\d,]+ / [\d,]+\)"
    assert re.fullmatch(f"原始 {rate} · 剔除 2 · 净 {rate}", text), text


def test_too_large_a_share_is_an_alarm_on_hall_and_ledger_page(
    client: FlaskClient, exclude: Callable[..., Any]
) -> None:
    exclude("a01", 4)
    assert client.get("/api/v1/integrity").json["alarms"] == []
    assert "剔除比例偏高" not in client.get("/").text
    exclude("a01", 2, skip=4)
    alarms = client.get("/api/v1/integrity").json["alarms"]
    scopes = {alarm["scope"] for alarm in alarms}
    assert {"window", "pair"} <= scopes
    window = next(alarm for alarm in alarms if alarm["scope"] == "window")
    assert window["code"] == "a01"
    assert window["excluded_share"]["numerator"] >= 5
    assert client.get("/api/v1/hall").json["alarms"] == alarms
    for path in ("/", "/integrity", "/hall/overview"):
        assert "剔除比例偏高" in client.get(path).text


def test_alarms_are_kept_but_an_entry_is_seen_at_once(
    client: FlaskClient, exclude: Callable[..., Any], dashboard: Dashboard, ledger: Path
) -> None:
    exclude("a01", 5)
    first = client.get("/api/v1/hall").json["alarms"]
    asked: list[str] = []
    with LedgerReader(ledger) as reader:
        assert reader._connection is not None
        reader._connection.set_trace_callback(asked.append)
        assert dashboard.alarms.alarms(reader, UNTIL.date())
        assert asked == []
        exclude("a01", 1, skip=5)
        assert dashboard.alarms.alarms(reader, UNTIL.date())
        assert asked
    assert client.get("/api/v1/hall").json["alarms"] != first


def test_an_open_page_is_told_of_an_approval_though_the_ledger_stands_still(
    dashboard: Dashboard, exclude: Callable[..., Any]
) -> None:
    dashboard.watcher.start()
    page = dashboard.watcher.subscribe()
    assert page is not None
    end = time.monotonic() + 10

    def next_excluded() -> int:
        while time.monotonic() < end:
            text = page.take(0.1)
            if text is not None:
                event = json.loads(text.split("data: ", 1)[1])
                return int(event["figures"]["excluded"]["ratings"])
        raise AssertionError("no event")

    assert next_excluded() == 0
    exclude("a01", 1)
    assert next_excluded() == 1


def test_a_live_page_agrees_with_a_reloaded_one(
    client: FlaskClient, exclude: Callable[..., Any]
) -> None:
    before = client.get("/api/v1/live?after=0").json
    exclude("a01", 2)
    live = client.get("/api/v1/live?after=0").json
    assert live["figures"]["excluded"]["ratings"] == 2
    assert live["figures"]["rated"] == before["figures"]["rated"]
    told = client.get("/api/v1/hall").json
    for part in ("figures", "hours", "leading", "attention", "alarms"):
        assert live[part] == told[part]


def test_months_are_asked_for_and_shown(
    client: FlaskClient, exclude: Callable[..., Any], english: FlaskClient
) -> None:
    exclude("a01", 1)
    assert "#1<" in client.get("/corrections?month=2026-05").text
    assert "#1<" not in client.get("/corrections?month=2026-04").text
    assert client.get("/api/v1/corrections?month=2026-05").json["made"][0]["state"] == "approved"
    assert "a child pressed" in english.get("/corrections").text
    for bad in ("2026", "2026-13", "0000-01", "2026-5", "x" * 7, "9999-12", "0001-01"):
        assert client.get(f"/corrections?month={bad}").status_code == 400, bad
    for month in ("2000-01", "2099-12"):
        assert client.get(f"/corrections?month={month}").status_code == 200


@pytest.mark.parametrize("number", ["9" * 15, str(2**63), "9" * 30, "9" * 5000, "\uff11"])
def test_a_number_that_no_correction_has_is_not_found(
    client: FlaskClient, token: Callable[[FlaskClient], str], number: str
) -> None:
    form = {"csrf_token": token(client), "verdict": "approved", "note": "x"}
    assert client.get(f"/corrections/{number}").status_code == 404
    assert client.post(f"/corrections/{number}/decision", data=form).status_code == 404
    assert client.post(f"/corrections/{number}/restore", data=form).status_code == 404
    assert client.get(f"/integrity/checkpoints/{number}").status_code == 404


def numbers_in(page: str, heading: str) -> list[int]:
    """Numbers of the corrections in the table below a heading, as they stand."""
    table = re.search(rf'<caption class="unseen">{heading}.*?</table>', page, re.DOTALL)
    return [int(number) for number in re.findall(r">#(\d+)</a>", table[0])] if table else []


def test_long_lists_are_cut_and_lead_on(
    client: FlaskClient, dashboard: Dashboard, ledger: Path
) -> None:
    add_corrections(
        dashboard.corrections, spread_ratings(ledger, 450), now_ms=dashboard.clock(), verdict=None
    )
    first = client.get("/corrections").text
    made, waiting = "2026-05 的申请", "待审批"
    assert numbers_in(first, waiting) == [*range(1, 201)]
    assert numbers_in(first, made) == [*range(450, 250, -1)]
    assert first.count("另有 250 条") == 2
    links = [unescape(link) for link in re.findall(r'<p class="more[^>]*>.*?href="([^"]+)"', first)]
    after, before = links
    assert numbers_in(client.get(after).text, waiting) == [*range(201, 401)]
    older = client.get(before).text
    assert numbers_in(older, made) == [*range(250, 50, -1)]
    [last] = re.findall(r'href="([^"]*before=51[^"]*)"', older)
    end = client.get(unescape(last)).text
    assert numbers_in(end, made) == [*range(50, 0, -1)]
    assert end.count("另有") == 1  # of those that wait only
    assert client.get("/corrections?before=x").status_code == 400
    told = client.get("/api/v1/corrections").json
    assert (len(told["made"]), len(told["open"])) == (450, 450)


@pytest.mark.parametrize("period", ["0001-01-01:0009-12-31", "9999-12-01:9999-12-30"])
def test_the_ends_of_the_calendar_are_no_trouble(
    client: FlaskClient, exclude: Callable[..., Any], period: str
) -> None:
    exclude("a01", 1)
    first, last = period.split(":")
    for path in ("/windows", "/departments", "/windows/a01"):
        assert client.get(f"{path}?from={first}&to={last}").status_code == 200


def test_broken_corrections_are_no_figures_at_all(
    client: FlaskClient, dashboard: Dashboard
) -> None:
    dashboard.corrections.path.write_bytes(b"broken" * 1000)
    for path in ("/", "/windows", "/windows/a01", "/departments", "/corrections", "/integrity"):
        answer = client.get(path)
        assert answer.status_code == 503, path
        assert "误评" in answer.text
    with pytest.raises(CorrectionsUnavailable):
        chain_mark(dashboard.corrections)


@pytest.mark.parametrize("name", ["corrections.db", "rules.db"])
def test_decisions_that_went_while_the_dashboard_was_stopped_are_a_loss_and_no_beginning(
    app: Flask,
    options: WebOptions,
    make_app: Callable[[WebOptions], Flask],
    sign_in: Callable[..., int],
    name: str,
) -> None:
    file = options.corrections.with_name(name)
    file.unlink()
    browser = make_app(options).test_client()
    assert sign_in(browser) == 302
    assert browser.get("/departments").status_code == 503
    assert not file.exists(), "an empty one would say that nothing was ever decided"
    file.touch()  # somebody wants to begin anew
    browser = make_app(options).test_client()
    assert sign_in(browser) == 302
    assert browser.get("/departments").status_code == 200


def test_roles_say_who_may_do_what(dashboard: Dashboard) -> None:
    assert not may_decide(Role.DIRECTOR)
    assert may_decide(Role.SUPERVISOR)
    assert not may_decide(Role.DEPARTMENT)
    assert not may_decide("stranger")
    assert may_propose(Role.DEPARTMENT, ["tax", "water"], "tax")
    assert not may_propose(Role.DEPARTMENT, ["tax"], "market")
    assert not sees_department(Role.DEPARTMENT, [], "")
    assert not sees_department("stranger", "", "tax")
    nothing: list[str] = []
    for role, own in ((Role.DEPARTMENT, nothing), (Role.SUPERVISOR, ["tax"])):
        with pytest.raises(InvalidAccount):
            dashboard.accounts.add("new", PASSWORD, now_ms=1, role=role, departments=own)

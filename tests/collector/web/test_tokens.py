"""Tokens: seen once, read-only, never more than their groups, their role and their departments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from collector.office.lockout import POLICIES
from collector.office.roles import Role
from collector.office.tokens import LONGEST_DAYS, InvalidToken, TokenExists, UnknownToken
from collector.web.bearer import opens_something
from collector.web.dashboard import Dashboard
from collector.web.rights import may
from collector.web.token_command import HALL_ONLY
from collector.web.token_groups import Group, group_of

PASSWORD = "correct horse battery"
Make = Callable[..., dict[str, str]]


@pytest.fixture
def make(dashboard: Dashboard) -> Make:
    """Makes a token; gives the header that shows it."""

    def do(*parts: Group, departments: tuple[str, ...] = (), days: int = 30) -> dict[str, str]:
        name = f"t{len(dashboard.tokens.all())}"
        token = dashboard.tokens.add(
            name,
            parts=parts or list(Group),
            departments=departments,
            days=days,
            by="root",
            now_ms=dashboard.clock(),
        )
        return {"Authorization": f"Bearer {token}"}

    return do


@pytest.fixture
def program(app: Flask) -> FlaskClient:
    """A program: it keeps no cookies."""
    return app.test_client(use_cookies=False)


@pytest.fixture
def administrator(app: Flask, dashboard: Dashboard, sign_in: Callable[..., int]) -> FlaskClient:
    """An administrator's browser."""
    dashboard.accounts.add("root", PASSWORD, now_ms=dashboard.clock(), role=Role.ADMINISTRATOR)
    browser = app.test_client()
    assert sign_in(browser, "root") == 302
    return browser


def form_of(browser: FlaskClient, **fields: object) -> dict[str, object]:
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/tokens").text)
    assert found is not None
    usual: dict[str, object] = {"name": "grafana", "part": ["figures"], "scope": "hall"}
    return {"csrf_token": found[1], "days": "90", **usual, **fields}


def trail(dashboard: Dashboard) -> list[tuple[str, str, str, dict[str, object]]]:
    rows = dashboard.office.database.execute(
        "SELECT action, account, subject, facts FROM audit ORDER BY id"
    ).fetchall()
    return [(action, who, what, json.loads(facts)) for action, who, what, facts in rows]


def test_a_token_is_shown_once_and_only_its_digest_is_kept(
    administrator: FlaskClient, program: FlaskClient, dashboard: Dashboard, tmp_path: Path
) -> None:
    made = administrator.post("/tokens", data=form_of(administrator))
    found = re.search(r'id="token"[^>]*>(yiping_[A-Za-z0-9_-]{43})<', made.text)
    assert found is not None
    token = found[1]
    assert made.headers["Cache-Control"] == "no-store"
    assert (
        program.get("/api/v1/hall", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    )
    again = administrator.get("/tokens").text
    assert token not in again
    assert f"{token[:13]}…" in again
    dashboard.office.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert token.encode() not in (tmp_path / "office.db").read_bytes()
    assert ("token.add", "root", "grafana") in [row[:3] for row in trail(dashboard)]
    assert token not in json.dumps(trail(dashboard))


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "x" * 65},
        {"name": "大厅"},
        {"part": []},
        {"part": ["everything"]},
        {"days": "366"},
        {"days": "-1"},
        {"days": ""},
        {"scope": "departments"},
        {"scope": "departments", "department": ["no such one"]},
        {"scope": "departments", "department": ["market"], "part": ["metrics"]},
        {"scope": "departments", "department": ["market"], "part": ["figures", "ledger"]},
    ],
)
def test_a_token_that_cannot_be_is_refused_with_a_sentence(
    administrator: FlaskClient, dashboard: Dashboard, fields: dict[str, object]
) -> None:
    answer = administrator.post("/tokens", data=form_of(administrator, **fields))
    assert answer.status_code == 400
    assert dashboard.tokens.all() == []


def test_a_name_is_never_given_twice(administrator: FlaskClient, dashboard: Dashboard) -> None:
    assert administrator.post("/tokens", data=form_of(administrator)).status_code == 200
    (token,) = dashboard.tokens.all()
    form = form_of(administrator)
    assert administrator.post(f"/tokens/{token.id}/revoke", data=form).status_code == 303
    refused = administrator.post("/tokens", data=form_of(administrator))
    assert refused.status_code == 400
    assert "已有同名令牌" in refused.text


def test_revoking_ends_a_token_at_once_and_is_noted(
    administrator: FlaskClient, program: FlaskClient, dashboard: Dashboard, make: Make
) -> None:
    shown = make(Group.FIGURES)
    assert program.get("/api/v1/hall", headers=shown).status_code == 200
    (token,) = dashboard.tokens.all()
    form = form_of(administrator)
    assert administrator.post(f"/tokens/{token.id}/revoke", data=form).status_code == 303
    assert program.get("/api/v1/hall", headers=shown).status_code == 401
    assert ("token.revoke", "root", token.name, {}) in trail(dashboard)
    assert administrator.post("/tokens/999/revoke", data=form).status_code == 404


def test_a_token_ends_by_itself(
    program: FlaskClient, make: Make, dashboard: Dashboard, clock: Callable[[], int]
) -> None:
    shown = make(Group.FIGURES, days=2)
    clock.advance_s(2 * 86_400 - 1)  # type: ignore[attr-defined]
    assert program.get("/api/v1/hall", headers=shown).status_code == 200
    clock.advance_s(1)  # type: ignore[attr-defined]
    assert program.get("/api/v1/hall", headers=shown).status_code == 401


def test_the_last_use_is_kept_to_the_minute(
    program: FlaskClient, make: Make, dashboard: Dashboard, clock: Callable[[], int]
) -> None:
    shown = make(Group.FIGURES)
    first_ms = clock()
    for _ in range(3):
        program.get("/api/v1/hall", headers=shown)
        clock.advance_s(25)  # type: ignore[attr-defined]
    assert dashboard.tokens.all()[0].used_ms == first_ms
    program.get("/api/v1/hall", headers=shown)
    (token,) = dashboard.tokens.all()
    assert token.used_ms == clock()
    assert token.used_from == "127.0.0.1"


def test_each_group_opens_its_own_addresses_and_no_other(
    app: Flask, program: FlaskClient, make: Make
) -> None:
    headers = {group: make(group) for group in Group}
    seen = 0
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or set()) or rule.endpoint in ("static", "hall.live_stream"):
            continue
        path = re.sub(r"<[^>]+>", "a01", re.sub(r"<int:[^>]+>", "1", rule.rule))
        for group, shown in headers.items():
            status = program.get(path, headers=shown).status_code
            is_open = group_of(rule.rule) in (group, "any") and may("director", rule.endpoint)
            assert (status != 403) == is_open, (group, path, status)
            assert status != 401, path
            seen += is_open
    assert seen >= 12


def test_a_token_opens_no_page_and_changes_nothing(
    app: Flask, program: FlaskClient, make: Make
) -> None:
    shown = make()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]+>", "a01", re.sub(r"<int:[^>]+>", "1", rule.rule))
        if "POST" in (rule.methods or set()):
            assert program.post(path, headers=shown).status_code == 403, path
    for path in ("/", "/tokens", "/corrections", "/windows/a01", "/login"):
        assert program.get(path, headers=shown).status_code == 403, path


def test_a_token_of_a_department_sees_that_department_and_its_sums_only(
    program: FlaskClient, make: Make, app: Flask, dashboard: Dashboard, sign_in: Callable[..., int]
) -> None:
    shown = make(departments=("market",))
    dashboard.accounts.add(
        "manager",
        PASSWORD,
        now_ms=dashboard.clock(),
        role=Role.DEPARTMENT,
        departments=["market"],
    )
    browser = app.test_client()
    assert sign_in(browser, "manager") == 302
    for path in (
        "/api/v1/hall",
        "/api/v1/departments?period=30-days",
        "/api/v1/windows?period=30-days",
        "/api/v1/corrections",
        "/api/v1/live?after=0",
    ):
        mine = program.get(path, headers=shown)
        assert mine.status_code == 200
        assert mine.get_json() == browser.get(path).get_json(), path
    codes = [
        one["code"]
        for one in program.get("/api/v1/departments", headers=shown).get_json()["departments"]
    ]
    assert codes == ["market"]
    assert program.get("/api/v1/departments/tax", headers=shown).status_code == 404
    assert program.get("/api/v1/integrity", headers=shown).status_code == 403
    assert program.get("/metrics", headers=shown).status_code == 403


def test_cookies_count_for_nothing_beside_a_token(
    client: FlaskClient, administrator: FlaskClient, make: Make
) -> None:
    assert client.get("/api/v1/windows/a01").status_code == 200
    assert client.get("/api/v1/windows/a01", headers=make(Group.FIGURES)).status_code == 403
    wrong = {"Authorization": "Bearer yiping_nothing"}
    assert client.get("/api/v1/hall", headers=wrong).status_code == 401
    form = form_of(administrator)
    assert administrator.post("/tokens", data=form, headers=make()).status_code == 403


def test_a_token_in_an_address_or_by_another_scheme_is_not_looked_at(
    program: FlaskClient, make: Make
) -> None:
    token = make()["Authorization"].split()[1]
    for name in ("token", "access_token", "key"):
        assert program.get(f"/api/v1/hall?{name}={token}").status_code == 401
    assert (
        program.get("/api/v1/hall", headers={"Authorization": f"Basic {token}"}).status_code == 401
    )
    assert program.get("/api/v1/hall", headers={"X-API-Key": token}).status_code == 401
    assert (
        program.get("/api/v1/hall", headers={"Authorization": f"bearer  {token}"}).status_code
        == 200
    )


def test_wrong_tokens_are_slowed_down_and_good_ones_are_not(
    program: FlaskClient, make: Make, dashboard: Dashboard, clock: Callable[[], int]
) -> None:
    shown = make(Group.FIGURES)
    wrong = {"Authorization": "Bearer yiping_wrong"}
    free = POLICIES["token"].free
    statuses = [program.get("/api/v1/hall", headers=wrong).status_code for _ in range(free + 3)]
    assert statuses == [401] * (free + 1) + [429] * 2
    waiting = program.get("/api/v1/hall", headers=wrong)
    assert int(waiting.headers["Retry-After"]) >= 1
    assert program.get("/api/v1/hall", headers=shown).status_code == 200
    other = {"REMOTE_ADDR": "10.1.2.3"}
    assert program.get("/api/v1/hall", headers=wrong, environ_base=other).status_code == 401
    clock.advance_s(int(waiting.headers["Retry-After"]))  # type: ignore[attr-defined]
    assert program.get("/api/v1/hall", headers=wrong).status_code == 401
    refused = [row for row in trail(dashboard) if row[0] == "token.refused"]
    assert len(refused) == free + 3  # what had to wait was not looked at, and is not noted


@pytest.mark.parametrize("text", ["", " ", "yiping_", "x" * 5000, "yiping_" + "é" * 10])
def test_nonsense_is_no_token(program: FlaskClient, text: str) -> None:
    answer = program.get("/api/v1/hall", headers={"Authorization": f"Bearer {text}"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_program_is_told_in_the_language_it_asks_for(program: FlaskClient, make: Make) -> None:
    shown = make(Group.FIGURES)
    for asked, word in (("en-GB,en;q=0.9", "expected"), ("zh-CN", "应为"), ("fr", "应为")):
        answer = program.get("/api/v1/live?after=x", headers={**shown, "Accept-Language": asked})
        assert word in answer.get_json()["error"]["detail"], asked


def test_a_stream_ends_with_its_token(
    app: Flask, make: Make, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.web.live.ALLOWED_EVERY_S", 0.0)
    shown = make(Group.FIGURES)
    dashboard.watcher.start()
    answer = app.test_client().get("/api/v1/live/stream", headers=shown, buffered=False)
    texts = iter(answer.response)
    assert b"data: " in next(texts)  # type: ignore[operator]
    dashboard.tokens.revoke(dashboard.tokens.all()[0].name, by="root", now_ms=dashboard.clock())
    assert list(texts) == []
    answer.close()


def test_only_administrators_see_the_tokens(app: Flask) -> None:
    for role in Role:
        assert may(role, "tokens.index") == (role is Role.ADMINISTRATOR)
        assert may(role, "tokens.add") == (role is Role.ADMINISTRATOR)


def test_the_store_refuses_what_no_token_can_be(dashboard: Dashboard) -> None:
    def add(**given: object) -> str:
        usual = {"parts": ["figures"], "departments": [], "days": 1, "by": "x", "now_ms": 0}
        return dashboard.tokens.add("one", **{**usual, **given})  # type: ignore[arg-type]

    for wrong in ({"parts": []}, {"days": 0}, {"days": LONGEST_DAYS + 1}):
        with pytest.raises(InvalidToken):
            add(**wrong)
    add()
    with pytest.raises(TokenExists):
        add()
    with pytest.raises(UnknownToken):
        dashboard.tokens.revoke("two", by="x", now_ms=0)


@given(st.text(max_size=80))
def test_an_address_is_in_a_group_or_in_none(rule: str) -> None:
    assert group_of(rule) in {*Group, "any", None}


def test_the_command_and_the_matrix_agree_on_what_is_only_for_the_whole_hall(app: Flask) -> None:
    routes = {rule.endpoint: rule.rule for rule in app.url_map.iter_rules()}
    there = {group_of(rule) for rule in routes.values()}
    for group in there & set(Group):
        assert opens_something(frozenset(), str(group), routes), group
        is_open = opens_something(frozenset({"market"}), str(group), routes)
        assert is_open == (group not in HALL_ONLY), group


def test_the_form_offers_what_there_is(administrator: FlaskClient, app: Flask) -> None:
    page = administrator.get("/tokens").text
    offered = set(re.findall(r'name="part" value="([^"]+)"', page))
    there = {group_of(rule.rule) for rule in app.url_map.iter_rules()}
    assert offered == there & set(Group)

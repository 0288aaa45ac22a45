"""Who may see what: nothing without a session, no form without its token, no inline script."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from collector.web.access import SECURITY_HEADERS, SESSION_COOKIE
from collector.web.dashboard import Dashboard, WebOptions

PUBLIC = {
    "static",
    "account.login",
    "account.sign_in",
    "account.preferences",
    "account.code",
    "account.check_code",
    "account.setup",
    "account.set_up",
    "health.check",
    *("screen.page", "screen.now"),  # guarded by a display's token instead
}
PAGES = (
    "/",
    "/departments",
    "/departments/tax",
    "/windows",
    "/windows/a01",
    "/corrections",
    "/corrections/find?case_no=x",
    "/bad-ratings",
    "/displays",
    "/screen",
    "/integrity",
)
SignIn = Callable[..., int]
Token = Callable[[FlaskClient], str]


def test_every_route_that_is_not_named_here_needs_a_session(app: Flask) -> None:
    visitor = app.test_client()
    refused = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC:
            continue
        path = re.sub(r"<[^>]+>", "a01", re.sub(r"<int:[^>]+>", "1", rule.rule))
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = visitor.open(path, method=method)
            is_api = path.startswith(("/api/", "/metrics"))
            if method == "GET":
                assert answer.status_code == (401 if is_api else 302), (method, path)
                assert is_api or answer.location.startswith("/login"), path
            else:
                assert answer.status_code == 400, (method, path)  # no CSRF token
            refused.append(rule.endpoint)
    assert len(refused) >= 14


@pytest.mark.parametrize("path", PAGES)
def test_a_signed_in_visitor_sees_every_page(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_signing_in_leads_back_to_the_page_asked_for(visitor: FlaskClient, token: Token) -> None:
    first = visitor.get("/departments?period=7-days")
    page = visitor.get(first.location).text
    target = re.search(r'name="next" value="(/departments[^"]*)"', page)
    assert target is not None
    form = {
        "csrf_token": token(visitor),
        "name": "zhang",
        "password": "correct horse battery",
        "next": target[1],
    }
    assert visitor.post("/login", data=form).location == "/departments?period=7-days"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "\t//x"],
)
def test_signing_in_never_leads_to_another_site(
    visitor: FlaskClient, token: Token, target: str
) -> None:
    form = {
        "csrf_token": token(visitor),
        "name": "zhang",
        "password": "correct horse battery",
        "next": target,
    }
    assert visitor.post("/login", data=form).location == "/"


@pytest.mark.parametrize("path", ["/login", "/logout", "/preferences"])
def test_a_form_without_its_token_is_refused(client: FlaskClient, path: str) -> None:
    assert client.post(path, data={"language": "en"}).status_code == 400
    assert client.get("/").status_code == 200  # and nobody was signed out


def test_the_session_cookie_is_out_of_reach_of_scripts(visitor: FlaskClient, token: Token) -> None:
    form = {"csrf_token": token(visitor), "name": "zhang", "password": "correct horse battery"}
    cookies = visitor.post("/login", data=form).headers.getlist("Set-Cookie")
    session = next(c for c in cookies if c.startswith(SESSION_COOKIE) and "Max-Age=0" not in c)
    assert "HttpOnly" in session
    assert "SameSite=Lax" in session
    assert "Secure" not in session


def test_behind_https_cookies_are_secure(
    make_app: Callable[[WebOptions], Flask], options: WebOptions, token: Token
) -> None:
    secure = replace(options, is_https=True)
    visitor = make_app(secure).test_client()
    page = visitor.get("/login", base_url="https://hall.example/")
    assert all("Secure" in cookie for cookie in page.headers.getlist("Set-Cookie"))
    assert page.headers["Strict-Transport-Security"]


def test_the_database_knows_only_the_digest_of_a_session_id(
    client: FlaskClient, options: WebOptions
) -> None:
    cookie = client.get_cookie(SESSION_COOKIE)
    assert cookie is not None
    connection = sqlite3.connect(options.office)
    dump = "\n".join(connection.iterdump())
    connection.close()
    assert 'INSERT INTO "sessions"' in dump or "INSERT INTO sessions" in dump
    assert cookie.value not in dump
    assert "correct horse" not in dump
    assert "$argon2id$" in dump


def test_signing_in_again_ends_the_session_before(
    client: FlaskClient, sign_in: SignIn, token: Token, app: Flask
) -> None:
    before = client.get_cookie(SESSION_COOKIE)
    assert before is not None
    client.post("/logout", data={"csrf_token": token(client)})
    assert sign_in(client) == 302
    thief = app.test_client()
    thief.set_cookie(SESSION_COOKIE, before.value)
    assert thief.get("/").status_code == 302


def test_signing_out_ends_the_session_on_the_server(
    client: FlaskClient, token: Token, app: Flask
) -> None:
    kept = client.get_cookie(SESSION_COOKIE)
    assert kept is not None
    assert client.post("/logout", data={"csrf_token": token(client)}).status_code == 302
    client.set_cookie(SESSION_COOKIE, kept.value)
    assert client.get("/").status_code == 302


def test_a_disabled_account_is_out_at_once(client: FlaskClient, dashboard: Dashboard) -> None:
    assert client.get("/").status_code == 200
    dashboard.accounts.disable("zhang", now_ms=dashboard.clock())
    assert client.get("/").status_code == 302


def test_an_unused_session_ends(client: FlaskClient, dashboard: Dashboard, clock: Any) -> None:
    clock.advance_s(dashboard.options.idle_s - 1)
    assert client.get("/").status_code == 200
    clock.advance_s(dashboard.options.idle_s)
    assert client.get("/").status_code == 302


def test_a_made_up_session_id_opens_nothing(visitor: FlaskClient) -> None:
    visitor.set_cookie(SESSION_COOKIE, "A" * 3000)
    assert visitor.get("/").status_code == 302


@pytest.mark.parametrize("path", [*PAGES, "/login", "/nowhere", "/api/v1/hall", "/static/mark.svg"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    answer = client.get(path, buffered=True)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "http" not in policy


@pytest.mark.parametrize("path", [*PAGES, "/login", "/nowhere"])
def test_no_page_has_inline_script_or_style_or_names_another_host(
    client: FlaskClient, visitor: FlaskClient, path: str
) -> None:
    page = (visitor if path == "/login" else client).get(path).text
    assert not re.search(r"<script(?![^>]*\bsrc=)", page)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
    assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", page)


def test_pages_are_not_kept_by_the_browser_but_static_files_are(client: FlaskClient) -> None:
    assert client.get("/").headers["Cache-Control"] == "no-store"
    address = re.search(r'href="(/static/css/tokens\.css\?v=[^"]+)"', client.get("/").text)
    assert address is not None
    assert "max-age=31536000" in client.get(address[1], buffered=True).headers["Cache-Control"]


def test_the_dashboard_cannot_write_the_ledger(client: FlaskClient, ledger: Path) -> None:
    before = ledger.read_bytes()
    for path in PAGES:
        client.get(path)
    assert ledger.read_bytes() == before


def test_a_part_of_a_page_leads_the_whole_page_to_the_sign_in(visitor: FlaskClient) -> None:
    part = {"HX-Request": "true", "HX-Current-URL": "http://localhost/bad-ratings?level=2"}
    answer = visitor.get("/bad-ratings?level=1", headers=part)
    assert (answer.status_code, answer.text) == (204, "")
    assert answer.headers["HX-Redirect"] == "/login?next=/bad-ratings?level%3D2"
    elsewhere = {**part, "HX-Current-URL": "http://localhost//evil.example/"}
    answer = visitor.get("/bad-ratings", headers=elsewhere)
    assert answer.headers["HX-Redirect"] == "/login?next=/"


def test_a_form_after_the_session_says_that_one_has_to_sign_in(visitor: FlaskClient) -> None:
    late = visitor.post("/corrections", data={"csrf_token": "old"})
    old = visitor.post("/login", data={"csrf_token": "old"})
    assert late.status_code == old.status_code == 400
    assert "表单已过期" in old.text
    assert "表单已过期" not in late.text

"""First start, one's own page, the second factor and the accounts page, as browsers use them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient

from collector.office.audit_reading import Asked, AuditReader
from collector.office.roles import Role
from collector.web.access import SESSION_COOKIE
from collector.web.dashboard import EXTENSION, Dashboard, WebOptions

PASSWORD = "correct horse battery"
OWN = "four words of my own"
SignIn = Callable[..., int]
Post = Callable[..., Any]


@pytest.fixture
def post() -> Post:
    """Posts a form with the token of the page that has it."""

    def do(browser: FlaskClient, path: str, page: str, **form: Any) -> Any:
        found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(page).text)
        assert found is not None, page
        return browser.post(path, data={"csrf_token": found[1], **form})

    return do


@pytest.fixture
def admin(app: Flask, dashboard: Dashboard, sign_in: SignIn) -> FlaskClient:
    """A browser of the administrator `li`."""
    dashboard.accounts.add("li", PASSWORD, now_ms=dashboard.clock(), role=Role.ADMINISTRATOR)
    browser = app.test_client()
    assert sign_in(browser, "li") == 302
    return browser


def number_of(dashboard: Dashboard, name: str) -> int:
    found = dashboard.accounts.find(name)
    assert found is not None
    return found.id


def shown_password(page: str) -> str:
    found = re.search(r"secret-once.*?<code>([^<]+)</code>", page, re.DOTALL)
    assert found is not None, page
    return unescape(found[1])


def actions(dashboard: Dashboard, action: str = "") -> list[Any]:
    """Entries of the audit trail, oldest first."""
    found = AuditReader(dashboard.office).newest(Asked(action=action), limit=1000)
    return [one.entry for one in found[::-1]]


def session_of(browser: FlaskClient) -> str:
    cookie = browser.get_cookie(SESSION_COOKIE)
    return cookie.value if cookie else ""


def test_the_first_start_leads_to_the_set_up_and_then_never_again(
    options: WebOptions, make_app: Callable[..., Flask], post: Post
) -> None:
    app = make_app(options)
    parts: Dashboard = app.extensions[EXTENSION]
    parts.office.database.execute("DELETE FROM accounts")
    browser = app.test_client()
    assert browser.get("/", follow_redirects=True).request.path == "/setup"
    code = parts.setup.new_code(now_ms=parts.clock())

    def attempt(**form: str) -> Any:
        given = {"code": code, "name": "first", "password": OWN, "again": OWN, **form}
        return post(browser, "/setup", "/setup", **given)

    assert attempt(again="another").status_code == 400
    assert attempt(code="WRONG").status_code == 403
    assert attempt(password="12345678", again="12345678").status_code == 400
    assert parts.accounts.all() == []
    assert attempt().status_code == 302
    assert browser.get("/people").status_code == 200
    other = app.test_client()
    assert other.get("/setup").location == "/login"
    assert [one.action for one in actions(parts, "account")] == [
        "account.setup_refused",
        "account.setup",
    ]
    assert all(code not in str(one) for one in actions(parts))


def test_a_made_up_password_is_shown_once_and_must_be_replaced(
    app: Flask, admin: FlaskClient, dashboard: Dashboard, sign_in: SignIn, post: Post
) -> None:
    answer = post(admin, "/people", "/people", name="wang", role="director")
    first = shown_password(answer.text)
    assert first not in admin.get("/people").text
    browser = app.test_client()
    assert sign_in(browser, "wang", first) == 302
    for path in ("/", "/windows", "/me", "/me/factor"):
        assert browser.get(path).location == "/me/password"
    assert browser.get("/api/v1/hall").status_code == 403
    page = "/me/password"
    assert post(browser, page, page, old=first, password=first, again=first).status_code == 400
    done = post(browser, page, page, old=first, password=OWN, again=OWN)
    assert done.status_code == 302
    assert browser.get("/windows").status_code == 200
    assert sign_in(app.test_client(), "wang", first) == 403
    assert all(first not in str(one) and OWN not in str(one) for one in actions(dashboard))


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"name": "wang", "role": "king"}, 400),
        ({"name": "wang", "role": "department"}, 400),
        ({"name": "wang", "role": "department", "department": "nowhere"}, 400),
        ({"name": "wang", "role": "director", "department": "tax"}, 400),
        ({"name": "", "role": "director"}, 400),
        ({"name": "ѕup", "role": "director"}, 400),
        ({"name": "zhang", "role": "director"}, 400),
        ({"name": "x" * 65, "role": "director"}, 400),
        ({"name": "wang", "role": "department", "department": ["tax", "market"]}, 200),
    ],
)
def test_the_accounts_page_says_what_is_wrong(
    admin: FlaskClient, dashboard: Dashboard, post: Post, form: dict[str, str], status: int
) -> None:
    answer = post(admin, "/people", "/people", **form)
    assert answer.status_code == status
    assert len(dashboard.accounts.all()) == (3 if status == 200 else 2)
    assert len(actions(dashboard, "account.add")) == (1 if status == 200 else 0)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("rights", {"role": "department", "department": "tax"}),
        ("state", {"state": "disabled"}),
        ("password", {}),
        ("sessions", {}),
        ("factor", {"factor": "required"}),
        ("factor", {"factor": "remove"}),
    ],
)
def test_a_change_ends_the_sessions_at_once_and_is_in_the_trail(
    client: FlaskClient,
    admin: FlaskClient,
    dashboard: Dashboard,
    post: Post,
    path: str,
    form: dict[str, str],
) -> None:
    number = number_of(dashboard, "zhang")
    cookie = session_of(client)
    assert client.get("/windows").status_code == 200
    before = len(actions(dashboard, "account"))
    done = post(admin, f"/people/{number}/{path}", f"/people/{number}", **form)
    assert done.status_code in (200, 303)
    assert "/login" in client.get("/windows").location
    assert not dashboard.sessions.is_running(cookie, now_ms=dashboard.clock()), "a live stream"
    (entry,) = actions(dashboard, "account")[before:]
    assert (entry.account, entry.subject) == ("li", "zhang")


def test_an_administrator_cannot_remove_the_last_one_or_rise_silently(
    admin: FlaskClient, dashboard: Dashboard, post: Post
) -> None:
    number = number_of(dashboard, "li")
    page = f"/people/{number}"
    assert post(admin, f"{page}/state", page, state="disabled").status_code == 400
    assert post(admin, f"{page}/rights", page, role="director").status_code == 400
    dashboard.accounts.add("second", PASSWORD, now_ms=1, role=Role.ADMINISTRATOR)
    assert post(admin, f"{page}/rights", page, role="director").status_code == 303
    assert "/login" in admin.get("/people").location, "the session is renewed with other rights"
    (entry,) = actions(dashboard, "account.rights")
    assert entry.facts == {"before": ["administrator"], "after": ["director"], "own": True}


def test_a_password_change_asks_for_the_old_one_and_ends_other_sessions(
    app: Flask, client: FlaskClient, sign_in: SignIn, post: Post
) -> None:
    other = app.test_client()
    assert sign_in(other) == 302
    page, before = "/me/password", session_of(client)
    wrong = post(client, page, page, old="wrong", password=OWN, again=OWN)
    assert wrong.status_code == 400
    assert post(client, page, page, old=PASSWORD, password=OWN, again="x").status_code == 400
    weak = post(client, page, page, old=PASSWORD, password="yunze-2026", again="yunze-2026")
    assert weak.status_code == 400
    assert post(client, page, page, old=PASSWORD, password=OWN, again=OWN).status_code == 302
    assert client.get("/me").status_code == 200
    assert session_of(client) != before
    assert "/login" in other.get("/me").location


def test_guessing_the_old_password_is_slowed_down(client: FlaskClient, post: Post) -> None:
    page = "/me/password"
    statuses = [
        post(client, page, page, old="wrong", password=OWN, again=OWN).status_code for _ in range(7)
    ]
    assert statuses[0] == 400
    assert statuses[-1] == 429


def test_sessions_are_listed_and_ended(
    app: Flask, client: FlaskClient, sign_in: SignIn, post: Post
) -> None:
    other, third = app.test_client(), app.test_client()
    assert sign_in(other) == sign_in(third) == 302
    page = client.get("/me").text
    handles = re.findall(r'name="which" value="([0-9a-f]{16})"', page)
    assert len(handles) == 2, "this one cannot be ended by itself"
    assert page.count('class="this-one"') == 1
    assert session_of(client) not in page
    assert post(client, "/me/sessions", "/me", which=handles[0]).status_code == 302
    assert post(client, "/me/sessions", "/me", which=handles[0]).status_code == 404
    assert post(client, "/me/sessions", "/me", which="'; --").status_code == 400
    assert post(client, "/me/sessions", "/me").status_code == 400
    gone = [one for one in (other, third) if one.get("/me").status_code == 302]
    assert len(gone) == 1
    assert post(client, "/me/sessions", "/me", which="others").status_code == 302
    assert other.get("/me").status_code == third.get("/me").status_code == 302
    assert sign_in(other) == 302
    assert post(client, "/me/sessions", "/me", which="all").location == "/login"
    assert client.get("/me").status_code == other.get("/me").status_code == 302


def test_nobody_ends_another_persons_session(
    client: FlaskClient, admin: FlaskClient, dashboard: Dashboard, post: Post
) -> None:
    li = dashboard.accounts.find("li")
    assert li is not None
    (one,) = dashboard.sessions.of(li, now_ms=dashboard.clock())
    assert post(client, "/me/sessions", "/me", which=one.handle).status_code == 404
    assert admin.get("/me").status_code == 200


def enrol(browser: FlaskClient, dashboard: Dashboard, post: Post, name: str) -> pyotp.TOTP:
    """Switch the second factor on as the pages lead."""
    page = "/me/factor"
    assert post(browser, "/me/factor/begin", page, old="wrong").status_code == 400
    assert post(browser, "/me/factor/begin", page, old=PASSWORD).status_code == 302
    text = browser.get(page).text
    assert 'src="data:image/svg+xml' in text
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", text)
    assert found is not None
    maker = pyotp.TOTP(found[1].replace(" ", ""))
    assert post(browser, "/me/factor/confirm", page, code="000000").status_code == 400
    code = maker.at(dashboard.clock() // 1000)
    done = post(browser, "/me/factor/confirm", page, code=code)
    assert done.status_code == 200
    assert len(re.findall(r"<li>[A-Z2-7-]{27}</li>", done.text)) == 8
    return maker


def test_a_role_that_requires_a_factor_can_do_nothing_before_it_has_one(
    app: Flask,
    client: FlaskClient,
    admin: FlaskClient,
    dashboard: Dashboard,
    sign_in: SignIn,
    post: Post,
    clock: Any,
) -> None:
    done = post(admin, "/people/policy", "/people", save="1", role=["director"])
    assert done.status_code == 303
    for path in ("/", "/windows", "/me", "/me/password"):
        assert client.get(path).location == "/me/factor"
    assert client.get("/api/v1/hall").status_code == 403
    before = session_of(client)
    maker = enrol(client, dashboard, post, "zhang")
    assert session_of(client) != before
    assert client.get("/windows").status_code == 200
    assert post(client, "/me/factor/remove", "/me", old=PASSWORD).status_code == 409

    clock.advance_s(60)
    browser = app.test_client()
    assert sign_in(browser) == 302
    assert "/login" in browser.get("/windows").location, "half a sign-in opens nothing"
    assert browser.get("/api/v1/hall").status_code == 401
    waiting = session_of(browser)
    code = maker.at(dashboard.clock() // 1000)
    wrong = post(browser, "/login/code", "/login/code", code="000000", next="/windows")
    assert wrong.status_code == 400
    right = post(browser, "/login/code", "/login/code", code=code, next="/windows")
    assert right.location == "/windows"
    assert session_of(browser) != waiting
    assert browser.get("/windows").status_code == 200

    again = app.test_client()
    assert sign_in(again) == 302
    assert post(again, "/login/code", "/login/code", code=code).status_code == 400, "a replay"
    factors = [e.facts.get("factor") for e in actions(dashboard, "session.start")]
    assert factors == ["password", "password", "totp"]


def test_codes_count_into_the_lock_out(
    app: Flask, client: FlaskClient, dashboard: Dashboard, sign_in: SignIn, post: Post
) -> None:
    enrol(client, dashboard, post, "zhang")
    browser = app.test_client()
    assert sign_in(browser) == 302
    statuses = []
    for number in range(8):
        answer = post(browser, "/login/code", "/login/code", code=f"{number:06}")
        statuses.append(answer.status_code)
        assert sign_in(browser) in (302, 429)  # the right password sets nothing back
    assert statuses[-1] == 429


def test_a_lost_telephone_is_replaced_by_an_administrator(
    client: FlaskClient, admin: FlaskClient, dashboard: Dashboard, sign_in: SignIn, post: Post
) -> None:
    enrol(client, dashboard, post, "zhang")
    page = f"/people/{number_of(dashboard, 'zhang')}"
    reset = post(admin, f"{page}/password", page)
    account = dashboard.accounts.find("zhang")
    assert account is not None
    assert account.has_factor, "a new password does not go past the second factor"
    assert sign_in(client, "zhang", shown_password(reset.text)) == 302
    assert "/login" in client.get("/windows").location
    assert post(admin, f"{page}/factor", page, factor="remove").status_code == 303
    account = dashboard.accounts.find("zhang")
    assert account is not None
    assert not account.has_factor


def test_a_factor_is_switched_off_with_the_password(
    client: FlaskClient, dashboard: Dashboard, post: Post
) -> None:
    enrol(client, dashboard, post, "zhang")
    page = "/me/factor"
    assert post(client, "/me/factor/remove", page, old="wrong").status_code == 400
    assert post(client, "/me/factor/remove", page, old=PASSWORD).status_code == 302
    account = dashboard.accounts.find("zhang")
    assert account is not None
    assert not account.has_factor


def test_passwords_can_be_pasted_shown_and_managed(visitor: FlaskClient) -> None:
    page = visitor.get("/login").text
    field = re.search(r"<input[^>]*name=\"password\"[^>]*>", page)
    assert field is not None
    assert 'type="password"' in field[0]
    assert 'autocomplete="current-password"' in field[0]
    assert "data-show-password" in page
    assert "onpaste" not in page


def test_behind_https_cookies_belong_to_this_host_and_a_sign_out_clears_the_browser(
    make_app: Callable[..., Flask], options: WebOptions
) -> None:
    browser = make_app(replace(options, is_https=True)).test_client()
    base = "https://hall.example/"
    page = browser.get("/login", base_url=base).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    form = {"csrf_token": token[1], "name": "zhang", "password": PASSWORD}
    headers = {"Referer": base}
    done = browser.post("/login", data=form, base_url=base, headers=headers)
    cookies = [c for c in done.headers.getlist("Set-Cookie") if "Max-Age=0" not in c]
    assert done.status_code == 302
    assert all(c.startswith("__Host-yiping_") for c in cookies), cookies
    assert all("Secure" in c and "Path=/" in c and "Domain" not in c for c in cookies)
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/me", base_url=base).text)
    assert token is not None
    out = browser.post("/logout", data={"csrf_token": token[1]}, base_url=base, headers=headers)
    assert out.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert browser.get("/me", base_url=base).status_code == 302


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("hall.example", 302),
        ("hall.example:8080", 302),
        ("HALL.example", 302),
        ("evil.example", 400),
        ("hall.example.evil.example", 400),
    ],
)
def test_only_our_own_names_are_answered(
    make_app: Callable[..., Flask], options: WebOptions, host: str, status: int
) -> None:
    app = make_app(replace(options, allowed_hosts=("hall.example", "10.0.0.5")))
    assert app.test_client().get("/", headers={"Host": host}).status_code == status


def test_an_oversized_form_is_refused(client: FlaskClient, token: Callable[..., str]) -> None:
    form = {"csrf_token": token(client), "old": "x" * 100_000}
    assert client.post("/me/password", data=form).status_code == 413


def test_people_pages_work_before_there_is_a_ledger(
    make_app: Callable[..., Flask], options: WebOptions, sign_in: SignIn, post: Post
) -> None:
    app = make_app(replace(options, ledger=options.office.with_name("none.db")))
    parts: Dashboard = app.extensions[EXTENSION]
    parts.accounts.add("li", PASSWORD, now_ms=parts.clock(), role=Role.ADMINISTRATOR)
    browser = app.test_client()
    assert sign_in(browser, "li") == 302
    for path in ("/people", "/me", "/audit", "/me/password", "/me/factor"):
        assert browser.get(path).status_code == 200, path
    assert post(browser, "/people", "/people", name="w", role="operator").status_code == 200

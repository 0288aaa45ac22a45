"""Big screens: who may pair one, what one may show, and that nothing shows after it was revoked."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from bench.add_session import add_session
from collector.ledger.readers.fleet import DepartmentRow
from collector.office.displays import (
    MOST_PAIRINGS,
    MOST_PAIRINGS_OF_ADDRESS,
    PAIRING_MS,
    DisplayRefused,
    Displays,
    Theme,
    UnknownDisplay,
    checked_name,
    plain_code,
)
from collector.office.roles import Role
from collector.rates import Counts
from collector.web.dashboard import Dashboard, WebOptions
from collector.web.figures import Figures
from collector.web.hall.today import HourFigures
from collector.web.places import DepartmentFigures
from collector.web.screen import figures
from collector.web.screen.views import COOKIE

Token = Callable[[FlaskClient], str]
SignIn = Callable[..., int]
PASSWORD = "correct horse battery"


def code_of(screen: FlaskClient) -> str:
    page = screen.get("/screen").text
    found = re.search(r'class="pairing-code"[^>]*>(\d{4})<span></span>(\d{4})<', page)
    assert found is not None, page
    return found[1] + found[2]


@pytest.fixture
def pair(client: FlaskClient, token: Token) -> Callable[..., int]:
    """Types a code; gives the status of the answer."""

    def do(code: str, name: str = "east door", **more: str) -> int:
        form = {"csrf_token": token(client), "code": code, "name": name, **more}
        return client.post("/displays", data=form).status_code

    return do


@pytest.fixture
def screen(app: Flask, pair: Callable[..., int]) -> FlaskClient:
    """The browser of a paired screen."""
    browser = app.test_client()
    assert pair(code_of(browser)) == 303
    return browser


# ---- what it says


def some(rated: int, bad: int = 0) -> Figures:
    return Figures(Counts(invited=2 * rated, level5=rated - bad, level1=bad))


@given(rated=st.integers(0, 40), bad=st.integers(0, 40), least=st.integers(5, 20))
def test_nothing_is_told_over_fewer_ratings_than_the_least(
    rated: int, bad: int, least: int
) -> None:
    told = figures.told_hall(some(rated, min(bad, rated)), least)
    private = [told[part] for part in ("rate", "rated", "participation", "levels")]
    if rated < least:
        assert private == [None] * 4
    else:
        assert told["rated"] == rated
        assert told["rate"]["base"] == rated
        assert sum(told["levels"].values()) == rated


@given(st.lists(st.integers(0, 30), max_size=24), st.integers(5, 20))
def test_an_hour_is_told_in_full_or_as_too_few_or_as_none(rated: list[int], least: int) -> None:
    hours = [HourFigures(hour, some(number)) for hour, number in enumerate(rated)]
    for number, hour in zip(rated, figures.told_hours(hours, least), strict=True):
        assert hour["rated"] == (number if number >= least or number == 0 else None)


@given(st.lists(st.integers(0, 30), max_size=20), st.integers(5, 20))
def test_departments_with_enough_ratings_are_told_in_the_order_of_the_fleet(
    rated: list[int], least: int
) -> None:
    rows = [
        DepartmentFigures(
            DepartmentRow(id=at, code=f"d{at}", name=f"{at}", name_en="", ordinal=at), 1, some(n)
        )
        for at, n in enumerate(rated)
    ]
    told = figures.told_departments(rows, least)
    assert [one["name"] for one in told] == [str(at) for at, n in enumerate(rated) if n >= least]
    assert all(set(one) == {"name", "percent", "numerator", "base"} for one in told)


@pytest.mark.parametrize(("minimum", "least"), [(0, 5), (4, 5), (5, 5), (10, 10)])
def test_a_screen_in_public_has_a_least_base_of_its_own(minimum: int, least: int) -> None:
    assert figures.least_base(minimum) == least


def test_departments_are_told_up_to_yesterday() -> None:
    period = figures.department_period(date(2026, 3, 1))
    assert period.last_on == date(2026, 2, 28)
    assert period.days == 30


# ---- pairing


def test_a_screen_is_paired_by_its_code_and_shows_the_hall(
    app: Flask, client: FlaskClient, pair: Callable[..., int]
) -> None:
    browser = app.test_client()
    code = code_of(browser)
    assert browser.get("/screen/now").json == {"is_paired": False}
    assert code_of(browser) == code  # the same after the page is loaded again
    assert pair(f" {code[:4]} {code[4:]} ", "  lobby   east ", theme="dark", english="yes") == 303
    told: Any = browser.get("/screen/now").json
    hall: Any = client.get("/api/v1/hall").json
    assert told["rate"]["base"] == hall["figures"]["net"]["rate"]["base"]
    assert told["levels"] == hall["figures"]["net"]["levels"]
    assert told["look"] == ["dark", True]
    assert told["is_heard"]
    page = browser.get("/screen").text
    assert 'data-theme="dark"' in page
    assert "Satisfaction today" in page
    assert "lobby east" in client.get("/displays").text


def test_a_press_that_is_stored_is_on_the_screen(
    screen: FlaskClient, ledger: Path, clock: Any
) -> None:
    before: Any = screen.get("/screen/now").json
    add_session(ledger, window="c05", level=1, at_ms=clock())
    after: Any = screen.get("/screen/now").json
    assert after["rate"]["base"] == before["rate"]["base"] + 1
    assert after["levels"]["1"] == before["levels"]["1"] + 1
    assert after["departments"] == before["departments"]  # nobody can watch one place's presses


def test_a_screen_says_nothing_about_windows_staff_or_single_ratings(screen: FlaskClient) -> None:
    told: Any = screen.get("/screen/now").json
    assert set(told) == {
        *("is_paired", "build", "look", "now_ms", "timezone", "hall", "heard_ms", "is_heard"),
        *("rule", "least", "days", "rate", "rated", "excluded", "participation", "levels"),
        *("hours", "departments"),
    }
    assert min(one["base"] for one in told["departments"]) >= told["least"]
    text = screen.get("/screen/now").text + screen.get("/screen").text
    assert not re.search(r"a01|staff|case|position|epoch", text)


def test_a_screen_of_a_quiet_morning_shows_no_figure(screen: FlaskClient, clock: Any) -> None:
    clock.advance_s(86_400)
    told: Any = screen.get("/screen/now").json
    assert told["rate"] is None
    assert told["levels"] is None
    assert not told["is_heard"]
    assert told["departments"]  # of the days before


def test_a_revoked_screen_shows_nothing_and_can_be_paired_anew(
    screen: FlaskClient, client: FlaskClient, token: Token, pair: Callable[..., int]
) -> None:
    assert client.post("/displays/1/revoke", data={"csrf_token": token(client)}).status_code == 303
    assert screen.get("/screen/now").json == {"is_paired": False}
    assert "data-clock" not in screen.get("/screen").text
    form = {"csrf_token": token(client), "name": "x", "theme": "auto"}
    assert client.post("/displays/1", data=form).status_code == 404
    assert pair(code_of(screen), "again") == 303
    assert screen.get("/screen/now").json["is_paired"]  # type: ignore[index]


def test_the_token_is_a_cookie_out_of_reach_and_only_its_digest_is_kept(
    app: Flask, pair: Callable[..., int], options: WebOptions
) -> None:
    browser = app.test_client()
    first = browser.get("/screen")
    [cookie] = [c for c in first.headers.getlist("Set-Cookie") if c.startswith(COOKIE)]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/screen"):
        assert part in cookie
    secret = cookie.split("=", 1)[1].split(";")[0]
    assert len(secret) * 6 >= 128
    assert secret not in first.text
    assert pair(code_of(browser)) == 303
    assert secret not in browser.get("/screen").text
    connection = sqlite3.connect(options.office)
    dump = "\n".join(connection.iterdump())
    connection.close()
    assert "east door" in dump
    assert secret not in dump


def test_behind_https_the_cookie_is_secure(
    make_app: Callable[[WebOptions], Flask], options: WebOptions
) -> None:
    browser = make_app(replace(options, is_https=True)).test_client()
    cookies = browser.get("/screen").headers.getlist("Set-Cookie")
    assert all("Secure" in c for c in cookies)
    assert any(c.startswith(COOKIE) for c in cookies)


@pytest.mark.parametrize("role", [Role.DEPARTMENT, Role.SUPERVISOR, Role.OPERATOR])
def test_other_roles_cannot_pair(
    role: Role, app: Flask, dashboard: Dashboard, sign_in: SignIn, token: Token
) -> None:
    dashboard.accounts.add(
        "li",
        PASSWORD,
        now_ms=dashboard.clock(),
        role=role,
        departments=["tax"] if role is Role.DEPARTMENT else [],
    )
    browser, waiting = app.test_client(), app.test_client()
    sign_in(browser, "li")
    form = {"csrf_token": token(browser), "code": code_of(waiting), "name": "x"}
    assert browser.post("/displays", data=form).status_code == 403
    assert waiting.get("/screen/now").json == {"is_paired": False}


@pytest.mark.parametrize(
    "given",
    [
        {"code": "00000000"},
        {"code": ""},
        {"code": "x" * 5000},
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 41},
        {"name": "a\u0000b"},
        {"theme": "pink"},
    ],
)
def test_a_wrong_form_is_refused_with_a_sentence(
    app: Flask, pair: Callable[..., int], given: dict[str, str]
) -> None:
    waiting = app.test_client()
    values = {"code": code_of(waiting), "name": "x", **given}
    assert pair(values.pop("code"), values.pop("name"), **values) == 400
    assert waiting.get("/screen/now").json == {"is_paired": False}


def test_a_code_ends_after_ten_minutes(app: Flask, pair: Callable[..., int], clock: Any) -> None:
    waiting = app.test_client()
    code = code_of(waiting)
    clock.advance_s(PAIRING_MS / 1000)
    assert pair(code) == 400
    assert code_of(waiting) != code


def test_a_flood_of_screens_ends_at_a_limit(app: Flask, clock: Any) -> None:
    for _number in range(MOST_PAIRINGS_OF_ADDRESS):
        assert app.test_client().get("/screen").status_code == 200
    refused = app.test_client().get("/screen")
    assert refused.status_code == 429
    assert not refused.headers.getlist("Set-Cookie") or COOKIE not in str(refused.headers)
    clock.advance_s(PAIRING_MS / 1000)
    assert app.test_client().get("/screen").status_code == 200


def test_the_limit_holds_over_many_addresses(dashboard: Dashboard) -> None:
    displays = Displays(dashboard.office)
    made = [displays.begin("", now_ms=1, address=str(n)) for n in range(MOST_PAIRINGS + 1)]
    assert made[-1] is None
    codes = {one.code for one in made if one is not None}
    assert len(codes) == MOST_PAIRINGS


def test_names_and_looks_change(
    client: FlaskClient, screen: FlaskClient, token: Token, dashboard: Dashboard
) -> None:
    form = {"csrf_token": token(client), "name": "西门", "theme": "light", "english": "yes"}
    assert client.post("/displays/1", data=form).status_code == 303
    assert screen.get("/screen/now").json["look"] == ["light", True]  # type: ignore[index]
    assert client.post("/displays/1", data={**form, "name": ""}).status_code == 400
    assert client.post("/displays/77", data=form).status_code == 404
    assert client.post("/displays/77/revoke", data=form).status_code == 404
    [one] = Displays(dashboard.office).all()
    assert (one.name, one.theme, one.is_bilingual) == ("西门", Theme.LIGHT, True)


def test_what_is_done_to_screens_is_in_the_audit_trail(
    client: FlaskClient, screen: FlaskClient, token: Token, dashboard: Dashboard
) -> None:
    client.post("/displays/1/revoke", data={"csrf_token": token(client)})
    rows = dashboard.office.database.execute(
        "SELECT account, action, subject FROM audit WHERE action LIKE 'display.%' ORDER BY id"
    ).fetchall()
    assert [tuple(row) for row in rows] == [
        ("zhang", "display.pair", "1"),
        ("zhang", "display.revoke", "1"),
    ]


def test_a_screen_without_a_ledger_says_so_and_stays_paired(
    screen: FlaskClient, ledger: Path
) -> None:
    ledger.rename(ledger.with_suffix(".away"))
    assert screen.get("/screen/now").status_code == 503
    assert screen.get("/screen").status_code == 200
    ledger.with_suffix(".away").rename(ledger)
    assert screen.get("/screen/now").json["is_paired"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("typed", "code"), [("1234 5678", "12345678"), ("１２３４-5678", "12345678"), (" x", "x")]
)
def test_a_code_may_be_typed_with_spaces(typed: str, code: str) -> None:
    assert plain_code(typed) == code


@given(st.text(max_size=60))
def test_a_name_is_kept_clean_or_refused(text: str) -> None:
    try:
        kept = checked_name(text)
    except DisplayRefused:
        return
    assert 1 <= len(kept) <= 40
    assert kept == kept.strip()
    assert checked_name(kept) == kept


def test_unknown_screens_cannot_be_revoked(dashboard: Dashboard) -> None:
    with pytest.raises(UnknownDisplay):
        Displays(dashboard.office).revoke(5, by="zhang", now_ms=1)

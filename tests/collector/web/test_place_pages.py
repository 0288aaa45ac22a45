"""The pages and API of hall, departments, windows and staff in a period, and the lists behind."""

from __future__ import annotations

import html
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from bench.add_session import add_session
from collector.office.roles import Role
from collector.web.dashboard import EXTENSION, Dashboard, WebOptions
from collector.web.described import JSON, Description

PASSWORD = "correct horse battery"
PERIODS = ("", "?period=week", "?period=month", "?period=quarter", "?period=year",
           "?period=7-days", "?period=30-days", "?from=2026-05-11&to=2026-05-12")  # fmt: skip
SignIn = Callable[..., int]


def ask(ledger: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    try:
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()


def text_of(page: str) -> str:
    body = re.sub(r"(?s)<(script|svg|template|head)\b.*?</\1>", " ", page)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body))).strip()


def links(page: str, to: str) -> list[str]:
    """Addresses on a page that begin so."""
    return [html.unescape(one) for one in re.findall(rf'href="({to}[^"]*)"', page)]


@pytest.fixture
def staffed(
    make_app: Callable[[WebOptions], Flask], options: WebOptions, sign_in: SignIn
) -> FlaskClient:
    """A browser signed in where the hall shows figures of its staff."""
    browser = make_app(replace(options, shows_staff=True)).test_client()
    assert sign_in(browser) == 302
    return browser


@pytest.fixture
def manager(app: Flask, dashboard: Dashboard, sign_in: SignIn) -> FlaskClient:
    """A browser signed in by the manager of the market department."""
    dashboard.accounts.add(
        "chen", PASSWORD, now_ms=dashboard.clock(), role=Role.DEPARTMENT, departments=["market"]
    )
    browser = app.test_client()
    assert sign_in(browser, "chen") == 302
    return browser


@pytest.mark.parametrize("query", PERIODS)
def test_the_hall_page_has_the_figures_of_its_rows_in_any_period(
    client: FlaskClient, ledger: Path, query: str
) -> None:
    told = client.get(f"/api/v1/hall/period{query}").json
    [[rated, satisfied, bad, unrated]] = ask(
        ledger,
        "SELECT count(level), sum(level >= 4), sum(level <= 2), sum(level IS NULL) FROM outcomes"
        " WHERE on_date BETWEEN ? AND ?",
        told["first_on"],
        told["last_on"],
    )
    figures = told["figures"]
    assert (figures["rated"], figures["bad"], figures["unrated"]) == (rated, bad, unrated)
    assert figures["rate"]["numerator"] == satisfied
    assert sum(point["rated"] for point in told["trend"]) == rated
    assert sum(cell["rated"] for cell in told["heat"]) == rated
    page = client.get(f"/{query}").text
    assert f"{satisfied:,} / {rated:,}" in text_of(page)
    assert "satisfied-4-5/rated v1" in page
    assert ("data-live-state" in page) == (query == "")  # only today is live


def test_a_period_is_compared_with_the_one_before(client: FlaskClient, ledger: Path) -> None:
    told = client.get("/api/v1/hall/period?from=2026-05-13&to=2026-05-13").json
    [[good, base], [good_before, base_before]] = [
        ask(ledger, "SELECT sum(level >= 4), count(level) FROM outcomes WHERE on_date = ?", on)[0]
        for on in ("2026-05-13", "2026-05-12")
    ]
    before = told["before"]
    assert (before["first_on"], before["last_on"]) == ("2026-05-12", "2026-05-12")
    assert (before["net_rate"]["numerator"], before["net_rate"]["base"]) == (
        good_before,
        base_before,
    )
    expected = 100 * (good / base - good_before / base_before)
    assert float(before["points"]) == pytest.approx(expected, abs=0.00501)
    assert before["is_weak"] is False
    shown = text_of(client.get("/?from=2026-05-13&to=2026-05-13").text)
    assert "上期 2026-05-12" in shown
    assert "个百分点" in shown
    # a year before the first record has nothing to be compared with
    assert "无评价" in text_of(client.get("/?period=month").text)


def test_a_difference_over_few_ratings_says_so(
    next_day: FlaskClient, ledger: Path, clock: Any
) -> None:
    for _ in range(3):
        add_session(ledger, window="a01", level=5, at_ms=clock())
    told = next_day.get("/api/v1/windows/a01?from=2026-05-14&to=2026-05-14").json
    assert told["before"]["is_weak"] is True
    page = next_day.get("/windows/a01?from=2026-05-14&to=2026-05-14").text
    assert "差异仅供参考" in page


@pytest.mark.parametrize(
    ("page", "filters"),
    [("/", {}), ("/departments/tax", {"department": "tax"}), ("/windows/a01", {"window": "a01"})],
)
def test_every_figure_leads_to_as_many_records(
    client: FlaskClient, page: str, filters: dict[str, str]
) -> None:
    shown = client.get(f"{page}?period=7-days").text
    found = re.findall(r'class="to-records" href="([^"]+)"[^>]*>(?:<span[^>]*>)?([\d,]+)', shown)
    assert len(found) >= 5
    for address, number in found:
        address = html.unescape(address)
        assert all(f"{name}={value}" in address for name, value in filters.items())
        told = client.get(address.replace("/ratings", "/api/v1/ratings")).json
        assert told["number"] == int(number.replace(",", "")), address
        assert f"<strong>{number}</strong>" in client.get(address).text
    cells = re.findall(
        r'<a href="(/ratings[^"]+weekday[^"]+)"><span class="heat-number">([\d,]+)', shown
    )
    assert cells
    for address, number in cells[:4]:
        told = client.get(html.unescape(address).replace("/ratings", "/api/v1/ratings")).json
        assert told["number"] == int(number.replace(",", ""))


def test_the_numbers_of_a_table_lead_to_their_records(client: FlaskClient) -> None:
    for page in ("/windows?period=7-days&sort=bad", "/departments?period=7-days&sort=bad"):
        found = re.findall(
            r'c-bad some"[^>]*><a class="to-records" href="([^"]+)"[^>]*>([\d,]+)',
            client.get(page).text,
        )
        assert len(found) > 5
        for address, number in found[:3]:
            told = client.get(html.unescape(address).replace("/ratings", "/api/v1/ratings")).json
            assert told["number"] == int(number)
            assert {one["level"] for one in told["ratings"]} <= {1, 2}


def test_a_list_pages_to_its_end(client: FlaskClient, ledger: Path) -> None:
    [[expected]] = ask(ledger, "SELECT count(*) FROM outcomes o JOIN windows w ON w.id = o.window"
                               " WHERE w.code = 'a01'")  # fmt: skip
    seen: list[int] = []
    before = ""
    while True:
        told = client.get(f"/api/v1/ratings?window=a01&period=7-days{before}").json
        assert told["number"] == expected
        seen += [one["position"] for one in told["ratings"]]
        if told["next"] is None:
            break
        before = f"&before={told['next']}"
    assert len(seen) == len(set(seen)) == expected
    page = client.get("/ratings?window=a01&period=7-days").text
    [older] = links(page, '/ratings[^"]*before=')
    assert "window=a01" in older
    assert "period=7-days" in older
    part = client.get(older, headers={"HX-Request": "true"}).text
    assert part.lstrip().startswith('<div id="outcomes"')
    assert "<html" not in part
    assert "HX-Request" in client.get(older).headers["Vary"]


def test_empty_filters_of_the_form_are_no_filters(client: FlaskClient) -> None:
    query = "outcome=&level=&department=&window=&weekday=&hour=&trigger="
    counted = client.get("/api/v1/ratings").json["number"]
    shown = f"<strong>{counted:,}</strong>"
    assert counted > 0
    assert shown in client.get(f"/ratings?{query}").text
    assert client.get(f"/api/v1/ratings?{query}").status_code == 400  # programs say what they mean


BAD = (
    "level=9", "level=x", "level=5&outcome=unrated", "outcome=maybe", "hour=24", "hour=-1",
    "hour=x", "weekday=0", "weekday=8", "window=none", "department=none", "staff=1001",
    "trigger=bell", "before=x", "before=1", "before=1-2-3", "before=99999999999999999-1",
    "period=yesterday", "from=2026-02-30&to=2026-03-01", "trigger=case&period=year",
    "window=" + "x" * 999, "hour=%F0%9F", "before=%00",
)  # fmt: skip


@pytest.mark.parametrize("query", BAD)
def test_a_senseless_filter_is_refused_with_a_sentence(client: FlaskClient, query: str) -> None:
    page = client.get(f"/ratings?{query}")
    assert page.status_code == 400, page.text
    assert "应为" in page.text or "早于" in page.text
    assert client.get(f"/api/v1/ratings?{query}").status_code == 400


@pytest.mark.parametrize("path", ["/", "/windows/a01", "/departments/tax", "/api/v1/hall/period"])
def test_a_senseless_period_is_refused_everywhere(client: FlaskClient, path: str) -> None:
    for query in ("period=decade", "from=2026-05-02&to=2026-05-01", "from=x", "to=2026-05-01"):
        assert client.get(f"{path}?{query}").status_code == 400


def test_a_period_in_the_future_or_long_ago_is_empty_and_no_trouble(client: FlaskClient) -> None:
    for query in ("from=2030-01-01&to=2030-12-31", "from=1971-01-01&to=1980-12-31",
                  "from=0001-01-01&to=0009-12-31", "from=9999-12-01&to=9999-12-30"):  # fmt: skip
        for path in ("/", "/departments", "/windows?sort=rate", "/windows/a01", "/departments/tax",
                     "/ratings", "/api/v1/hall/period", "/api/v1/ratings?window=a01"):  # fmt: skip
            address = f"{path}{'&' if '?' in path else '?'}{query}"
            assert client.get(address).status_code == 200, address


def test_ranks_and_intervals_are_told_to_machines(client: FlaskClient) -> None:
    told = client.get("/api/v1/windows?period=7-days&sort=rate").json["windows"]
    ranked = [one for one in told if one["rank"] is not None]
    rates = [one["net"]["rate"]["numerator"] / one["net"]["rate"]["base"] for one in ranked]
    assert rates == sorted(rates, reverse=True)
    for one, rate in zip(ranked, rates, strict=True):
        assert one["rank"] == 1 + sum(other > rate for other in rates)
        assert float(one["interval"]["low"]) <= 100 * rate + 1e-3
        assert float(one["interval"]["high"]) >= 100 * rate - 1e-3
    assert all(one["net"]["rate"]["base"] >= 10 for one in ranked)


def test_a_window_says_on_how_many_days_it_had_sessions(client: FlaskClient, ledger: Path) -> None:
    connection = sqlite3.connect(ledger)
    connection.execute(
        "DELETE FROM day_rollups WHERE on_date = '2026-05-12' AND window ="
        " (SELECT id FROM windows WHERE code = 'a01')"
    )
    connection.commit()
    connection.close()
    told = client.get("/api/v1/windows/a01?period=7-days").json["coverage"]
    assert told == {"days_with_sessions": 2, "days_of_the_hall": 3}
    shown = text_of(client.get("/windows/a01?period=7-days").text)
    assert "有办件会话的天数 2 / 3" in shown
    assert "并非在线率" in shown
    assert re.search(r"历任设备 w-a01 2026-05-11 – 至今", shown)


def test_a_department_manager_sees_only_the_own_department(
    manager: FlaskClient, client: FlaskClient, ledger: Path
) -> None:
    [[expected]] = ask(
        ledger,
        "SELECT count(*) FROM outcomes o JOIN departments d ON d.id = o.department"
        " WHERE d.code = 'market'",
    )
    told = manager.get("/api/v1/ratings?period=7-days").json
    assert told["number"] == expected
    assert {one["department"] for one in told["ratings"]} == {"market"}
    hall = manager.get("/api/v1/hall/period?period=7-days").json
    assert hall["figures"]["rated"] + hall["figures"]["unrated"] == expected
    assert hall["departments"] == 1
    for path in ("/", "/?period=7-days"):
        page = manager.get(path).text
        title = re.search(r"<title>(.*?)</title>", page)
        assert title is not None
        assert "市市场监督管理局" in title[1]
        assert "税务局" not in page
    page = manager.get("/ratings?period=7-days").text
    assert "税务局" not in page
    assert manager.get("/ratings?department=tax").status_code == 400
    assert manager.get("/api/v1/ratings?window=a01&period=7-days").status_code == 400
    foreign = client.get("/api/v1/ratings?department=tax").json["ratings"][0]
    own = manager.get("/api/v1/ratings").json["ratings"][0]
    for one, status in ((foreign, 404), (own, 200)):
        name = f"{one['device']}/{one['epoch']}/{one['seq']}"
        assert manager.get(f"/records/{name}").status_code == status
        assert manager.get(f"/api/v1/records/{name}").status_code == status
        # the invitation before it ended no session and is where its device stood
        name = f"{one['device']}/{one['epoch']}/{one['seq'] - 1}"
        assert manager.get(f"/records/{name}").status_code == status


def test_staff_have_pages_only_where_the_hall_switched_them_on(
    client: FlaskClient, staffed: FlaskClient, ledger: Path
) -> None:
    for path in ("/staff", "/staff/a01-1", "/api/v1/staff", "/api/v1/staff/a01-1"):
        assert client.get(path).status_code == 404
        assert staffed.get(path).status_code == 200
    assert 'href="/staff"' not in client.get("/").text
    assert 'href="/staff"' in staffed.get("/").text
    assert links(client.get("/ratings").text, "/staff") == []
    [[expected]] = ask(ledger, "SELECT count(level) FROM outcomes WHERE staff_no = 'a01-1'")
    told = staffed.get("/api/v1/staff/a01-1?period=7-days").json
    assert told["rated"] == sum(cell["rated"] for cell in told["heat"]) == expected
    assert sum(point["rated"] for point in told["trend"]) == expected
    everybody = staffed.get("/api/v1/staff?period=7-days").json["staff"]
    [same] = [one for one in everybody if one["staff_no"] == "a01-1"]
    assert (same["rated"], same["rank"]) == (expected, told["rank"])
    ratings = staffed.get("/api/v1/ratings?staff=a01-1&outcome=rated&period=7-days").json
    assert ratings["number"] == expected
    assert staffed.get("/staff/nobody").status_code == 404
    assert staffed.get("/staff/a/../b").status_code == 404
    assert staffed.get("/staff?sort=password").status_code == 400
    page = staffed.get("/staff/a01-1?period=7-days").text
    assert len(links(page, "/records/")) > 5


def test_a_staff_page_shows_a_manager_only_what_was_done_for_the_department(
    staffed: FlaskClient, ledger: Path, sign_in: SignIn
) -> None:
    parts: Dashboard = staffed.application.extensions[EXTENSION]
    parts.accounts.add(
        "chen", PASSWORD, now_ms=parts.clock(), role=Role.DEPARTMENT, departments=["market"]
    )
    browser = staffed.application.test_client()
    assert sign_in(browser, "chen") == 302
    expected = ask(
        ledger,
        "SELECT DISTINCT staff_no FROM outcomes o JOIN departments d ON d.id = o.department"
        " WHERE d.code = 'market' AND staff_no <> '' ORDER BY 1",
    )
    told = browser.get("/api/v1/staff?period=7-days&sort=place").json["staff"]
    assert [(one["staff_no"],) for one in told] == expected
    [[foreign]] = ask(
        ledger,
        "SELECT staff_no FROM outcomes o JOIN departments d ON d.id = o.department"
        " WHERE d.code = 'tax' LIMIT 1",
    )
    assert browser.get(f"/staff/{foreign}?period=7-days").status_code == 404


def test_the_api_answers_as_it_describes_itself(staffed: FlaskClient) -> None:
    app = staffed.application
    one = staffed.get("/api/v1/ratings").json["ratings"][0]
    values = {
        "departments.api_one": {"code": "tax"},
        "windows.api_one": {"code": "a01"},
        "staff.api_one": {"staff_no": "a01-1"},
        "records.api": {name: one[name] for name in ("device", "epoch", "seq")},
    }
    checked = set()
    for rule in app.url_map.iter_rules():
        described = getattr(app.view_functions[rule.endpoint], "description", None)
        group = rule.endpoint.partition(".")[0]
        if described is None or group not in (
            *("hall", "departments", "windows", "staff", "ratings", "records"),
        ):
            continue
        assert isinstance(described, Description)
        if described.media != JSON:
            continue  # a stream, which test_api_schema reads
        with app.test_request_context():
            address = app.url_map.bind("").build(rule.endpoint, values.get(rule.endpoint, {}))
        takes_period = "period" in {parameter.name for parameter in described.parameters}
        for query in ("", "?period=7-days") if takes_period else ("",):
            told = staffed.get(address + query).json
            decoded = msgspec.convert(told, described.answer)
            assert msgspec.to_builtins(decoded) == told, rule.endpoint
        checked.add(rule.endpoint)
    assert len(checked) == 11


def test_a_person_without_records_today_still_has_a_page(
    staffed: FlaskClient, clock: Any, sign_in: Callable[..., int]
) -> None:
    clock.advance_s(86_400)
    assert sign_in(staffed) == 302
    assert staffed.get("/staff/a01-1").status_code == 200
    assert staffed.get("/api/v1/staff/a01-1").json["rated"] == 0
    assert staffed.get("/staff/nobody").status_code == 404

"""What the pages say: the same figures as the rows, "—" where there is none, clear refusals."""

from __future__ import annotations

import html
import re
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from bench.add_session import add_session
from collector.office.accounts import LONGEST_PASSWORD
from collector.web.dashboard import Dashboard, WebOptions

Token = Callable[[FlaskClient], str]


def ask(ledger: Path, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    try:
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()


def text_of(page: str) -> str:
    """What a person reads of a page, white space made one space."""
    body = re.sub(r"(?s)<(script|svg|template|head)\b.*?</\1>", " ", page)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body))).strip()


def cells(page: str) -> list[list[str]]:
    """The rows of the page's sortable table, as text."""
    table = re.search(r'(?s)<table class="rows" id="rows">.*?</thead>(.*?)</table>', page)
    assert table is not None
    rows = re.findall(r"(?s)<tr>(.*?)</tr>", table[1])
    return [
        [text_of(cell) for cell in re.findall(r"(?s)<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in rows
    ]


def test_the_hall_page_shows_rate_numerator_base_and_rule(
    client: FlaskClient, ledger: Path
) -> None:
    rows = ask(
        ledger,
        "SELECT count(*), sum(level >= 4) FROM outcomes "
        "WHERE on_date = '2026-05-13' AND level IS NOT NULL",
    )
    base, satisfied = rows[0]
    assert isinstance(base, int)
    assert isinstance(satisfied, int)
    shown = text_of(client.get("/").text)
    percentage = f"{satisfied * 100 / base:.3f}"
    assert f"今日满意率 {percentage} % {satisfied:,} / {base:,}" in shown
    assert "满意 = 非常满意 + 满意；基数 = 有效评价数 satisfied-4-5/rated v1" in shown


def test_a_hall_without_ratings_today_shows_no_rate(next_day: FlaskClient) -> None:
    client = next_day
    shown = text_of(client.get("/").text)
    assert "今日满意率 — % 0 / 0" in shown  # the unit is there for later, and hidden
    assert re.search(r"hidden[^>]*data-live-unit", client.get("/").text)
    assert "100.000" not in shown
    assert "0.000" not in shown


@pytest.mark.parametrize("path", ["/departments", "/windows"])
def test_a_place_without_ratings_shows_a_dash(next_day: FlaskClient, path: str) -> None:
    client = next_day
    rows = cells(client.get(path).text)
    assert rows
    for row in rows:
        assert "— 0 / 0" in " ".join(row)
        assert "%" not in " ".join(row)


def test_departments_add_up_to_the_hall(client: FlaskClient) -> None:
    answer = client.get("/api/v1/departments?period=30-days").json
    for field in ("invited", "rated", "unrated", "bad"):
        assert sum(d[field] for d in answer["departments"]) == answer["hall"][field]
    assert len(answer["departments"]) == 74


def test_windows_add_up_to_their_department(client: FlaskClient) -> None:
    answer = client.get("/api/v1/departments/tax?period=7-days").json
    assert len(answer["windows_in_period"]) == answer["windows"] > 1
    for level, count in answer["levels"].items():
        assert sum(w["levels"][level] for w in answer["windows_in_period"]) == count


def test_the_periods_agree_with_the_rows(client: FlaskClient, ledger: Path) -> None:
    for query, first, last in (
        ("", "2026-05-13", "2026-05-13"),
        ("?period=7-days", "2026-05-07", "2026-05-13"),
        ("?period=30-days", "2026-04-14", "2026-05-13"),
        ("?period=week", "2026-05-11", "2026-05-17"),
        ("?period=month", "2026-05-01", "2026-05-31"),
        ("?period=quarter", "2026-04-01", "2026-06-30"),
        ("?period=year", "2026-01-01", "2026-12-31"),
        ("?from=2026-05-11&to=2026-05-12", "2026-05-11", "2026-05-12"),
        ("?from=9999-12-05&to=9999-12-30", "9999-12-05", "9999-12-30"),
        ("?from=2024-03-02&to=2027-01-31", "2024-03-02", "2027-01-31"),
    ):
        assert client.get(f"/windows/a01{query}").status_code == 200
        answer = client.get(f"/api/v1/windows{query}").json
        assert (answer["first_on"], answer["last_on"]) == (first, last)
        expected = ask(
            ledger,
            "SELECT count(level) FROM outcomes WHERE on_date BETWEEN ? AND ?",
            first,
            last,
        )[0][0]
        assert answer["hall"]["rated"] == expected


@pytest.mark.parametrize("page", ["/departments", "/windows", "/departments/tax"])
@pytest.mark.parametrize("key", ["invited", "rated", "bad"])
def test_tables_sort_by_a_column_both_ways(client: FlaskClient, page: str, key: str) -> None:
    heads = re.findall(r'<th scope="col" class="[^"]*c-([a-z]+)"', client.get(page).text)
    at = heads.index(key)
    numbers = {}
    for order in ("asc", "desc"):
        shown = client.get(f"{page}?sort={key}&order={order}").text
        numbers[order] = [int(row[at].replace(",", "")) for row in cells(shown)]
        assert f'aria-sort="{order}ending"' in shown
    assert numbers["asc"] == sorted(numbers["asc"])
    assert numbers["desc"] == sorted(numbers["asc"], reverse=True)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_places_with_few_ratings_are_not_ranked_among_the_others(
    next_day: FlaskClient, ledger: Path, clock: Any, order: str
) -> None:
    # the window with a single, bad rating would otherwise lead the list of the lowest
    client = next_day
    for level in [5] * 11 + [1]:
        add_session(ledger, window="a01", level=level, at_ms=clock())
    for level in (5, 5):
        add_session(ledger, window="a02", level=level, at_ms=clock())
    add_session(ledger, window="a03", level=1, at_ms=clock())
    shown = client.get(f"/windows?sort=rate&order={order}").text
    names = [row[1] for row in cells(shown)]
    few = ["A02", "A03"] if order == "desc" else ["A03", "A02"]
    assert names[:3] == ["A01", *few]
    assert [row[0] for row in cells(shown)][:3] == ["1", "—", "—"]
    assert "样本不足" in cells(shown)[1][6]
    assert "样本不足" not in cells(shown)[0][6]
    [apart] = re.findall(r'(?s)<tbody class="few-rows">(.*?)</tbody>', shown)
    assert text_of(apart).startswith("样本不足")
    assert "A01<" not in apart


def test_a_window_shows_its_last_sessions_also_the_unrated(
    client: FlaskClient, ledger: Path, clock: Any
) -> None:
    add_session(ledger, window="a01", level=None, at_ms=clock() + 1000)
    add_session(ledger, window="a01", level=1, at_ms=clock() + 2000, case_no="C-7")
    shown = text_of(client.get("/windows/a01").text)
    assert re.search(r"15:30:02 1 非常不满意 2\.0 s C-7", shown)
    assert re.search(r"15:30:01 – 未评价 · 超时未评", shown)


def test_a_window_shows_its_device_and_key(client: FlaskClient, ledger: Path) -> None:
    kid = ask(
        ledger,
        "SELECT kid FROM device_keys k JOIN devices d ON d.id = k.device WHERE d.code = 'w-a01'",
    )[0][0]
    page = client.get("/windows/a01").text
    assert str(kid) in page
    assert "在线" in text_of(page)


def test_a_device_that_fell_silent_is_not_called_online(client: FlaskClient, clock: Any) -> None:
    assert client.get("/api/v1/hall").json["devices"]["online"] == 132
    clock.advance_s(300)
    devices = client.get("/api/v1/hall").json["devices"]
    assert devices == {"online": 0, "late": 132, "offline": 3, "never": 0, "total": 135}
    assert "迟报" in text_of(client.get("/windows/a01").text)


def test_the_ledger_page_shows_size_root_and_reasons(client: FlaskClient, ledger: Path) -> None:
    size = ask(ledger, "SELECT size FROM ledger_state")[0][0]
    answer = client.get("/api/v1/integrity").json
    shown = text_of(client.get("/integrity").text)
    assert answer["size"] == size
    assert f"{size:,}" in shown
    assert answer["root"] in shown
    assert answer["gen"] in shown
    for row in answer["quarantine"]:
        assert f"{row['reason']} {row['messages']} {row['times']}" in shown
    assert {row["reason"] for row in answer["quarantine"]} == {"bad-signature", "malformed"}


BAD_QUERIES = (
    "period=fortnight",
    "period=" + "x" * 500,
    "from=2026-02-30&to=2026-03-01",
    "from=2026-05-02&to=2026-05-01",
    "from=2026-05-01",
    "to=2026-05-01",
    "from=1800-01-01&to=2026-01-01",
    "from=9999-12-31&to=9999-12-31",
    "from=20260501&to=2026-05-02",
    "from=%00&to=%ff",
    "sort=password",
    "sort=rate&order=sideways",
    "order=%F0%28%8C%28",
)


@pytest.mark.parametrize(
    "path", ["/departments", "/windows", "/departments/tax", "/api/v1/departments"]
)
def test_a_senseless_address_is_refused_with_a_sentence(client: FlaskClient, path: str) -> None:
    for query in BAD_QUERIES:
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 400, query
        if path.startswith("/api/"):
            assert len(answer.json["error"]["detail"]) > 5
        else:
            assert "请求有误" in answer.text
            assert "应为" in answer.text or "早于" in answer.text or "十年" in answer.text


@pytest.mark.parametrize("query", ["after=-1", "after=x", "after=99999999999999999999"])
@pytest.mark.parametrize("path", ["/api/v1/live", "/api/v1/live/stream"])
def test_a_senseless_position_is_refused(client: FlaskClient, path: str, query: str) -> None:
    assert client.get(f"{path}?{query}").status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/nowhere",
        "/departments/none",
        "/windows/none",
        "/windows/%F0%9F%92%A9",
        "/windows/" + "x" * 999,
    ],
)
def test_what_does_not_exist_is_not_found(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "未找到" in answer.text


def test_a_wrong_method_is_refused_in_the_house_style(client: FlaskClient, token: Token) -> None:
    answer = client.post("/integrity", data={"csrf_token": token(client)})
    assert answer.status_code == 405
    assert "无法执行" in answer.text


def test_too_large_a_form_is_refused(visitor: FlaskClient) -> None:
    answer = visitor.post("/login", data={"name": "x" * 200_000})
    assert 400 <= answer.status_code < 500


def test_a_very_long_password_is_just_wrong(visitor: FlaskClient, token: Token) -> None:
    form = {"csrf_token": token(visitor), "name": "zhang", "password": "x" * 10 * LONGEST_PASSWORD}
    assert visitor.post("/login", data=form).status_code == 403


def test_an_unknown_language_or_theme_is_refused(visitor: FlaskClient, token: Token) -> None:
    for choice in ({"language": "xx"}, {"theme": "pink"}):
        form = {"csrf_token": token(visitor), **choice}
        assert visitor.post("/preferences", data=form).status_code == 400


def test_a_bug_is_answered_with_a_sentence_and_no_traceback(
    app: Flask, client: FlaskClient, dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.view_functions, "integrity.page", lambda: 1 // 0)
    answer = client.get("/integrity")
    assert answer.status_code == 500
    assert "服务器出错了" in answer.text
    assert "ZeroDivisionError" not in answer.text


def test_without_a_ledger_the_pages_say_so(
    make_app: Callable[[WebOptions], Flask], tmp_path: Path, sign_in: Callable[..., int]
) -> None:
    empty = WebOptions(
        ledger=tmp_path / "none.db",
        office=tmp_path / "office.db",
        corrections=tmp_path / "corrections.db",
    )
    browser = make_app(empty).test_client()
    assert sign_in(browser) == 302
    for path in ("/", "/departments", "/api/v1/hall"):
        answer = browser.get(path)
        assert answer.status_code == 503
        assert "账本暂时无法读取" in answer.text


def test_names_from_the_fleet_are_escaped(client: FlaskClient, ledger: Path) -> None:
    connection = sqlite3.connect(ledger)
    connection.execute("UPDATE departments SET name = '<b>𠮷</b>&' WHERE code = 'tax'")
    connection.execute("UPDATE windows SET name = '\"><i>' WHERE code = 'a01'")
    connection.commit()
    connection.close()
    for path in ("/departments", "/departments/tax", "/windows", "/windows/a01"):
        page = client.get(path).text
        assert "<b>𠮷" not in page
        assert '"><i>' not in page
    assert "&lt;b&gt;𠮷&lt;/b&gt;&amp;" in client.get("/departments").text


def test_a_sort_and_a_period_survive_each_other(client: FlaskClient) -> None:
    page = client.get("/windows?period=30-days&sort=bad&order=asc").text
    links = [html.unescape(link) for link in re.findall(r'href="(/windows\?[^"]+)"', page)]
    to_week = [link for link in links if "period=7-days" in link]
    assert to_week
    assert all("sort=bad" in link and "order=asc" in link for link in to_week)
    to_rate = [link for link in links if "sort=rate" in link]
    assert to_rate
    assert all("period=30-days" in link for link in to_rate)
    custom = client.get("/windows?from=2026-05-11&to=2026-05-12&sort=bad").text
    week = [html.unescape(link) for link in re.findall(r'href="(/windows\?[^"]+)"', custom)]
    assert any(link == "/windows?sort=bad&period=7-days" for link in week)


def test_an_empty_date_is_told_by_its_field_too(client: FlaskClient) -> None:
    answer = client.get("/windows?from=2026-05-01&to=")
    assert answer.status_code == 400
    assert "“to”（止）" in answer.text

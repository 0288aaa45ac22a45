"""Bad ratings: the list agrees with the rows, filters and pages, and shows nobody's else."""

from __future__ import annotations

import html
import re
import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask
from flask.testing import FlaskClient

from bench.add_corrections import add_corrections
from bench.add_session import add_session
from collector.ledger.readers import LedgerReader, bad
from collector.ledger.readers.bad import BadFilter, BadOrder, bad_count, bad_page, named_ratings
from collector.ledger.readers.ratings import rating_of
from collector.ledger.repeats import hidden_case
from collector.office.follow_ups import FollowUps, FollowUpState
from collector.office.roles import Role
from collector.periods import between
from collector.web.bad.api import BadRatings
from collector.web.bad.marks import begun
from collector.web.dashboard import Dashboard, zone_of
from collector.web.view import View

PASSWORD = "correct horse battery"
SignIn = Callable[..., int]
Rows = list[tuple[Any, ...]]


def ask(ledger: Path, sql: str, *parameters: object) -> Rows:
    connection = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    try:
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()


def text_of(page: str) -> str:
    body = re.sub(r"(?s)<(script|svg|template|head)\b.*?</\1>", " ", page)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body))).strip()


@pytest.fixture
def bad_rows(ledger: Path) -> Rows:
    """Position, level, window, department, device, epoch, seq, press time of all, newest first."""
    found = ask(
        ledger,
        "SELECT o.position, o.level, w.code, p.code, d.code, e.epoch, r.seq, o.pressed_ms,"
        " o.case_no FROM outcomes o JOIN records r ON r.position = o.position"
        " JOIN epochs e ON e.id = r.epoch JOIN devices d ON d.id = e.device"
        " JOIN windows w ON w.id = o.window JOIN departments p ON p.id = o.department"
        " WHERE o.level <= 2 AND o.is_repeat = 0 ORDER BY o.pressed_ms DESC, o.position DESC",
    )
    assert len(found) >= 8
    return found


@pytest.fixture
def follow_up(dashboard: Dashboard) -> Callable[..., None]:
    """Adds an entry, as the work-flow will."""

    def do(row: tuple[Any, ...], state: str, note: str = "called") -> None:
        dashboard.office.database.execute(
            "INSERT INTO follow_ups (device, epoch, seq, pressed_ms, state, note, author, made_ms)"
            " VALUES (?, ?, ?, ?, ?, ?, 'wang', ?)",
            [*row[4:8], state, note, dashboard.clock()],
        )

    return do


@pytest.fixture
def exclude(dashboard: Dashboard, ledger: Path) -> Callable[[tuple[Any, ...]], None]:
    """Excludes a rating by two people."""

    def do(row: tuple[Any, ...]) -> None:
        with LedgerReader(ledger) as reader:
            rating = rating_of(reader.rows, *row[4:7])
        add_corrections(dashboard.corrections, [rating], now_ms=dashboard.clock())

    return do


@pytest.fixture
def manager(app: Flask, dashboard: Dashboard, sign_in: SignIn) -> Callable[[str], FlaskClient]:
    """A browser of the manager of one department."""

    def make(department: str) -> FlaskClient:
        dashboard.accounts.add(
            "chen",
            PASSWORD,
            now_ms=dashboard.clock(),
            role=Role.DEPARTMENT,
            departments=[department],
        )
        browser = app.test_client()
        assert sign_in(browser, "chen") == 302
        return browser

    return make


def told(client: FlaskClient, query: str = "") -> Any:
    answer = client.get(f"/api/v1/bad-ratings{query}")
    assert answer.status_code == 200, answer.text
    msgspec.json.decode(answer.data, type=BadRatings, strict=True)
    return answer.json


def everything(client: FlaskClient, query: str = "") -> list[Any]:
    """All pages, joined."""
    found, after = [], ""
    while True:
        page = told(client, f"?{query}{after}")
        found += page["ratings"]
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


def test_the_list_is_what_the_rows_say(client: FlaskClient, bad_rows: Rows) -> None:
    listed = everything(client)
    assert [one["position"] for one in listed] == [row[0] for row in bad_rows]
    for one, row in zip(listed, bad_rows, strict=True):
        assert (one["level"], one["window"], one["department"]) == row[1:4]
        assert (one["device"], one["epoch"], one["seq"], one["pressed_ms"]) == row[4:8]
    page = told(client)
    assert page["states"]["open"] == len(bad_rows)
    shown = text_of(client.get("/bad-ratings").text)
    assert f"全部 {len(bad_rows)}" in shown
    assert f"待回访 {len(bad_rows)}" in shown


def test_the_list_agrees_with_the_halls_figures(client: FlaskClient) -> None:
    hall: Any = client.get("/api/v1/hall").json
    page = told(client, "?period=today")
    assert sum(page["states"].values()) == hall["figures"]["bad"]


@pytest.mark.parametrize("sort", ["pressed", "level", "window"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_join_without_gap_or_double_in_every_order(
    client: FlaskClient, bad_rows: Rows, sort: str, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.web.bad.listing.PAGE_ROWS", 3)
    listed = everything(client, f"sort={sort}&order={order}")
    assert sorted(one["position"] for one in listed) == sorted(row[0] for row in bad_rows)
    first = {"pressed": "pressed_ms", "level": "level", "window": "window"}[sort]
    keys = [(one[first], one["pressed_ms"], one["position"]) for one in listed]
    assert keys == sorted(keys, reverse=order == "desc")


def test_a_new_rating_does_not_shift_the_next_page(
    client: FlaskClient,
    bad_rows: Rows,
    ledger: Path,
    clock: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("collector.web.bad.listing.PAGE_ROWS", 3)
    first = told(client)
    add_session(ledger, window="a01", level=1, at_ms=clock())
    second = told(client, f"?after={first['next']}")
    assert [one["position"] for one in second["ratings"]] == [row[0] for row in bad_rows[3:6]]


def test_filters_leave_what_they_say(client: FlaskClient, bad_rows: Rows) -> None:
    window, department = bad_rows[0][2], bad_rows[0][3]

    def positions(query: str) -> list[int]:
        return [one["position"] for one in everything(client, query)]

    assert positions("level=1") == [row[0] for row in bad_rows if row[1] == 1]
    assert positions(f"window={window}") == [row[0] for row in bad_rows if row[2] == window]
    assert positions(f"department={department}") == [
        row[0] for row in bad_rows if row[3] == department
    ]
    today = [one for one in everything(client, "period=today")]
    assert {one["age_days"] for one in today} <= {0}
    assert positions("from=2020-01-01&to=2020-12-31") == []
    assert positions("from=0001-01-01&to=0009-12-31") == []
    empty = "state=&level=&window=&department=&overdue="
    assert client.get(f"/api/v1/bad-ratings?{empty}").status_code == 400
    whole = len(bad_rows[:3])
    page = client.get(f"/bad-ratings?{empty}").text
    assert page.count("/bad-ratings/w-") == client.get("/bad-ratings").text.count("/bad-ratings/w-")
    assert page.count("/bad-ratings/w-") >= whole > 0


def test_states_come_from_entries_and_corrections(
    client: FlaskClient,
    bad_rows: Rows,
    follow_up: Callable[..., None],
    exclude: Callable[[tuple[Any, ...]], None],
    dashboard: Dashboard,
    reader: LedgerReader,
) -> None:
    follow_up(bad_rows[0], "in-progress")
    follow_up(bad_rows[0], "rectified")
    follow_up(bad_rows[1], "closed")
    follow_up(bad_rows[2], "in-progress")
    follow_up(bad_rows[3], "closed")
    exclude(bad_rows[3])
    exclude(bad_rows[4])
    states = told(client)["states"]
    assert states == {
        "open": len(bad_rows) - 5,
        "in-progress": 1,
        "rectified": 1,
        "closed": 1,
        "excluded": 2,
    }
    for state, rows in {
        "rectified": [bad_rows[0]],
        "closed": [bad_rows[1]],
        "in-progress": [bad_rows[2]],
        "excluded": bad_rows[3:5],
        "open": bad_rows[5:],
    }.items():
        found = everything(client, f"state={state}")
        assert [one["position"] for one in found] == [row[0] for row in rows]
        assert {one["state"] for one in found} == {state}
    view = View(period=between(date(2026, 5, 1), date(2026, 5, 31)))
    with LedgerReader(dashboard.options.ledger) as now:
        zone = zone_of(_hall(now))
        follow_ups = FollowUps(dashboard.office)
        assert len(begun(now, follow_ups, view, zone)) == 4  # without exclusions in the view
    level = bad_rows[0][1]
    counted = told(client, f"?level={level}")["states"]
    assert sum(counted.values()) == sum(row[1] == level for row in bad_rows)


def test_the_figures_of_every_place_say_how_many_are_open_and_lead_to_them(
    client: FlaskClient,
    dashboard: Dashboard,
    bad_rows: Rows,
    follow_up: Callable[..., None],
    exclude: Callable[[tuple[Any, ...]], None],
) -> None:
    ((most, number),) = Counter(row[2] for row in bad_rows).most_common(1)
    assert number >= 2
    mine = [row for row in bad_rows if row[2] == most]
    follow_up(mine[0], "in-progress")
    if len(mine) > 2:
        exclude(mine[1])
    window, department = mine[0][2:4]
    period = "period=30-days"
    for page, api, link in (
        (f"/?{period}", f"/api/v1/hall/period?{period}", {}),
        (
            f"/departments/{department}?{period}",
            f"/api/v1/departments/{department}?{period}",
            {"department": department},
        ),
        (
            f"/windows/{window}?{period}",
            f"/api/v1/windows/{window}?{period}",
            {"window": window},
        ),
    ):
        found = client.get(api)
        assert found.status_code == 200, found.text
        figures = found.get_json()
        assert figures["bad_followed_up"] == 1, api
        bad = figures.get("figures", figures)["net"]["bad"]
        addresses = re.findall(
            r'href="(/bad-ratings\?[^"]+state=open[^"]*)"', client.get(page).text
        )
        (address,) = {html.unescape(one) for one in addresses}
        asked = dict(part.split("=") for part in address.partition("?")[2].split("&"))
        assert asked == {"period": "30-days", "state": "open", **link}
        listed = client.get(f"/api/v1{address}").get_json()
        assert listed["states"]["open"] == bad - 1, page
    other = next(row for row in bad_rows if row[2] != window)
    assert client.get(f"/api/v1/windows/{other[2]}?{period}").get_json()["bad_followed_up"] == 0


def _hall(reader: LedgerReader) -> Any:
    from collector.ledger.readers import fleet

    return fleet.hall(reader)


def test_what_is_past_its_due_date_and_still_to_do_is_overdue(
    client: FlaskClient,
    bad_rows: Rows,
    follow_up: Callable[..., None],
    clock: Any,
    sign_in: SignIn,
) -> None:
    assert told(client)["overdue"] == 0
    assert all(not one["is_overdue"] for one in told(client)["ratings"])
    clock.advance_s(7 * 86_400)  # from Wednesday to Wednesday: Monday's and Tuesday's are late
    assert sign_in(client) == 302
    listed = everything(client)
    late = [one for one in listed if one["due_on"] < "2026-05-20"]
    assert 0 < len(late) < len(listed)
    assert [one for one in listed if one["is_overdue"]] == late
    assert told(client)["overdue"] == len(late)
    assert [one["position"] for one in everything(client, "overdue=yes")] == [
        one["position"] for one in late
    ]
    row = next(row for row in bad_rows if row[0] == late[0]["position"])
    follow_up(row, "in-progress")
    assert told(client)["overdue"] == len(late)
    follow_up(row, "closed")
    assert told(client)["overdue"] == len(late) - 1
    assert everything(client, "overdue=yes&state=closed") == []
    assert "逾期" in client.get("/bad-ratings?overdue=yes").text


def test_the_age_of_a_rating_is_told_in_days(client: FlaskClient) -> None:
    ages = re.findall(r'class="number c-age"[^>]*>([^<]*)</td>', client.get("/bad-ratings").text)
    assert ages
    assert all(re.fullmatch(r"\d+ 天", age) for age in ages), ages


def test_a_manager_sees_the_own_departments_only(
    manager: Callable[[str], FlaskClient], bad_rows: Rows
) -> None:
    own = bad_rows[0][3]
    other = next(row for row in bad_rows if row[3] != own)
    browser = manager(own)
    mine = [row for row in bad_rows if row[3] == own]
    assert [one["position"] for one in everything(browser)] == [row[0] for row in mine]
    assert sum(told(browser)["states"].values()) == len(mine)
    page = browser.get("/bad-ratings").text
    assert other[4] not in page
    assert f'value="{other[3]}"' not in page
    for query in (f"department={other[3]}", f"window={other[2]}"):
        assert browser.get(f"/bad-ratings?{query}").status_code == 400
        assert browser.get(f"/api/v1/bad-ratings?{query}").status_code == 400
    path = "/bad-ratings/{4}/{5}/{6}"
    assert browser.get(path.format(*other)).status_code == 404
    assert browser.get(path.format(*mine[0])).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "state=x",
        "level=3",
        "level=" + "9" * 5000,
        "department=nowhere",
        "window=%00",
        "overdue=perhaps",
        "sort=staff",
        "order=up",
        "after=1",
        "after=1.2.x",
        "after=" + "9" * 400,
        "period=x",
        "from=2026-02-30&to=2026-03-01",
        "from=2026-03-02&to=2026-03-01",
    ],
)
def test_senseless_questions_are_answered_with_400(client: FlaskClient, query: str) -> None:
    for path in ("/bad-ratings", "/api/v1/bad-ratings"):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert "“" in answer.text or "日" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/bad-ratings/a01-1/x/1",
        "/bad-ratings/%00/%00/0",
        "/bad-ratings/w-a01/x/999999999999999",
        "/bad-ratings/" + "x" * 3000 + "/y/1",
        "/bad-ratings/w-a01/x/-1",
        "/bad-ratings/w-a01/x/9999999999999999999999",
    ],
)
def test_unknown_ratings_are_answered_with_404(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_one_rating_is_shown_in_full(
    client: FlaskClient,
    bad_rows: Rows,
    follow_up: Callable[..., None],
    exclude: Callable[[tuple[Any, ...]], None],
) -> None:
    row = bad_rows[0]
    follow_up(row, "in-progress", "materials were unclear <b>")
    exclude(row)
    page = client.get("/bad-ratings/{4}/{5}/{6}".format(*row)).text
    shown = text_of(page)
    for part in (f"{row[4]}/{row[5]}/{row[6]}", row[8], "误评剔除", "作答用时", "申请剔除"):
        assert part in shown, part
    assert "materials were unclear <b>" in shown
    assert "<b>" not in page.split("materials were unclear", 1)[1][:20]
    good = client.get("/api/v1/windows/a01").json["sessions"]  # type: ignore[index]
    satisfied = next(one for one in good if one["level"] == 5)
    path = f"/bad-ratings/{satisfied['device']}/{satisfied['epoch']}/{satisfied['seq']}"
    assert client.get(path).status_code == 404  # not a bad rating


def test_other_ratings_of_the_case_stand_beside_it(
    client: FlaskClient, ledger: Path, clock: Any, manager: Callable[[str], FlaskClient]
) -> None:
    add_session(ledger, window="a01", level=1, at_ms=clock() - 60_000, case_no="CASE-7")
    connection = sqlite3.connect(ledger)
    add_session(ledger, window="a01", level=5, at_ms=clock() - 30_000, case_no="")
    connection.execute(
        "UPDATE outcomes SET case_no = 'CASE-7', is_repeat = 1 WHERE position ="
        " (SELECT max(position) FROM outcomes)"
    )
    connection.commit()
    connection.close()
    one = told(client, "?period=today&window=a01")["ratings"][0]
    shown = text_of(client.get(f"/bad-ratings/{one['device']}/{one['epoch']}/{one['seq']}").text)
    assert "该办件的其他评价 1" in shown
    assert "否，重复评价" in shown


def test_reading_one_is_in_the_audit_trail(
    client: FlaskClient, bad_rows: Rows, dashboard: Dashboard
) -> None:
    client.get("/bad-ratings/{4}/{5}/{6}".format(*bad_rows[0]))
    rows = dashboard.office.database.execute(
        "SELECT account, subject FROM audit WHERE action = 'bad.read'"
    ).fetchall()
    assert [tuple(row) for row in rows] == [("zhang", "{4}/{5}/{6}".format(*bad_rows[0]))]


# ---- a correction by the number of the case


def test_a_case_number_leads_to_the_form(
    client: FlaskClient, ledger: Path, clock: Any, token: Callable[[FlaskClient], str]
) -> None:
    add_session(ledger, window="c05", level=2, at_ms=clock(), case_no="2026/05-Ж 7")
    page = client.get("/corrections/find", query_string={"case_no": " 2026/05-Ж 7 "}).text
    link = re.search(r'href="(/corrections/new\?[^"]+)"', page)
    assert link is not None
    form = client.get(html.unescape(link[1]))
    assert form.status_code == 200
    assert "2026/05-Ж 7" in form.text
    fields = dict(re.findall(r'name="(device|epoch|seq)" value="([^"]*)"', form.text))
    answer = client.post(
        "/corrections",
        data={**fields, "csrf_token": token(client), "reason": "child", "evidence": "camera"},
    )
    assert answer.status_code == 303
    assert "2026/05-Ж 7" in client.get(answer.location).text  # the approver sees it
    again = client.get("/corrections/find", query_string={"case_no": "2026/05-Ж 7"}).text
    assert "/corrections/new" not in again
    assert "待审批" in again


@pytest.mark.parametrize("case_no", ["", "nothing", "%", "' OR 1=1 --"])
def test_a_case_that_is_not_there_is_said_so(client: FlaskClient, case_no: str) -> None:
    answer = client.get("/corrections/find", query_string={"case_no": case_no})
    assert answer.status_code == 200
    assert "/corrections/new" not in answer.text


@pytest.mark.parametrize("case_no", ["x" * 65, "a\u0000b", "a\nb"])
def test_what_is_no_case_number_is_refused(client: FlaskClient, case_no: str) -> None:
    answer = client.get("/corrections/find", query_string={"case_no": case_no})
    assert answer.status_code == 400


def test_a_manager_finds_no_case_of_another_department(
    manager: Callable[[str], FlaskClient], client: FlaskClient, ledger: Path, clock: Any
) -> None:
    add_session(ledger, window="a01", level=2, at_ms=clock(), case_no="CASE-8")
    [code] = [
        row[0]
        for row in ask(
            ledger,
            "SELECT p.code FROM outcomes o JOIN departments p ON p.id = o.department"
            " WHERE case_no = 'CASE-8'",
        )
    ]
    assert "/corrections/new" in client.get("/corrections/find?case_no=CASE-8").text
    other = "tax" if code != "tax" else "market"
    browser = manager(other)
    page = browser.get("/corrections/find?case_no=CASE-8").text
    assert "没有该办件编号" in page
    assert "/corrections/new" not in page


def test_a_purged_rating_is_found_by_its_name_and_by_its_case(
    client: FlaskClient, ledger: Path, clock: Any
) -> None:
    """As a purge leaves it: no record, its seq with the outcome, the case number unreadable."""
    position = add_session(ledger, window="a01", level=1, at_ms=clock(), case_no="CASE-9")
    connection = sqlite3.connect(ledger)
    [salt] = connection.execute("SELECT value FROM meta WHERE key = 'purge_salt'").fetchone()
    [seq] = connection.execute("SELECT seq FROM records WHERE position = ?", (position,)).fetchone()
    connection.execute("DROP TRIGGER records_are_only_purged")
    connection.execute("DELETE FROM records WHERE position = ?", (position,))
    connection.execute(
        "UPDATE outcomes SET seq = ?, case_no = ? WHERE position = ?",
        (seq, hidden_case("CASE-9", salt), position),
    )
    connection.commit()
    connection.close()
    one = told(client, "?period=today&window=a01&level=1")["ratings"][0]
    assert (one["position"], one["seq"]) == (position, seq)
    page = client.get(f"/bad-ratings/{one['device']}/{one['epoch']}/{one['seq']}")
    assert page.status_code == 200
    assert "记录已清理" in page.text
    found = client.get("/corrections/find?case_no=CASE-9").text
    assert f"seq={seq}" in found


# ---- what it costs


def test_every_question_is_answered_by_an_index(ledger: Path, reader: LedgerReader) -> None:
    """However large the ledger: no question walks through the outcomes."""
    asked: list[tuple[str, tuple[object, ...]]] = []

    class Listening(LedgerReader):
        def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
            asked.append((sql, parameters))
            return super().rows(sql, *parameters)

    from collector.ledger.readers.cases import ratings_of_case

    which = BadFilter(start_ms=0, end_ms=2**50, departments=[1, 2], window=3, level=1)
    with Listening(ledger) as listening:
        bad_count(listening, which, before_ms=5, without=[7])
        for order in BadOrder:
            bad_page(listening, which, order=order, is_descending=True, limit=5, after=(1, 2, 3))
        bad_page(listening, which, order=BadOrder.LEVEL, is_descending=False, limit=5, only=[4])
        named_ratings(listening, [("a", "b", 1)])
        ratings_of_case(listening, "x")
    assert len(asked) >= 8
    for sql, parameters in asked:
        plan = [row[3] for row in reader.rows(f"EXPLAIN QUERY PLAN {sql}", *parameters)]
        scans = [step for step in plan if re.match(r"SCAN (o|outcomes|r|records|d|e)\b", step)]
        assert scans == [], sql
    plan = reader.rows(f"EXPLAIN QUERY PLAN {asked[0][0]}", *asked[0][1])
    assert any("COVERING INDEX outcomes_bad" in row[3] for row in plan)


def test_the_words_of_states_are_those_of_the_entries() -> None:
    from collector.web.bad.shown import STATES

    assert set(STATES) == set(FollowUpState)
    assert bad.BadOrder("pressed") is BadOrder.PRESSED


@pytest.mark.parametrize("name", ["from", "to", "period", "state", "level", "after"])
def test_a_form_may_send_empty_fields_but_a_program_may_not(client: FlaskClient, name: str) -> None:
    assert client.get(f"/bad-ratings?{name}=&sort=level").status_code == 200
    answer = client.get(f"/api/v1/bad-ratings?{name}=&sort=level")
    assert answer.status_code == 400
    assert f"“{name}”" in answer.get_json()["error"]["detail"]

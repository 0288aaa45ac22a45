"""The rules' pages: read by who sees rates, added to by administrators, named by every rate."""

from __future__ import annotations

import re
from datetime import date

import msgspec
import pytest

from collector.office.roles import Role
from collector.rules.entries import Version, first_rules
from tests.collector.web.conftest import PASSWORD

TODAY = date(2026, 5, 13)


@pytest.fixture
def admin(app, dashboard, sign_in):
    dashboard.accounts.add("wu", PASSWORD, now_ms=dashboard.clock(), role=Role.ADMINISTRATOR)
    browser = app.test_client()
    assert sign_in(browser, "wu") == 302
    return browser


@pytest.fixture
def english_admin(admin, token):
    admin.post("/preferences", data={"csrf_token": token(admin), "language": "en", "next": "/"})
    return admin


def add(dashboard, from_on=TODAY, past="", **changes):
    rules = msgspec.structs.replace(first_rules(10), **changes)
    told = Version(
        number=0,
        from_on=from_on,
        rules=rules,
        author="wu",
        reason="decided",
        past_reason=past,
        made_ms=dashboard.clock(),
        prev=b"",
    )
    book = dashboard.rules
    return book.add(told, today=TODAY, after=len(book.versions()))


def form(client, **changes):
    page = client.get("/rules/new").text
    fields = {
        "csrf_token": re.search(r'name="csrf_token" value="([^"]+)"', page)[1],
        "after": re.search(r'name="after" value="(\d+)"', page)[1],
        "satisfied": "5",
        "base": "rated",
        "decimals": "usual",
        "rounding": "half-up",
        "minimum_base": "10",
        "hours": "mon-fri 09:00-12:00",
        "days": "2026-10-01 休 国庆节\n2026-10-10 班 调休",
        "from_on": "2026-05-13",
        "reason": "council decision 7",
        "past_reason": "",
        "step": "add",
    }
    return fields | changes


def test_an_administrator_adds_a_version_after_seeing_what_it_changes(
    english_admin, dashboard, client
):
    told = form(english_admin)
    preview = english_admin.post("/rules", data=told | {"step": "preview"})
    assert preview.status_code == 200
    assert "Satisfied: was “very satisfied + satisfied”, is “very satisfied”" in preview.text
    assert "added: 2026-10-01 holiday 国庆节" in preview.text
    assert "by the new version" in preview.text
    assert len(dashboard.rules.versions()) == 1

    answer = english_admin.post("/rules", data=told)

    assert answer.status_code == 303
    added = dashboard.rules.number(2)
    assert (added.author, added.reason, added.rules.satisfied) == ("wu", "council decision 7", (5,))
    assert [day.name for day in added.rules.days] == ["国庆节", "调休"]
    page = client.get("/rules").text
    assert "council decision 7" in page
    assert "satisfied-5/rated" in page
    trail = audit(dashboard)
    assert [tuple(row)[:2] for row in trail] == [("wu", "v2")]


def audit(dashboard):
    with dashboard.office.transaction() as database:
        return list(
            database.execute(
                "SELECT account, subject, facts FROM audit WHERE action = 'rule.change'"
            )
        )


def test_last_month_is_shown_by_both_rules(english_admin, dashboard, clock, sign_in):
    clock.advance_s(30 * 86_400)  # the ledger's days are those of last month now
    assert sign_in(english_admin, "wu") == 302
    page = english_admin.post(
        "/rules", data=form(english_admin, from_on="2026-06-12") | {"step": "preview"}
    ).text
    rates = re.findall(r'<dd><span class="big">([0-9.]+)<', page)
    bases = re.findall(r'<span class="over">([0-9,]+) / ([0-9,]+)</span></dd>', page)
    assert len(rates) == 2
    assert rates[0] > rates[1]
    assert bases[0][1] == bases[1][1]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"satisfied": ""}, "Levels that satisfy"),
        ({"satisfied": "42"}, "A bad rating never satisfies"),
        ({"base": "all"}, "Base: choose"),
        ({"decimals": "9"}, "Digits: expected a number from 0 to 4"),
        ({"decimals": "-1"}, "Digits"),
        ({"rounding": "up"}, "Rounding: choose"),
        ({"minimum_base": "ten"}, "Ranked from: expected"),
        ({"minimum_base": "9999999"}, "Ranked from: expected"),
        ({"hours": "mon-fri 9-12"}, "got “mon-fri 9-12”"),
        ({"hours": "mon 09:00-12:00\nmon 11:00-13:00"}, "do not overlap"),
        ({"days": "2026-13-01 休 x"}, "got “2026-13-01 休 x”"),
        ({"days": "2026-10-01 party x"}, "expected lines such as"),
        ({"days": "2026-10-01 休 a\n2026-10-01 休 b"}, "each day once"),
        ({"from_on": "tomorrow"}, "First day: expected a date"),
        ({"from_on": "9999-12-31"}, "First day: expected a date"),
        ({"from_on": "2026-05-01"}, "The first day lies in the past: say why"),
        ({"reason": " "}, "Reason: write a sentence"),
        ({"reason": "x" * 600}, "Reason: write a sentence"),
        ({"satisfied": "54", "hours": "", "days": ""}, "version 1 says the same"),
        ({"after": "9"}, "Somebody has added version"),
        ({"after": "²"}, "Somebody has added version"),
        ({"days": "\x00", "hours": "\x00"}, "expected lines such as"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_added(english_admin, dashboard, changes, sentence):
    for step in ("preview", "add"):
        answer = english_admin.post("/rules", data=form(english_admin) | changes | {"step": step})
        assert answer.status_code == 400
        assert sentence in answer.text.replace("&#39;", "'")
    assert len(dashboard.rules.versions()) == 1


def test_all_that_is_wrong_is_said_at_once_and_its_fields_are_marked(english_admin):
    wrong = {"base": "all", "hours": "mon 9", "days": "x", "from_on": "", "reason": ""}
    answer = english_admin.post("/rules", data=form(english_admin) | wrong)
    assert answer.status_code == 400
    for sentence in ("Base:", "got “mon 9”", "got “x”", "First day:", "Reason:"):
        assert sentence in answer.text
    marked = re.findall(r'name="(\w+)" aria-invalid="true"', answer.text)
    assert set(marked) == set(wrong)
    assert "aria-invalid" not in english_admin.get("/rules/new").text


@pytest.mark.parametrize("hours", ["周一-周五 09:00-12:00", "星期一至星期五 09：00－12：00"])
def test_opening_hours_may_be_written_in_chinese(english_admin, dashboard, hours):
    assert english_admin.post("/rules", data=form(english_admin, hours=hours)).status_code == 303
    assert dashboard.rules.versions()[-1].rules.hours == ("mon-fri 09:00-12:00",)


def test_a_hall_in_its_first_month_sees_that_month_by_both_rules(english_admin):
    page = english_admin.post("/rules", data=form(english_admin) | {"step": "preview"}).text
    assert "2026-05-01 – 2026-05-31 by both" in page
    assert all(float(rate) > 0 for rate in re.findall(r'<dd><span class="big">([0-9.]+)<', page))


def test_a_form_that_is_not_filled_in_is_a_bad_request(admin, token):
    assert admin.post("/rules", data={"csrf_token": token(admin)}).status_code == 400


def test_every_page_names_the_rule_of_its_last_day_and_rule_n_recomputes(client, dashboard):
    before = client.get("/api/v1/departments?period=7-days").json["hall"]["rate"]
    add(dashboard, satisfied=(5,))
    after = client.get("/api/v1/departments?period=7-days").json["hall"]["rate"]
    assert (before["rule_version"], after["rule_version"]) == (1, 2)
    assert after["numerator"] < before["numerator"]
    again = client.get("/api/v1/departments?period=7-days&rule=1").json["hall"]["rate"]
    assert again == before
    yesterday = client.get("/api/v1/departments?from=2026-05-11&to=2026-05-12").json["hall"]["rate"]
    assert yesterday["rule_version"] == 1
    for path in (
        "/",
        "/departments",
        "/windows",
        "/departments/market",
        "/windows/a03",
        "/reports?span=2026-05",
        "/reports/bulletin?span=2026-Q2",
    ):
        assert "satisfied-5/rated v2" in client.get(path).text, path
        joint = "&" if "?" in path else "?"
        assert "satisfied-4-5/rated v1" in client.get(f"{path}{joint}rule=1").text, path


def test_live_events_go_by_the_rule_of_today(client, dashboard):
    add(dashboard, satisfied=(5,), rounding="down", decimals=1)
    figures = client.get("/api/v1/live").json["figures"]
    assert figures["rate"]["rule_version"] == 2
    assert re.fullmatch(r"\d+\.\d", figures["rate"]["percent"])
    assert dashboard.watcher._build.event is not None


def test_the_watcher_goes_by_the_rule_of_today(app, dashboard, reader):
    add(dashboard, satisfied=(5,))
    event = dashboard.watcher._build(reader, None)
    assert event["figures"]["rate"]["rule"] == "satisfied-5/rated"


def test_the_rule_says_what_is_ranked(client, dashboard):
    assert "few ratings" not in client.get("/windows?period=7-days").text
    add(dashboard, minimum_base=100_000)
    page = client.get("/windows?period=7-days").text
    assert 'class="tag"' in page
    assert client.get("/api/v1/hall").json["leading"] == []


@pytest.mark.parametrize("rule", ["0", "2", "99999999", "x", "-1", "", "²", "1.0"])
def test_a_version_that_is_not_there_is_a_bad_request(client, rule):
    for path in ("/departments", "/", "/reports", "/api/v1/reports", "/api/v1/departments"):
        assert client.get(f"{path}?rule={rule}").status_code == 400, path


def test_a_rule_book_that_was_changed_shows_no_rate(client, dashboard):
    add(dashboard, satisfied=(5,))
    with dashboard.rules._file.writing() as connection:
        connection.execute("DROP TRIGGER versions_are_never_changed")
        connection.execute("UPDATE versions SET reason = 'another'")
    answer = client.get("/departments")
    assert answer.status_code == 503
    assert "无法读取大厅规则" in answer.text


def test_the_api_tells_the_whole_chain(client, dashboard):
    add(dashboard, date(2026, 5, 1), "minutes came late", satisfied=(5, 4, 3))
    told = client.get("/api/v1/rules").json
    assert told["today"] == 2
    first, second = told["versions"]
    assert second["prev"] == first["digest"]
    assert second["past_reason"] == "minutes came late"
    assert second["rules"]["satisfied"] == [5, 4, 3]
    assert "minutes came late" in client.get("/rules").text


def test_who_may_only_read_sees_no_form(client, dashboard):
    assert "/rules/new" not in client.get("/rules").text
    assert client.get("/rules/new").status_code == 403


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("zh_Hans_CN", "周一-周五 09:00-12:00；周日 10:00-11:00"),
        ("en", "Mon-Fri 09:00-12:00; Sun 10:00-11:00"),
    ],
)
def test_opening_hours_name_the_days_in_the_page_s_language(
    admin, dashboard, token, language, told
):
    add(dashboard, hours=("mon-fri 09:00-12:00", "sun 10:00-11:00"))
    admin.post("/preferences", data={"csrf_token": token(admin), "language": language, "next": "/"})

    assert told in admin.get("/rules").text

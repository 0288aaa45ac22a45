"""The pages of devices: what they show, to whom, and what they refuse."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask, g, render_template
from flask.testing import FlaskClient

from collector.office.roles import Role
from collector.web.dashboard import Dashboard, WebOptions
from collector.web.devices.answers import DeviceAnswer, DevicesAnswer
from collector.web.devices.commands import TAIL_BYTES, commands_sent
from collector.web.devices.words import levels_text
from collector.wishes import Fate, Spool, Told

PASSWORD = "correct horse battery"
KEYS = (
    "very-satisfied",
    "satisfied",
    "basically-satisfied",
    "dissatisfied",
    "very-dissatisfied",
)


def text_of(page: str) -> str:
    """What a person reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def write(ledger: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(ledger) as database:
        database.execute(sql, values)
    database.close()


def say(ledger: Path, device: str, **said: Any) -> None:
    """A device says something of its health."""
    with sqlite3.connect(ledger) as database:
        row = "(SELECT id FROM devices WHERE code = ?)"
        [(health,)] = database.execute(
            f"SELECT health FROM device_status WHERE device = {row}", [device]
        ).fetchall()
        database.execute(
            f"UPDATE device_status SET health = ? WHERE device = {row}",
            [json.dumps(json.loads(health) | said).encode(), device],
        )
    database.close()


def codes(browser: FlaskClient, query: str = "") -> list[str]:
    return [one["code"] for one in browser.get(f"/api/v1/devices{query}").json["devices"]]


def test_the_page_counts_lists_and_draws_every_device(client: FlaskClient) -> None:
    page = client.get("/devices").text
    tally = client.get("/api/v1/devices").json["tally"]
    assert tally | {"hand": 0, "soon": 0} == {
        "total": 135, "online": 132, "late": 0, "offline": 3, "never": 0, "hand": 0, "soon": 0,
    }  # fmt: skip
    assert page.count('class="cell cell-') == 135
    assert page.count('id="row-') == 135
    assert len(re.findall(r'class="cell cell-offline cell-hand"', page)) == 3
    assert re.findall(r'id="tally-offline".*?tally-number">(\d+)<', page, re.DOTALL) == ["3"]


def test_the_plan_stands_as_the_fleet_file_draws_it(client: FlaskClient) -> None:
    page = client.get("/devices").text
    rows = re.findall(r'<ul class="plan-row">(.*?)</ul>', page, re.DOTALL)
    drawn = [re.findall(r'class="gap"|id="plan-(\w+)"', row) for row in rows]
    assert drawn[0] == [f"a{n:02d}" for n in range(1, 9)] + [""] + [
        f"b{n:02d}" for n in range(1, 9)
    ]
    assert page.count("plan-aisle") == 2


def test_a_hall_without_a_plan_is_ordered_by_zone(client: FlaskClient, ledger: Path) -> None:
    write(ledger, "DELETE FROM window_plan")
    page = client.get("/devices").text
    assert re.findall(r'class="plan-zone">([^<]+)<', page) == [f"{z} 区" for z in "ABCDE"]
    assert page.count('class="cell cell-') == 135


def test_what_a_device_says_leads_to_a_sentence_and_what_to_do(
    english: FlaskClient, ledger: Path
) -> None:
    say(ledger, "w-b07", cpu_temp_c=83.6)
    say(ledger, "w-d03", stuck=["dissatisfied"])
    text = text_of(english.get("/devices").text)
    assert "Too hot" in text
    assert "B07 84 °C" in text
    assert "Free the vents and take it out of the sun." in text
    assert "D03 dissatisfied" in text
    assert codes(english, "?need=hot") == ["w-b07"]
    one = text_of(english.get("/devices/w-b07").text)
    assert "84 °C" in one
    assert "limit 80 °C" in one


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?state=offline", {"w-a13", "w-d13", "w-c27"}),
        ("?need=hand", {"w-a13", "w-d13", "w-c27"}),
        ("?need=offline&q=a13", {"w-a13"}),
        ("?q=W-E1", {"w-e10", "w-e11", "w-e12", "w-e13"}),
        ("?q=nothing+like+that", set()),
    ],
)
def test_a_filter_narrows_the_list(client: FlaskClient, query: str, expected: set[str]) -> None:
    assert set(codes(client, query)) == expected
    page = client.get(f"/devices{query}").text
    assert set(re.findall(r'id="row-([\w-]+)"', page)) == expected


def test_the_table_is_sorted_by_what_was_asked(client: FlaskClient, ledger: Path) -> None:
    say(ledger, "w-c05", head=10**6)
    assert codes(client, "?sort=backlog")[0] == "w-c05"
    assert set(codes(client, "?sort=state")[:3]) == {"w-a13", "w-c27", "w-d13"}
    assert codes(client)[:2] == ["w-a01", "w-a02"]
    assert codes(client, "?sort=place&order=desc")[0] == "w-e13"


@pytest.mark.parametrize(
    "query",
    ["?state=gone", "?need=money", "?q=" + "x" * 41, "?sort=colour", "?order=up", "?state=%00"],
)
def test_senseless_questions_are_answered_with_a_sentence(client: FlaskClient, query: str) -> None:
    for path in ("/devices", "/api/v1/devices"):
        assert client.get(path + query).status_code == 400, path


@pytest.mark.parametrize("code", ["w-zzz", "W-A01", "..", "%00", "x" * 500, "w-a01'--"])
def test_a_device_that_nobody_knows_is_not_found(client: FlaskClient, code: str) -> None:
    assert client.get(f"/devices/{code}").status_code == 404
    assert client.get(f"/api/v1/devices/{code}").status_code == 404


def test_a_department_sees_the_devices_at_its_own_windows_only(
    visit: Callable[..., FlaskClient], ledger: Path
) -> None:
    browser = visit(Role.DEPARTMENT, "household")
    assert codes(browser) == ["w-a05", "w-a06", "w-a07"]
    answer = browser.get("/api/v1/devices").json
    assert answer["tally"]["total"] == 3
    page = browser.get("/devices").text
    assert page.count('class="cell cell-') == 3
    assert "w-b01" not in page
    assert browser.get("/devices/w-a05").status_code == 200
    assert browser.get("/devices/w-b01").status_code == 404
    assert browser.get("/api/v1/devices/w-b01").status_code == 404
    assert codes(browser, "?q=b01") == []


DEVICE_MOVES = (
    "INSERT INTO device_windows (device, window, from_ms) SELECT d.id, w.id, ? "
    "FROM devices d, windows w WHERE d.code = 'w-b01' AND w.code = 'a05'"
)
WINDOW_MOVES = (
    "INSERT INTO window_departments (window, from_ms, department) SELECT w.id, ?, d.id "
    "FROM windows w, departments d WHERE w.code = 'b01' AND d.code = 'tax'"
)


@pytest.mark.parametrize(
    ("move", "department", "places"),
    [(DEVICE_MOVES, "household", ["a05", "b01"]), (WINDOW_MOVES, "tax", ["b01"])],
)
def test_what_a_device_did_before_it_came_to_the_department_is_not_its_managers(
    visit: Callable[..., FlaskClient],
    client: FlaskClient,
    dashboard: Dashboard,
    ledger: Path,
    tmp_path: Path,
    move: str,
    department: str,
    places: list[str],
) -> None:
    moved_ms = dashboard.clock() - 3_600_000
    write(ledger, move, moved_ms)
    write(ledger, "DROP TRIGGER records_follow_each_other")
    for number, received_ms in enumerate((moved_ms - 1, moved_ms + 1), start=1):
        write(
            ledger,
            "INSERT INTO records SELECT (SELECT max(position) + 1 FROM records), e.id, e.head + ?,"
            " x'00', 'FAULT', k.id, ?, ?, x'00' FROM devices d JOIN epochs e ON e.device = d.id"
            " JOIN device_keys k ON k.device = d.id WHERE d.code = 'w-b01'",
            number,
            received_ms,
            b'{"wall":"2026-05-13T01:00:00.000Z","synced":true,"reason":"disk-low","detail":""}',
        )
    lines = [
        {"event": "sent", "id": id, "device": "w-b01", "do": "pause", "by": by, "at": at}
        for id, by, at in (
            ("1", "before", "2026-05-13T03:00:00.000Z"),
            ("2", "since", "2026-05-13T07:00:00.000Z"),
        )
    ]
    log = tmp_path / "commands.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = {}
    for whose, browser in (("hall", client), ("own", visit(Role.DEPARTMENT, department))):
        told[whose] = browser.get("/api/v1/devices/w-b01").json
        page = browser.get("/devices/w-b01").text
        assert "设备故障" in page
    assert [place["window"] for place in told["hall"]["places"]] == places
    assert [place["window"] for place in told["own"]["places"]] == places[:1]
    assert [one["by"] for one in told["hall"]["commands"]] == ["since", "before"]
    assert [one["by"] for one in told["own"]["commands"]] == ["since"]
    assert len(told["hall"]["events"]) == 2
    assert [one["received_ms"] for one in told["own"]["events"]] == [moved_ms + 1]


def test_an_operator_begins_here_and_gets_no_link_that_is_refused(
    visit: Callable[..., FlaskClient],
) -> None:
    browser = visit(Role.OPERATOR)
    assert browser.get("/").headers["Location"] == "/devices"
    page = browser.get("/devices/w-a01").text
    for link in set(re.findall(r'href="(/[^"#]*)"', page)):
        if not link.startswith("/static"):
            assert browser.get(link, follow_redirects=True).status_code == 200, link
    assert "/windows/" not in page


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ADMINISTRATOR])
def test_who_may_see_no_ratings_learns_no_number_of_presses_by_level(
    visit: Callable[..., FlaskClient], client: FlaskClient, role: Role
) -> None:
    browser = visit(role)
    keys = browser.get("/api/v1/devices").json["devices"][0]["keys"]
    assert {key["presses"] for key in keys} == {None}
    assert keys[0]["pressed_on"] is not None
    one = browser.get("/api/v1/devices/w-a01").json
    assert {key["presses"] for key in one["device"]["keys"]} == {None}
    assert one["health"]["presses"] == one["health"]["edges"] == {}
    counted = '<th scope="col" class="number">按键次数</th>'
    assert counted in client.get("/devices/w-a01").text
    assert counted not in browser.get("/devices/w-a01").text


@pytest.mark.parametrize(
    ("role", "departments", "number", "named"),
    [(Role.DIRECTOR, [], "3 / 135 台", True), (Role.DEPARTMENT, ["household"], "0 / 3 台", False)],
)
def test_the_hall_page_has_a_card_of_the_devices_that_need_a_hand(
    app: Flask,
    dashboard: Dashboard,
    role: Role,
    departments: list[str],
    number: str,
    named: bool,
) -> None:
    dashboard.accounts.add(
        "someone", PASSWORD, now_ms=dashboard.clock(), role=role, departments=departments
    )
    with app.test_request_context("/"):
        g.account = dashboard.accounts.find("someone")
        text = text_of(render_template("hall/_devices.html"))
    assert f"需要处理的评价器 {number}" in text
    assert all((code in text) is named for code in ("A13", "C27", "D13"))


def test_a_device_that_was_never_heard_and_has_no_key_is_shown(
    client: FlaskClient, ledger: Path
) -> None:
    write(ledger, "INSERT INTO devices (code) VALUES ('spare-1')")
    text = text_of(client.get("/devices/spare-1").text)
    assert "从未上线" in text
    assert "未登记密钥" in text
    assert "不在任何窗口" in text
    [brief] = [d for d in client.get("/api/v1/devices").json["devices"] if d["code"] == "spare-1"]
    assert (brief["state"], brief["window"], brief["needs"]) == ("never", None, [])


def test_machines_get_what_is_described(client: FlaskClient, ledger: Path) -> None:
    say(ledger, "w-a01", edges=dict.fromkeys(KEYS[:4], 8), power=["under-voltage"])
    listed = msgspec.json.decode(client.get("/api/v1/devices").data, type=DevicesAnswer)
    assert [key.level for key in listed.devices[0].keys] == [5, 4, 3, 2]
    one = msgspec.json.decode(client.get("/api/v1/devices/w-a01").data, type=DeviceAnswer)
    assert one.device.code == "w-a01"
    assert one.journals[0].missing == 0
    assert one.places[0].window == "a01"
    assert one.commands == []
    assert {need.reason for need in one.device.needs} >= {"power"}


def test_unreadable_health_breaks_no_page(client: FlaskClient, ledger: Path) -> None:
    write(ledger, "UPDATE device_status SET health = ? WHERE device = 1", b"\xff{")
    for path in ("/devices", "/devices/w-a01", "/api/v1/devices/w-a01"):
        assert client.get(path).status_code == 200


def test_a_settings_version_that_is_no_time_breaks_no_page(
    client: FlaskClient, ledger: Path
) -> None:
    say(ledger, "w-a01", settings_version=2**53 - 1)
    for path in ("/devices", "/devices/w-a01"):
        assert client.get(path).status_code == 200


def test_words_of_a_device_are_text_and_never_markup(client: FlaskClient, ledger: Path) -> None:
    say(ledger, "w-a01", version="<u>1", alarms=["<script>x</script>"], state="<i>")
    for path in ("/devices", "/devices/w-a01"):
        page = client.get(path).text
        assert "<script>x" not in page
        assert "<u>" not in page
        assert "<i>" not in page


# --- identify ---


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "wishes")


@pytest.fixture
def options(ledger: Path, tmp_path: Path) -> WebOptions:
    """With a folder for wishes and a log of commands."""
    return WebOptions(
        ledger=ledger,
        office=tmp_path / "office.db",
        corrections=tmp_path / "corrections.db",
        wishes=tmp_path / "wishes",
        command_log=tmp_path / "commands.jsonl",
    )


def test_a_wish_is_written_down_noted_and_its_fate_shown(
    client: FlaskClient,
    token: Callable[[FlaskClient], str],
    spool: Spool,
    dashboard: Dashboard,
    clock: Any,
) -> None:
    answer = client.post("/devices/w-a01/identify", data={"csrf_token": token(client)})
    assert answer.status_code == 303
    place = answer.headers["Location"]
    assert "定位服务" in text_of(client.get(place).text)  # nobody serves
    [wish] = spool.wishes()
    assert (wish.device, wish.asked_by, wish.do) == ("w-a01", "zhang", "identify")
    spool.serve(now_ms=clock())
    assert "已提交" in text_of(client.get(place).text)
    spool.tell(Told(id=wish.id, device="w-a01", fate=Fate.DONE, told_ms=clock()))
    fragment = client.get(f"/devices/w-a01/identify?wish={wish.id}").text
    assert "正在闪烁" in fragment
    assert "hx-get" not in fragment
    rows = dashboard.office.database.execute(
        "SELECT account, action, subject FROM audit WHERE action = 'device.identify'"
    ).fetchall()
    assert [tuple(row) for row in rows] == [("zhang", "device.identify", "w-a01")]


def test_the_fate_of_a_wish_is_told_at_its_own_device_only(
    client: FlaskClient, token: Callable[[FlaskClient], str], spool: Spool
) -> None:
    client.post("/devices/w-a01/identify", data={"csrf_token": token(client)})
    [wish] = spool.wishes()
    assert "fate-" not in client.get(f"/devices/w-a02/identify?wish={wish.id}").text


@pytest.mark.parametrize("id", ["../../../etc/passwd", "x", "y" * 23, "%00" * 22])
def test_an_id_that_is_none_is_refused(client: FlaskClient, id: str) -> None:
    assert client.get(f"/devices/w-a01/identify?wish={id}").status_code == 400
    assert client.get(f"/devices/w-a01?wish={id}").status_code == 400


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.DIRECTOR, 303),
        (Role.OPERATOR, 303),
        (Role.ADMINISTRATOR, 303),
        (Role.SUPERVISOR, 403),
        (Role.DEPARTMENT, 403),
    ],
)
def test_only_some_may_let_a_device_blink(
    visit: Callable[..., FlaskClient],
    token: Callable[[FlaskClient], str],
    spool: Spool,
    role: Role,
    status: int,
) -> None:
    browser = visit(role, *(["household"] if role is Role.DEPARTMENT else []))
    page = browser.get("/devices/w-a05").text
    assert ("/devices/w-a05/identify" in page) is (status == 303)
    answer = browser.post("/devices/w-a05/identify", data={"csrf_token": token(browser)})
    assert answer.status_code == status
    assert len(list(spool.wishes())) == (status == 303)


def test_without_the_form_of_a_page_nothing_is_wished(client: FlaskClient, spool: Spool) -> None:
    assert client.post("/devices/w-a01/identify").status_code == 400
    assert list(spool.wishes()) == []


def test_a_folder_that_cannot_be_written_is_said(
    client: FlaskClient, token: Callable[[FlaskClient], str], tmp_path: Path
) -> None:
    (tmp_path / "wishes").write_text("no folder")
    answer = client.post("/devices/w-a01/identify", data={"csrf_token": token(client)})
    assert answer.status_code == 409
    assert "command.wishes" in answer.text


def test_a_hall_that_has_not_set_it_up_has_no_button(
    make_app: Callable[[WebOptions], Flask],
    options: WebOptions,
    sign_in: Callable[..., int],
    token: Callable[[FlaskClient], str],
) -> None:
    browser = make_app(replace(options, wishes=None)).test_client()
    assert sign_in(browser) == 302
    assert "/identify" not in browser.get("/devices/w-a01").text
    answer = browser.post("/devices/w-a01/identify", data={"csrf_token": token(browser)})
    assert answer.status_code == 404


def test_a_manager_gets_no_presses_that_were_made_for_another_department(
    visit: Callable[..., FlaskClient], ledger: Path, dashboard: Dashboard, client: FlaskClient
) -> None:
    say(ledger, "w-a05", presses={"satisfied": 9}, edges=dict.fromkeys(KEYS, 20))
    moved_ms = dashboard.clock() - 1_800_000
    write(
        ledger,
        WINDOW_MOVES.replace("b01", "a05"),
        moved_ms,
    )
    manager = visit(Role.DEPARTMENT, "tax")

    def presses(browser: Any, device: str) -> list[Any]:
        told = browser.get(f"/api/v1/devices/{device}").json["device"]["keys"]
        listed = browser.get(f"/api/v1/devices?q={device}").json["devices"][0]["keys"]
        assert listed == told
        return [key["presses"] for key in told]

    assert sum(presses(client, "w-a05")) > 0
    assert presses(manager, "w-a05") == [None] * 5
    assert manager.get("/api/v1/devices/w-a05").json["health"]["presses"] == {}
    window = manager.get("/api/v1/windows/a05").json
    assert [one["health"]["presses"] for one in window["devices"]] == [{}]
    assert sum(presses(manager, "w-b07")) > 0  # has always been theirs
    assert "按键次数" in text_of(manager.get("/devices/w-b07").text)
    assert "按键次数" not in text_of(manager.get("/devices/w-a05").text)


# --- the log of commands ---


def test_the_last_commands_are_shown_where_the_log_can_be_read(
    client: FlaskClient, tmp_path: Path
) -> None:
    lines = [
        {"event": "sent", "id": "1", "device": "w-a01", "do": "pause", "by": "wang@hall",
         "at": "2026-05-13T07:00:00.000Z"},
        {"event": "sent", "id": "2", "device": "w-a02", "do": "resume", "by": "x",
         "at": "2026-05-13T07:01:00.000Z"},
        {"event": "ended", "id": "1", "device": "w-a01", "outcome": "refused",
         "reason": "testing", "at": "2026-05-13T07:00:01.000Z"},
    ]  # fmt: skip
    log = tmp_path / "commands.jsonl"
    log.write_text('half a line"}\n' + "".join(json.dumps(line) + "\n" for line in lines))
    [sent] = client.get("/api/v1/devices/w-a01").json["commands"]
    assert (sent["do"], sent["outcome"], sent["reason"]) == ("pause", "refused", "testing")
    text = text_of(client.get("/devices/w-a01").text)
    assert "15:00:00 pause wang@hall 已拒绝 正在自检" in text


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    log = tmp_path / "commands.jsonl"
    line = json.dumps(
        {"event": "sent", "id": "old", "device": "d", "do": "pause", "by": "x", "at": ""}
    )
    log.write_text(line + "\n" + "x" * TAIL_BYTES + "\n" + line.replace("old", "new") + "\n")
    assert [sent.id for sent in commands_sent(log, "d") or []] == ["new"]
    assert commands_sent(tmp_path / "nothing", "d") == []
    assert commands_sent(tmp_path, "d") is None  # cannot be read
    assert commands_sent(tmp_path / "no" / "folder", "d") is None
    assert commands_sent(None, "d") is None


def test_keys_are_named_and_not_numbered(app: Flask) -> None:
    with app.test_request_context("/devices"):
        assert levels_text((2, 1)) == "不满意、非常不满意"

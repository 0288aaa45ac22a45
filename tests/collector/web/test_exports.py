"""The exports page: what is there, what is missing, and files that cannot be had otherwise."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, time
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from collector.export.choosing import Request
from collector.export.nightly import export_status, run_export
from collector.office.roles import Role
from collector.settings import CollectorSettings, ExportSettings
from collector.settings_care import CorrectionSettings
from collector.web.care.options import CareOptions
from collector.web.dashboard import EXTENSION, Dashboard, WebOptions
from firmware_config.settings_broker import BrokerSettings

PASSWORD = "correct horse battery"
Enter = Callable[[Role], FlaskClient]
HALL = "yunze"
DAYS = ["2026-05-11", "2026-05-12"]


@pytest.fixture
def settings(options: WebOptions, tmp_path: Path) -> CollectorSettings:
    """Of the collector that exports this hall."""
    return CollectorSettings(
        hall=HALL,
        fleet=tmp_path,
        device_keys=tmp_path,
        key=tmp_path / "key",
        ledger=options.ledger,
        broker=BrokerSettings(host="127.0.0.1"),
        export=ExportSettings(folder=tmp_path / "days"),
        corrections=CorrectionSettings(file=options.corrections),
    )


@pytest.fixture
def folder(settings: CollectorSettings, clock: Callable[[], int]) -> Path:
    """The exports of every day that is over."""
    run_export(settings, Request(), lambda: datetime.fromtimestamp(clock() / 1000, UTC))
    return settings.export.folder


@pytest.fixture
def hall(make_app: Callable[[WebOptions], Flask], options: WebOptions, tmp_path: Path) -> Flask:
    """A dashboard that knows where the exports are."""
    care = CareOptions(exports=tmp_path / "days", run_at=time(1, 30))
    return make_app(replace(options, care=care))


@pytest.fixture
def enter(hall: Flask, sign_in: Callable[..., int]) -> Enter:
    """Signs somebody of a role in."""
    parts: Dashboard = hall.extensions[EXTENSION]

    def do(role: Role) -> FlaskClient:
        departments = ["market"] if role is Role.DEPARTMENT else []
        parts.accounts.add(
            f"a-{role}", PASSWORD, now_ms=parts.clock(), role=role, departments=departments
        )
        browser = hall.test_client()
        assert sign_in(browser, f"a-{role}") == 302
        return browser

    return do


def newest(folder: Path) -> Path:
    return max(entry for entry in folder.iterdir() if entry.name.startswith("2026"))


def test_every_exported_day_is_shown_as_its_manifest_says(folder: Path, enter: Enter) -> None:
    told = enter(Role.DIRECTOR).get("/api/v1/exports").get_json()
    there = sorted((entry for entry in folder.iterdir() if entry.is_dir()), reverse=True)
    assert [one["folder"] for one in told["of_month"]] == [entry.name for entry in there]
    for one, entry in zip(told["of_month"], there, strict=True):
        content = (entry / "manifest.json").read_bytes()
        manifest = json.loads(content)
        assert one["sha256"] == hashlib.sha256(content).hexdigest()
        assert one["balanced"] is manifest["balanced"]
        assert one["rated"] == manifest["counts"]["rated"]
        assert {file["name"] for file in one["files"]} == set(manifest["files"])


def test_the_state_is_that_of_the_command(
    folder: Path, enter: Enter, settings: CollectorSettings, clock: Callable[[], int]
) -> None:
    shutil.rmtree(newest(folder))
    now = datetime.fromtimestamp(clock() / 1000, UTC)
    status = export_status(settings, lambda: now)
    told = enter(Role.SUPERVISOR).get("/api/v1/exports").get_json()
    assert told["missing"] == [on.isoformat() for on in status.missing]
    assert len(told["missing"]) == 1
    assert told["due"] == status.due_on.isoformat()
    assert told["last"] == (status.last_on.isoformat() if status.last_on else None)
    assert told["unbalanced"] == [on.isoformat() for on in status.unbalanced]
    assert told["next"] == "2026-05-14T01:30:00+08:00"


def test_silence_is_an_alarm(folder: Path, enter: Enter) -> None:
    browser = enter(Role.DIRECTOR)
    assert "有日期未上报" not in browser.get("/exports").text
    gone = newest(folder)
    shutil.rmtree(gone)
    page = browser.get("/exports").text
    assert "有日期未上报" in page
    assert gone.name in page


def test_a_folder_that_is_not_there_means_that_every_day_is_missing(enter: Enter) -> None:
    told = enter(Role.ADMINISTRATOR).get("/api/v1/exports").get_json()
    assert set(DAYS) <= set(told["missing"])
    assert told["of_month"] == []


def test_each_file_can_be_had_as_it_is_and_that_is_noted(
    folder: Path, enter: Enter, hall: Flask
) -> None:
    browser = enter(Role.SUPERVISOR)
    day = newest(folder)
    for file in sorted(day.iterdir()):
        answer = browser.get(f"/exports/{day.name}/{file.name}")
        assert answer.status_code == 200, file
        assert answer.data == file.read_bytes()
        assert f"{HALL}-{day.name}-{file.name}" in answer.headers["Content-Disposition"]
    rows = (
        hall.extensions[EXTENSION]
        .office.database.execute(
            "SELECT account, subject FROM audit WHERE action = 'export.download'"
        )
        .fetchall()
    )
    assert ("a-supervisor", f"{day.name}/manifest.json") in rows


def test_every_link_of_the_page_leads_to_a_file(folder: Path, enter: Enter) -> None:
    browser = enter(Role.DIRECTOR)
    links = re.findall(r'href="(/exports/[^"?]+)"', browser.get("/exports").text)
    assert len(links) >= 10
    assert all(browser.get(link).status_code == 200 for link in links)


@pytest.mark.parametrize(
    "path",
    [
        "2026-05-12/../../ledger.db",
        "../ledger.db",
        "..%2f..%2fledger.db",
        "2026-05-12/%2e%2e%2fledger.db",
        "2026-05-12/..",
        "2026-05-12/.state.json",
        "2026-05-12/secret.txt",
        "2026-05-12/link.csv",
        "2026-05-12.r1/manifest.json",
        "2026-02-30/manifest.json",
        ".lock/manifest.json",
        "secret/manifest.json",
        "2026-05-12/manifest.json%00",
    ],
)
def test_nothing_else_can_be_had(folder: Path, enter: Enter, path: str) -> None:
    day = folder / "2026-05-12"
    assert day.is_dir()
    (day / "secret.txt").write_text("nobody's")
    (day / "link.csv").symlink_to(folder.parent / "ledger.db")
    (folder / "secret").mkdir()
    (folder / "secret" / "manifest.json").write_text("{}")
    assert enter(Role.DIRECTOR).get(f"/exports/{path}").status_code == 404


def test_a_file_that_was_changed_is_not_given_out(folder: Path, enter: Enter) -> None:
    day = newest(folder)
    file = max(day.glob("*.csv"))
    file.chmod(0o640)
    file.write_bytes(file.read_bytes() + b"one more\n")
    answer = enter(Role.DIRECTOR).get(f"/exports/{day.name}/{file.name}")
    assert answer.status_code == 409
    assert "不予提供" in answer.text


def test_an_export_that_cannot_be_read_is_shown_as_such(folder: Path, enter: Enter) -> None:
    day = newest(folder)
    (day / "manifest.json").chmod(0o640)
    (day / "manifest.json").write_text("{")
    browser = enter(Role.DIRECTOR)
    assert "无法读取" in browser.get("/exports").text
    (one,) = [
        one
        for one in browser.get("/api/v1/exports").get_json()["of_month"]
        if one["folder"] == day.name
    ]
    assert one["problem"]
    assert one["balanced"] is None
    assert browser.get(f"/exports/{day.name}/manifest.json").status_code == 404


def test_department_managers_and_operators_are_not_let_in(folder: Path, enter: Enter) -> None:
    day = newest(folder)
    for role in (Role.DEPARTMENT, Role.OPERATOR):
        browser = enter(role)
        for path in ("/exports", "/api/v1/exports", f"/exports/{day.name}/manifest.json"):
            assert browser.get(path).status_code == 403, (role, path)


@pytest.mark.parametrize(
    "month", ["2026-13", "2026-5", "1999-05", "x", "2026-05-01", "２０２６-05"]
)
def test_a_month_that_is_none_is_refused(enter: Enter, month: str) -> None:
    browser = enter(Role.DIRECTOR)
    assert browser.get(f"/exports?month={month}").status_code == 400
    assert browser.get(f"/api/v1/exports?month={month}").status_code == 400


def test_another_month_shows_its_own_days(folder: Path, enter: Enter) -> None:
    told = enter(Role.DIRECTOR).get("/api/v1/exports?month=2026-04").get_json()
    assert told["month"] == "2026-04"
    assert told["of_month"] == []
    assert told["last"].startswith("2026-05")

"""The ledger page tells of backups, of the last reconciliation, of days that do not balance."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from collector.backup.manifest import FileMark, LedgerMark, Manifest, encode_manifest
from collector.backup.naming import backup_name
from collector.reconcile.model import (
    Ask,
    CountDifference,
    DayState,
    DayVerdict,
    DeviceState,
    JournalState,
    Reconciliation,
)
from collector.reconcile.report import document
from collector.web.care.backups import backup_places
from collector.web.care.exports import export_state
from collector.web.care.options import CareOptions
from collector.web.care.reconciliation import last_reconciliation
from collector.web.dashboard import WebOptions

ZONE = ZoneInfo("Asia/Shanghai")
SignIn = Callable[..., int]


def put_backup(folder: Path, at: datetime, *, size: int = 22_000, is_whole: bool = True) -> None:
    """A backup as a run leaves it."""
    root = folder / "ledger" / backup_name(at)
    root.mkdir(parents=True)
    content = b"x" * 100
    manifest = Manifest(
        what="backup",
        v=1,
        hall="yunze",
        made_at=at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        program="1",
        files={"ledger.db": FileMark(bytes=len(content), sha256="0" * 64)},
        ledger=LedgerMark(
            gen="g", timezone="Asia/Shanghai", size=size, root="r", journals=[], signatures=0
        ),
    )
    (root / "manifest.json").write_bytes(encode_manifest(manifest))
    if is_whole:
        (root / "ledger.db").write_bytes(content)


def put_report(folder: Path, made_ms: int, *devices: DeviceState) -> None:
    """A reconciliation as a night leaves it."""
    folder.mkdir(exist_ok=True)
    found = Reconciliation(
        hall="yunze",
        gen="g",
        size=1,
        made_ms=made_ms,
        days=(date(2026, 5, 11), date(2026, 5, 12)),
        devices=devices,
    )
    (folder / f"{found.days[-1]}.json").write_text(json.dumps(document(found)), encoding="utf-8")


def device(code: str, **given: Any) -> DeviceState:
    usual: dict[str, Any] = {"window": "a01", "heard_ms": None, "days": ()}
    return DeviceState(device=code, **{**usual, **given})


GOOD = device("w-a01", days=(DayState(date(2026, 5, 12), DayVerdict.BALANCED),))
BAD = device(
    "w-a02",
    window="a02",
    days=(
        DayState(
            date(2026, 5, 12), DayVerdict.DIFFERS, (CountDifference("RATED.5", device=8, ledger=7),)
        ),
    ),
    journals=(JournalState(epoch="e", is_current=True, stored=4, head=9, missing=((5, 7),)),),
    conflicts=2,
    ask=Ask.UNREACHED,
    detail="offline",
)


@pytest.fixture
def visit_with(
    make_app: Callable[[WebOptions], Flask], options: WebOptions, sign_in: SignIn
) -> Callable[[CareOptions], FlaskClient]:
    """Signs in to a dashboard that knows these places."""

    def do(care: CareOptions) -> FlaskClient:
        browser = make_app(replace(options, care=care)).test_client()
        assert sign_in(browser) == 302
        return browser

    return do


def test_the_newest_good_backup_is_told_with_its_age(
    visit_with: Callable[[CareOptions], FlaskClient], tmp_path: Path, clock: Callable[[], int]
) -> None:
    now = datetime.fromtimestamp(clock() / 1000, UTC)
    put_backup(tmp_path, now - timedelta(hours=30), size=20_000)
    put_backup(tmp_path, now - timedelta(hours=6), size=21_000)
    put_backup(tmp_path, now - timedelta(hours=1), is_whole=False)
    (tmp_path / "ledger" / (backup_name(now) + ".part")).mkdir()
    browser = visit_with(CareOptions(backup=tmp_path, sftp="sftp://yiping@backup.example.org/./y"))
    disk, other = browser.get("/api/v1/integrity").get_json()["backups"]
    assert (disk["kind"], disk["size"], disk["backups"]) == ("folder", 21_000, 3)
    assert disk["made_ms"] == clock() // 1000 * 1000 - 6 * 3_600_000
    assert (other["kind"], other["place"], other["is_readable"]) == (
        "sftp",
        "backup.example.org",
        False,
    )
    page = browser.get("/integrity").text
    assert "21,000" in page
    assert "最新备份的时间为" not in page
    assert "yiping@" not in page  # a user name there is nobody's business here


@pytest.mark.parametrize("hours", [37, None])
def test_an_old_backup_or_none_is_an_alarm(
    visit_with: Callable[[CareOptions], FlaskClient],
    tmp_path: Path,
    clock: Callable[[], int],
    hours: int | None,
) -> None:
    (tmp_path / "ledger").mkdir()
    if hours is not None:
        put_backup(tmp_path, datetime.fromtimestamp(clock() / 1000, UTC) - timedelta(hours=hours))
    page = visit_with(CareOptions(backup=tmp_path)).get("/integrity").text
    assert ("最新备份的时间为" if hours else "该处没有完好的备份") in page


def test_a_folder_without_any_backup_yet_is_readable_and_empty(
    visit_with: Callable[[CareOptions], FlaskClient], tmp_path: Path
) -> None:
    browser = visit_with(CareOptions(backup=tmp_path))
    page = browser.get("/integrity").text
    assert "此处无法读取该目录" not in page
    assert "该处没有完好的备份" in page
    (place,) = browser.get("/api/v1/integrity").get_json()["backups"]
    assert (place["is_readable"], place["backups"]) == (True, 0)


def test_a_disk_that_is_not_mounted_is_told(
    visit_with: Callable[[CareOptions], FlaskClient], tmp_path: Path
) -> None:
    browser = visit_with(CareOptions(backup=tmp_path / "none"))
    assert "此处无法读取该目录" in browser.get("/integrity").text
    (place,) = browser.get("/api/v1/integrity").get_json()["backups"]
    assert place["is_readable"] is False


def test_the_share_of_archived_records_is_the_ledgers(
    visit_with: Callable[[CareOptions], FlaskClient], ledger: Path
) -> None:
    with closing(sqlite3.connect(ledger)) as db:
        db.execute("UPDATE epochs SET archived = stored / 2")
        db.commit()
        told = db.execute("SELECT sum(archived), sum(stored) FROM epochs").fetchone()
    found = visit_with(CareOptions()).get("/api/v1/integrity").get_json()["archived"]
    assert (found["archived"], found["stored"]) == told


def test_what_needs_a_person_is_listed_and_the_rest_counted(
    visit_with: Callable[[CareOptions], FlaskClient], tmp_path: Path, clock: Callable[[], int]
) -> None:
    put_report(tmp_path / "r", clock() - 3_600_000, GOOD, BAD)
    browser = visit_with(CareOptions(reconcile=tmp_path / "r"))
    told = browser.get("/api/v1/integrity").get_json()["reconciliation"]
    assert told["good"] is False
    assert told["devices"] == 2
    assert told["findings"] == [
        {
            "device": "w-a02",
            "window": "a02",
            "days": ["2026-05-12 differs"],
            "missing": 3,
            "conflicts": 2,
            "asked": "unreached",
            "detail": "offline",
        }
    ]
    page = browser.get("/integrity").text
    assert "计数不一致" in page
    assert "缺少 3 条记录" in page
    assert "w-a01" not in page
    assert "最近一次对账已超过一夜" not in page


def test_an_old_reconciliation_is_an_alarm(
    visit_with: Callable[[CareOptions], FlaskClient], tmp_path: Path, clock: Callable[[], int]
) -> None:
    put_report(tmp_path / "r", clock() - 37 * 3_600_000, GOOD)
    page = visit_with(CareOptions(reconcile=tmp_path / "r")).get("/integrity").text
    assert "最近一次对账已超过一夜" in page
    assert "评价器自身计数与账本一致" in page


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"made_at": 1}', "\x80"])
def test_a_report_that_cannot_be_read_is_no_report(tmp_path: Path, content: str | None) -> None:
    folder = tmp_path / "r"
    if content is not None:
        folder.mkdir()
        (folder / "2026-05-12.json").write_text(content, encoding="latin-1")
        (folder / "notes.json").write_text("{}")
    assert last_reconciliation(folder) is None
    assert last_reconciliation(None) is None


def test_nothing_is_known_of_places_that_are_not_set() -> None:
    assert backup_places(CareOptions()) == []


@pytest.mark.parametrize(
    ("clock_time", "due_on", "next_at"),
    [
        ("2026-05-13T01:00", "2026-05-11", "2026-05-13T01:30:00+08:00"),
        ("2026-05-13T02:29", "2026-05-11", "2026-05-14T01:30:00+08:00"),
        ("2026-05-13T02:30", "2026-05-12", "2026-05-14T01:30:00+08:00"),
    ],
)
def test_a_day_is_due_an_hour_after_its_run(clock_time: str, due_on: str, next_at: str) -> None:
    found = export_state(
        {},
        [date(2026, 5, 10)],
        date(2026, 5, 10),
        now=datetime.fromisoformat(clock_time).replace(tzinfo=ZONE),
        run_at=time(1, 30),
    )
    assert str(found.due_on) == due_on
    assert found.missing[0] == date(2026, 5, 10)
    assert str(found.missing[-1]) == due_on
    assert found.next_at.isoformat() == next_at


def test_a_folder_that_cannot_be_read_is_not_taken_for_an_empty_one() -> None:
    found = export_state(
        None,
        [date(2026, 5, 10)],
        date(2026, 5, 10),
        now=datetime(2026, 5, 13, 12, tzinfo=ZONE),
        run_at=time(1, 30),
    )
    assert found.is_readable is False
    assert found.missing == []

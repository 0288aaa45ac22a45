"""Pages of a ledger that nobody writes to in real time take its newest record's time for now."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from collector.ledger.migrations import open_ledger
from collector.ledger.readers import LedgerReader
from collector.web.dashboard import Dashboard, WebOptions
from collector.web.page_time import newest_ms

YEAR_S = 365 * 86_400


@pytest.fixture
def follower(
    make_app: Callable[[WebOptions], Flask],
    options: WebOptions,
    sign_in: Callable[..., int],
    clock: Any,
) -> FlaskClient:
    """A browser on a dashboard that follows the records, a year after the last of them."""
    clock.advance_s(YEAR_S)
    browser = make_app(replace(options, follows_records=True)).test_client()
    assert sign_in(browser) == 302
    return browser


def test_today_is_the_last_day_in_the_ledger(follower: FlaskClient) -> None:
    shown = follower.get("/api/v1/hall").json

    assert shown["on"] == "2026-05-13"
    assert shown["figures"]["rated"] > 0
    assert follower.get("/api/v1/live").json["on"] == "2026-05-13"


def test_without_the_setting_today_is_the_clock_s(
    client: FlaskClient, clock: Any, sign_in: Callable[..., int]
) -> None:
    clock.advance_s(YEAR_S)
    assert sign_in(client) == 302

    assert client.get("/api/v1/hall").json["on"] == "2027-05-13"


def test_sessions_still_end_by_the_real_clock(follower: FlaskClient, clock: Any) -> None:
    assert follower.get("/api/v1/hall").status_code == 200

    clock.advance_s(13 * 3600)

    assert follower.get("/api/v1/hall").status_code == 401


def test_the_newest_record_s_time_is_never_after_the_real_one(reader: LedgerReader) -> None:
    newest = newest_ms(reader, 2**53)

    assert newest_ms(reader, newest - 1) == newest - 1
    assert newest_ms(reader, newest + 1) == newest


def test_an_empty_ledger_has_the_real_time(tmp_path: Path) -> None:
    open_ledger(tmp_path / "empty.db").close()
    with LedgerReader(tmp_path / "empty.db") as reader:
        assert newest_ms(reader, 1_000) == 1_000


def test_live_events_follow_the_records_too(
    make_app: Callable[[WebOptions], Flask], options: WebOptions, clock: Any
) -> None:
    clock.advance_s(YEAR_S)
    parts: Dashboard = make_app(replace(options, follows_records=True)).extensions["yiping"]
    with LedgerReader(options.ledger) as reader:
        event = parts.watcher._build(reader, None)

    assert event is not None
    assert event["on"] == "2026-05-13"


def test_devices_are_late_by_the_real_clock_on_every_page(follower: FlaskClient) -> None:
    ours = follower.get("/api/v1/devices").json["tally"]
    assert ours["offline"] > 0
    for path in ("/api/v1/hall", "/api/v1/live"):
        devices = follower.get(path).json["devices"]
        assert {state: ours[state] for state in devices} == devices, path
    [device] = follower.get("/api/v1/windows/a01").json["devices"]
    assert device["state"] == "offline"


def test_a_device_without_a_clock_does_not_say_what_day_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with closing(open_ledger(path)) as db:
        columns = (
            "position, epoch, session, device, trigger, case_no, service_no, item, staff_no,"
            " pressed_ms, on_date, hour, answer_ms, time_quality, is_repeat, level"
        )
        db.execute("PRAGMA foreign_keys = OFF")
        for position, (pressed_ms, quality) in enumerate(
            [(1_000, "synced"), (9_000, "offset"), (2_000, "synced"), (9_500, "bounded")], start=1
        ):
            db.execute(
                f"INSERT INTO outcomes ({columns})"
                " VALUES (?, 1, ?, 1, 'case', ?, 1, '', '', ?, '1970-01-01', 0, 0, ?, 0, 5)",
                (position, position, f"C-{position}", pressed_ms, quality),
            )
    with LedgerReader(path) as reader:
        assert newest_ms(reader, 2**53) == 2_000

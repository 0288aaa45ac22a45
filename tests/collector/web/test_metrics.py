"""`/metrics` and `/healthz`: who may ask, and that the figures are the ledger's."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from collector.ledger.readers import LedgerReader, integrity
from collector.office.roles import Role
from collector.web.care.options import CareOptions
from collector.web.dashboard import EXTENSION, Dashboard, WebOptions
from collector.web.token_groups import Group

PASSWORD = "correct horse battery"
Figures = dict[tuple[str, str], float]


def figures(text: str) -> Figures:
    """(Sample, value of its one label or empty) → number."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def scrape(app: Flask, dashboard: Dashboard) -> Callable[[], str]:
    """Asks as Prometheus would."""
    token = dashboard.tokens.add(
        "prometheus",
        parts=[Group.METRICS],
        departments=[],
        days=365,
        by="root",
        now_ms=dashboard.clock(),
    )

    def ask() -> str:
        answer = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        assert answer.mimetype == "text/plain"
        return answer.text

    return ask


def test_the_figures_are_those_of_the_ledger(
    scrape: Callable[[], str], reader: LedgerReader, ledger: Path, clock: Callable[[], int]
) -> None:
    found = figures(scrape())
    assert found["yiping_ledger_readable", ""] == 1
    assert found["yiping_ledger_records", ""] == integrity.ledger_state(reader).size
    assert found["yiping_ledger_bytes", ""] == ledger.stat().st_size
    newest = reader.row("SELECT max(received_ms) FROM records")
    assert newest is not None
    assert found["yiping_last_stored_age_seconds", ""] == (clock() - newest[0]) / 1000
    states = [found["yiping_devices", state] for state in ("online", "late", "offline", "never")]
    assert sum(states) == 135
    stored = reader.row("SELECT sum(stored) FROM epochs")
    assert stored is not None
    assert found["yiping_unarchived_records", ""] == stored[0]
    for sample, table in (
        ("yiping_quarantine_messages", "quarantine"),
        ("yiping_conflict_records", "conflicts"),
        ("yiping_gap_journals", "epochs WHERE head > stored"),
    ):
        assert reader.row(f"SELECT count(*) FROM {table}") == (found[sample, ""],)
    assert found["yiping_live_streams", ""] == 0
    assert found["process_resident_memory_bytes", ""] > 1_000_000


def test_requests_and_refused_sign_ins_are_counted(
    scrape: Callable[[], str], client: FlaskClient, sign_in: Callable[..., int], app: Flask
) -> None:
    before = figures(scrape())
    for _ in range(3):
        client.get("/integrity")
    assert sign_in(app.test_client(), "zhang", "wrong password") == 403
    app.test_client().get("/api/v1/hall", headers={"Authorization": "Bearer yiping_x"})
    after = figures(scrape())
    seconds = "yiping_request_seconds_count"
    assert after[seconds, "integrity.page"] == before.get((seconds, "integrity.page"), 0) + 3
    failures = "yiping_sign_in_failures_total"
    assert after[failures, "password"] == before[failures, "password"] + 1
    assert after[failures, "token"] == before[failures, "token"] + 1


def test_nothing_in_it_is_of_a_citizen_a_case_or_a_window(
    scrape: Callable[[], str], client: FlaskClient, reader: LedgerReader
) -> None:
    client.get("/windows/a01?period=30-days")
    text = scrape()
    labels = {name for name in re.findall(r"[{,](\w+)=", text)}
    assert labels <= {"endpoint", "le", "state", "status", "kind"}
    cases = reader.rows("SELECT case_no FROM outcomes WHERE case_no <> '' LIMIT 50")
    assert cases
    assert not any(case in text for (case,) in cases)


def test_without_a_ledger_it_says_so_and_goes_on_counting(
    make_app: Callable[[WebOptions], Flask], options: WebOptions, tmp_path: Path
) -> None:
    app = make_app(replace(options, ledger=tmp_path / "none.db"))
    parts: Dashboard = app.extensions[EXTENSION]
    token = parts.tokens.add(
        "p", parts=[Group.METRICS], departments=[], days=1, by="x", now_ms=parts.clock()
    )
    answer = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    found = figures(answer.text)
    assert found["yiping_ledger_readable", ""] == 0
    assert ("yiping_ledger_records", "") not in found


@pytest.mark.parametrize(
    ("environment", "headers", "status"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, {}, 200),
        ({"REMOTE_ADDR": "::1"}, {}, 200),
        ({"REMOTE_ADDR": "10.0.0.7"}, {}, 401),
        ({"REMOTE_ADDR": "127.0.0.1"}, {"X-Forwarded-For": "10.0.0.7"}, 401),
        ({"REMOTE_ADDR": "127.0.0.1"}, {"Forwarded": "for=10.0.0.7"}, 401),
        ({"REMOTE_ADDR": "127.0.0.1"}, {"Authorization": "Bearer yiping_x"}, 401),
        ({"REMOTE_ADDR": ""}, {}, 401),
    ],
)
def test_the_setting_opens_it_to_this_machine_only(
    make_app: Callable[[WebOptions], Flask],
    options: WebOptions,
    environment: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    visitor = make_app(replace(options, care=CareOptions(metrics_open=True))).test_client()
    answer = visitor.get("/metrics", environ_base=environment, headers=headers)
    assert answer.status_code == status
    if status == 200:
        assert visitor.get("/api/v1/hall", environ_base=environment).status_code == 401


def test_without_the_setting_nobody_is_let_in_unasked(visitor: FlaskClient) -> None:
    answer = visitor.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert answer.status_code == 401


def test_healthz_says_ok_to_anybody_and_nothing_else(visitor: FlaskClient) -> None:
    answer = visitor.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("is_there", [False, True])
def test_healthz_is_503_without_a_readable_ledger(
    make_app: Callable[[WebOptions], Flask], options: WebOptions, tmp_path: Path, is_there: bool
) -> None:
    path = tmp_path / "other.db"
    if is_there:
        path.write_bytes(b"this is no database, and longer than the header of one" * 40)
    answer = make_app(replace(options, ledger=path)).test_client().get("/healthz")
    assert answer.status_code == 503
    assert str(path) not in answer.text


@pytest.mark.parametrize("name", ["office.db", "corrections.db"])
def test_healthz_is_503_without_the_dashboards_own_files(
    app: Flask, options: WebOptions, name: str
) -> None:
    if name == "office.db":  # its pages may be remembered, so the damage is done by SQLite
        with closing(sqlite3.connect(options.office)) as database, database:
            database.execute("DROP TABLE meta")
    else:
        options.corrections.write_bytes(b"this is no database" * 400)
    answer = app.test_client().get("/healthz")
    assert answer.status_code == 503
    assert answer.text.startswith("cannot be read: ")
    assert name.removesuffix(".db") in answer.text


def test_a_damaged_ledger_is_not_called_one_that_will_come(
    make_app: Callable[[WebOptions], Flask],
    options: WebOptions,
    sign_in: Callable[..., int],
    tmp_path: Path,
) -> None:
    path = tmp_path / "other.db"
    for content, sentence in (
        (None, "第一条记录"),
        (b"no database" * 400, "账本文件存在但无法读取"),
    ):
        if content is not None:
            path.write_bytes(content)
        browser = make_app(replace(options, ledger=path)).test_client()
        assert sign_in(browser) == 302
        answer = browser.get("/departments")
        assert answer.status_code == 503
        assert sentence in answer.text


def test_the_detail_is_for_operators_and_administrators(
    app: Flask, dashboard: Dashboard, sign_in: Callable[..., int], visitor: FlaskClient
) -> None:
    assert visitor.get("/healthz?detail").status_code == 401
    for role in Role:
        departments = ["market"] if role is Role.DEPARTMENT else []
        dashboard.accounts.add(
            f"a-{role}", PASSWORD, now_ms=dashboard.clock(), role=role, departments=departments
        )
        browser = app.test_client()
        assert sign_in(browser, f"a-{role}") == 302
        answer = browser.get("/healthz?detail")
        if role in (Role.OPERATOR, Role.ADMINISTRATOR):
            assert answer.status_code == 200
            assert answer.get_json()["ledger"] == "ok"
        else:
            assert answer.status_code == 403, role

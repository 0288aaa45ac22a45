"""A department manager sees nothing of others: on no page, in no answer, in no download.

It walks every GET route there is, with codes of the own and of other departments and windows in
place of its variables, so that a route that is added tomorrow is looked at tomorrow.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import sqlite3
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from werkzeug.routing import Rule

from bench.add_corrections import add_corrections, last_ratings
from collector.ledger.readers import LedgerReader, fleet
from collector.office.roles import Role
from collector.web.dashboard import Dashboard
from collector.web.rights import may

PASSWORD = "correct horse battery"
OWN = "tax"
QUERIES = ("", "period=month", "period=year", "from=2026-05-11&to=2026-05-12")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LEAVES_THE_SESSION = {"account.login", "account.code", "account.setup"}


@dataclass(frozen=True)
class Hall:
    """Names and codes of the own department and of all others."""

    own_codes: list[str]
    other_codes: list[str]
    forbidden: re.Pattern[str]


@pytest.fixture
def hall(ledger: Path, dashboard: Dashboard) -> Hall:
    """The sample hall with corrections of every kind, read past the pages."""
    for window in ("a01", "a02", "b09"):
        ratings = last_ratings(ledger, window, 3)
        add_corrections(dashboard.corrections, ratings, now_ms=dashboard.clock())
    with LedgerReader(ledger) as reader:
        departments = fleet.departments(reader)
        windows = fleet.windows(reader, dashboard.clock())
        devices = reader.rows("SELECT code FROM devices")
    own = next(row for row in departments if row.code == OWN)
    own_windows = [row for row in windows if row.department == own.id]
    assert own_windows
    kept = {own.name, own.name_en}
    names = {name for row in departments for name in (row.name, row.name_en)} - kept
    names = {name for name in names if not any(name in one for one in kept)}
    others = [row for row in windows if row.department != own.id]
    own_texts = {row.code for row in own_windows}
    foreign = {row.name for row in others} | {row.code for row in others}
    foreign |= {code for (code,) in devices if code.removeprefix("w-") not in own_texts}
    codes = "|".join(map(re.escape, sorted(foreign, key=len, reverse=True)))
    pattern = "|".join(map(re.escape, sorted(names))) + rf"|(?<![\w+/=-])(?:{codes})(?![\w+/=-])"
    return Hall(
        own_codes=[OWN, *(row.code for row in own_windows[:2])],
        other_codes=["exit-entry", "market", others[0].code, others[-1].code],
        forbidden=re.compile(pattern),
    )


@pytest.fixture
def manager(app: Flask, dashboard: Dashboard, sign_in: Callable[..., int]) -> Iterator[FlaskClient]:
    """A browser of the manager of one department; live streams run."""
    dashboard.accounts.add("ma", PASSWORD, now_ms=1, role=Role.DEPARTMENT, departments=[OWN])
    browser = app.test_client()
    assert sign_in(browser, "ma") == 302
    dashboard.watcher.start()
    yield browser
    dashboard.watcher.stop()


def addresses(rule: Rule, hall: Hall) -> Iterator[str]:
    """Addresses of a route with own, foreign and made-up values."""
    texts = [*hall.own_codes, *hall.other_codes, "1"]
    numbers = ["1", "2", "3", "7"]
    variables = sorted(rule.arguments)
    choices = [numbers if f"<int:{name}>" in rule.rule else texts for name in variables]
    for values in itertools.islice(itertools.product(*choices), 60):
        path = rule.rule
        for name, value in zip(variables, values, strict=True):
            path = re.sub(rf"<(?:[a-z]+(?:\([^)]*\))?:)?{name}>", value, path)
        yield path


def text_of(answer: Any) -> str:
    """All that an answer says, also inside a spreadsheet or another archive."""
    if answer.mimetype == "text/event-stream":
        parts = iter(answer.response)
        return "".join(
            one.decode() if isinstance(one, bytes) else one for one in itertools.islice(parts, 1)
        )
    body = answer.get_data()
    if body[:2] == b"PK":
        if answer.mimetype == XLSX:  # by its cells: A10 and B23 are their places in the file too
            book = load_workbook(io.BytesIO(body))
            cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
            return "\n".join(f"{cell.value} {cell.comment or ''}" for cell in cells)
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            body = b"\n".join(archive.read(name) for name in archive.namelist())
    return str(body.decode("utf-8", "replace"))


def routes(app: Flask) -> list[Rule]:
    """Every GET route that a department manager may open."""
    return [
        rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and rule.endpoint != "static"
        and rule.endpoint not in LEAVES_THE_SESSION
        and may(Role.DEPARTMENT, rule.endpoint)
    ]


def test_no_page_answer_or_download_names_another_department_or_its_windows(
    app: Flask, manager: FlaskClient, hall: Hall
) -> None:
    walked: Counter[str] = Counter()
    for rule in routes(app):
        for path in addresses(rule, hall):
            for query in QUERIES:
                where = f"{path}?{query}"
                answer = manager.get(where)
                assert answer.status_code < 500, where
                text = text_of(answer)
                answer.close()
                asked = [part for part in re.split(r"[/?&=]", path) if part]
                # what the visitor typed may be named in the refusal, nothing else
                found = [one for one in hall.forbidden.findall(text) if one not in asked]
                assert not found, f"{where}: {found[:5]}"
                walked[rule.endpoint] += answer.status_code == 200
    opened = {endpoint for endpoint, times in walked.items() if times}
    assert {"hall.page", "hall.api", "hall.live_stream", "windows.one", "departments.one"} <= opened


def test_what_belongs_to_others_is_not_opened_by_its_code(
    app: Flask, manager: FlaskClient, hall: Hall
) -> None:
    for rule in routes(app):
        if not rule.arguments or any("int:" in part for part in [rule.rule]):
            continue
        for code in hall.other_codes:
            path = re.sub(r"<[^>]+>", code, rule.rule)
            assert manager.get(path).status_code in (400, 403, 404), path


@pytest.mark.parametrize("address", ["/ratings", "/api/v1/ratings"])
def test_a_window_of_others_is_answered_like_one_that_there_is_not(
    manager: FlaskClient, hall: Hall, address: str
) -> None:
    foreign, unknown = hall.other_codes[-1], "zz99"
    said = [manager.get(f"{address}?window={code}") for code in (foreign, unknown)]
    assert [answer.status_code for answer in said] == [400, 400]
    assert said[0].text.replace(foreign, unknown) == said[1].text
    assert manager.get(f"{address}?window={hall.own_codes[1]}").status_code == 200


def allowed_levels(ledger: Path) -> dict[tuple[str, str], set[tuple[int, ...]]]:
    """Period → every sum over levels 5 … 1 that rows of the own department can add up to.

    Grouped by every combination of window, day, hour, weekday and month.
    """
    connection = sqlite3.connect(ledger)
    rows = connection.execute(
        "SELECT o.window, o.on_date, o.hour, o.level FROM outcomes o JOIN departments d "
        "ON d.id = o.department WHERE d.code = ? AND o.level IS NOT NULL AND o.is_repeat = 0",
        [OWN],
    ).fetchall()
    connection.close()
    result: dict[tuple[str, str], set[tuple[int, ...]]] = {}
    for first, last in (("2026-05-13", "2026-05-13"), ("2026-05-11", "2026-05-12")):
        inside = [row for row in rows if first <= row[1] <= last]
        assert inside
        result[(first, last)] = sums_of(inside)
    return result


def sums_of(rows: list[tuple[Any, ...]]) -> set[tuple[int, ...]]:
    found = {(0, 0, 0, 0, 0)}
    keyed = [
        ((window, on, hour, date.fromisoformat(on).weekday()), level)
        for window, on, hour, level in rows
    ]
    for size in range(5):
        for columns in itertools.combinations(range(4), size):
            groups: dict[tuple[Any, ...], Counter[int]] = {}
            for key, level in keyed:
                groups.setdefault(tuple(key[c] for c in columns), Counter())[level] += 1
            found |= {tuple(one[level] for level in (5, 4, 3, 2, 1)) for one in groups.values()}
    return found


def figures_in(value: Any, path: str = "") -> Iterator[tuple[str, tuple[int, ...], dict[str, Any]]]:
    """Every figure in an answer that has counts by level, but for the excluded and net ones."""
    if isinstance(value, dict):
        levels = value.get("levels")
        is_figure = isinstance(levels, dict) and {"rated", "invited"} <= set(value)
        if is_figure and set(levels) == set("12345"):
            yield path, tuple(levels[level] for level in "54321"), value
        for key, inner in value.items():
            yield from figures_in(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from figures_in(inner, f"{path}[{number}]")


def test_every_figure_is_that_of_the_rows_of_the_own_department(
    app: Flask, manager: FlaskClient, hall: Hall, ledger: Path
) -> None:
    allowed = allowed_levels(ledger)
    checked: Counter[str] = Counter()
    for rule in routes(app):
        if not rule.rule.startswith("/api/") or "stream" in rule.rule:
            continue
        for path in addresses(rule, hall):
            for (first, last), sums in allowed.items():
                answer = manager.get(f"{path}?from={first}&to={last}")
                if answer.status_code == 400:  # an address that takes no period: it tells today
                    answer = manager.get(path)
                if answer.status_code != 200 or answer.mimetype != "application/json":
                    continue
                told = answer.json
                assert isinstance(told, dict)
                if told.get("first_on", "2026-05-13") != first:
                    continue  # an answer that knows today only
                for where, levels, figure in figures_in(told):
                    if "trend" in where or "days" in where or "previous" in where:
                        continue  # other days than those asked for
                    assert levels in sums, f"{path} {where}: {json.dumps(figure)}"
                    assert figure["rated"] == sum(levels), f"{path} {where}"
                    checked[rule.endpoint] += 1
    assert {"hall.api", "departments.api_index", "windows.api_index"} <= set(checked)
    whole = {tuple(one) for one in allowed[("2026-05-13", "2026-05-13")]}
    hall_levels = next(figures_in(manager.get("/api/v1/hall").json["figures"]))[1]
    assert hall_levels == max(whole, key=sum)

"""Reports: the same rows on the page, in Excel, in CSV and in the API; own departments only."""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from bench.add_corrections import add_corrections, last_ratings
from collector.export.csv_format import unguard
from collector.intervals import wilson
from collector.ledger.readers import LedgerReader
from collector.office.roles import Role
from collector.rates import DEFAULT_RULE, Counts, Rate
from collector.rules.entries import Version, first_rules, first_version
from collector.web.dashboard import EXTENSION
from collector.web.described import Description
from collector.web.figures import Figures
from collector.web.reports.answers import ReportAnswer
from collector.web.reports.asked import span_of
from collector.web.reports.columns import Kind, columns_of
from collector.web.reports.making import make_report
from collector.web.reports.model import By, Row, by_rank, ranked
from collector.web.reports.summaries import write_summary
from collector.web.reports.texts import speaking
from tests.collector.web.conftest import PASSWORD

QUERIES = [
    "span=2026-05&by=department",
    "span=2026-05&by=window",
    "span=2026-05&by=hall",
    "span=2026-Q2&by=window&department=market",
    "from=2026-05-12&to=2026-05-12&by=window&window=a03",
    "span=2026&by=department&rule=2",
    "span=2025-12&by=department",
]


@pytest.fixture(autouse=True)
def two_versions(dashboard):
    """A second version from the last day on, so that both are used."""
    rules = msgspec.structs.replace(first_rules(10), satisfied=(5,), decimals=1, minimum_base=40)
    told = Version(
        number=0,
        from_on=date(2026, 6, 1),
        rules=rules,
        author="wu",
        reason="decided",
        past_reason="",
        made_ms=dashboard.clock(),
        prev=b"",
    )
    dashboard.rules.add(told, today=date(2026, 5, 13), after=1)


@pytest.fixture
def manager(app, dashboard, sign_in):
    dashboard.accounts.add(
        "zhou", PASSWORD, now_ms=dashboard.clock(), role=Role.DEPARTMENT, departments=["market"]
    )
    browser = app.test_client()
    assert sign_in(browser, "zhou") == 302
    return browser


def api(client, query):
    answer = client.get(f"/api/v1/reports?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json


def workbook(client, query):
    answer = client.get(f"/reports/report.xlsx?{query}")
    assert answer.status_code == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    return load_workbook(io.BytesIO(answer.data))


def lines(client, query):
    answer = client.get(f"/reports/report.csv?{query}")
    assert answer.status_code == 200
    return answer.data, list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_excel_and_csv_are_the_api_cell_by_cell(client, token, query, language):
    client.post(
        "/preferences", data={"csrf_token": token(client), "language": language, "next": "/"}
    )
    told = api(client, query)
    expected = [*told["rows"], told["total"]]
    columns = columns_of(By(told["by"]))
    name = "name" if language == "zh_CN" else "name_en"

    sheet = workbook(client, query).worksheets[0]
    rows = list(sheet.iter_rows(min_row=2))
    _content, (head, *table) = lines(client, query)

    assert [cell.value for cell in sheet[1]] == head
    assert len(rows) == len(table) == len(expected)
    for cells, texts, row in zip(rows, table, expected, strict=True):
        for column, cell, text in zip(columns, cells, texts, strict=True):
            value = row[name] if column.key == "name" else row[column.key]
            if column.key == "rank" and value is None:
                is_total = row is told["total"]
                word = None if is_total else {"zh_CN": "样本不足", "en": "too few"}[language]
                assert (cell.value, text or None) == (word, word)
            elif column.kind is Kind.TEXT:
                assert (cell.value or "", unguard(text)) == (value, value)
                assert cell.data_type in ("s", "n" if value == "" else "s", "inlineStr")
            elif column.kind is Kind.COUNT:
                assert type(cell.value) is int
                assert (cell.value, text) == (value, str(value))
            elif value is None:
                assert (cell.value, text) == (None, "")
            else:
                assert text == value
                assert type(cell.value) in (float, int)
                assert cell.number_format.endswith("%")
                digits = len(value.partition(".")[2])
                assert len(cell.number_format.partition(".")[2].rstrip("%")) == digits
                assert f"{Decimal(repr(cell.value)) * 100:.{digits}f}" == value


def test_the_workbook_is_frozen_filtered_and_says_how_it_was_computed(client):
    book = workbook(client, "span=2026-05&by=department")
    sheet, facts = book.worksheets
    assert sheet.freeze_panes == "D2"
    assert sheet.auto_filter.ref == f"A1:{sheet.cell(1, sheet.max_column).column_letter}75"
    assert sheet.column_dimensions["C"].width > 20
    told = {row[0].value: row[1].value for row in facts.iter_rows()}
    report = api(client, "span=2026-05&by=department")
    assert told["规则"] == "satisfied-4-5/rated v1"
    assert told["账本根"] == report["ledger"]["root"]
    assert report["ledger"]["size"] in told.values()


def test_figures_are_those_of_the_departments_page(client):
    told = api(client, "from=2026-05-11&to=2026-05-13&by=department")
    page = client.get("/api/v1/departments?from=2026-05-11&to=2026-05-13").json
    by_code = {row["code"]: row for row in page["departments"]}
    for row in told["rows"]:
        there = by_code[row["code"]]
        assert row["net_numerator"] == there["net"]["rate"]["numerator"]
        assert row["raw_base"] == there["rate"]["base"]
        assert row["invited"] == there["invited"]
    assert told["total"]["net_base"] == sum(row["net_base"] for row in told["rows"])
    assert told["total"]["rated"] == page["hall"]["rated"]


def test_the_bounds_are_those_of_the_net_rate(ledger, dashboard, client):
    add_corrections(dashboard.corrections, last_ratings(ledger, "a01", 3), now_ms=dashboard.clock())
    told = api(client, "span=2026-05&by=window")
    corrected = [row for row in told["rows"] if row["net_base"] != row["raw_base"]]
    assert corrected
    for row in [*told["rows"], told["total"]]:
        rate = Rate(row["net_numerator"], row["net_base"], DEFAULT_RULE)
        bounds = wilson(rate)
        said = (row["net_low"], row["net_high"])
        assert said == ((None, None) if bounds is None else bounds.percents(3))
        if rate.base:
            assert Decimal(said[0]) <= Decimal(row["net_percent"]) <= Decimal(said[1])


def test_a_hall_in_its_first_weeks_begins_with_days_that_have_records(client, clock, sign_in):
    for path, span in (("/reports", "2026-05"), ("/reports/bulletin", "2026-Q2")):
        page = client.get(path).text
        assert f"span={span}" in page
        assert "这些天没有任何记录" not in page
    assert "这些天没有任何记录" in client.get("/reports?from=2030-01-01&to=2030-01-02").text
    clock.advance_s(120 * 86_400)
    assert sign_in(client) == 302
    assert "span=2026-08" in client.get("/reports").text
    assert "span=2026-Q2" in client.get("/reports/bulletin").text


def test_csv_has_a_byte_order_mark_where_asked_and_crlf(client):
    plain, _rows = lines(client, "span=2026-05")
    marked, _rows = lines(client, "span=2026-05&bom=1")
    assert marked == b"\xef\xbb\xbf" + plain
    assert plain.count(b"\r\n") == plain.count(b"\n") == 76


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "＝", "\t", "'"])
def test_a_name_that_begins_like_a_formula_stays_a_text(ledger, client, begin):
    name = f'{begin}HYPERLINK("http://example.invalid","x")'
    with closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute("UPDATE departments SET name = ?, name_en = ?", [name, name])
    query = "span=2026-05&by=department"
    book = workbook(client, query)
    for row in book.worksheets[0].iter_rows(min_row=2, max_row=75):
        assert (row[2].value, row[2].data_type) == (name, "s")
        assert row[2].quotePrefix
    assert all(cell.data_type != "f" for sheet in book for row in sheet.iter_rows() for cell in row)
    content, rows = lines(client, query)
    assert rows[1][2] == f"'{name}"
    assert f",{begin}HYPER".encode() not in content
    assert client.get(f"/reports?{query}").status_code == 200


def test_control_characters_in_a_name_make_no_broken_workbook(ledger, client):
    with closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute("UPDATE departments SET name = 'a' || char(7) || 'b&C<1>'")
    assert workbook(client, "span=2026-05").worksheets[0]["C2"].value == "ab&C<1>"


def test_a_manager_gets_own_departments_only_in_every_form(manager, client):
    for query in ("span=2026-05&by=department", "span=2026-05&by=window", "span=2026-05&by=hall"):
        told = api(manager, query)
        own = api(client, query + "&department=market")
        assert told["is_whole_hall"] is False
        assert told["rows"] == own["rows"]
        assert (
            told["total"]["rated"] == own["total"]["rated"] < api(client, query)["total"]["rated"]
        )
        sheet = workbook(manager, query).worksheets[0]
        assert sheet.max_row == len(told["rows"]) + 2
        assert len(lines(manager, query)[1]) == len(told["rows"]) + 2
    for path in ("/reports?span=2026-05", "/reports/bulletin?span=2026-Q2"):
        page = manager.get(path).text
        assert "税务" not in page
        assert "本人主管的部门" in page


@pytest.mark.parametrize(
    "place",
    ["department=tax", "department=nowhere", "window=OF-TAX", "department=market&window=a99"],
)
def test_a_place_outside_or_unknown_is_not_found(manager, place, client, ledger):
    with closing(sqlite3.connect(ledger)) as connection:
        codes = {code for (code,) in connection.execute("SELECT code FROM departments")}
    assert {"tax", "market"} <= codes
    of_tax = api(client, "span=2026-05&by=window&department=tax")["rows"][0]["code"]
    place = place.replace("OF-TAX", of_tax)
    for path in ("/reports", "/reports/report.xlsx", "/reports/report.csv", "/api/v1/reports"):
        assert manager.get(f"{path}?span=2026-05&by=window&{place}").status_code == 400, path


@pytest.mark.parametrize(
    "query",
    [
        "span=2026-13",
        "span=1999-01",
        "span=2026-Q5",
        "span=x",
        "span=20260",
        "by=city",
        "rule=9",
        "from=2026-05-02&to=2026-05-01",
        "from=2026-05-02",
        "period=decade",
        "department=" + "x" * 81,
        "span=２０２６",
    ],
)
def test_bad_input_is_a_sentence_and_a_400(client, query):
    for path in ("/reports", "/reports/report.xlsx", "/reports/report.csv", "/api/v1/reports"):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 400, path
    assert client.get("/api/v1/reports?" + query).json["error"]["detail"]
    assert client.get("/reports/report.csv?bom=2").status_code == 400


def test_without_a_period_machines_get_last_month(client):
    told = api(client, "")
    assert (told["first_on"], told["last_on"], told["by"]) == (
        "2026-04-01",
        "2026-04-30",
        "department",
    )


def test_the_page_says_everything_that_is_needed_to_compute_it_again(client):
    told = api(client, "span=2026-05&rule=2")
    page = client.get("/reports?span=2026-05&rule=2").text
    assert "satisfied-5/rated v2" in page
    assert "该时段适用的是第 1 版" in page
    root = base64.urlsafe_b64decode(told["ledger"]["root"] + "=").hex()
    assert 0 < page.index(told["ledger"]["root"]) < page.index(root)  # as the other pages have it
    assert f"{told['ledger']['size']:,}" in page
    assert "zhang, 2026-05-13 15:30:00 (UTC+0800)" in page


def test_downloads_are_in_the_audit_trail(client, dashboard):
    client.get("/reports/report.xlsx?span=2026-05")
    client.get("/reports/report.csv?span=2026-05")
    with dashboard.office.transaction() as database:
        rows = database.execute(
            "SELECT account, subject FROM audit WHERE action = 'report.download'"
        ).fetchall()
    assert [(row[0], row[1].rsplit(".", 1)[1]) for row in rows] == [
        ("zhang", "xlsx"),
        ("zhang", "csv"),
    ]


def test_the_api_is_described_and_answers_what_it_describes(app, client):
    description: Description = app.view_functions["reports.api"].description
    assert description.answer is ReportAnswer
    for query in QUERIES:
        body = client.get(f"/api/v1/reports?{query}").data
        msgspec.json.decode(body, type=ReportAnswer, strict=True)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=12))
def test_ties_are_ties_and_small_bases_have_no_rank(numbers):
    rule = first_version(10).rule
    rows = ranked(
        [
            Row(
                code=str(at),
                name="",
                name_en="",
                department=None,
                figures=Figures(Counts(level5=good, level1=bad), rule=rule),
            )
            for at, (good, bad) in enumerate(numbers)
        ]
    )
    for row in rows:
        rate = row.figures.net_rate
        if rate.base < 10:
            assert row.rank is None
        else:
            better = [
                other
                for other in rows
                if other.rank is not None and other.figures.net_rate.value > rate.value
            ]
            assert row.rank == len(better) + 1
    order = by_rank(rows)
    assert [row.rank for row in order if row.rank] == sorted(row.rank for row in rows if row.rank)
    assert all(row.rank is None for row in order[sum(1 for row in rows if row.rank) :])


def test_the_bulletin_is_by_rank_and_groups_too_few_at_the_end(client):
    page = client.get("/reports/bulletin?from=2026-05-11&to=2026-05-13&rule=2").text
    assert page.index("样本不足</td>") > page.rindex('c-rank">1</td>')
    told = api(client, "from=2026-05-11&to=2026-05-13&rule=2")
    assert page.count("样本不足</td>") == sum(1 for row in told["rows"] if row["rank"] is None) > 0


def test_summaries_are_listed_and_given_to_who_sees_the_whole_hall(
    make_app, options, sign_in, clock, tmp_path
):
    folder = tmp_path / "reports"
    app = make_app(dataclasses.replace(options, reports=folder))
    parts = app.extensions[EXTENSION]
    parts.accounts.add(
        "zhou", PASSWORD, now_ms=clock(), role=Role.DEPARTMENT, departments=["market"]
    )
    director, manager = app.test_client(), app.test_client()
    assert sign_in(director) == sign_in(manager, "zhou") == 302
    with LedgerReader(options.ledger) as reader, speaking("zh_CN"):
        made = [
            make_report(
                reader,
                parts.corrections,
                span_of("2026-05"),
                parts.rules.number(1),
                by=by,
                now_ms=clock(),
                made_ms=clock(),
                made_by="collector report",
            )
            for by in (By.DEPARTMENT, By.WINDOW)
        ]
        write_summary(folder, "2026-05", *made)
    (folder / "2026-04.json").write_text("{}")

    page = director.get("/reports").text
    assert "/reports/summaries/2026-05/.xlsx" in page
    assert "不完整" in page
    given = director.get("/reports/summaries/2026-05/.xlsx")
    assert given.data == (folder / "2026-05.xlsx").read_bytes()
    assert "/reports/summaries" not in manager.get("/reports").text
    assert manager.get("/reports/summaries/2026-05/.xlsx").status_code == 403
    for path in (
        "2026-04/.xlsx",
        "2026-05/.json",
        "2026-05/-other.csv",
        "../etc/passwd",
        "2026-05/..%2f..%2foffice.db",
        "x/.xlsx",
    ):
        assert director.get(f"/reports/summaries/{path}").status_code == 404, path

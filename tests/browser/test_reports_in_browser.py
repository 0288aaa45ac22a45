"""A report on paper has its head on every sheet; the rules' form and the downloads work."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from tests.browser.pdf_text import page_texts

pytestmark = pytest.mark.browser

SPAN = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y")


@pytest.fixture
def director(full_visit: Callable[..., Any]) -> Any:
    window = full_visit()
    window.sign_in("director")
    return window


@pytest.mark.parametrize("path", ["/reports?by=window&span=", "/reports/bulletin?span="])
def test_every_sheet_of_a_printed_report_has_its_head_and_no_menu(director: Any, path: str) -> None:
    director.open(path + SPAN)
    title = director.page.locator(".report-title").inner_text()
    sheets = page_texts(director.page.pdf(prefer_css_page_size=True, print_background=True))
    # a font may say a look-alike for a character, e.g. a radical
    sheets = [unicodedata.normalize("NFKC", sheet) for sheet in sheets]

    assert len(sheets) > 2
    head = f"{SPAN}-01-01"
    for number, sheet in enumerate(sheets, start=1):
        assert "satisfied-4-5/rated v1" in sheet, number
        assert head in sheet, number
        assert "退出" not in sheet, number
        assert "Excel" not in sheet, number
    assert unicodedata.normalize("NFKC", title)[:2] in sheets[0]
    roots = [sheet for sheet in sheets if "director, 20" in sheet]
    assert len(roots) == 1  # who made it and of which ledger, once, at the end
    assert roots == sheets[-1:]


def test_sheets_are_numbered_and_the_last_one_has_rows_above_the_total(director: Any) -> None:
    director.open("/reports?by=department&span=" + SPAN)
    sheets = page_texts(director.page.pdf(prefer_css_page_size=True))
    for number, sheet in enumerate(sheets, start=1):
        assert f"{number} / {len(sheets)}" in sheet
    total = unicodedata.normalize("NFKC", sheets[-1])
    assert total.index("合计") > 300  # characters: the head, then four rows at least


@pytest.mark.parametrize("width", [390, 800, 1280])
@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_a_report_needs_no_scrolling_to_the_side(director: Any, width: int, language: str) -> None:
    page = director.page
    page.set_viewport_size({"width": width, "height": 900})
    director.open("/reports?by=window&span=" + SPAN)
    page.click(f"button[name=language][value={language}]")
    for column in ("place", "net", "interval", "bad", "excluded"):
        box = page.locator(f".report-table tbody .c-{column}").first.bounding_box()
        assert box["x"] >= 0, column
        assert box["x"] + box["width"] <= width, column
    assert page.evaluate("document.documentElement.scrollWidth") == width
    wide, inner = page.evaluate(
        "[...document.querySelectorAll('.report-paper .scroll')].map("
        "(one) => [one.clientWidth, one.scrollWidth])[0]"
    )
    assert inner <= wide


def test_downloads_hold_the_figures_of_the_page(director: Any) -> None:
    director.open(f"/reports?by=department&span={SPAN}")
    page = director.page
    shown = page.locator(".report-sum tr:not(.paper-only) .c-net strong").inner_text()
    rows = page.locator(".report-table tbody:not(.report-sum) tr").count()
    with page.expect_download() as excel:
        page.get_by_role("link", name="Excel", exact=True).click()
    with page.expect_download() as comma:
        page.get_by_role("link", name="CSV", exact=True).click()
    sheet = load_workbook(io.BytesIO(Path(excel.value.path()).read_bytes())).worksheets[0]
    table = list(csv.reader(io.StringIO(Path(comma.value.path()).read_text("utf-8"))))
    assert sheet.max_row == len(table) == rows + 2
    column = table[0].index("净满意率（%）")
    assert shown.split()[0].rstrip("%").strip("\u202f") == table[-1][column]
    assert f"{sheet.cell(sheet.max_row, column + 1).value * 100:.3f}" == table[-1][column]


def test_choosing_another_rule_says_so_and_the_form_keeps_what_was_chosen(director: Any) -> None:
    director.open("/reports")
    page = director.page
    page.select_option("select[name=by]", "window")
    page.select_option("select[name=department]", index=1)
    page.click(".report-form button")
    assert "by=window" in page.url
    assert page.locator("select[name=by]").input_value() == "window"
    assert page.locator("h1").count() == 1


def test_an_administrator_sees_what_a_rule_would_change_before_adding_it(
    full_visit: Callable[..., Any],
) -> None:
    window = full_visit()
    window.sign_in("administrator", home="/people")
    window.open("/rules/new")
    page = window.page
    page.check("input[name=satisfied][value='543']")
    page.fill("textarea[name=reason]", "只为测试")
    page.click("button[value=preview]")
    assert page.locator(".preview .sides dd").count() == 2
    assert page.locator("button[value=add]").is_visible()
    assert page.input_value("textarea[name=reason]") == "只为测试"

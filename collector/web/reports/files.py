"""A report as an Excel workbook and as CSV, of the same rows as the page and the API."""

from __future__ import annotations

import io
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from flask_babel import gettext as _
from openpyxl import Workbook
from openpyxl.cell import Cell as SheetCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from collector.export.csv_format import GUARDED, render_csv
from collector.export.tables import Table
from collector.web.reports.columns import Cell, Column, Kind, cells, columns_of, heading, rank_text
from collector.web.reports.facts import facts, period_text, scope_text, title
from collector.web.reports.model import By, Report, Row

_HEAD_FILL: Final = PatternFill("solid", fgColor="0F6B5C")
_LINE: Final = Side(style="thin", color="C9D3CD")
_WIDTHS: Final = {"code": 12, "name": 26, "department": 22, "rank": 8}
_WIDTH: Final = 13
MOST_SHEET_NAME: Final = 31
"""Excel's limit."""


def csv_cell(column: Column, row: Row, *, is_total: bool) -> str:
    """A cell as CSV text; a missing figure is empty."""
    if column.key == "rank":
        return rank_text(row, is_total=is_total)
    value = column.cell(row)
    return "" if value is None else str(value)


def report_csv(report: Report, *, has_bom: bool) -> bytes:
    """The rows and the total as CSV, percentages without a sign; RFC 4180, guarded as exports."""
    columns = columns_of(report.by)
    rows = [
        tuple(csv_cell(column, row, is_total=row is report.total) for column in columns)
        for row in report.all_rows
    ]
    table = Table("report", tuple(heading(column) for column in columns), rows)
    return render_csv(table, has_bom=has_bom)


def report_xlsx(reports: Sequence[Report]) -> bytes:
    """A workbook: a sheet for each report, and one with the facts of them all.

    Args:
        reports: of the same period and rule, at least one.
    """
    book = Workbook()
    book.remove(book.active)
    for report in reports:
        _fill(book.create_sheet(_sheet_name(report)), report)
    _fill_facts(book.create_sheet(str(_("Facts"))), reports[0])
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def _sheet_name(report: Report) -> str:
    names = {By.HALL: _("Total"), By.DEPARTMENT: _("Departments"), By.WINDOW: _("Windows")}
    return str(names[report.by])[:MOST_SHEET_NAME]


def _put(cell: SheetCell, value: Any) -> None:
    """Write a value; a text stays one, whatever it begins with."""
    if isinstance(value, str):
        cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)
        cell.data_type = "s"  # "=…" would become a formula
        if value.startswith(GUARDED):
            cell.quotePrefix = True  # and stays a text when somebody edits it
    else:
        cell.value = value


def _put_figure(cell: SheetCell, column: Column, value: Cell) -> None:
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        digits = -exponent if isinstance(exponent, int) else 0
        _put(cell, float(value / 100))
        cell.number_format = "0" + ("." + "0" * digits if digits else "") + "%"
    else:
        _put(cell, value)
        if column.kind is Kind.COUNT:
            cell.number_format = "#,##0"
    if column.kind is not Kind.TEXT:
        cell.alignment = Alignment(horizontal="right")


def _fill(sheet: Worksheet, report: Report) -> None:
    columns = columns_of(report.by)
    for number, column in enumerate(columns, start=1):
        cell = sheet.cell(1, number)
        _put(cell, heading(column))
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = _HEAD_FILL
        cell.alignment = Alignment(wrap_text=True, vertical="center", horizontal="center")
        sheet.column_dimensions[get_column_letter(number)].width = _WIDTHS.get(column.key, _WIDTH)
    sheet.row_dimensions[1].height = 32
    for at, row in enumerate(report.all_rows, start=2):
        is_total = row is report.total
        for number, (column, value) in enumerate(
            zip(columns, cells(row, columns), strict=True), start=1
        ):
            cell = sheet.cell(at, number)
            if column.key == "rank" and value is None:
                _put(cell, rank_text(row, is_total=is_total) or None)
                cell.alignment = Alignment(horizontal="right")
            else:
                _put_figure(cell, column, value)
            if is_total:
                cell.font = Font(bold=True)
                cell.border = Border(top=_LINE)
    last = get_column_letter(len(columns))
    sheet.freeze_panes = sheet.cell(2, [c.key for c in columns].index("name") + 2)
    if report.rows:
        sheet.auto_filter.ref = f"A1:{last}{len(report.rows) + 1}"
    sheet.print_title_rows = "1:1"
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = sheet.PAPERSIZE_A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    # in a print header `&` begins a code
    told = f"{title(report)} · {scope_text(report)} · {period_text(report)}"
    sheet.oddHeader.center.text = told.replace("&", "&&")
    sheet.oddFooter.center.text = "&P / &N"


def _fill_facts(sheet: Worksheet, report: Report) -> None:
    for at, (name, value) in enumerate(facts(report), start=1):
        _put(sheet.cell(at, 1), name)
        _put(sheet.cell(at, 2), value)
        sheet.cell(at, 1).font = Font(bold=True)
        sheet.cell(at, 1).alignment = Alignment(vertical="top")
        sheet.cell(at, 2).alignment = Alignment(wrap_text=True, horizontal="left", vertical="top")
    sheet.column_dimensions["A"].width = 26
    sheet.column_dimensions["B"].width = 72

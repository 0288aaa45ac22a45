"""Reports: on screen and paper, Excel, CSV, API, the quarterly bulletin, the monthly summaries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any, Final, Literal

from flask import Blueprint, Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from collector.ledger.readers import fleet
from collector.periods import PeriodName, named_period
from collector.web.asked import BadParameter
from collector.web.audit import note
from collector.web.dashboard import (
    corrections,
    dashboard,
    now_ms,
    reader,
    real_ms,
    scope,
    today,
    version_of,
    visitor,
)
from collector.web.described import FROM, RULE, TO, Parameter, described
from collector.web.last_whole import last_whole
from collector.web.reports import facts as report_facts
from collector.web.reports.answers import ReportAnswer, report_answer
from collector.web.reports.asked import AskedReport, asked_report
from collector.web.reports.columns import rank_text
from collector.web.reports.files import report_csv, report_xlsx
from collector.web.reports.making import make_report
from collector.web.reports.model import By, NoSuchPlace, Report
from collector.web.reports.summaries import KINDS, MONTH, found_summary, summaries_in
from collector.web.rules import words
from collector.web.rules.views import json_answer
from collector.web.view import WHOLE_HALL

blueprint = Blueprint("reports", __name__)

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV: Final = "text/csv; charset=utf-8"
QUARTERS_OFFERED: Final = 9
MONTHS_OFFERED: Final = 13
YEARS_OFFERED: Final = 4
PARAMETERS: Final = (
    Parameter(
        name="span", type=str, help="`2026-10`, `2026-Q3` or `2026`; without a period last month."
    ),
    FROM,
    TO,
    Parameter(name="by", type=Literal["hall", "department", "window"], help="What the rows are."),
    Parameter(name="department", type=str, help="Code of the one department it speaks of."),
    Parameter(name="window", type=str, help="Code of the one window it speaks of."),
    RULE,
)


def _report(asked: AskedReport, *, is_by_rank: bool = False) -> Report:
    who = visitor()
    try:
        return make_report(
            reader(),
            corrections(),
            asked.period,
            version_of(asked.period),
            by=asked.by,
            department=asked.department,
            window=asked.window,
            scope=scope(),
            is_by_rank=is_by_rank,
            now_ms=now_ms(),
            made_ms=real_ms(),
            made_by=who.name if who else "",
        )
    except NoSuchPlace as error:
        name = "window" if asked.window else "department"
        raise BadParameter(
            _("“%(name)s”: there is none of the code “%(text)s” that you may see.")
            % {"name": name, "text": str(error)[:40]}
        ) from None


def _months() -> list[str]:
    months, on = [], today()
    for _number in range(MONTHS_OFFERED):
        months.append(f"{on:%Y-%m}")
        on = on.replace(day=1) - timedelta(days=1)
    return months


def _quarters() -> list[str]:
    quarters, on = [], named_period(PeriodName.QUARTER, today()).start_on
    for _number in range(QUARTERS_OFFERED):
        quarters.append(_quarter_text(on))
        on = named_period(PeriodName.LAST_QUARTER, on).start_on
    return quarters


def _quarter_text(on: date) -> str:
    return f"{on.year}-Q{(on.month + 2) // 3}"


def _choices() -> dict[str, Any]:
    """What the form over a report offers."""
    seen = scope()
    here = [row for row in fleet.departments(reader()) if row.id in seen]
    return {
        "departments": here,
        "windows": [row for row in fleet.windows(reader(), now_ms()) if row.department in seen],
        "months": _months(),
        "quarters": _quarters(),
        "years": [str(today().year - back) for back in range(YEARS_OFFERED)],
        "versions": dashboard().rules.versions(),
    }


def _page(template: str, report: Report, asked: AskedReport) -> ResponseReturnValue:
    address = asked.address
    if "rule" in request.args:
        address["rule"] = str(report.version.number)
    folder = dashboard().options.reports
    is_listed = folder is not None and scope() == WHOLE_HALL
    return render_template(
        template,
        report=report,
        asked=asked,
        address=address,
        rule_of_day=dashboard().rules.of(asked.period, today()),
        facts=report_facts,
        rank_text=rank_text,
        words=words,
        summaries=summaries_in(folder) if folder is not None and is_listed else [],
        is_listed=is_listed,
        is_empty=not (report.total.figures.counts.invited or report.total.figures.counts.rated),
        kinds=KINDS,
        **_choices(),
    )


def _begun(name: PeriodName, text: Callable[[date], str]) -> dict[str, str]:
    """The address's parameters; without a period that of the last whole one that can have records.

    Args:
        name: of the period.
        text: how `span` writes the one that begins on a day.
    """
    args = dict(request.args)
    if not {"span", "period", "from", "to"} & set(args):
        args["span"] = text(last_whole(reader(), name, today()).start_on)
    return args


@blueprint.get("/reports")
def index() -> ResponseReturnValue:
    """A report on screen, printable on A4, with its downloads and the summaries made so far."""
    args = _begun(PeriodName.LAST_MONTH, lambda on: f"{on:%Y-%m}")
    asked = asked_report(args, today())
    return _page("reports/index.html", _report(asked), asked)


@blueprint.get("/reports/bulletin")
def bulletin() -> ResponseReturnValue:
    """简报: the departments of a quarter by rank; without a period the last quarter."""
    args = _begun(PeriodName.LAST_QUARTER, _quarter_text)
    args |= {"by": By.DEPARTMENT.value, "department": "", "window": ""}
    asked = asked_report(args, today())
    return _page("reports/bulletin.html", _report(asked, is_by_rank=True), asked)


def _download(content: bytes, mimetype: str, name: str, report: Report) -> Response:
    note(
        "report.download",
        name,
        by=report.by.value,
        scope=report.scope.code if report.scope else "",
        rule=str(report.version.rule),
        ledger_size=report.ledger.size,
    )
    return _attachment(content, mimetype, name)


def _attachment(content: bytes, mimetype: str, name: str) -> Response:
    response = Response(content, mimetype=mimetype)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _file_name(report: Report, end: str) -> str:
    period = report.period
    return f"yiping-{report.by}-{period.start_on}-{period.last_on}-rule{report.version.number}{end}"


@blueprint.get("/reports/report.xlsx")
def xlsx() -> ResponseReturnValue:
    """The report as an Excel workbook."""
    report = _report(asked_report(request.args, today()))
    return _download(report_xlsx([report]), XLSX, _file_name(report, ".xlsx"), report)


@blueprint.get("/reports/report.csv")
def csv() -> ResponseReturnValue:
    """The report as CSV; `bom=1` puts a byte order mark in front, by which Excel knows UTF-8."""
    bom = request.args.get("bom", "0")
    if bom not in ("0", "1"):
        raise BadParameter(_("“bom”: expected 0 or 1, got “%(text)s”.") % {"text": bom[:40]})
    report = _report(asked_report(request.args, today()))
    content = report_csv(report, has_bom=bom == "1")
    return _download(content, CSV, _file_name(report, ".csv"), report)


@blueprint.get("/reports/summaries/<month>/<kind>")
def summary(month: str, kind: str) -> ResponseReturnValue:
    """A file of a monthly summary, for who sees the whole hall."""
    folder = dashboard().options.reports
    if folder is None or not MONTH.fullmatch(month) or kind not in KINDS or scope() != WHOLE_HALL:
        abort(HTTPStatus.NOT_FOUND)
    name = f"{month}{kind}"
    found = found_summary(folder, month)
    if found.summary is None:
        abort(HTTPStatus.NOT_FOUND)
    content = (folder / name).read_bytes()
    note("report.download", name, rule=found.summary.rule, ledger_size=found.summary.ledger_size)
    return _attachment(content, XLSX if kind == ".xlsx" else CSV, f"yiping-{name}")


@blueprint.get("/api/v1/reports")
@described(ReportAnswer, *PARAMETERS)
def api() -> ResponseReturnValue:
    """A report for machines: the cells of its Excel and CSV files."""
    return json_answer(report_answer(_report(asked_report(request.args, today()))))

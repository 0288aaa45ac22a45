"""What the API says of a report: the same cells as Excel and CSV."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from collector.web.reports.columns import cells, columns_of
from collector.web.reports.model import By, Report, Row
from firmware_config.chain import b64url


class ReportRowAnswer(Struct, frozen=True, kw_only=True):
    """A place: counts, and percentages as they are published; null where the base is 0.

    `net_low` and `net_high`: the Wilson score interval of the net rate, 95 %, in percent.
    `rank` is null for a base that is too small, and for the total; `department` is the name of a
    window's department, empty for none.
    """

    rank: int | None
    code: str
    name: str
    name_en: str
    department: str
    invited: int
    rated: int
    participation: str | None
    unrated: int
    unrated_share: str | None
    level5: int
    level4: int
    level3: int
    level2: int
    level1: int
    raw_numerator: int
    raw_base: int
    raw_percent: str | None
    excluded: int
    net_numerator: int
    net_base: int
    net_percent: str | None
    net_low: str | None
    net_high: str | None
    bad: int


class ReportLedgerAnswer(Struct, frozen=True, kw_only=True):
    """The ledger it was computed from; `root` base64url; `checkpoint_on` empty: none yet."""

    gen: str
    size: int
    root: str
    checkpoint_on: str
    checkpoint_size: int


class ReportAnswer(Struct, frozen=True, kw_only=True):
    """A report: first and last local day, what the rows are, the rule, total and rows."""

    first_on: str
    last_on: str
    by: By
    scope: str | None
    is_whole_hall: bool
    rule: str
    rule_version: int
    minimum_base: int
    ledger: ReportLedgerAnswer
    made_ms: int
    made_by: str
    total: ReportRowAnswer
    rows: list[ReportRowAnswer]


def report_answer(report: Report) -> ReportAnswer:
    """The report for machines."""
    ledger = report.ledger
    return ReportAnswer(
        first_on=report.period.start_on.isoformat(),
        last_on=report.period.last_on.isoformat(),
        by=report.by,
        scope=report.scope.code if report.scope else None,
        is_whole_hall=report.is_whole_hall,
        rule=report.version.rules.name,
        rule_version=report.version.number,
        minimum_base=report.version.rules.minimum_base,
        ledger=ReportLedgerAnswer(
            gen=ledger.gen,
            size=ledger.size,
            root=b64url(ledger.root).decode("ascii"),
            checkpoint_on=ledger.checkpoint_on,
            checkpoint_size=ledger.checkpoint_size,
        ),
        made_ms=report.made_ms,
        made_by=report.made_by,
        total=_row(report.total),
        rows=[_row(row) for row in report.rows],
    )


def _row(row: Row) -> ReportRowAnswer:
    columns = columns_of(By.WINDOW)  # all there are
    told = {
        column.key: str(cell) if isinstance(cell, Decimal) else cell
        for column, cell in zip(columns, cells(row, columns), strict=True)
    }
    return ReportRowAnswer(**told | {"name": row.name, "name_en": row.name_en})  # type: ignore[arg-type]

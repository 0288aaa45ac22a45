"""A report: one period, some places, one rule; the rows that every form of it shows. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from collector.ledger.readers.fleet import DepartmentRow, HallRow
from collector.periods import Period
from collector.rules.entries import Version
from collector.web.figures import Figures
from collector.web.places import Places
from collector.web.ranking import ranks


class By(StrEnum):
    """What the rows are."""

    HALL = "hall"
    DEPARTMENT = "department"
    WINDOW = "window"


class NoSuchPlace(LookupError):
    """The department or window is not there, or not for this visitor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One place in a report.

    Attributes:
        code: of the place; the hall's own for the total.
        name: Chinese; `name_en` English.
        department: the window's department now; None: none, or no window.
        figures: of the place.
        rank: 1 for the highest net rate; equal rates share one; None: too small a base, or no row
            of a table.
    """

    code: str
    name: str
    name_en: str
    department: DepartmentRow | None
    figures: Figures
    rank: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerMark:
    """What the figures were computed from: ledger id, records, root (32 bytes), and the newest
    checkpoint's local day and size; empty and 0 for none."""

    gen: str
    size: int
    root: bytes
    checkpoint_on: str
    checkpoint_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything a report says.

    Attributes:
        hall: whose.
        period: local days.
        by: what the rows are.
        scope: the one place it is narrowed to; None: everything its reader may see.
        is_whole_hall: whether the total is that of the hall; else of the reader's departments.
        version: of the rules.
        total: over all rows.
        rows: in the fleet's order, or by rank.
        ledger: what it was computed from.
        made_ms: UTC milliseconds; `made_by`: account, or the program.
    """

    hall: HallRow
    period: Period
    by: By
    scope: Row | None
    is_whole_hall: bool
    version: Version
    total: Row
    rows: Sequence[Row]
    ledger: LedgerMark
    made_ms: int
    made_by: str

    @property
    def all_rows(self) -> list[Row]:
        """The rows, then the total."""
        return [*self.rows, self.total]


def ranked(rows: Sequence[Row]) -> list[Row]:
    """The rows with their ranks, in the same order; see `ranking.ranks`."""
    # a report's figures carry the rule that says from which base on there is a rank
    found = ranks(rows, lambda row: row.figures, lambda row: row.code, 0)
    return [replace(row, rank=found.get(row.code)) for row in rows]


def by_rank(rows: Sequence[Row]) -> list[Row]:
    """Ranked rows best first, then those that are not ranked, each in the order they had."""
    return sorted(rows, key=lambda row: (row.rank is None, row.rank or 0))


def rows_of(
    these: Places, hall: HallRow, by: By, *, department: str, window: str
) -> tuple[list[Row], Row, Row | None]:
    """The rows, the total over them, and the place it was narrowed to.

    Args:
        these: everything the reader may see.
        hall: names the total.
        by: what the rows are.
        department: code to narrow it to; empty: all.
        window: the same.

    Raises:
        NoSuchPlace: there is none of that code.
    """
    scope: Row | None = None
    figures = these.hall
    windows = [
        Row(
            code=place.window.code,
            name=place.window.name,
            name_en=place.window.name_en,
            department=place.department,
            figures=place.figures,
        )
        for place in these.windows
    ]
    departments = [
        Row(
            code=place.department.code,
            name=place.department.name,
            name_en=place.department.name_en,
            department=None,
            figures=place.figures,
        )
        for place in these.departments
    ]
    if department:
        scope = _one(departments, department)
        departments = [scope]
        found = these.department(department)
        assert found is not None
        windows = [
            Row(
                code=place.window.code,
                name=place.window.name,
                name_en=place.window.name_en,
                department=place.department,
                figures=place.figures,
            )
            for place in these.windows_of(found.department)
        ]
        figures = scope.figures
    if window:
        scope = _one(windows, window)
        windows, departments = [scope], []
        figures = scope.figures
    total = Row(
        code=hall.code if scope is None else scope.code,
        name=hall.name if scope is None else scope.name,
        name_en=hall.name_en if scope is None else scope.name_en,
        department=None,
        figures=figures,
    )
    rows = {By.HALL: [], By.DEPARTMENT: departments, By.WINDOW: windows}[by]
    return ranked(rows), total, scope


def _one(rows: Sequence[Row], code: str) -> Row:
    found = next((row for row in rows if row.code == code), None)
    if found is None:
        raise NoSuchPlace(code)
    return found

"""What the API answers about departments."""

from __future__ import annotations

from datetime import date
from typing import Final, Literal

from collector.web.answers import DepartmentAnswer, FiguresAnswer, PeriodAnswer, WindowAnswer
from collector.web.described import Parameter

SORT: Final = Parameter(
    name="sort",
    type=Literal["place", "windows", "invited", "rated", "participation", "rate", "bad"],
    help="The column the list is ordered by; left out: `rated`.",
)


class DepartmentsAnswer(PeriodAnswer):
    """All departments the visitor may see; `hall` is their sum."""

    hall: FiguresAnswer
    departments: list[DepartmentAnswer]


class OneDepartmentAnswer(DepartmentAnswer):
    """One department, and the windows that rated for it in the period or belong to it now."""

    first_on: date
    last_on: date
    windows_in_period: list[WindowAnswer]

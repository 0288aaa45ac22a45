"""What the API answers about departments."""

from __future__ import annotations

from msgspec import Struct

from collector.web.place_answers import (
    BeforePart,
    FiguresPart,
    HeatPart,
    PointPart,
    RankedDepartment,
    WindowPart,
)


class DepartmentsAnswer(Struct, frozen=True, kw_only=True):
    """All departments in a period; `hall`: their sum."""

    first_on: str
    last_on: str
    hall: FiguresPart
    departments: list[RankedDepartment]


class DepartmentAnswer(RankedDepartment, frozen=True, kw_only=True):
    """One department in a period."""

    first_on: str
    last_on: str
    before: BeforePart | None
    trend: list[PointPart]
    heat: list[HeatPart]
    windows_in_period: list[WindowPart]

"""What the API answers about departments."""

from __future__ import annotations

from collector.web.answers import Answer, FiguresAnswer, WindowAnswer
from collector.web.place_answers import BeforePart, HeatPart, PointPart, RankedDepartment


class DepartmentsAnswer(Answer):
    """All departments in a period; `hall`: their sum."""

    first_on: str
    last_on: str
    hall: FiguresAnswer
    departments: list[RankedDepartment]


class OneDepartmentAnswer(RankedDepartment):
    """One department in a period."""

    first_on: str
    last_on: str
    before: BeforePart | None
    bad_followed_up: int
    trend: list[PointPart]
    heat: list[HeatPart]
    windows_in_period: list[WindowAnswer]

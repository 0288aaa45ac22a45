"""What the API answers about the hall in a period."""

from __future__ import annotations

from msgspec import Struct

from collector.web.place_answers import (
    BeforePart,
    DepartmentPart,
    FiguresPart,
    HeatPart,
    PointPart,
)


class HallPeriodAnswer(Struct, frozen=True, kw_only=True):
    """The hall, or the visitor's departments, in a period of local days."""

    first_on: str
    last_on: str
    figures: FiguresPart
    before: BeforePart | None
    bad_followed_up: int | None
    trend: list[PointPart]
    heat: list[HeatPart]
    leading: list[DepartmentPart]
    attention: list[DepartmentPart]
    departments: int
    departments_with_ratings: int

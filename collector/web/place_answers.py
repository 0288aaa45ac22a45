"""What the API says of places beside the common parts: intervals, trends, comparison, heat."""

from __future__ import annotations

from typing import Literal

from collector.web.answers import Answer, DepartmentAnswer, FiguresAnswer, RateAnswer, WindowAnswer


class IntervalPart(Answer):
    """Wilson score interval of the net rate, 95 %; bounds in percent."""

    method: Literal["wilson"]
    level: str
    low: str
    high: str


class BeforePart(Answer):
    """The period of equal length before; `points`: by how many percentage points it changed."""

    first_on: str
    last_on: str
    net_rate: RateAnswer
    points: str | None
    is_weak: bool


class PointPart(FiguresAnswer):
    """A point of a trend; `label` is an ISO day or month."""

    label: str


class HeatPart(FiguresAnswer):
    """One hour of one ISO weekday, 1 Monday … 7 Sunday."""

    weekday: int
    hour: int


class RankedDepartment(DepartmentAnswer):
    """A department in a table; `rank` is null with too few ratings."""

    rank: int | None
    interval: IntervalPart | None


class RankedWindow(WindowAnswer):
    """A window in a table; `rank` is null with too few ratings."""

    rank: int | None
    interval: IntervalPart | None

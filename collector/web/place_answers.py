"""The parts of answers about places: what the API says of rates, figures and their trend."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

LevelCounts = dict[Literal["5", "4", "3", "2", "1"], int]


class RatePart(Struct, frozen=True, kw_only=True):
    """A rate; `percent` and `fraction` are null where the base is 0."""

    numerator: int
    base: int
    percent: str | None
    fraction: str | None
    rule: str
    rule_version: int


class ExcludedPart(Struct, frozen=True, kw_only=True):
    """What approved corrections leave out."""

    ratings: int
    levels: LevelCounts


class NetPart(Struct, frozen=True, kw_only=True):
    """The figures without the excluded ratings."""

    rate: RatePart
    rated: int
    bad: int
    levels: LevelCounts


class FiguresPart(Struct, frozen=True, kw_only=True):
    """The figures of one place in one period: raw, excluded, net."""

    rate: RatePart
    participation: RatePart
    unrated_share: RatePart
    invited: int
    rated: int
    unrated: int
    bad: int
    ignored: int
    repeats: int
    levels: LevelCounts
    excluded: ExcludedPart
    net: NetPart


class IntervalPart(Struct, frozen=True, kw_only=True):
    """Wilson score interval of the net rate, 95 %; bounds in percent."""

    method: Literal["wilson"]
    level: str
    low: str
    high: str


class BeforePart(Struct, frozen=True, kw_only=True):
    """The period of equal length before; `points`: by how many percentage points it changed."""

    first_on: str
    last_on: str
    net_rate: RatePart
    points: str | None
    is_weak: bool


class PointPart(FiguresPart, frozen=True, kw_only=True):
    """A point of a trend; `label` is an ISO day or month."""

    label: str


class HourPart(FiguresPart, frozen=True, kw_only=True):
    """One local hour of the day, 0..23."""

    hour: int


class HeatPart(FiguresPart, frozen=True, kw_only=True):
    """One hour of one ISO weekday, 1 Monday … 7 Sunday."""

    weekday: int
    hour: int


class DepartmentPart(FiguresPart, frozen=True, kw_only=True):
    """A department; `windows` it has now."""

    code: str
    name: str
    name_en: str
    windows: int


class WindowPart(FiguresPart, frozen=True, kw_only=True):
    """A window; `department`: the code of the one it belongs to now."""

    code: str
    name: str
    name_en: str
    department: str | None


class RankedDepartment(DepartmentPart, frozen=True, kw_only=True):
    """A department in a table; `rank` is null with too few ratings."""

    rank: int | None
    interval: IntervalPart | None


class RankedWindow(WindowPart, frozen=True, kw_only=True):
    """A window in a table; `rank` is null with too few ratings."""

    rank: int | None
    interval: IntervalPart | None

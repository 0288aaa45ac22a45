"""What the API answers about the hall, today and in a period."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from collector.web.answers import (
    AlarmAnswer,
    Answer,
    Count,
    DepartmentAnswer,
    FiguresAnswer,
    HourAnswer,
    LedgerAnswer,
    Ms,
)
from collector.web.place_answers import BeforePart, HeatPart, PointPart


class PlaceName(Answer):
    """The names of a department."""

    name: str
    name_en: str


class WindowName(PlaceName):
    """The code and names of a window."""

    code: str


class LatestRatingAnswer(Answer):
    """A rating of the live list; `position`: its row in the ledger."""

    position: Count
    level: Annotated[int, Meta(ge=1, le=5)]
    pressed_ms: Ms
    clock_time: str
    window: WindowName
    department: PlaceName


class DeviceTallyAnswer(Answer):
    """Number of devices by state."""

    online: Count
    late: Count
    offline: Count
    never: Count
    total: Count


class HallNow(Answer):
    """What every live event carries; `position`: the newest ledger row it includes."""

    on: date
    position: Count
    figures: FiguresAnswer
    departments: Count
    departments_with_ratings: Count
    devices: DeviceTallyAnswer
    ledger: LedgerAnswer
    latest: list[LatestRatingAnswer]
    alarms: list[AlarmAnswer]


class HallAnswer(HallNow):
    """The hall today, or the visitor's departments of it."""

    bad_followed_up: Count
    hours: list[HourAnswer]
    leading: list[DepartmentAnswer]
    attention: list[DepartmentAnswer]


class LiveAnswer(HallNow):
    """The hall today with the ratings after a position; a partial event leaves the lists out."""

    is_partial: bool
    hours: list[HourAnswer] | UnsetType = UNSET
    leading: list[DepartmentAnswer] | UnsetType = UNSET
    attention: list[DepartmentAnswer] | UnsetType = UNSET


class HallPeriodAnswer(Answer):
    """The hall, or the visitor's departments, in a period of local days."""

    first_on: str
    last_on: str
    figures: FiguresAnswer
    before: BeforePart | None
    bad_followed_up: Count
    trend: list[PointPart]
    heat: list[HeatPart]
    leading: list[DepartmentAnswer]
    attention: list[DepartmentAnswer]
    departments: int
    departments_with_ratings: int

"""What the API answers about members of staff."""

from __future__ import annotations

from msgspec import Struct

from collector.web.place_answers import (
    BeforePart,
    FiguresPart,
    HeatPart,
    IntervalPart,
    PointPart,
)


class PersonPart(FiguresPart, frozen=True, kw_only=True):
    """A member of staff; names are empty where the fleet file has none.

    `window`: where they work now. `by_assignment`: ratings that are theirs because they alone
    work at the window; the others signed in. `rank` is null with too few ratings.
    """

    staff_no: str
    name: str
    name_en: str
    window: str | None
    by_assignment: int
    rank: int | None
    interval: IntervalPart | None


class StaffAnswer(Struct, frozen=True, kw_only=True):
    """All members of staff in a period."""

    first_on: str
    last_on: str
    staff: list[PersonPart]


class PersonAnswer(PersonPart, frozen=True, kw_only=True):
    """One member of staff in a period."""

    first_on: str
    last_on: str
    before: BeforePart | None
    trend: list[PointPart]
    heat: list[HeatPart]

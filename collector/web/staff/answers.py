"""What the API answers about members of staff."""

from __future__ import annotations

from collector.web.answers import Answer, FiguresAnswer
from collector.web.place_answers import BeforePart, HeatPart, IntervalPart, PointPart


class PersonPart(FiguresAnswer):
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


class StaffAnswer(Answer):
    """All members of staff in a period."""

    first_on: str
    last_on: str
    staff: list[PersonPart]


class PersonAnswer(PersonPart):
    """One member of staff in a period."""

    first_on: str
    last_on: str
    before: BeforePart | None
    bad_followed_up: int
    trend: list[PointPart]
    heat: list[HeatPart]

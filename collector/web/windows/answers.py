"""What the API answers about windows."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from collector.web.answers import (
    Answer,
    Count,
    FiguresAnswer,
    HourAnswer,
    Ms,
    PeriodAnswer,
    WindowAnswer,
)
from collector.web.described import Parameter

SORT: Final = Parameter(
    name="sort",
    type=Literal["place", "department", "invited", "rated", "participation", "rate", "bad"],
    help="The column the list is ordered by; left out: `rated`.",
)
Level = Annotated[int, Meta(ge=1, le=5)]


class WindowsAnswer(PeriodAnswer):
    """All windows the visitor may see; `hall` is their sum."""

    hall: FiguresAnswer
    windows: list[WindowAnswer]


class SessionCorrection(Answer):
    """The last correction of a rating."""

    id: int
    state: str


class SessionAnswer(Answer):
    """One session at a window, and the record that ended it (`device`, `epoch`, `seq`).

    Attributes:
        level: null: unrated, `reason` says why.
        time_quality: how the time of the press is known; not by the device's own clock: between
            `earliest_ms` and `latest_ms`.
        is_repeat: a later rating of a case already rated; not counted.
    """

    position: Count
    level: Level | None
    reason: str | None
    trigger: str
    case_no: str
    service_no: int
    item: str
    staff_no: str
    staff_from: str
    pressed_ms: Ms
    answer_ms: int
    time_quality: str
    earliest_ms: Ms | None
    latest_ms: Ms | None
    is_repeat: bool
    device: str
    epoch: str
    seq: int
    correction: SessionCorrection | None


class DeviceAnswer(Answer):
    """A device at a window; `health`: its last health message as the wire contract has it."""

    code: str
    state: str
    heard_ms: Ms | None
    backlog: Count | None
    stored: Count
    head: Count
    kid: str
    registered_ms: Ms | None
    health: dict[str, Any] | None


class OneWindowAnswer(WindowAnswer):
    """One window with its hours, its last sessions, and the devices that stand there now."""

    first_on: date
    last_on: date
    hours: list[HourAnswer]
    sessions: list[SessionAnswer]
    devices: list[DeviceAnswer]

"""What the API answers about windows."""

from __future__ import annotations

from typing import Any

from collector.web.answers import Answer, FiguresAnswer, HourAnswer
from collector.web.place_answers import BeforePart, HeatPart, PointPart, RankedWindow
from collector.web.ratings.answers import SessionPart


class WindowsAnswer(Answer):
    """All windows in a period; `hall`: their sum."""

    first_on: str
    last_on: str
    hall: FiguresAnswer
    windows: list[RankedWindow]


class DevicePart(Answer):
    """A device that stands at the window now; `health`: its last word."""

    code: str
    state: str
    heard_ms: int | None
    backlog: int | None
    stored: int
    head: int
    kid: str
    registered_ms: int | None
    health: dict[str, Any] | None


class StayPart(Answer):
    """A device at the window, UTC milliseconds; `to_ms` null: still."""

    device: str
    from_ms: int
    to_ms: int | None


class CoveragePart(Answer):
    """Days with sessions, from signed records; no uptime."""

    days_with_sessions: int
    days_of_the_hall: int


class OneWindowAnswer(RankedWindow):
    """One window in a period; `sessions`: the last 25, whatever the period."""

    first_on: str
    last_on: str
    before: BeforePart | None
    bad_followed_up: int
    hours: list[HourAnswer]
    trend: list[PointPart]
    heat: list[HeatPart]
    coverage: CoveragePart
    sessions: list[SessionPart]
    devices: list[DevicePart]
    stays: list[StayPart]

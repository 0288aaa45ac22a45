"""What the API answers about the outcomes behind a figure."""

from __future__ import annotations

from collector.web.answers import Answer


class CorrectionPart(Answer):
    """The last correction of a rating."""

    id: int
    state: str


class SessionPart(Answer):
    """How one session ended. `level` null: not rated, then `reason` says why.

    Times are UTC milliseconds since 1970; `device`, `epoch`, `seq` name the record for ever.
    """

    position: int
    level: int | None
    reason: str
    trigger: str
    case_no: str
    service_no: int
    item: str
    staff_no: str
    staff_from: str
    pressed_ms: int
    answer_ms: int
    time_quality: str
    earliest_ms: int | None
    latest_ms: int | None
    is_repeat: bool
    device: str
    epoch: str
    seq: int
    correction: CorrectionPart | None


class OutcomePart(SessionPart):
    """The same with the place where it was."""

    window: str | None
    department: str | None


class RatingsAnswer(Answer):
    """A page of outcomes, newest press first; `next` is the `before` of the next page."""

    first_on: str
    last_on: str
    number: int
    excluded: int
    next: str | None
    ratings: list[OutcomePart]

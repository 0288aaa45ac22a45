"""What the API answers about corrections."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

from collector.web.answers import Answer, Count, Month, Ms
from collector.web.described import Parameter

MONTH: Final = Parameter(
    name="month",
    type=Annotated[str, Meta(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")],
    help="A calendar month, e.g. 2026-11; left out: the present one.",
)


class CorrectedRecord(Answer):
    """The signed record a correction is about; `digest`: SHA-256 of its token, base64url."""

    device: str
    epoch: str
    seq: int
    digest: str


class DecisionAnswer(Answer):
    """What the second person said."""

    verdict: str
    by: str
    note: str
    made_ms: Ms


class CorrectionAnswer(Answer):
    """One correction; `restores` and `ended_by`: numbers of those it undoes and is undone by."""

    id: int
    kind: str
    state: str
    restores: int | None
    ended_by: int | None
    record: CorrectedRecord
    level: Annotated[int, Meta(ge=1, le=5)]
    window: str
    department: str
    pressed_ms: Ms
    reason: str
    note: str
    evidence: str
    author: str
    made_ms: Ms
    decision: DecisionAnswer | None


class CorrectionsAnswer(Answer):
    """Corrections that wait, and those proposed in a month; length and head of their chain."""

    month: Month
    open: list[CorrectionAnswer]
    made: list[CorrectionAnswer]
    entries: Count
    head: str

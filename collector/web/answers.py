"""What API answers are made of, and how one is sent. The OpenAPI document is made from these types.

Every answer forbids fields that it does not name: a field that nobody described fails a test.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from flask import Response
from msgspec import Meta, Struct

Ms = Annotated[int, Meta(description="UTC milliseconds since 1970.")]
Moment = Annotated[str, Meta(description="UTC, RFC 3339 with milliseconds.")]
Month = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}$")]
Count = Annotated[int, Meta(ge=0)]


class Answer(Struct, forbid_unknown_fields=True):
    """The root of all answers."""


class Problem(Answer):
    """Why there is no answer.

    Attributes:
        title, detail: for people, in the language asked for.
    """

    status: int
    title: str
    detail: str


class ProblemAnswer(Answer):
    """The body of every answer 4xx and 5xx."""

    error: Problem


class RateAnswer(Answer):
    """A rate: exact as a fraction, readable as a percentage; both null where the base is 0."""

    numerator: Count
    base: Count
    percent: str | None
    fraction: str | None
    rule: str
    rule_version: int


class LevelsAnswer(Answer, rename={f"level{number}": str(number) for number in range(1, 6)}):
    """Ratings by level, 5 the best."""

    level5: Count
    level4: Count
    level3: Count
    level2: Count
    level1: Count


class ExcludedAnswer(Answer):
    """Ratings that approved corrections leave out."""

    ratings: Count
    levels: LevelsAnswer


class NetAnswer(Answer):
    """The figures without the excluded ratings."""

    rate: RateAnswer
    rated: Count
    bad: Count
    levels: LevelsAnswer


class FiguresAnswer(Answer):
    """All figures of one place in one period; raw, but for `excluded` and `net`."""

    rate: RateAnswer
    participation: RateAnswer
    unrated_share: RateAnswer
    invited: Count
    rated: Count
    unrated: Count
    bad: Count
    ignored: Count
    repeats: Count
    levels: LevelsAnswer
    excluded: ExcludedAnswer
    net: NetAnswer


class HourAnswer(FiguresAnswer):
    """The figures of one local hour of the day."""

    hour: Annotated[int, Meta(ge=0, le=23)]


class DepartmentAnswer(FiguresAnswer):
    """A department; `windows` counts those it has now."""

    code: str
    name: str
    name_en: str
    windows: Count


class WindowAnswer(FiguresAnswer):
    """A window; `department`: the code of the one it belongs to now."""

    code: str
    name: str
    name_en: str
    department: str | None


class AlarmAnswer(Answer):
    """Too large an excluded share of a month; `code` is empty for the hall and for people."""

    month: Month
    scope: str
    code: str
    people: list[str]
    excluded_share: RateAnswer


class LedgerAnswer(Answer):
    """Size of the ledger, its Merkle root (base64url), and the database it is."""

    size: Count
    root: str
    gen: str


class PeriodAnswer(Answer):
    """The local days an answer is about, both included."""

    first_on: date
    last_on: date


def send(answer: Answer) -> Response:
    """An answer as the body of a response."""
    return Response(msgspec.json.encode(answer), mimetype="application/json")

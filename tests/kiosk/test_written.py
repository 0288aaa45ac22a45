from typing import Any

import pytest

from firmware_config.contract import IgnoredReason, Kind
from kiosk.drafts import Draft
from kiosk.events import Press
from kiosk.situation import Decision, Situation
from kiosk.written import KEPT, Written, after_commit

PRESS = Press(at_ms=5, button="satisfied", level=4)


def decision(*drafts: Draft, rated: Press | None = None) -> Decision:
    return Decision(at_ms=5, drafts=drafts, stored=Situation(), failed=Situation(), rated=rated)


def draft(kind: Kind, **fields: Any) -> Draft:
    return Draft(kind, 5, fields)


def test_kind_and_reason_are_told_and_nothing_else() -> None:
    ignored = draft(
        Kind.IGNORED, level=2, button="x", staff_no="7", reason=IgnoredReason.NO_SESSION
    )

    told = after_commit((), decision(draft(Kind.INVITED, session=1), ignored), Situation(), 8)

    assert told == (
        Written(seq=7, kind=Kind.INVITED),
        Written(seq=8, kind=Kind.IGNORED, reason="no-session"),
    )


@pytest.mark.parametrize(("error_until_ms", "is_thanked"), [(None, True), (2_005, False)])
def test_a_rating_is_told_with_whether_it_was_thanked(
    error_until_ms: int | None, is_thanked: bool
) -> None:
    rated = decision(draft(Kind.CLOCK), draft(Kind.RATED, level=4), rated=PRESS)

    told = after_commit((), rated, Situation(error_until_ms=error_until_ms), 2)

    assert [(one.kind, one.is_thanked) for one in told] == [
        (Kind.CLOCK, False),
        (Kind.RATED, is_thanked),
    ]


def test_only_the_newest_are_remembered() -> None:
    told: tuple[Written, ...] = ()
    for seq in range(1, KEPT + 4):
        told = after_commit(told, decision(draft(Kind.CLOCK)), Situation(), seq)

    assert [one.seq for one in told] == list(range(4, KEPT + 4))

"""Which bad ratings of a view have another state than open, and which is theirs.

All others are open, so that the list needs to know these few only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Final

from collector.ledger.readers import LedgerReader
from collector.ledger.readers.bad import BadFilter, named_ratings
from collector.office.follow_ups import FollowUps, FollowUpState
from collector.periods import FIRST_DAY, LAST_DAY, Period, period_ms
from collector.web.view import View

BAD: Final = frozenset({1, 2})


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A bad rating that is not open."""

    position: int
    window: int | None
    department: int | None
    level: int
    pressed_ms: int
    state: FollowUpState


def bounds_ms(period: Period, zone: tzinfo) -> tuple[int, int]:
    """A period as `[start, end)`, UTC milliseconds, cut to days that a record can have."""

    def cut(on: date) -> date:
        return min(max(on, FIRST_DAY), LAST_DAY)

    return period_ms(Period(cut(period.start_on), cut(period.end_on)), zone)


def marks_of(
    reader: LedgerReader, follow_ups: FollowUps, view: View, zone: tzinfo
) -> dict[int, Mark]:
    """Position → mark of the bad ratings in a view that are not open.

    An approved correction goes before what was done about the rating until then.
    """
    start_ms, end_ms = bounds_ms(view.period, zone)
    states = follow_ups.states(start_ms, end_ms)
    found = {
        one.position: Mark(
            position=one.position,
            window=one.window,
            department=one.department,
            level=one.level,
            pressed_ms=one.pressed_ms,
            state=states[one.record],
        )
        for one in named_ratings(reader, states.keys())
        if one.level in BAD and start_ms <= one.pressed_ms < end_ms and one.department in view.scope
    }
    for out in view.excluded:
        if out.level in BAD:
            found[out.position] = Mark(
                position=out.position,
                window=out.window or None,
                department=out.department or None,
                level=out.level,
                pressed_ms=out.pressed_ms,
                state=FollowUpState.EXCLUDED,
            )
    return found


def chosen(marks: Iterable[Mark], asked: BadFilter) -> list[Mark]:
    """The marks that a filter asks for."""
    return [
        mark
        for mark in marks
        if asked.start_ms <= mark.pressed_ms < asked.end_ms
        and (asked.departments is None or mark.department in asked.departments)
        and asked.window in (None, mark.window)
        and asked.level in (None, mark.level)
    ]


def tally(marks: Iterable[Mark]) -> Counter[FollowUpState]:
    """State → number of marks."""
    return Counter(mark.state for mark in marks)


def begun(reader: LedgerReader, follow_ups: FollowUps, view: View, zone: tzinfo) -> list[Mark]:
    """The bad ratings of a view that somebody has begun to follow up; excluded ones left out.

    Beside the view's net number of bad ratings they say how many are open.
    """
    marks = marks_of(reader, follow_ups, view, zone).values()
    return [mark for mark in marks if mark.state is not FollowUpState.EXCLUDED]

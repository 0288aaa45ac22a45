"""The list of bad ratings: one page of it, and how many there are in each state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Final

from collector.corrections.entries import Correction
from collector.corrections.file import CorrectionsFile
from collector.corrections.reading import corrections_of
from collector.due_dates import Deadline
from collector.ledger.readers import LedgerReader, outcomes
from collector.ledger.readers.bad import BadFilter, PageKey, bad_count, bad_page
from collector.ledger.readers.outcomes import OutcomeRow
from collector.office.follow_ups import FollowUps, FollowUpState
from collector.periods import FIRST_DAY, day_start_ms, local_day
from collector.web.bad.asked import AskedList
from collector.web.bad.marks import Mark, bounds_ms, chosen, marks_of, tally
from collector.web.view import View

PAGE_ROWS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRating:
    """A bad rating with where its follow-up stands.

    Attributes:
        outcome: of its session.
        due_on: the local day by which it must be answered.
        is_overdue: that day is over and something is still to be done.
        age_days: whole local days since the press.
        correction: the last one about it; None: none.
    """

    outcome: OutcomeRow
    state: FollowUpState
    due_on: date
    is_overdue: bool
    age_days: int
    correction: Correction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadList:
    """One page. `states` and `overdue` count all that the other filters leave, on every page.

    `next` is the key of its last row where more follow; None: it is the last page.
    """

    rows: list[BadRating]
    states: Mapping[FollowUpState, int]
    overdue: int
    next: PageKey | None

    @property
    def total(self) -> int:
        """In any state."""
        return sum(self.states.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What the list is made from; `today` is the hall's local day."""

    reader: LedgerReader
    follow_ups: FollowUps
    corrections: CorrectionsFile
    deadline: Deadline
    zone: tzinfo
    today: date

    def judged(
        self, outcome: OutcomeRow, state: FollowUpState, correction: Correction | None
    ) -> BadRating:
        """A rating with its dates."""
        rated_on = local_day(outcome.pressed_ms, self.zone)
        due_on = self.deadline.due_on(rated_on)
        return BadRating(
            outcome=outcome,
            state=state,
            due_on=due_on,
            is_overdue=state.is_due and due_on < self.today,
            age_days=max(0, (self.today - rated_on).days),
            correction=correction,
        )

    def overdue_before_ms(self) -> int:
        """Ratings pressed before are past their due date; UTC milliseconds."""
        first = max(self.deadline.first_in_time(self.today), FIRST_DAY)
        return day_start_ms(first, self.zone)


def bad_list(desk: Desk, view: View, asked: AskedList) -> BadList:
    """The page asked for.

    Args:
        desk: what it is made from.
        view: the period, and the departments that the visitor may see.
        asked: what the address asks for.
    """
    scope = view.scope.narrowed(asked.department.id) if asked.department else view.scope
    start_ms, end_ms = bounds_ms(view.period, desk.zone)
    which = BadFilter(
        start_ms=start_ms,
        end_ms=end_ms,
        departments=scope.ids,
        window=asked.window.id if asked.window else None,
        level=asked.level,
    )
    all_marks = marks_of(desk.reader, desk.follow_ups, view, desk.zone)
    marks = chosen(all_marks.values(), which)
    states = tally(marks)
    states[FollowUpState.OPEN] += bad_count(desk.reader, which) - len(marks)
    done = [mark.position for mark in marks if not mark.state.is_due]
    before_ms = desk.overdue_before_ms()
    overdue = bad_count(desk.reader, which, before_ms=before_ms, without=done)
    if asked.is_overdue:
        which = BadFilter(
            start_ms=start_ms,
            end_ms=max(start_ms, min(end_ms, before_ms)),
            departments=which.departments,
            window=which.window,
            level=which.level,
        )
    only, without = _selection(asked, marks, done)
    keys = bad_page(
        desk.reader,
        which,
        order=asked.by,
        is_descending=asked.order.is_descending,
        limit=PAGE_ROWS + 1,
        after=asked.after,
        only=only,
        without=without,
    )
    page = keys[:PAGE_ROWS]
    found = outcomes.outcomes_at(desk.reader, [key[2] for key in page])
    known = corrections_of(desk.corrections, [(row.device, row.epoch, row.seq) for row in found])
    return BadList(
        rows=[
            desk.judged(row, _state(all_marks, row), known.get((row.device, row.epoch, row.seq)))
            for row in found
        ],
        states={state: states[state] for state in FollowUpState},
        overdue=overdue,
        next=page[-1] if len(keys) > PAGE_ROWS else None,
    )


def _state(marks: Mapping[int, Mark], row: OutcomeRow) -> FollowUpState:
    mark = marks.get(row.position)
    return FollowUpState.OPEN if mark is None else mark.state


def _selection(
    asked: AskedList, marks: list[Mark], done: list[int]
) -> tuple[list[int] | None, list[int]]:
    """The positions to choose from (None: all), and those to leave out."""
    without = done if asked.is_overdue else []
    if asked.state is None:
        return None, without
    if asked.state is FollowUpState.OPEN:
        return None, [mark.position for mark in marks]
    return [mark.position for mark in marks if mark.state is asked.state], without

"""What `/api/v1/bad-ratings` answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Final, Literal

import msgspec

from collector.ledger.readers.fleet import DepartmentRow, WindowRow
from collector.office.follow_ups import FollowUpState
from collector.web.bad.asked import AskedList, cursor_text
from collector.web.bad.listing import BadList, BadRating
from collector.web.described import IN_PERIOD, ORDER, Parameter

StateName = Literal["open", "in-progress", "rectified", "closed", "excluded"]
PARAMETERS: Final = (
    *IN_PERIOD,
    Parameter(name="state", type=StateName, help="Where the follow-up stands; left out: any."),
    Parameter(name="department", type=str, help="Code of the department at press time."),
    Parameter(name="window", type=str, help="Code of the window at press time."),
    Parameter(name="level", type=Literal["2", "1"], help="Level; left out: both."),
    Parameter(name="overdue", type=Literal["yes"], help="Only what is overdue."),
    Parameter(name="sort", type=Literal["pressed", "level", "window"], help="Order; by press."),
    ORDER,
    Parameter(
        name="after",
        type=Annotated[str, msgspec.Meta(pattern=r"^-?\d{1,15}\.-?\d{1,15}\.\d{1,15}$")],
        help="`next` of the page before.",
    ),
)


class CorrectionMark(msgspec.Struct, kw_only=True):
    """The last correction about a rating."""

    id: int
    state: str


class BadItem(msgspec.Struct, kw_only=True):
    """A bad rating. Times are UTC milliseconds; `window` and `department` null: none."""

    device: str
    epoch: str
    seq: int
    position: int
    level: int
    pressed_ms: int
    answer_ms: int
    time_quality: str
    window: str | None
    department: str | None
    staff_no: str
    staff_from: str
    case_no: str
    service_no: int
    state: StateName
    due_on: date
    is_overdue: bool
    age_days: int
    correction: CorrectionMark | None


class StateCounts(msgspec.Struct, kw_only=True, rename="kebab"):
    """How many are in each state."""

    open: int
    in_progress: int
    rectified: int
    closed: int
    excluded: int


class BadRatings(msgspec.Struct, kw_only=True):
    """A page of the list. `states` and `overdue` count what all filters but themselves leave;
    `next` null: it is the last page."""

    first_on: date
    last_on: date
    states: StateCounts
    overdue: int
    ratings: list[BadItem]
    next: str | None


def answer_of(
    asked: AskedList,
    these: BadList,
    departments: Mapping[int, DepartmentRow],
    windows: Mapping[int, WindowRow],
) -> BadRatings:
    """The answer for a page of the list."""

    def item(one: BadRating) -> BadItem:
        row, correction = one.outcome, one.correction
        window, department = windows.get(row.window or 0), departments.get(row.department or 0)
        return BadItem(
            device=row.device,
            epoch=row.epoch,
            seq=row.seq,
            position=row.position,
            level=row.level or 0,
            pressed_ms=row.pressed_ms,
            answer_ms=row.answer_ms,
            time_quality=row.time_quality,
            window=window.code if window else None,
            department=department.code if department else None,
            staff_no=row.staff_no,
            staff_from=row.staff_from,
            case_no=row.case_no,
            service_no=row.service_no,
            state=one.state.value,
            due_on=one.due_on,
            is_overdue=one.is_overdue,
            age_days=one.age_days,
            correction=None
            if correction is None
            else CorrectionMark(id=correction.proposal.id, state=correction.state.value),
        )

    return BadRatings(
        first_on=asked.period.period.start_on,
        last_on=asked.period.period.last_on,
        states=StateCounts(
            open=these.states[FollowUpState.OPEN],
            in_progress=these.states[FollowUpState.IN_PROGRESS],
            rectified=these.states[FollowUpState.RECTIFIED],
            closed=these.states[FollowUpState.CLOSED],
            excluded=these.states[FollowUpState.EXCLUDED],
        ),
        overdue=these.overdue,
        ratings=[item(one) for one in these.rows],
        next=cursor_text(these.next) if these.next else None,
    )

"""One page of outcomes with what the ledger and the corrections say of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from collector.corrections.entries import Correction
from collector.corrections.excluded import ExcludedRating
from collector.corrections.reading import corrections_of
from collector.ledger.readers import fleet
from collector.ledger.readers.fleet import DepartmentRow, WindowRow
from collector.ledger.readers.listing import Mark, Outcome, Wanted, number_of, outcomes_before
from collector.ledger.readers.outcomes import OutcomeRow
from collector.ledger.readers.staff import staff_of
from collector.web.corrections.rights import is_proposer
from collector.web.dashboard import corrections, now_ms, reader, scope, view_of
from collector.web.ratings.asked import AskedRatings

ON_A_PAGE: Final = 50
BESIDE_OTHERS: Final = 20
"""On a page that is about more than its list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A page of outcomes, newest press first.

    Attributes:
        number: of all that are asked for, on all pages.
        excluded: ratings among them that approved corrections leave out.
        next: where the next page begins; None: this is the last one.
        known: record → its last correction, of those that have one.
        windows: by id; `departments` alike.
        department_choices: what the visitor may filter by; `window_choices` alike, of the
            department asked for if there is one.
        may_correct: whether the visitor may propose corrections for a department (id).
    """

    rows: list[OutcomeRow]
    number: int
    excluded: int
    next: Mark | None
    known: dict[tuple[str, str, int], Correction]
    windows: dict[int, WindowRow]
    departments: dict[int, DepartmentRow]
    department_choices: list[DepartmentRow]
    window_choices: list[WindowRow]
    may_correct: Callable[[int | None], bool]


def listed(asked: AskedRatings, limit: int = ON_A_PAGE) -> Listed:
    """The page that is asked for, of at most so many outcomes."""
    rows = outcomes_before(reader(), asked.wanted, before=asked.before, limit=limit + 1)
    shown = rows[:limit]
    last = shown[-1] if len(rows) > limit else None
    departments = {row.id: row for row in fleet.departments(reader())}
    windows = fleet.windows(reader(), now_ms())
    seen = scope() if asked.department is None else scope().narrowed(asked.department.id)
    return Listed(
        rows=shown,
        number=number_of(reader(), asked.wanted),
        excluded=len(_excluded(asked.wanted)),
        next=Mark(last.pressed_ms, last.position) if last else None,
        known=corrections_of(corrections(), [(row.device, row.epoch, row.seq) for row in shown]),
        windows={row.id: row for row in windows},
        departments=departments,
        department_choices=[row for row in departments.values() if row.id in scope()],
        window_choices=[row for row in windows if row.department in seen],
        may_correct=lambda department: is_proposer(
            departments[department].code if department in departments else ""
        ),
    )


def _excluded(wanted: Wanted) -> list[ExcludedRating]:
    """The excluded ratings among the outcomes that are asked for."""
    if wanted.outcome not in (None, Outcome.RATED) or wanted.trigger is not None:
        return []
    these = [
        one
        for one in view_of(wanted.period).excluded
        if (wanted.departments is None or one.department in wanted.departments)
        and wanted.window in (None, one.window)
        and wanted.hour in (None, one.hour)
        and wanted.weekday in (None, one.weekday)
        and (not wanted.levels or one.level in wanted.levels)
    ]
    if wanted.staff_no is None or not these:
        return these
    who = staff_of(reader(), [one.position for one in these])
    return [one for one in these if who.get(one.position) == wanted.staff_no]


def session_json(
    row: OutcomeRow, known: Mapping[tuple[str, str, int], Correction]
) -> dict[str, Any]:
    """How one session ended, for machines; `known`: record → its last correction."""
    correction = known.get((row.device, row.epoch, row.seq))
    return {
        "position": row.position,
        "level": row.level,
        "reason": row.reason,
        "trigger": row.trigger,
        "case_no": row.case_no,
        "service_no": row.service_no,
        "item": row.item,
        "staff_no": row.staff_no,
        "staff_from": row.staff_from,
        "pressed_ms": row.pressed_ms,
        "answer_ms": row.answer_ms,
        "time_quality": row.time_quality,
        "earliest_ms": row.earliest_ms,
        "latest_ms": row.latest_ms,
        "is_repeat": row.is_repeat,
        "device": row.device,
        "epoch": row.epoch,
        "seq": row.seq,
        "correction": None
        if correction is None
        else {"id": correction.proposal.id, "state": correction.state.value},
    }


def outcome_json(row: OutcomeRow, page: Listed) -> dict[str, Any]:
    """The same with the place where it was."""
    window = page.windows.get(row.window or 0)
    department = page.departments.get(row.department or 0)
    return {
        **session_json(row, page.known),
        "window": window.code if window else None,
        "department": department.code if department else None,
    }

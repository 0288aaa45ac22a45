"""One bad rating in full: its session, its corrections, its case, and what happened to it when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from collector.corrections.entries import Correction, State, Verdict
from collector.corrections.reading import corrections_of_rating
from collector.ledger.readers.bad import named_ratings
from collector.ledger.readers.cases import ratings_of_case, stored_at
from collector.ledger.readers.outcomes import OutcomeRow, outcomes_at
from collector.office.follow_ups import FollowUp, FollowUpState, RecordName
from collector.web.bad.listing import BadRating, Desk
from collector.web.bad.marks import BAD
from collector.web.view import Scope


class Step(StrEnum):
    """What happened to a rating."""

    INVITED = "invited"
    PRESSED = "pressed"
    STORED = "stored"
    PROPOSED = "proposed"
    DECIDED = "decided"
    FOLLOWED_UP = "followed-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One line of the history. `correction` or `entry` say more, where it is about one."""

    at_ms: int
    step: Step
    who: str = ""
    correction: Correction | None = None
    entry: FollowUp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadDetail:
    """One bad rating in full.

    Attributes:
        rating: with its state and dates.
        invited_ms: when the session was opened, UTC milliseconds.
        received_ms: when the collector stored the record; None: it was purged. `digest` alike.
        corrections: everything proposed about it, oldest first.
        others: other ratings of its case that the visitor may see, oldest first.
        history: oldest first.
    """

    rating: BadRating
    invited_ms: int
    received_ms: int | None
    digest: bytes | None
    corrections: list[Correction]
    others: list[OutcomeRow]
    history: list[Happened]


def bad_detail(desk: Desk, scope: Scope, record: RecordName) -> BadDetail | None:
    """The bad rating that is this record; None: there is none that may be seen."""
    found = outcomes_at(desk.reader, [one.position for one in named_ratings(desk.reader, [record])])
    if not found or found[0].level not in BAD or found[0].department not in scope:
        return None
    outcome = found[0]
    corrections = corrections_of_rating(desk.corrections, *record)
    entries = desk.follow_ups.of_rating(record)
    stored = stored_at(desk.reader, outcome.position)
    return BadDetail(
        rating=desk.judged(
            outcome, state_of(entries, corrections), corrections[-1] if corrections else None
        ),
        invited_ms=outcome.pressed_ms - outcome.answer_ms,
        received_ms=stored[0] if stored else None,
        digest=stored[1] if stored else None,
        corrections=corrections,
        others=[
            row
            for row in ratings_of_case(desk.reader, outcome.case_no, departments=scope.ids)
            if row.position != outcome.position
        ],
        history=history(outcome, stored[0] if stored else None, corrections, entries),
    )


def state_of(entries: list[FollowUp], corrections: list[Correction]) -> FollowUpState:
    """Where a rating stands: an exclusion that holds goes before the newest entry."""
    if any(one.state is State.APPROVED and one.proposal.restores is None for one in corrections):
        return FollowUpState.EXCLUDED
    return entries[-1].state if entries else FollowUpState.OPEN


def history(
    outcome: OutcomeRow,
    received_ms: int | None,
    corrections: list[Correction],
    entries: list[FollowUp],
) -> list[Happened]:
    """What happened to a rating, oldest first; at one moment in the order of the steps."""
    found = [
        Happened(at_ms=outcome.pressed_ms - outcome.answer_ms, step=Step.INVITED),
        Happened(at_ms=outcome.pressed_ms, step=Step.PRESSED),
    ]
    if received_ms is not None:
        found.append(Happened(at_ms=received_ms, step=Step.STORED))
    for one in corrections:
        proposal, decision = one.proposal, one.decision
        found.append(
            Happened(
                at_ms=proposal.made_ms, step=Step.PROPOSED, who=proposal.author, correction=one
            )
        )
        if decision is not None:
            who = proposal.author if decision.verdict is Verdict.WITHDRAWN else decision.decider
            found.append(
                Happened(at_ms=decision.made_ms, step=Step.DECIDED, who=who, correction=one)
            )
    for entry in entries:
        found.append(
            Happened(at_ms=entry.made_ms, step=Step.FOLLOWED_UP, who=entry.author, entry=entry)
        )
    steps = list(Step)
    return sorted(found, key=lambda one: (one.at_ms, steps.index(one.step)))

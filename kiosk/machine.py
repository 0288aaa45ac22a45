"""The kiosk's state machine: what is written down for each event, and what follows. Pure.

It neither stores nor thanks. `decide` says what must be written for an event (drafts) and carries
two futures, one for "it is stored" and one for "it could not be stored"; the caller writes the
drafts in one transaction and hands the result to `conclude`, which gives the next situation. So a
thanks without a stored record cannot be expressed.

The rules:

1. TABLE is the whole truth about sessions. An event is first named by a signal; the table says
   where the machine goes and which kinds are written, in that order, in one transaction.
2. Time comes in with the event. A deadline that lies at or before an event fires before it, so a
   press after the time-out never counts, however late the time-out itself is noticed.
3. Every INVITED is followed by exactly one RATED or UNRATED of the same session number.
4. The first press of a session counts (its edge must lie after the invitation). Every other press
   is written as IGNORED, changes nothing and is not thanked.
5. A pause cannot hide a case: an invitation during a pause ends it (RESUMED, INVITED).

When the drafts could not be stored:

6. Nothing that was asked for has happened: a press is not a rating, an invitation is not open, a
   pause is not on, no session number is used up. The session that was open stays open, so the
   citizen can press again. The error light is on until something could be stored again.
7. Time cannot be undone: a session that ran into its time-out is over. Its UNRATED is *owed*: it is
   written before anything else, with the next event or by a retry each second. So are notes (CLOCK,
   FAULT, …). Should the program end first, the next start writes UNRATED, interrupted.
8. With the first success after a failure comes a FAULT that says how long it lasted and how many
   presses, invitations and key presses were lost, so nothing vanishes silently.

Stored, but later than `THANKS_WITHIN_MS` after the edge, or while storage may not be promised
(`may_thank` is false): the rating counts, the citizen sees the error light and no thanks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from msgspec.structs import replace

from firmware_config.contract import IgnoredReason, Kind, UnratedReason
from kiosk.drafting import fault_drafts, ignored_draft, invited_session
from kiosk.drafts import Draft, Memory
from kiosk.events import (
    CaseOpened,
    ClerkKey,
    ClerkLongPress,
    Event,
    HeldAtStart,
    Noted,
    Press,
    SignedIn,
    SignedOut,
    StorageChanged,
    Tick,
)
from kiosk.situation import Decision, Rules, Situation, State, Thanks

THANKS_WITHIN_MS: Final = 1000
"""Longest time from edge to COMMIT that is still answered with thanks. Source: design, step 5."""
RETRY_MS: Final = 1000
"""Wait before owed records are tried again. Our choice: soon for a person, cheap for a card."""
OWED_MAXIMUM: Final = 64
"""Most notes kept in memory while nothing can be stored; later ones are counted as lost."""


class Signal(StrEnum):
    """What an event means to the table."""

    INVITE = "invite"
    PRESS = "press"
    EARLY_PRESS = "early press"
    """Its edge came before the invitation that is open now."""
    WALKUP_PRESS = "walk-up press"
    LONG_PRESS = "clerk's long press"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class Move:
    """Go to `to`, write `writes`. `reason` is that of the UNRATED or IGNORED among them."""

    to: State
    writes: tuple[Kind, ...] = ()
    reason: UnratedReason | IgnoredReason | None = None


_PAUSE = Move(State.PAUSED, (Kind.PAUSED,))
_INVITE = Move(State.INVITED, (Kind.INVITED,))

TABLE: Final[dict[State, dict[Signal, Move]]] = {
    State.IDLE: {
        Signal.INVITE: _INVITE,
        Signal.PRESS: Move(State.IDLE, (Kind.IGNORED,), IgnoredReason.NO_SESSION),
        Signal.WALKUP_PRESS: Move(State.RESTING, (Kind.INVITED, Kind.RATED)),
        Signal.LONG_PRESS: _PAUSE,
    },
    State.INVITED: {
        Signal.INVITE: Move(State.INVITED, (Kind.UNRATED, Kind.INVITED), UnratedReason.SUPERSEDED),
        Signal.PRESS: Move(State.ANSWERED, (Kind.RATED,)),
        Signal.EARLY_PRESS: Move(State.INVITED, (Kind.IGNORED,), IgnoredReason.NO_SESSION),
        Signal.LONG_PRESS: Move(State.PAUSED, (Kind.UNRATED, Kind.PAUSED), UnratedReason.PAUSED),
        Signal.DEADLINE: Move(State.IDLE, (Kind.UNRATED,), UnratedReason.TIMEOUT),
    },
    State.ANSWERED: {
        Signal.INVITE: _INVITE,
        Signal.PRESS: Move(State.ANSWERED, (Kind.IGNORED,), IgnoredReason.ALREADY_RATED),
        Signal.LONG_PRESS: _PAUSE,
        Signal.DEADLINE: Move(State.IDLE),
    },
    State.RESTING: {
        Signal.INVITE: _INVITE,
        Signal.PRESS: Move(State.RESTING, (Kind.IGNORED,), IgnoredReason.TOO_SOON),
        Signal.LONG_PRESS: _PAUSE,
        Signal.DEADLINE: Move(State.IDLE),
    },
    State.PAUSED: {
        Signal.INVITE: Move(State.INVITED, (Kind.RESUMED, Kind.INVITED)),
        Signal.PRESS: Move(State.PAUSED, (Kind.IGNORED,), IgnoredReason.PAUSED),
        Signal.LONG_PRESS: Move(State.IDLE, (Kind.RESUMED,)),
    },
}


def start(memory: Memory, boot: Draft, notes: tuple[Draft, ...] = ()) -> Decision:
    """The first decision of a program: BOOT, the end of an interrupted session, then `notes`."""
    drafts: tuple[Draft, ...] = (boot,)
    if memory.open_session is not None:
        fields = memory.open_session.fields() | {"reason": UnratedReason.INTERRUPTED}
        drafts += (Draft(Kind.UNRATED, boot.at_ms, fields),)
    drafts += notes
    begun = Situation(
        state=State.PAUSED if memory.is_paused else State.IDLE,
        last_session=memory.last_session,
        staff_no=memory.staff_no,
    )
    return Decision(
        at_ms=boot.at_ms, drafts=drafts, stored=begun, failed=replace(begun, owed=drafts)
    )


def due_ms(situation: Situation) -> int | None:
    """When the machine next wants a Tick; None: only when something happens."""
    thanks = situation.thanks
    times = (
        situation.until_ms,
        situation.retry_ms,
        situation.error_until_ms,
        thanks.until_ms if thanks is not None else None,
    )
    return min((time for time in times if time is not None), default=None)


def decide(situation: Situation, event: Event, rules: Rules) -> Decision:
    """What an event asks for. Events must come in the order of their `at_ms`."""
    now = _lights_out(situation, event.at_ms)
    closing: tuple[Draft, ...] = ()
    if now.until_ms is not None and event.at_ms >= now.until_ms:
        closing, now = _move(now, Signal.DEADLINE, Tick(at_ms=now.until_ms), rules)
    if isinstance(event, StorageChanged):
        now = replace(now, may_thank=event.may_thank)
    written, after = _answer(now, event, rules)

    is_retry = situation.retry_ms is not None and event.at_ms >= situation.retry_ms
    if not (closing or written or is_retry):
        return Decision(at_ms=event.at_ms, drafts=(), stored=after, failed=after)

    owed = situation.owed + closing
    lost = situation.lost
    if isinstance(event, Noted) and len(owed) < OWED_MAXIMUM:
        owed += written
    elif written:
        lost += 1
    return Decision(
        at_ms=event.at_ms,
        drafts=situation.owed + closing + fault_drafts(situation, event.at_ms) + written,
        stored=replace(after, owed=(), lost=0, failing_since_ms=None, retry_ms=None),
        failed=replace(now, owed=owed, lost=lost),
        rated=event
        if isinstance(event, Press) and any(draft.kind is Kind.RATED for draft in written)
        else None,
    )


def conclude(decision: Decision, *, is_stored: bool, at_ms: int, rules: Rules) -> Situation:
    """The situation after a decision was tried.

    Args:
        is_stored: whether COMMIT returned for all its drafts.
        at_ms: when that was known.
    """
    if not decision.drafts:
        return decision.stored
    if not is_stored:
        since_ms = decision.failed.failing_since_ms
        return replace(
            decision.failed,
            failing_since_ms=at_ms if since_ms is None else since_ms,
            retry_ms=at_ms + RETRY_MS,
            thanks=None,
        )
    rated = decision.rated
    if rated is None:
        return decision.stored
    until_ms = at_ms + rules.thanks_ms
    stored = replace(decision.stored, last_level=rated.level)
    if not stored.may_thank or at_ms - rated.at_ms > THANKS_WITHIN_MS:
        return replace(stored, error_until_ms=until_ms)
    thanks = Thanks(button=rated.button, level=rated.level, since_ms=at_ms, until_ms=until_ms)
    return replace(stored, thanks=thanks, error_until_ms=None)


def signal_of(situation: Situation, event: Event, rules: Rules) -> Signal | None:
    """The table's name for an event; None: it does not touch sessions."""
    if isinstance(event, CaseOpened | ClerkKey):
        return Signal.INVITE
    if isinstance(event, ClerkLongPress):
        return Signal.LONG_PRESS
    if not isinstance(event, Press):
        return None
    if situation.state is State.IDLE and rules.is_walkup:
        return Signal.WALKUP_PRESS
    session = situation.session
    if situation.state is State.INVITED and session and event.at_ms < session.invited_ms:
        return Signal.EARLY_PRESS
    return Signal.PRESS


def _lights_out(situation: Situation, at_ms: int) -> Situation:
    thanks = situation.thanks
    if thanks is not None and at_ms >= thanks.until_ms:
        situation = replace(situation, thanks=None)
    if situation.error_until_ms is not None and at_ms >= situation.error_until_ms:
        situation = replace(situation, error_until_ms=None)
    return situation


def _answer(now: Situation, event: Event, rules: Rules) -> tuple[tuple[Draft, ...], Situation]:
    """What an event writes and where it leads, once deadlines are past."""
    signal = signal_of(now, event, rules)
    if signal is not None:
        return _move(now, signal, event, rules)
    at_ms = event.at_ms
    if isinstance(event, SignedIn):
        fields = {"staff_no": event.staff_no}
        return (Draft(Kind.SIGNIN, at_ms, fields),), replace(now, staff_no=event.staff_no)
    if isinstance(event, SignedOut) and now.staff_no:
        fields = {"staff_no": now.staff_no}
        return (Draft(Kind.SIGNOUT, at_ms, fields),), replace(now, staff_no="")
    if isinstance(event, HeldAtStart):
        return (ignored_draft(now, event, IgnoredReason.HELD),), now
    if isinstance(event, Noted):
        return (Draft(event.kind, at_ms, event.fields),), now
    return (), now


def _move(
    now: Situation, signal: Signal, event: Event, rules: Rules
) -> tuple[tuple[Draft, ...], Situation]:
    """Follow the table: the drafts of one move and the situation after it."""
    move = TABLE[now.state][signal]
    before = now.session
    session = invited_session(now, event) if Kind.INVITED in move.writes else before
    drafts = []
    for kind in move.writes:
        if kind is Kind.IGNORED and isinstance(event, Press | HeldAtStart):
            drafts.append(ignored_draft(now, event, move.reason))
            continue
        fields: dict[str, Any] = {}
        if kind is Kind.INVITED and session is not None:
            fields = session.fields()
        elif kind is Kind.RATED and session is not None and isinstance(event, Press):
            fields = session.fields() | {"level": event.level, "button": event.button}
        elif kind is Kind.UNRATED and before is not None:
            fields = before.fields() | {"reason": move.reason}
        elif kind in (Kind.PAUSED, Kind.RESUMED):
            fields = {"staff_no": now.staff_no}
        drafts.append(Draft(kind, event.at_ms, fields))
    if move.to is now.state and session is before:
        return tuple(drafts), now
    after = replace(
        now,
        state=move.to,
        session=session if move.to in (State.INVITED, State.ANSWERED) else None,
        last_session=session.number if session is not None else now.last_session,
        until_ms=_until_ms(now, move.to, event.at_ms, rules),
        thanks=None if move.to is State.INVITED else now.thanks,
    )
    return tuple(drafts), after


def _until_ms(now: Situation, to: State, at_ms: int, rules: Rules) -> int | None:
    if to is State.INVITED:
        return at_ms + rules.timeout_ms
    if to is State.ANSWERED:
        return now.until_ms
    if to is State.RESTING:
        return at_ms + rules.walkup_interval_ms
    return None

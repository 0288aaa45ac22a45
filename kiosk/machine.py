"""The kiosk's state machine: what is written down for each event, and what follows. Pure.

It neither stores nor thanks. `decide` says what must be written for an event (drafts) and carries
two futures, one for "it is stored" and one for "it could not be stored"; the caller writes the
drafts in one transaction and hands the result to `conclude`, which gives the next situation. So a
thanks without a stored record cannot be expressed.

The rules:

1. `kiosk.table.TABLE` is the whole truth about sessions. An event is first named by a signal; the
   table says where the machine goes and which kinds are written, in that order, in one transaction.
2. Time comes in with the event. A deadline that lies at or before an event fires before it, so a
   press after the time-out never counts, however late the time-out itself is noticed.
3. Every INVITED is followed by exactly one RATED or UNRATED of the same session number.
4. The first press of a session counts (its edge must lie after the invitation). Every other press
   is written as IGNORED, changes nothing and is not thanked.
5. A pause cannot hide a case: an invitation during a pause ends it (RESUMED, INVITED). So does one
   during the self-test, for which the service is paused.

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

from typing import Final

from msgspec.structs import replace

from firmware_config.contract import Kind, UnratedReason
from kiosk.drafting import fault_drafts
from kiosk.drafts import Draft, Memory
from kiosk.events import (
    Event,
    IdentifyAsked,
    Noted,
    OpeningChanged,
    Press,
    StorageChanged,
    Tick,
)
from kiosk.moves import answer, deadline_of, follow
from kiosk.situation import Decision, Rules, Situation, State, Thanks

THANKS_WITHIN_MS: Final = 1000
"""Longest time from edge to COMMIT that is still answered with thanks. Source: design, step 5."""
RETRY_MS: Final = 1000
"""Wait before owed records are tried again. Our choice: soon for a person, cheap for a card."""
OWED_MAXIMUM: Final = 64
"""Most notes kept in memory while nothing can be stored; later ones are counted as lost."""


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
        situation.identify_until_ms,
        thanks.until_ms if thanks is not None else None,
    )
    return min((time for time in times if time is not None), default=None)


def decide(situation: Situation, event: Event, rules: Rules) -> Decision:
    """What an event asks for. Events must come in the order of their `at_ms`."""
    now = _lights_out(situation, event.at_ms)
    closing: tuple[Draft, ...] = ()
    while now.until_ms is not None and event.at_ms >= now.until_ms:
        drafts, now, _ = follow(now, deadline_of(now, rules), Tick(at_ms=now.until_ms), rules)
        closing += drafts
    written, after, refused = answer(_noticed(now, event), event, rules)

    is_retry = situation.retry_ms is not None and event.at_ms >= situation.retry_ms
    if not (closing or written or is_retry):
        return Decision(at_ms=event.at_ms, drafts=(), stored=after, failed=after, refused=refused)

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
        failed=replace(_noticed(now, event), owed=owed, lost=lost),
        rated=event
        if isinstance(event, Press) and any(draft.kind is Kind.RATED for draft in written)
        else None,
        refused=refused,
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
    thanks = Thanks(
        button=rules.light_of(rated), level=rated.level, since_ms=at_ms, until_ms=until_ms
    )
    return replace(stored, thanks=thanks, error_until_ms=None)


def _lights_out(situation: Situation, at_ms: int) -> Situation:
    thanks = situation.thanks
    if thanks is not None and at_ms >= thanks.until_ms:
        situation = replace(situation, thanks=None)
    if situation.error_until_ms is not None and at_ms >= situation.error_until_ms:
        situation = replace(situation, error_until_ms=None)
    if situation.identify_until_ms is not None and at_ms >= situation.identify_until_ms:
        situation = replace(situation, identify_until_ms=None)
    return situation


def _noticed(now: Situation, event: Event) -> Situation:
    """What an event says about the world, stored or not."""
    if isinstance(event, StorageChanged):
        return replace(now, may_thank=event.may_thank)
    if isinstance(event, OpeningChanged):
        return replace(now, is_open=event.is_open)
    if isinstance(event, IdentifyAsked):
        return replace(now, identify_until_ms=event.at_ms + event.duration_ms)
    return now

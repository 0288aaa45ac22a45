"""One move of the state machine: which signal an event is, what the table then says. Pure.

Called by `kiosk.machine`, which knows about time-outs and about storing.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from firmware_config.contract import IgnoredReason, Kind, Refusal
from kiosk.drafting import ignored_draft, invited_session, move_draft, sign_drafts
from kiosk.drafts import Draft
from kiosk.events import (
    BadgeRead,
    CaseOpened,
    ClerkKey,
    ClerkLongPress,
    ClerkTestPress,
    Event,
    HeldAtStart,
    Noted,
    PauseAsked,
    Press,
    ResumeAsked,
    SelfTestAsked,
    SettingsGiven,
    SignedIn,
    SignedOut,
)
from kiosk.selftest import KEY_MS, is_last, lights_ms, progressed
from kiosk.situation import Rules, SelfTest, Situation, State
from kiosk.table import TABLE, Refuse, Signal


def signal_of(situation: Situation, event: Event, rules: Rules) -> Signal | None:
    """The table's name for an event; None: it does not touch sessions."""
    simple = _SIGNALS.get(type(event))
    if simple is not None or not isinstance(event, Press):
        return simple
    session, test = situation.session, situation.test
    if situation.state is State.TESTING and test and test.asked == event.button:
        return Signal.LAST_KEY if is_last(test, rules.key_names) else Signal.ASKED_KEY
    if situation.state is State.IDLE and rules.is_walkup:
        return Signal.WALKUP_PRESS if situation.is_open else Signal.CLOSED_PRESS
    if situation.state is State.INVITED and session and event.at_ms < session.invited_ms:
        return Signal.EARLY_PRESS
    return Signal.PRESS


_SIGNALS: Final[dict[type[Event], Signal]] = {
    CaseOpened: Signal.INVITE,
    ClerkKey: Signal.INVITE,
    ClerkLongPress: Signal.LONG_PRESS,
    ClerkTestPress: Signal.TEST_PRESS,
    PauseAsked: Signal.PAUSE,
    ResumeAsked: Signal.RESUME,
    SelfTestAsked: Signal.SELF_TEST,
}


def deadline_of(now: Situation, rules: Rules) -> Signal:
    test = now.test
    if now.state is not State.TESTING or test is None or not test.asked:
        return Signal.DEADLINE
    return Signal.LAST_MISSED if is_last(test, rules.key_names) else Signal.MISSED_KEY


def answer(now: Situation, event: Event, rules: Rules) -> tuple[tuple[Draft, ...], Situation, str]:
    """What an event writes, where it leads and why not, once deadlines are past."""
    signal = signal_of(now, event, rules)
    if signal is not None:
        return follow(now, signal, event, rules)
    at_ms = event.at_ms
    if isinstance(event, SignedIn | SignedOut | BadgeRead):
        drafts, staff_no, name = sign_drafts(now, event)
        refused = Refusal.NOT_SIGNED_IN if isinstance(event, SignedOut) and not drafts else ""
        return drafts, replace(now, staff_no=staff_no, staff_name=name), refused
    if isinstance(event, HeldAtStart):
        return (ignored_draft(now, event, IgnoredReason.HELD),), now, ""
    if isinstance(event, SettingsGiven):
        fields = {"version": event.version, "values": dict(event.values)}
        return (Draft(Kind.SETTINGS, at_ms, fields),), now, ""
    if isinstance(event, Noted):
        return (Draft(event.kind, at_ms, event.fields),), now, ""
    return (), now, ""


def follow(
    now: Situation, signal: Signal, event: Event, rules: Rules
) -> tuple[tuple[Draft, ...], Situation, str]:
    """Follow the table: the drafts of one move, the situation after it, why it was refused."""
    move = TABLE[now.state][signal]
    if isinstance(move, Refuse):
        return (), now, move.reason
    session = invited_session(now, event) if Kind.INVITED in move.writes else now.session
    drafts = tuple(move_draft(kind, now, session, event, move.reason) for kind in move.writes)
    test = _test_after(now, signal, event, rules)
    if move.to is now.state and session is now.session and test is now.test:
        return drafts, now, ""
    after = replace(
        now,
        state=move.to,
        session=session if move.to in (State.INVITED, State.ANSWERED) else None,
        last_session=session.number if session is not None else now.last_session,
        until_ms=_until_ms(now, move.to, test, event.at_ms, rules),
        thanks=now.thanks if move.to in _MAY_GO_ON_THANKING else None,
        test=test,
    )
    return drafts, after, ""


_MAY_GO_ON_THANKING: Final = frozenset({State.IDLE, State.ANSWERED, State.RESTING, State.PAUSED})


def _test_after(now: Situation, signal: Signal, event: Event, rules: Rules) -> SelfTest | None:
    test = now.test
    if now.state is not State.TESTING:
        is_begun = signal in (Signal.TEST_PRESS, Signal.SELF_TEST)
        return SelfTest(since_ms=event.at_ms) if is_begun else test
    assert test is not None
    match signal:
        case Signal.DEADLINE:
            return progressed(test, rules.key_names, is_passed=None)
        case Signal.ASKED_KEY | Signal.LAST_KEY:
            return progressed(test, rules.key_names, is_passed=True)
        case Signal.MISSED_KEY | Signal.LAST_MISSED:
            return progressed(test, rules.key_names, is_passed=False)
    return test


def _until_ms(
    now: Situation, to: State, test: SelfTest | None, at_ms: int, rules: Rules
) -> int | None:
    if to is State.INVITED:
        return at_ms + rules.timeout_ms
    if to is State.ANSWERED:
        return now.until_ms
    if to is State.RESTING:
        return at_ms + rules.walkup_interval_ms
    if to is State.TESTING and test is not None:
        return at_ms + (KEY_MS if test.asked else lights_ms(rules.key_names))
    return None

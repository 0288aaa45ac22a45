"""How the state machine words its drafts. Pure."""

from __future__ import annotations

from typing import Any

from firmware_config.contract import IgnoredReason, Kind, Trigger, UnratedReason
from kiosk.drafts import Draft, Session
from kiosk.events import (
    BadgeRead,
    CaseOpened,
    ClerkKey,
    ClerkLongPress,
    Event,
    HeldAtStart,
    PauseAsked,
    Press,
    ResumeAsked,
    SignedIn,
    SignedOut,
)
from kiosk.situation import Situation, State


def invited_session(now: Situation, event: Event) -> Session:
    """The session an invitation opens."""
    number = now.last_session + 1
    if isinstance(event, CaseOpened):
        return Session(
            number=number,
            trigger=Trigger.CASE,
            invited_ms=event.at_ms,
            case_no=event.case_no,
            service_no=event.service_no,
            item=event.item,
            staff_no=event.staff_no or now.staff_no,
        )
    trigger = Trigger.CLERK if isinstance(event, ClerkKey) else Trigger.WALKUP
    return Session(number=number, trigger=trigger, invited_ms=event.at_ms, staff_no=now.staff_no)


def ignored_draft(
    now: Situation, press: Press | HeldAtStart, reason: UnratedReason | IgnoredReason | None
) -> Draft:
    """The record of a press that does not count."""
    fields: dict[str, Any] = {"level": press.level, "button": press.button, "reason": reason}
    if reason is IgnoredReason.ALREADY_RATED and now.session is not None:
        fields["session"] = now.session.number
    return Draft(Kind.IGNORED, press.at_ms, fields | {"staff_no": now.staff_no})


def move_draft(
    kind: Kind,
    now: Situation,
    session: Session | None,
    event: Event,
    reason: UnratedReason | IgnoredReason | None,
) -> Draft:
    """One of the records that a move of the table writes.

    Args:
        now: before the move.
        session: after it; an UNRATED is always that of the session before.
    """
    fields: dict[str, Any] = {}
    if kind is Kind.IGNORED and isinstance(event, Press | HeldAtStart):
        return ignored_draft(now, event, reason)
    if kind is Kind.INVITED and session is not None:
        fields = session.fields()
    elif kind is Kind.RATED and session is not None and isinstance(event, Press):
        fields = session.fields() | {"level": event.level, "button": event.button}
    elif kind is Kind.UNRATED and now.session is not None:
        fields = now.session.fields() | {"reason": reason}
    elif kind in (Kind.PAUSED, Kind.RESUMED):
        fields = {"staff_no": now.staff_no, "via": _pause_via(now, event)}
    elif kind is Kind.TEST and isinstance(event, Press):
        fields = {"level": event.level, "button": event.button}
    elif kind is Kind.FAULT and now.test is not None:
        fields = {"reason": "test-failed", "detail": f"{now.test.asked} was not pressed"}
    return Draft(kind, event.at_ms, fields)


def _pause_via(now: Situation, event: Event) -> str:
    if isinstance(event, PauseAsked | ResumeAsked):
        return "command"
    if isinstance(event, ClerkLongPress | ClerkKey | CaseOpened) or now.state is State.PAUSED:
        return ""
    return "test"


def sign_drafts(
    now: Situation, event: SignedIn | SignedOut | BadgeRead
) -> tuple[tuple[Draft, ...], str, str]:
    """Who signs in or out: the records, then the number and name that are signed in afterwards."""
    if isinstance(event, BadgeRead):
        is_out, via, name = event.staff_no == now.staff_no, "reader", ""
    else:
        is_out, via = isinstance(event, SignedOut), event.via
        name = event.name if isinstance(event, SignedIn) else ""
    staff_no = "" if isinstance(event, SignedOut) or is_out else event.staff_no
    if staff_no == now.staff_no:
        return (), staff_no, name or now.staff_name
    drafts = []
    if now.staff_no:
        fields = {"staff_no": now.staff_no, "via": via}
        drafts.append(Draft(Kind.SIGNOUT, event.at_ms, fields))
    if staff_no:
        fields = {"staff_no": staff_no, "via": via}
        drafts.append(Draft(Kind.SIGNIN, event.at_ms, fields))
    return tuple(drafts), staff_no, name


def fault_drafts(situation: Situation, at_ms: int) -> tuple[Draft, ...]:
    """The record that ends a time in which nothing could be stored."""
    if situation.failing_since_ms is None:
        return ()
    detail = (
        f"nothing could be stored for {at_ms - situation.failing_since_ms} ms; "
        f"lost: {situation.lost}"
    )
    return (Draft(Kind.FAULT, at_ms, {"reason": "storage", "detail": detail}),)

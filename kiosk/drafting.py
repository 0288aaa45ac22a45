"""How the state machine words its drafts. Pure."""

from __future__ import annotations

from typing import Any

from firmware_config.contract import IgnoredReason, Kind, Trigger, UnratedReason
from kiosk.drafts import Draft, Session
from kiosk.events import CaseOpened, ClerkKey, Event, HeldAtStart, Press
from kiosk.situation import Situation


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


def fault_drafts(situation: Situation, at_ms: int) -> tuple[Draft, ...]:
    """The record that ends a time in which nothing could be stored."""
    if situation.failing_since_ms is None:
        return ()
    detail = (
        f"nothing could be stored for {at_ms - situation.failing_since_ms} ms; "
        f"lost: {situation.lost}"
    )
    return (Draft(Kind.FAULT, at_ms, {"reason": "storage", "detail": detail}),)

"""Corrections as pages and programs are told of them, and their words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import lazy_gettext

from collector.corrections.entries import Correction, Kind, Reason, Refusal, State
from collector.corrections.excluded import Scope
from firmware_config.chain import b64url

REASONS: Mapping[Reason, Any] = {
    Reason.CHILD: lazy_gettext("a child pressed"),
    Reason.WRONG_KEY: lazy_gettext("wrong key, said at once by the citizen"),
    Reason.TEST: lazy_gettext("a test or training"),
    Reason.WRONG_CASE: lazy_gettext("counted for the wrong case"),
    Reason.DEVICE_FAULT: lazy_gettext("the device was faulty"),
    Reason.OTHER: lazy_gettext("another reason"),
}
STATES: Mapping[State, Any] = {
    State.OPEN: lazy_gettext("waits for a second person"),
    State.APPROVED: lazy_gettext("approved"),
    State.REJECTED: lazy_gettext("rejected"),
    State.WITHDRAWN: lazy_gettext("withdrawn"),
    State.ENDED: lazy_gettext("counts again"),
}
KINDS: Mapping[Kind, Any] = {
    Kind.EXCLUDE: lazy_gettext("exclude"),
    Kind.RESTORE: lazy_gettext("count again"),
}
SCOPES: Mapping[Scope, Any] = {
    Scope.HALL: lazy_gettext("the whole hall"),
    Scope.DEPARTMENT: lazy_gettext("department"),
    Scope.WINDOW: lazy_gettext("window"),
    Scope.PAIR: lazy_gettext("by two people"),
}
REFUSALS: Mapping[Refusal, Any] = {
    Refusal.TEXT: lazy_gettext(
        "A note is missing, longer than 500 characters, or holds control characters."
    ),
    Refusal.REASON: lazy_gettext("Choose one of the reasons."),
    Refusal.SAME_PERSON: lazy_gettext("Another person than the author must decide."),
    Refusal.NOT_THE_AUTHOR: lazy_gettext("Only its author may withdraw it."),
    Refusal.NOT_A_RATING: lazy_gettext(
        "Only a counted rating can be excluded: not an unrated session, an ignored press or a "
        "repeat."
    ),
    Refusal.TAKEN: lazy_gettext("There is a correction of this rating already."),
    Refusal.DECIDED: lazy_gettext("Somebody has decided on it meanwhile."),
    Refusal.NOT_IN_FORCE: lazy_gettext("This exclusion does not hold any more."),
    Refusal.RIGHTS: lazy_gettext("Your account may propose corrections, but not decide on them."),
}


def reason_text(reason: str) -> str:
    """A reason in words."""
    return str(REASONS[Reason(reason)])


def state_text(one: Correction) -> str:
    """Where a correction stands, in words."""
    return str(STATES[one.state])


def kind_text(kind: Kind) -> str:
    """What a correction asks for, in words."""
    return str(KINDS[kind])


def scope_text(scope: Scope) -> str:
    """For what an alarm is, in words."""
    return str(SCOPES[scope])


def filters() -> dict[str, Callable[..., str]]:
    """What templates may call."""
    return {
        "correction_reason": reason_text,
        "correction_state": state_text,
        "correction_kind": kind_text,
        "alarm_scope": scope_text,
    }


def refusal_text(why: Refusal) -> str:
    """Why an entry was not taken, in the visitor's language."""
    return str(REFUSALS[why])


def correction_json(one: Correction) -> dict[str, Any]:
    """A correction for machines; notes too, for who may see it."""
    proposal, decision, rating = one.proposal, one.decision, one.proposal.rating
    return {
        "id": proposal.id,
        "kind": proposal.kind.value,
        "state": one.state.value,
        "restores": proposal.restores,
        "ended_by": one.ended_by,
        "record": {
            "device": rating.device,
            "epoch": rating.epoch,
            "seq": rating.seq,
            "digest": b64url(rating.digest).decode("ascii"),
        },
        "level": rating.level,
        "window": rating.window,
        "department": rating.department,
        "pressed_ms": rating.pressed_ms,
        "reason": proposal.reason.value,
        "note": proposal.note,
        "evidence": proposal.evidence,
        "author": proposal.author,
        "made_ms": proposal.made_ms,
        "decision": None
        if decision is None
        else {
            "verdict": decision.verdict.value,
            "by": decision.decider,
            "note": decision.note,
            "made_ms": decision.made_ms,
        },
    }

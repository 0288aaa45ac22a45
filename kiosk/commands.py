"""Judging a command, and what it asks of the device. Pure.

The rules, in this order:

1. It is signed by the collector's key and readable; otherwise there is nothing to answer to.
2. It is for this device.
3. It has not expired, was not issued in the future, and lives no longer than the contract allows.
   Times are the collector's: by the newest live receipt and how long ago that was, and by our own
   clock when that is synchronised; the later of both. A device that knows neither refuses.
   A live receipt tells the time only when it is not older than one we have taken before, or our
   synchronised clock agrees with it (`kiosk.receipts`): an old receipt that somebody plays again
   must not make an old command valid again, and a collector whose clock was once ahead must not be
   locked out.
4. It was not answered before: then the same answer is given again and nothing is done twice, nor
   done after it was refused. Ids are kept on disk until a day past the command's end; a refusal
   that cannot be written down is kept in memory.
"""

from __future__ import annotations

from typing import Final

from firmware_config.contract import (
    MAX_COMMAND_LIFE_S,
    AnyCommand,
    Command,
    Identify,
    OpenCase,
    Pause,
    Refusal,
    Resume,
    SelfTest,
    SignInStaff,
    SignOutStaff,
)
from kiosk.events import (
    CaseOpened,
    Event,
    IdentifyAsked,
    PauseAsked,
    ResumeAsked,
    SelfTestAsked,
    SignedIn,
    SignedOut,
)
from kiosk.window import time_ms

AHEAD_MS: Final = 30_000
"""How far in the future a command may be issued: the clocks of two collector hosts, and what we
think of theirs, differ a little. Our choice."""
COMMAND: Final = "command"


def collector_now_ms(*, live_ms: int | None, wall_ms: int | None) -> int | None:
    """The collector's time as far as this device knows it; None: it does not.

    Args:
        live_ms: of the newest live receipt that tells the time, moved on by the time since.
        wall_ms: our own clock; None while it is not synchronised.
    """
    return max((time for time in (live_ms, wall_ms) if time is not None), default=None)


def refusal_of(command: Command, *, device: str, now_ms: int | None) -> str:
    """Why a command is void, by rules 2 and 3; empty: it is not."""
    if command.dev != device:
        return Refusal.WRONG_DEVICE
    if now_ms is None:
        return Refusal.CLOCK_UNKNOWN
    issued_ms, expires_ms = time_ms(command.issued_at), time_ms(command.expires_at)
    if expires_ms <= now_ms:
        return Refusal.EXPIRED
    if issued_ms > now_ms + AHEAD_MS:
        return Refusal.NOT_YET
    if not 0 < expires_ms - issued_ms <= MAX_COMMAND_LIFE_S * 1000:
        return Refusal.TOO_LONG_LIVED
    return ""


def event_of(command: AnyCommand, at_ms: int) -> Event | None:
    """What the machine is to be told; None: the command is not for the machine."""
    match command:
        case OpenCase():
            return CaseOpened(
                at_ms=at_ms,
                command_id=command.id,
                case_no=command.case_no,
                service_no=command.service_no,
                item=command.item,
                staff_no=command.staff_no,
            )
        case SignInStaff():
            return SignedIn(
                at_ms=at_ms,
                command_id=command.id,
                staff_no=command.staff_no,
                name=command.name,
                via=COMMAND,
            )
        case SignOutStaff():
            return SignedOut(at_ms=at_ms, command_id=command.id, via=COMMAND)
        case Pause():
            return PauseAsked(at_ms=at_ms, command_id=command.id)
        case Resume():
            return ResumeAsked(at_ms=at_ms, command_id=command.id)
        case SelfTest():
            return SelfTestAsked(at_ms=at_ms, command_id=command.id)
        case Identify():
            return IdentifyAsked(
                at_ms=at_ms, command_id=command.id, duration_ms=command.duration_s * 1000
            )
    return None

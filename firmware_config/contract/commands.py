"""Commands of the collector to a device, and the device's answers. Pure data.

Both travel as tokens like records: a command signed by the collector's key, its answer by the
device's. A command is for one device, has an id of its own and a time after which it is void, so
what somebody recorded cannot be played again. Times are the collector's: a device without a
synchronised clock judges them by the newest receipt.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from firmware_config.contract.fields import (
    DeviceId,
    LongText,
    Ordinal,
    Seq,
    ShortText,
    WallTime,
)

MAX_COMMAND_BYTES: Final = 7680
"""Largest command a device reads, in bytes. Less than a journal message may hold, so that the
record of the largest settings, some hundred bytes longer than their command, fits into one."""
MAX_COMMAND_LIFE_S: Final = 300
"""Longest time between `issued_at` and `expires_at`. A device must remember ids for so long."""

CommandId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}\Z")]
"""128 random bits, base64url."""


class Refusal(StrEnum):
    """Why a device does not do what a command asks. Readers show unknown words as they are."""

    WRONG_DEVICE = "wrong-device"
    EXPIRED = "expired"
    NOT_YET = "not-yet"
    """Issued in the future."""
    TOO_LONG_LIVED = "too-long-lived"
    CLOCK_UNKNOWN = "clock-unknown"
    SESSION_OPEN = "session-open"
    ALREADY_PAUSED = "already-paused"
    NOT_PAUSED = "not-paused"
    TESTING = "testing"
    NOT_SIGNED_IN = "not-signed-in"
    NOT_IN_JOURNAL = "not-in-journal"
    INVALID_SETTINGS = "invalid-settings"
    OLD_VERSION = "old-version"
    BUSY = "busy"
    """Other settings are just being put into force."""
    STORAGE = "storage"


class Command(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="do"):
    """What every command carries.

    Attributes:
        dev: the device it is for.
        id: its own; the answer names it.
        issued_at: the collector's wall clock, UTC.
        expires_at: from then on it is void.
        v: contract version.
    """

    dev: DeviceId
    id: CommandId
    issued_at: WallTime
    expires_at: WallTime
    v: int


class OpenCase(Command, frozen=True, kw_only=True, omit_defaults=True, tag="open-case"):
    """Invite the rating of a case. `staff_no` empty: whoever is signed in."""

    case_no: Annotated[str, Meta(min_length=1, max_length=64)]
    service_no: Ordinal = 1
    item: ShortText = ""
    staff_no: ShortText = ""


class SignInStaff(Command, frozen=True, kw_only=True, omit_defaults=True, tag="sign-in"):
    """A member of staff signs in; `name` is shown on the screen and stored nowhere."""

    staff_no: Annotated[str, Meta(min_length=1, max_length=64)]
    name: ShortText = ""


class SignOutStaff(Command, frozen=True, kw_only=True, omit_defaults=True, tag="sign-out"):
    """Whoever is signed in signs out."""


class Pause(Command, frozen=True, kw_only=True, omit_defaults=True, tag="pause"):
    """暂停服务. Refused while a session is open."""


class Resume(Command, frozen=True, kw_only=True, omit_defaults=True, tag="resume"):
    """恢复服务."""


class SelfTest(Command, frozen=True, kw_only=True, omit_defaults=True, tag="self-test"):
    """Begin the guided self-test. Refused while a session is open."""


class Identify(Command, frozen=True, kw_only=True, omit_defaults=True, tag="identify"):
    """Blink, so that a person finds the device."""

    duration_s: Annotated[int, Meta(ge=1, le=120)] = 15


class Resend(Command, frozen=True, kw_only=True, omit_defaults=True, tag="resend"):
    """Send every record from this seq on again."""

    from_seq: Seq


class Configure(Command, frozen=True, kw_only=True, omit_defaults=True, tag="settings"):
    """Replace the remote settings by these: `key → text`, as with `--set`. Empty: none.

    `version` only rises; the same version again with the same values is no change.
    """

    version: Seq
    values: Annotated[dict[ShortText, LongText], Meta(max_length=32)]


AnyCommand = (
    OpenCase
    | SignInStaff
    | SignOutStaff
    | Pause
    | Resume
    | SelfTest
    | Identify
    | Resend
    | Configure
)


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a command; signed by the device, sent once for each time it arrived.

    Attributes:
        dev: the device.
        id: the command's.
        outcome: `done`: carried out, and what it had to write is stored. `refused`: nothing
            happened, for `reason`.
        reason: one of `Refusal`; empty when it was done.
        detail: for people.
        v: contract version.
    """

    dev: DeviceId
    id: CommandId
    outcome: Literal["done", "refused"]
    v: int
    reason: ShortText = ""
    detail: LongText = ""

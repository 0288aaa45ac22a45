"""The kinds of journal record: what a device writes down, signs and sends. Pure data."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from firmware_config.contract.fields import (
    BootId,
    Count,
    DeviceId,
    Epoch,
    IgnoredReason,
    Kind,
    LevelNumber,
    LocalDate,
    LongText,
    Millis,
    Ordinal,
    PrevDigest,
    Seq,
    ShortText,
    StepMillis,
    Trigger,
    UnratedReason,
    WallTime,
    WallTimeOrNone,
)


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind"):
    """What every journal record carries.

    Attributes:
        dev: device id.
        epoch: id of the journal file the record was written to.
        seq: 1, 2, 3 … without gaps inside an epoch.
        prev: SHA-256 of the previous token, base64url; empty for seq 1.
        boot: kernel boot id.
        mono_ms: CLOCK_BOOTTIME at the press or event, milliseconds.
        wall: wall clock then, UTC; may be wrong while `synced` is false.
        synced: whether the device's clock was synchronised.
        v: contract version.
    """

    dev: DeviceId
    epoch: Epoch
    seq: Seq
    prev: PrevDigest
    boot: BootId
    mono_ms: Millis
    wall: WallTime
    synced: bool
    v: int


class Boot(Record, frozen=True, kw_only=True, omit_defaults=True, tag="BOOT"):
    """The device program started. `pins` names its pin profile."""

    version: ShortText
    pins: ShortText = ""


class _Session(Record, frozen=True, kw_only=True, omit_defaults=True):
    """What records of one session share.

    `session` counts 1, 2, 3 … within the epoch; `invited_mono_ms` is when it opened.
    """

    session: Seq
    trigger: Trigger
    invited_mono_ms: Millis
    case_no: ShortText = ""
    service_no: Ordinal = 1
    item: ShortText = ""
    staff_no: ShortText = ""


class Invited(_Session, frozen=True, kw_only=True, omit_defaults=True, tag="INVITED"):
    """A session opened."""


class Rated(_Session, frozen=True, kw_only=True, omit_defaults=True, tag="RATED"):
    """The session's first press: the rating. `button` is the key's name in the pin profile."""

    level: LevelNumber
    button: ShortText


class Unrated(_Session, frozen=True, kw_only=True, omit_defaults=True, tag="UNRATED"):
    """The session closed without a rating."""

    reason: UnratedReason


class Ignored(Record, frozen=True, kw_only=True, omit_defaults=True, tag="IGNORED"):
    """A press that was kept but not counted and not thanked. `session` 0: outside any session."""

    level: LevelNumber
    button: ShortText
    reason: IgnoredReason
    session: Count = 0
    staff_no: ShortText = ""


class Paused(Record, frozen=True, kw_only=True, omit_defaults=True, tag="PAUSED"):
    """The service was paused (暂停服务). `via`: empty for the clerk's key, else `command`."""

    staff_no: ShortText = ""
    via: ShortText = ""


class Resumed(Record, frozen=True, kw_only=True, omit_defaults=True, tag="RESUMED"):
    """The service was resumed. `via`: empty for the clerk's key or an invitation, else `command`
    or `test` (a self-test ended)."""

    staff_no: ShortText = ""
    via: ShortText = ""


class SignIn(Record, frozen=True, kw_only=True, omit_defaults=True, tag="SIGNIN"):
    """A member of staff signed in. `via`: `command`, `reader`, or empty."""

    staff_no: ShortText
    via: ShortText = ""


class SignOut(Record, frozen=True, kw_only=True, omit_defaults=True, tag="SIGNOUT"):
    """The member of staff signed out. `via` as in `SignIn`."""

    staff_no: ShortText
    via: ShortText = ""


class Test(Record, frozen=True, kw_only=True, omit_defaults=True, tag="TEST"):
    """A button was tested: the self-test asked for it, and it was pressed."""

    level: LevelNumber
    button: ShortText


class Clock(Record, frozen=True, kw_only=True, omit_defaults=True, tag="CLOCK"):
    """The wall clock was synchronised for the first time in this boot, or stepped; or it was
    compared with the collector's.

    Attributes:
        step_ms: by how much the wall clock moved; compared: how much the collector's is ahead.
        server_time: of a live receipt that came at this record's `mono_ms`, on a device whose clock
            is not synchronised; empty: the clock itself moved. The collector was there: this boot
            cannot have begun before `server_time` minus `mono_ms`.
    """

    step_ms: StepMillis
    server_time: WallTimeOrNone = ""


class Fault(Record, frozen=True, kw_only=True, omit_defaults=True, tag="FAULT"):
    """Something is wrong with the device. `reason` is a stable word, `detail` for people."""

    reason: ShortText
    detail: LongText = ""


class SettingsChange(Record, frozen=True, kw_only=True, omit_defaults=True, tag="SETTINGS"):
    """The collector's remote settings came into force: all of them, as `key → text`."""

    version: Seq
    values: Annotated[dict[ShortText, LongText], Meta(max_length=32)]


class DayClose(Record, frozen=True, kw_only=True, omit_defaults=True, tag="DAYCLOSE"):
    """Counts of one local day by kind (`INVITED`, …) and level (`RATED.5`, …), zeros included."""

    on: LocalDate
    counts: Annotated[dict[ShortText, Count], Meta(max_length=64)]


AnyRecord = (
    Boot
    | Invited
    | Rated
    | Unrated
    | Ignored
    | Paused
    | Resumed
    | SignIn
    | SignOut
    | Test
    | Clock
    | Fault
    | SettingsChange
    | DayClose
)

RECORD_TYPES: Final[dict[Kind, type[Record]]] = {
    Kind.BOOT: Boot,
    Kind.INVITED: Invited,
    Kind.RATED: Rated,
    Kind.UNRATED: Unrated,
    Kind.IGNORED: Ignored,
    Kind.PAUSED: Paused,
    Kind.RESUMED: Resumed,
    Kind.SIGNIN: SignIn,
    Kind.SIGNOUT: SignOut,
    Kind.TEST: Test,
    Kind.CLOCK: Clock,
    Kind.FAULT: Fault,
    Kind.SETTINGS: SettingsChange,
    Kind.DAYCLOSE: DayClose,
}

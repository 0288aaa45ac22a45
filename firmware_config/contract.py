"""The wire contract, version 1: records, receipts, status and health, and their topics.

Everything that leaves a device or the collector over MQTT is declared here once and checked on
sending and on receiving. Pure: no I/O, no clock. Readers ignore fields they do not know; a change
that an old reader would misread raises `CONTRACT_VERSION`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from firmware_config.errors import ContractError

CONTRACT_VERSION: Final = 1
MAX_MESSAGE_BYTES: Final = 8192
"""Largest journal message a device sends and the collector reads, in bytes."""
MAX_MESSAGE_RECORDS: Final = 20
MAX_IN_FLIGHT_RECORDS: Final = 32

DeviceId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}\Z")]
"""Also the MQTT user name, client id and certificate common name."""
Epoch = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}\Z")]
"""128 random bits, base64url, made with the journal file."""
Digest = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]
"""SHA-256, base64url without padding."""
PrevDigest = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-]{43})?\Z")]
BootId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
"""The kernel's boot id without its dashes."""
WallTime = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}\.[0-9]{3}Z\Z"
    ),
]
"""UTC, RFC 3339 with exactly three decimals and `Z`."""
LocalDate = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Seq = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Millis = Annotated[int, Meta(ge=0, le=2**53 - 1)]
LevelNumber = Annotated[int, Meta(ge=1, le=5)]
ShortText = Annotated[str, Meta(max_length=64)]
LongText = Annotated[str, Meta(max_length=500)]
Ordinal = Annotated[int, Meta(ge=1, le=999)]
Count = Annotated[int, Meta(ge=0)]


class Kind(StrEnum):
    """Kinds of journal record; the value is the wire text."""

    BOOT = "BOOT"
    INVITED = "INVITED"
    RATED = "RATED"
    UNRATED = "UNRATED"
    IGNORED = "IGNORED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"
    SIGNIN = "SIGNIN"
    SIGNOUT = "SIGNOUT"
    TEST = "TEST"
    CLOCK = "CLOCK"
    FAULT = "FAULT"
    DAYCLOSE = "DAYCLOSE"


class Trigger(StrEnum):
    """What opened a session."""

    CLERK = "clerk"
    CASE = "case"
    WALKUP = "walkup"


class UnratedReason(StrEnum):
    """Why a session closed without a rating."""

    TIMEOUT = "timeout"
    SUPERSEDED = "superseded"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"
    """The device restarted while the session was open."""


class IgnoredReason(StrEnum):
    """Why a press was kept but not counted."""

    NO_SESSION = "no-session"
    ALREADY_RATED = "already-rated"
    PAUSED = "paused"
    TOO_SOON = "too-soon"
    HELD = "held"


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
    """The clerk paused the service (暂停服务)."""

    staff_no: ShortText = ""


class Resumed(Record, frozen=True, kw_only=True, omit_defaults=True, tag="RESUMED"):
    """The clerk resumed the service."""

    staff_no: ShortText = ""


class SignIn(Record, frozen=True, kw_only=True, omit_defaults=True, tag="SIGNIN"):
    """A member of staff signed in at the window."""

    staff_no: ShortText


class SignOut(Record, frozen=True, kw_only=True, omit_defaults=True, tag="SIGNOUT"):
    """The member of staff signed out."""

    staff_no: ShortText


class Test(Record, frozen=True, kw_only=True, omit_defaults=True, tag="TEST"):
    """A button was tested."""

    level: LevelNumber
    button: ShortText


class Clock(Record, frozen=True, kw_only=True, omit_defaults=True, tag="CLOCK"):
    """The wall clock was synchronised for the first time in this boot, or stepped."""

    step_ms: int


class Fault(Record, frozen=True, kw_only=True, omit_defaults=True, tag="FAULT"):
    """Something is wrong with the device. `reason` is a stable word, `detail` for people."""

    reason: ShortText
    detail: LongText = ""


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
    Kind.DAYCLOSE: DayClose,
}


class Receipt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The collector's statement of what it holds of one device's journal.

    Attributes:
        dev: the device this receipt is for.
        gen: id of the collector's database; new for a new or restored one.
        epoch: the journal this speaks of.
        stored: every seq up to this one is in the ledger (the contiguous watermark; 0 = none).
        stored_hash: SHA-256 of the token at `stored`; empty when `stored` is 0.
        extra: ranges `[from, to]` (both included) above `stored` that are in the ledger too.
        archived: every seq up to this one is also in a verified backup.
        server_time: the collector's wall clock when it wrote this, UTC.
        ledger_size: rows in the whole ledger.
        ledger_root: RFC 9162 Merkle root over those rows, base64url.
        v: contract version.
    """

    dev: DeviceId
    gen: ShortText
    epoch: Epoch
    stored: Count
    stored_hash: PrevDigest
    archived: Count
    server_time: WallTime
    ledger_size: Count
    ledger_root: PrevDigest
    v: int
    extra: Annotated[list[tuple[Seq, Seq]], Meta(max_length=64)] = []


class Status(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Birth (HELLO), stop and will of a device, retained on one topic.

    Attributes:
        state: `online` at every connect, `offline` before a clean disconnect and as will.
        epoch: the journal in use; empty in the will of a device that has none yet.
        head: its highest seq.
        kid: RFC 7638 thumbprint of the device key.
        version: program version.
        v: contract version.
    """

    dev: DeviceId
    state: Literal["online", "offline"]
    v: int
    epoch: str = ""
    head: Count = 0
    kid: str = ""
    version: ShortText = ""


class Health(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a device is, every 30 s. Values that could not be read are None."""

    dev: DeviceId
    v: int
    uptime_s: Count
    head: Count
    stored: Count
    archived: Count
    receipt_age_s: Annotated[float, Meta(ge=0)] | None = None
    synced: bool = False
    disk_free_bytes: Count | None = None
    presses: dict[ShortText, Count] = {}
    state: ShortText = ""


class Channel(StrEnum):
    """Last part of a topic `yiping/<hall>/<device>/<channel>`."""

    JOURNAL = "journal"
    RECEIPT = "receipt"
    COMMAND = "command"
    STATUS = "status"
    HEALTH = "health"


TOPIC_ROOT: Final = "yiping"


def topic(hall: str, device: str, channel: Channel) -> str:
    """The topic of one device's channel, e.g. `yiping/hall-1/w-a01/journal`."""
    return f"{TOPIC_ROOT}/{hall}/{device}/{channel.value}"


def topic_filter(hall: str, channel: Channel) -> str:
    """The filter with which the collector subscribes to one channel of all devices of a hall."""
    return f"{TOPIC_ROOT}/{hall}/+/{channel.value}"


def parse_topic(name: str) -> tuple[str, str, Channel]:
    """Split a topic into hall, device and channel.

    Raises:
        ContractError: reason `topic` when it does not have our four parts.
    """
    parts = name.split("/")
    if len(parts) != 4 or parts[0] != TOPIC_ROOT or not parts[1] or not parts[2]:
        raise ContractError("topic", f"expected {TOPIC_ROOT}/<hall>/<device>/<channel>, got {name}")
    try:
        return parts[1], parts[2], Channel(parts[3])
    except ValueError:
        raise ContractError("topic", f"unknown channel {parts[3]!r} in {name}") from None


_encoder = msgspec.json.Encoder()
_records = msgspec.json.Decoder(AnyRecord)
_receipts = msgspec.json.Decoder(Receipt)
_statuses = msgspec.json.Decoder(Status)
_healths = msgspec.json.Decoder(Health)


def encode(message: Struct) -> bytes:
    """JSON bytes of a record, receipt, status or health (UTF-8, no white space)."""
    return _encoder.encode(message)


def _decode(decoder: msgspec.json.Decoder[Any], payload: bytes) -> Any:
    try:
        message = decoder.decode(payload)
    except msgspec.ValidationError as error:
        raise ContractError(_version_or(payload, "schema"), str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ContractError("malformed", f"not JSON: {error}") from None
    if message.v != CONTRACT_VERSION:
        raise ContractError("version", f"expected {CONTRACT_VERSION}, got {message.v}")
    return message


def _version_or(payload: bytes, otherwise: str) -> str:
    """`version` when the payload says another contract version, else `otherwise`."""
    try:
        loose = msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return otherwise
    known = not isinstance(loose, dict) or loose.get("v", CONTRACT_VERSION) == CONTRACT_VERSION
    return otherwise if known else "version"


def decode_record(payload: bytes) -> AnyRecord:
    """Decode and check one record's payload.

    Raises:
        ContractError: reason `malformed` (not JSON), `schema` or `version`.
    """
    return _decode(_records, payload)  # type: ignore[no-any-return]


def decode_receipt(payload: bytes) -> Receipt:
    """Decode and check a receipt's payload. Raises ContractError as `decode_record` does."""
    return _decode(_receipts, payload)  # type: ignore[no-any-return]


def decode_status(payload: bytes) -> Status:
    """Decode and check a status message. Raises ContractError as `decode_record` does."""
    return _decode(_statuses, payload)  # type: ignore[no-any-return]


def decode_health(payload: bytes) -> Health:
    """Decode and check a health message. Raises ContractError as `decode_record` does."""
    return _decode(_healths, payload)  # type: ignore[no-any-return]

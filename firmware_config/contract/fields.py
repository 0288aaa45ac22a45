"""The values that wire messages are made of: their limits and their words. Pure data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

CONTRACT_VERSION: Final = 1
MAX_MESSAGE_BYTES: Final = 8192
"""Largest journal message a device sends and the collector reads, in bytes."""
MAX_MESSAGE_RECORDS: Final = 20
MAX_IN_FLIGHT_RECORDS: Final = 128
"""Most records a device has sent and holds no receipt for. With a receipt a second it is also the
most records a second: 135 devices send 400 days of 100 records again in 10 minutes only with 67 or
more. Source: bench/resync.py; with 32 the collector waited for the devices."""
MAX_INTEGER: Final = 2**53 - 1
"""Largest whole number on the wire; no number is without a limit, so that whoever reads one can
add to it, store it and say it again. Source: RFC 8259 section 6, what every JSON reader keeps
exactly."""

CHECKPOINT_FAULT: Final = "checkpoint"
"""Reason of the FAULT, and of the alarm in health, of a device that refuses what the collector said
of its ledger."""

DeviceId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}\Z")]
"""Also the MQTT user name, client id and certificate common name."""
Epoch = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}\Z")]
"""128 random bits, base64url, made with the journal file."""
Digest = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{43}\Z")]
"""SHA-256, base64url without padding."""
PrevDigest = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-]{43})?\Z")]
BootId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
"""The kernel's boot id without its dashes."""
_WALL = (
    r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3])(:[0-5][0-9]){2}\.[0-9]{3}Z"
)
WallTime = Annotated[str, Meta(pattern=rf"^{_WALL}\Z")]
"""UTC, RFC 3339 with exactly three decimals and `Z`."""
WallTimeOrNone = Annotated[str, Meta(pattern=rf"^({_WALL})?\Z")]
"""`WallTime`, or empty."""
LocalDate = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Seq = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Millis = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
StepMillis = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
LevelNumber = Annotated[int, Meta(ge=1, le=5)]
ShortText = Annotated[str, Meta(max_length=64)]
LongText = Annotated[str, Meta(max_length=500)]
Ordinal = Annotated[int, Meta(ge=1, le=999)]
Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Seconds = Annotated[float, Meta(ge=0, le=MAX_INTEGER)]


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
    SETTINGS = "SETTINGS"
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
    CLOSED = "closed"
    """In walk-up mode, outside the opening hours."""
    TESTING = "testing"
    """During the self-test, and not the key that was asked for."""

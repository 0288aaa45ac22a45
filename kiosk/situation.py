"""What the state machine knows and decides: its data, without its rules. Pure data.

`Situation` is a msgspec Struct because it is copied several times for each press, and the copy of
a dataclass of its size takes ten times as long (measured: 7 µs against 0.5 µs).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct

from kiosk.drafts import Draft, Session
from kiosk.events import Press


class State(StrEnum):
    """Where a kiosk is."""

    IDLE = "idle"
    INVITED = "invited"
    """A session is open and waits for its press."""
    ANSWERED = "answered"
    """It was rated; until its time-out would have come, presses belong to it."""
    RESTING = "resting"
    """After a walk-up rating, until the next one may count."""
    PAUSED = "paused"
    TESTING = "testing"
    """The guided self-test: each key is asked for in turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a hall may choose. Durations in milliseconds.

    Attributes:
        keys: name and level of each rating key, in the panel's order.
    """

    is_walkup: bool = False
    timeout_ms: int = 20_000
    walkup_interval_ms: int = 5_000
    thanks_ms: int = 2_000
    keys: tuple[tuple[str, int], ...] = ()

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the rating keys, in the panel's order."""
        return tuple(name for name, _ in self.keys)

    def light_of(self, press: Press) -> str:
        """Which light thanks for a press: beside its key, or the level's for a touch screen."""
        named = (name for name, level in self.keys if level == press.level)
        return press.button if press.button in self.key_names else next(named, press.button)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thanks:
    """The citizen is being thanked; `button` is the key whose light is on."""

    button: str
    level: int
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """How far the self-test is.

    Attributes:
        asked: the key to press now; empty while the lights are shown first.
        passed: keys that were pressed when asked for, in order.
        missed: keys that were not.
        since_ms: when it began.
    """

    since_ms: int
    asked: str = ""
    passed: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


class Situation(Struct, frozen=True, kw_only=True):
    """Everything the machine knows.

    Attributes:
        session: the one that is open or was just answered.
        last_session: highest session number used.
        until_ms: when INVITED, ANSWERED, RESTING or the present step of TESTING ends.
        test: the self-test, in TESTING; afterwards the result of the last one.
        is_open: the hall's opening hours.
        identify_until_ms: until when the device blinks to be found.
        staff_no: who is signed in; `staff_name`: what the screen calls them, if it was told.
        may_thank: whether what is stored now may be promised to be kept.
        thanks: whom we are thanking.
        last_level: level of the last stored rating.
        error_until_ms: until when the error light answers a press that was not thanked.
        owed: records that must be written before anything else.
        lost: events that could not be stored since `failing_since_ms`.
        failing_since_ms: since when nothing could be stored; None: storage works.
        retry_ms: when what is owed is tried again.
    """

    state: State = State.IDLE
    session: Session | None = None
    last_session: int = 0
    until_ms: int | None = None
    test: SelfTest | None = None
    is_open: bool = True
    identify_until_ms: int | None = None
    staff_no: str = ""
    staff_name: str = ""
    may_thank: bool = True
    thanks: Thanks | None = None
    last_level: int | None = None
    error_until_ms: int | None = None
    owed: tuple[Draft, ...] = ()
    lost: int = 0
    failing_since_ms: int | None = None
    retry_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to write, all of it in one transaction, and the two futures. See `conclude`.

    Attributes:
        rated: the press that is thanked once it is stored.
        refused: why a command means nothing now; empty: it is carried out.
    """

    at_ms: int
    drafts: tuple[Draft, ...]
    stored: Situation
    failed: Situation
    rated: Press | None = None
    refused: str = ""

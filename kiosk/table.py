"""The state machine as a table: state → signal → where it goes and what is written. Pure data.

TABLE is the whole truth about sessions, pauses and the self-test; `kiosk.machine` follows it, and
the diagram in `docs/kiosk.md` is made from it. A signal that a state does not list cannot come
there. `Refuse` is the answer to a command that has no meaning in that state.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from firmware_config.contract import IgnoredReason, Kind, Refusal, UnratedReason
from kiosk.situation import State


class Signal(StrEnum):
    """What an event means to the table."""

    INVITE = "invite"
    PRESS = "press"
    EARLY_PRESS = "early press"
    """Its edge came before the invitation that is open now."""
    WALKUP_PRESS = "walk-up press"
    CLOSED_PRESS = "walk-up press, hall closed"
    LONG_PRESS = "clerk's long press"
    TEST_PRESS = "clerk's 10 s press"
    DEADLINE = "deadline"
    ASKED_KEY = "asked key"
    """Self-test: the key that was asked for; another one follows."""
    LAST_KEY = "asked key, the last"
    MISSED_KEY = "asked key missed"
    """Self-test: it was not pressed in time; another one follows."""
    LAST_MISSED = "asked key missed, the last"
    PAUSE = "command pause"
    RESUME = "command resume"
    SELF_TEST = "command self-test"


@dataclass(frozen=True, slots=True)
class Move:
    """Go to `to`, write `writes`. `reason` is that of the UNRATED or IGNORED among them."""

    to: State
    writes: tuple[Kind, ...] = ()
    reason: UnratedReason | IgnoredReason | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Do nothing and answer the command with `reason`."""

    reason: Refusal


_PAUSE = Move(State.PAUSED, (Kind.PAUSED,))
_INVITE = Move(State.INVITED, (Kind.INVITED,))
_TEST = Move(State.TESTING, (Kind.PAUSED,))
_SESSION_OPEN = Refuse(Refusal.SESSION_OPEN)
_NOT_PAUSED = Refuse(Refusal.NOT_PAUSED)
_IN_SERVICE: Final[dict[Signal, Move | Refuse]] = {
    Signal.INVITE: _INVITE,
    Signal.LONG_PRESS: _PAUSE,
    Signal.TEST_PRESS: _TEST,
    Signal.PAUSE: _PAUSE,
    Signal.RESUME: _NOT_PAUSED,
    Signal.SELF_TEST: _TEST,
}

TABLE: Final[dict[State, dict[Signal, Move | Refuse]]] = {
    State.IDLE: {
        **_IN_SERVICE,
        Signal.PRESS: Move(State.IDLE, (Kind.IGNORED,), IgnoredReason.NO_SESSION),
        Signal.WALKUP_PRESS: Move(State.RESTING, (Kind.INVITED, Kind.RATED)),
        Signal.CLOSED_PRESS: Move(State.IDLE, (Kind.IGNORED,), IgnoredReason.CLOSED),
    },
    State.INVITED: {
        Signal.INVITE: Move(State.INVITED, (Kind.UNRATED, Kind.INVITED), UnratedReason.SUPERSEDED),
        Signal.PRESS: Move(State.ANSWERED, (Kind.RATED,)),
        Signal.EARLY_PRESS: Move(State.INVITED, (Kind.IGNORED,), IgnoredReason.NO_SESSION),
        Signal.LONG_PRESS: Move(State.PAUSED, (Kind.UNRATED, Kind.PAUSED), UnratedReason.PAUSED),
        Signal.TEST_PRESS: Move(State.TESTING, (Kind.UNRATED, Kind.PAUSED), UnratedReason.PAUSED),
        Signal.DEADLINE: Move(State.IDLE, (Kind.UNRATED,), UnratedReason.TIMEOUT),
        Signal.PAUSE: _SESSION_OPEN,
        Signal.RESUME: _NOT_PAUSED,
        Signal.SELF_TEST: _SESSION_OPEN,
    },
    State.ANSWERED: {
        **_IN_SERVICE,
        Signal.PRESS: Move(State.ANSWERED, (Kind.IGNORED,), IgnoredReason.ALREADY_RATED),
        Signal.DEADLINE: Move(State.IDLE),
    },
    State.RESTING: {
        **_IN_SERVICE,
        Signal.PRESS: Move(State.RESTING, (Kind.IGNORED,), IgnoredReason.TOO_SOON),
        Signal.DEADLINE: Move(State.IDLE),
    },
    State.PAUSED: {
        Signal.INVITE: Move(State.INVITED, (Kind.RESUMED, Kind.INVITED)),
        Signal.PRESS: Move(State.PAUSED, (Kind.IGNORED,), IgnoredReason.PAUSED),
        Signal.LONG_PRESS: Move(State.IDLE, (Kind.RESUMED,)),
        Signal.TEST_PRESS: Move(State.TESTING),
        Signal.PAUSE: Refuse(Refusal.ALREADY_PAUSED),
        Signal.RESUME: Move(State.IDLE, (Kind.RESUMED,)),
        Signal.SELF_TEST: Move(State.TESTING),
    },
    State.TESTING: {
        Signal.INVITE: Move(State.INVITED, (Kind.RESUMED, Kind.INVITED)),
        Signal.PRESS: Move(State.TESTING, (Kind.IGNORED,), IgnoredReason.TESTING),
        Signal.LONG_PRESS: Move(State.IDLE, (Kind.RESUMED,)),
        Signal.TEST_PRESS: Move(State.TESTING),
        Signal.DEADLINE: Move(State.TESTING),
        Signal.ASKED_KEY: Move(State.TESTING, (Kind.TEST,)),
        Signal.LAST_KEY: Move(State.IDLE, (Kind.TEST, Kind.RESUMED)),
        Signal.MISSED_KEY: Move(State.TESTING, (Kind.FAULT,)),
        Signal.LAST_MISSED: Move(State.IDLE, (Kind.FAULT, Kind.RESUMED)),
        Signal.PAUSE: Refuse(Refusal.TESTING),
        Signal.RESUME: Move(State.IDLE, (Kind.RESUMED,)),
        Signal.SELF_TEST: Refuse(Refusal.TESTING),
    },
}

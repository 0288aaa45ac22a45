"""How a kiosk stands at one moment, for whoever only looks on."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.device import Device
from kiosk.situation import Situation, State
from kiosk.written import Written


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a page shows of a kiosk.

    Attributes:
        session: number of the latest session; 0: none in this journal.
        lit: names of the outputs that are on: button names, `status`, `error`, `buzzer`.
        head: highest seq in the journal.
        stored: highest seq the collector is known to hold.
        last_level: level of the last stored rating; None: none since the start.
        newest: the last few records since the start, in order of seq.
    """

    device: str
    state: State
    is_session_open: bool
    session: int
    lit: frozenset[str]
    head: int
    stored: int
    is_connected: bool
    last_level: int | None
    newest: tuple[Written, ...]


def snapshot_of(name: str, device: Device | None, lit: frozenset[str]) -> Snapshot:
    """How a device stands; None: not started, nothing is known. Thread-safe."""
    situation = device.situation if device is not None else Situation()
    return Snapshot(
        device=name,
        state=situation.state,
        is_session_open=situation.state is State.INVITED,
        session=situation.last_session,
        lit=lit,
        head=device.journal.head if device is not None else 0,
        stored=device.journal.watermarks.stored if device is not None else 0,
        is_connected=device is not None and device.is_connected,
        last_level=situation.last_level,
        newest=device.newest if device is not None else (),
    )

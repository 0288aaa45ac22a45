"""Whether a device needs a hand, why, and how soon. Pure; the words are the pages'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from collector.devices.limits import Grade, Reading, Value
from collector.devices.state import DeviceState
from firmware_config.contract import Health


class Reason(StrEnum):
    """Why a device needs a hand; those a person must act on first, the gravest at the top."""

    NO_THANKS = "no-thanks"
    CONFLICT = "conflict"
    OFFLINE = "offline"
    NEVER = "never"
    NO_KEY = "no-key"
    STUCK = "stuck"
    ONE_SIDED = "one-sided"
    IDLE = "idle"
    ALARM = "alarm"
    POWER = "power"
    HOT = "hot"
    THREADS = "threads"
    RECEIPT = "receipt"
    # what can wait until somebody comes by
    LATE = "late"
    DISK = "disk"
    BACKLOG = "backlog"
    GAP = "gap"
    CLOCK = "clock"
    POWER_BEFORE = "power-before"
    EDGES = "edges"
    QUARANTINE = "quarantine"
    UNPROVEN = "unproven"


_CAN_WAIT = frozenset(list(Reason)[list(Reason).index(Reason.LATE) :])


@dataclass(frozen=True, slots=True)
class Need:
    """One reason, with what its sentence names: keys, alarms, numbers."""

    reason: Reason
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def is_urgent(self) -> bool:
        """Whether somebody should go there now."""
        return self.reason not in _CAN_WAIT

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(Reason).index(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is judged.

    Attributes:
        state: see there.
        heard_ms: when it was last heard, UTC milliseconds; None for never.
        has_window: whether it stands at a window; a spare in the store needs no hand.
        has_key: whether a public key is registered.
        health: its last one; None for none.
        readings: of that.
        is_idle: silent though the hall is open and others work.
        one_sided: levels that are missing.
        unproven: levels of keys that nothing shows to work.
        conflicts: records of it that came twice with another content.
        quarantined: messages of the last days that could not become records.
        missing: records before its newest stored one that the ledger does not hold.
    """

    state: DeviceState
    heard_ms: int | None
    has_window: bool
    has_key: bool
    health: Health | None
    readings: Sequence[Reading]
    is_idle: bool
    one_sided: tuple[int, ...]
    unproven: tuple[int, ...]
    conflicts: int
    quarantined: int
    missing: int


def needs_of(known: Known) -> list[Need]:
    """Everything that calls for a hand, the gravest first; empty for a device that is well."""
    found: list[Need] = []
    if known.conflicts:
        found.append(Need(Reason.CONFLICT, {"number": known.conflicts}))
    if known.quarantined:
        found.append(Need(Reason.QUARANTINE, {"number": known.quarantined}))
    if known.has_window:
        found += _of_place(known)
    if known.state in (DeviceState.ONLINE, DeviceState.LATE) and known.health is not None:
        found += _of_health(known.health, known.readings)
    return sorted(found, key=lambda need: need.rank)


def _of_place(known: Known) -> list[Need]:
    """What matters at a window only."""
    found: list[Need] = []
    if not known.has_key:
        found.append(Need(Reason.NO_KEY))
    if known.state is DeviceState.NEVER:
        return [*found, Need(Reason.NEVER)]
    if known.state is DeviceState.OFFLINE:
        found.append(Need(Reason.OFFLINE, {"heard_ms": known.heard_ms}))
    if known.state is DeviceState.LATE:
        found.append(Need(Reason.LATE, {"heard_ms": known.heard_ms}))
    if known.is_idle and known.state is DeviceState.ONLINE:
        found.append(Need(Reason.IDLE))
    if known.one_sided:
        found.append(Need(Reason.ONE_SIDED, {"levels": known.one_sided}))
    rest = tuple(level for level in known.unproven if level not in known.one_sided)
    if rest:
        found.append(Need(Reason.UNPROVEN, {"levels": rest}))
    if known.missing:
        found.append(Need(Reason.GAP, {"number": known.missing}))
    return found


def _of_health(health: Health, readings: Sequence[Reading]) -> list[Need]:
    by_value = {reading.value: reading for reading in readings}

    def grade(value: Value) -> Grade:
        return by_value[value].grade if value in by_value else Grade.UNKNOWN

    def number(value: Value) -> dict[str, Any]:
        return {"number": by_value[value].number}

    def words(value: Value) -> dict[str, Any]:
        return {"words": by_value[value].words}

    # those with a line of their own are not told twice
    alarms = tuple(a for a in health.alarms if a != "stuck-button" and not a.startswith("disk-"))
    told: tuple[tuple[bool, Reason, dict[str, Any]], ...] = (
        (not health.may_thank, Reason.NO_THANKS, {}),
        (bool(health.stuck), Reason.STUCK, words(Value.STUCK)),
        (bool(alarms), Reason.ALARM, {"words": alarms}),
        (grade(Value.POWER) is Grade.BAD, Reason.POWER, words(Value.POWER)),
        (grade(Value.TEMPERATURE) is Grade.BAD, Reason.HOT, number(Value.TEMPERATURE)),
        (grade(Value.THREADS) is Grade.BAD, Reason.THREADS, words(Value.THREADS)),
        (grade(Value.RECEIPT) is Grade.BAD, Reason.RECEIPT, number(Value.RECEIPT)),
        (health.disk == "low", Reason.DISK, number(Value.DISK)),
        (grade(Value.BACKLOG) is Grade.BAD, Reason.BACKLOG, number(Value.BACKLOG)),
        (grade(Value.CLOCK) is Grade.WATCH, Reason.CLOCK, {}),
        (grade(Value.POWER) is Grade.WATCH, Reason.POWER_BEFORE, words(Value.POWER)),
        (grade(Value.EDGES) is Grade.WATCH, Reason.EDGES, words(Value.EDGES)),
    )
    return [Need(reason, facts) for is_so, reason, facts in told if is_so]

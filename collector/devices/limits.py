"""The health values of a device beside their limits. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from firmware_config.contract import Health

HOT_C: Final = 80.0
"""From here on the processor is slowed down. Source: Raspberry Pi documentation, "Frequency
management and thermal control": the limit is 85 °C, and throttling begins at 80 °C."""
WARM_C: Final = 70.0
"""Source: our choice; ten degrees before anything is slowed."""
MEMORY_BYTES: Final = 160 * 2**20
"""Resident memory of the device program that is not usual. Source: our choice; a Pi Zero 2 W has
512 MiB in all, and the program takes some 40."""
LATE_RECEIPT_S: Final = 120.0
"""A device asks again after 10 s, backing off to 60 s (docs/kiosk.md). Source: our choice; two of
the longest waits."""
NO_RECEIPT_S: Final = 600.0
"""Source: our choice; as long as a device may be unheard before it is offline."""
BACKLOG: Final = 20
"""Records in one message (docs/kiosk.md): fewer are on their way at any busy moment."""
LARGE_BACKLOG: Final = 500
"""Source: our choice; more than a window writes in a week without network."""
EDGES_A_PRESS: Final = 40
"""Raw edges that a press may make, down and up, with bounce. Source: our choice; worn switches were
seen to bounce some ten times each way."""
FREE_EDGES: Final = 500
"""Edges that are nobody's business: the device was cleaned, a cable moved. Source: our choice."""
SPIKES: Final = 200
"""Presses shorter than the debounce time since the start. Source: our choice."""


class Grade(StrEnum):
    """How a value is. UNKNOWN: the device does not tell."""

    OK = "ok"
    WATCH = "watch"
    BAD = "bad"
    UNKNOWN = "unknown"


class Value(StrEnum):
    """What is measured."""

    TEMPERATURE = "temperature"
    POWER = "power"
    MEMORY = "memory"
    DISK = "disk"
    CLOCK = "clock"
    RECEIPT = "receipt"
    BACKLOG = "backlog"
    EDGES = "edges"
    STUCK = "stuck"
    THREADS = "threads"
    REFUSALS = "refusals"


@dataclass(frozen=True, slots=True)
class Reading:
    """One value with its grade.

    Attributes:
        value: what it is.
        grade: how it is.
        number: in degrees, bytes, seconds, records or edges; None where it is no number.
        words: words of the device, such as `under-voltage`, names of keys or threads.
        limit: from which number on it is not good; None for none.
    """

    value: Value
    grade: Grade
    number: float | None = None
    words: tuple[str, ...] = ()
    limit: float | None = None


def readings(health: Health | None, age_s: float) -> tuple[Reading, ...]:
    """All values of a device, in a fixed order; none for a device without a readable health.

    Args:
        health: its last one.
        age_s: seconds since that came; the age of a receipt goes on meanwhile.
    """
    if health is None:
        return ()
    return (
        _number(Value.TEMPERATURE, health.cpu_temp_c, WARM_C, HOT_C),
        _power(health),
        _number(Value.MEMORY, health.memory_bytes, MEMORY_BYTES, None),
        _disk(health),
        Reading(Value.CLOCK, Grade.OK if health.synced else Grade.WATCH, number=health.clock_steps),
        _receipt(health, age_s),
        _number(Value.BACKLOG, max(0, health.head - health.stored), BACKLOG, LARGE_BACKLOG),
        _edges(health),
        Reading(Value.STUCK, Grade.BAD if health.stuck else Grade.OK, words=tuple(health.stuck)),
        _threads(health),
        Reading(
            Value.REFUSALS,
            Grade.WATCH if health.broker_reasons else Grade.OK,
            number=sum(health.broker_reasons.values()),
            words=tuple(sorted(health.broker_reasons)),
        ),
    )


def _number(value: Value, number: float | None, watch: float, bad: float | None) -> Reading:
    if number is None:
        return Reading(value, Grade.UNKNOWN, limit=watch)
    grade = Grade.OK
    if number >= watch:
        grade = Grade.WATCH
    if bad is not None and number >= bad:
        grade = Grade.BAD
    return Reading(value, grade, number, limit=watch if bad is None or grade is Grade.OK else bad)


def _power(health: Health) -> Reading:
    if health.power is None:
        return Reading(Value.POWER, Grade.UNKNOWN)
    words = tuple(health.power)
    if not words:
        return Reading(Value.POWER, Grade.OK)
    is_past = all(word.endswith("-since-boot") for word in words)
    return Reading(Value.POWER, Grade.WATCH if is_past else Grade.BAD, words=words)


def _disk(health: Health) -> Reading:
    grades = {"ok": Grade.OK, "low": Grade.WATCH, "short": Grade.BAD}
    grade = grades.get(health.disk, Grade.UNKNOWN)
    if not health.may_thank:
        grade = Grade.BAD
    return Reading(Value.DISK, grade, health.disk_free_bytes)


def _receipt(health: Health, age_s: float) -> Reading:
    if health.receipt_age_s is None:
        grade = Grade.BAD if health.uptime_s >= NO_RECEIPT_S else Grade.WATCH
        return Reading(Value.RECEIPT, grade, limit=LATE_RECEIPT_S)
    number = health.receipt_age_s + max(0.0, age_s)
    if health.head <= health.stored:  # nothing waits for one
        return Reading(Value.RECEIPT, Grade.OK, number)
    return _number(Value.RECEIPT, number, LATE_RECEIPT_S, NO_RECEIPT_S)


def _edges(health: Health) -> Reading:
    """The pin with most edges over what its presses explain; a loose wire shows here first."""
    extra = {
        name: edges - EDGES_A_PRESS * health.presses.get(name, 0)
        for name, edges in health.edges.items()
    }
    noisy = tuple(sorted(name for name, number in extra.items() if number > FREE_EDGES))
    is_noisy = bool(noisy) or health.spikes > SPIKES
    return Reading(
        Value.EDGES,
        Grade.WATCH if is_noisy else Grade.OK,
        number=max(0, *extra.values(), 0) if extra else health.spikes,
        words=noisy,
        limit=FREE_EDGES,
    )


def _threads(health: Health) -> Reading:
    dead = tuple(sorted(name for name, lives in health.threads.items() if not lives))
    return Reading(Value.THREADS, Grade.BAD if dead else Grade.OK, words=dead)

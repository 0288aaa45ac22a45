"""The hall's calendar: which days are open, and everybody's steps of one day. Pure.

Turns local seconds of the day into UTC milliseconds, in the hall's zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from firmware_config.fleet import Hall
from kiosk.simulator.casting import Part
from kiosk.simulator.people import Doing, Habits, Step, plan_day, window_habits
from kiosk.simulator.troubles import scenario_steps, spaced_ms

SEED: Final = "yiping"
LONGEST_CLOSURE_DAYS: Final = 14
"""A fleet file whose hall is closed longer than this has no day to simulate."""


@dataclass(frozen=True, slots=True)
class Due:
    """A step of one window, and when: UTC milliseconds since 1970.

    Attributes:
        until_ms: of a trouble's beginning, when it is over; 0 otherwise.
    """

    at_ms: int
    kiosk: int
    step: Step
    until_ms: int = 0


def opening(hall: Hall, on: date) -> tuple[tuple[int, int], ...]:
    """When the hall is open on a day, in seconds after local midnight; empty: closed."""
    return tuple((_seconds(begins), _seconds(ends)) for begins, ends in hall.opens[on.weekday()])


def local_ms(on: date, at_s: float, zone: ZoneInfo) -> int:
    """A local time of a day as UTC milliseconds since 1970."""
    moment = datetime.combine(on, time(), zone) + timedelta(seconds=at_s)
    return int(moment.astimezone(UTC).timestamp() * 1000)


def local_time(ms: int, zone: ZoneInfo) -> datetime:
    """UTC milliseconds since 1970 as local time."""
    return datetime.fromtimestamp(ms / 1000, zone)


def open_days_before(hall: Hall, on: date, count: int) -> date:
    """The `count`-th open day before `on`.

    Raises:
        ValueError: the hall is never open.
    """
    closed = 0
    while count:
        on -= timedelta(days=1)
        if opening(hall, on):
            count, closed = count - 1, 0
            continue
        closed += 1
        if closed > LONGEST_CLOSURE_DAYS:
            raise ValueError(f"hall {hall.id}: expected at least one open day in a fortnight")
    return on


def habits_of(window: str, ordinal: int, items: tuple[str, ...], seed: str = SEED) -> Habits:
    """The habits of a window; the same in every run."""
    return window_habits(ordinal, items, Random(f"{seed}/{window}"))


def plan_hall_day(
    windows: tuple[tuple[str, Habits], ...],
    hall: Hall,
    on: date,
    zone: ZoneInfo,
    seed: str = SEED,
) -> list[list[Due]]:
    """Everybody's steps on one day: for each window, in order of time; empty when closed.

    Args:
        windows: id and habits of each, in the order of the kiosks.
    """
    hours = opening(hall, on)
    midnight_ms = local_ms(on, 0, zone)
    plans = []
    for ordinal, (window, habits) in enumerate(windows):
        rng = Random(f"{seed}/{window}/{on.isoformat()}")
        steps = plan_day(habits, window=window, on=on, opening=hours, rng=rng)
        plans.append([Due(midnight_ms + int(step.at_s * 1000), ordinal, step) for step in steps])
    return plans


def plan_scenario_day(
    parts: tuple[Part, ...], hall: Hall, on: date, zone: ZoneInfo, seed: str
) -> list[list[Due]]:
    """As `plan_hall_day`, for the parts of a scenario's cast."""
    hours = opening(hall, on)
    plans = []
    for ordinal, part in enumerate(parts):
        steps = scenario_steps(part, on=on, opening=hours, seed=seed)
        plans.append(
            [
                Due(
                    local_ms(on, at_ms // 1000, zone) + at_ms % 1000,
                    ordinal,
                    step,
                    local_ms(on, step.fault.until_s, zone)
                    if step.fault is not None and step.doing is Doing.BREAK
                    else 0,
                )
                for at_ms, step in zip(spaced_ms(steps), steps, strict=True)
            ]
        )
    return plans


def _seconds(at: time) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second

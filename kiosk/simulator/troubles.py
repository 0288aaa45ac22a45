"""A scenario's day at one window: people, trouble, and no two things at the same moment. Pure.

Every step gets the time its gesture takes, so that the device has seen the end of one before the
next begins: only then can be said beforehand what a device will write (`expectation`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from random import Random
from typing import Final

from kiosk.simulator.casting import Part
from kiosk.simulator.people import PATIENCE_S, Doing, Step, plan_day
from kiosk.simulator.scenario import Fault, What

HOLD_MS: Final = 140
"""How long a simulated person holds a key. Our choice; the debounce time is 15 ms."""
RELEASED_MS: Final = 40
"""Moved on after a release, so that it is debounced before the next step."""
PAUSE_HOLD_MS: Final = 2_200
"""How long the clerk holds the key to pause; the device takes two seconds for a long press."""
BOUNCE_MS: Final = 1
"""Between two edges of a bouncing contact; far below the debounce time of 15 ms."""
LASTS_MS: Final = {
    Doing.PRESS: 300,
    Doing.CLERK_INVITES: 300,
    Doing.PAUSE_KEY: PAUSE_HOLD_MS + 300,
    Doing.BREAK: 100,
    Doing.REPAIR: 100,
}
"""Longest gesture of a step, bouncing included; the others take no time."""
SHORTEST_MS: Final = 10


def press_edges(bounces: int) -> Iterator[tuple[int, bool]]:
    """A contact that closes: `(ms since the step before, whether it is closed)` in order.

    The same, the other way round, when it opens.
    """
    yield 0, True
    for _ in range(bounces):
        yield BOUNCE_MS, False
        yield BOUNCE_MS, True


def scenario_steps(
    part: Part, *, on: date, opening: tuple[tuple[int, int], ...], seed: str
) -> list[Step]:
    """Everything that happens at one window on one day, in order of time; empty when closed.

    Args:
        part: the window's.
        opening: as for `plan_day`.
        seed: the scenario's; with window and day it decides everything.
    """
    if not opening:
        return []
    salt = f"{seed}/{part.window}/{on.isoformat()}"
    steps = plan_day(part.habits, window=part.window, on=on, opening=opening, rng=Random(salt))
    for number, fault in part.faults:
        if fault.what == What.PAUSED:
            steps = list(_without_visits(steps, fault))
        steps += _trouble(fault, Random(f"{salt}/fault/{number}"))
    return sorted(steps, key=lambda step: step.at_s)


def spaced_ms(steps: Iterable[Step]) -> list[int]:
    """When each step begins, milliseconds after local midnight: none before the last is done."""
    times = []
    free_ms = 0
    for step in steps:
        at_ms = max(int(step.at_s * 1000), free_ms)
        free_ms = at_ms + LASTS_MS.get(step.doing, SHORTEST_MS)
        times.append(at_ms)
    return times


def _trouble(fault: Fault, rng: Random) -> Iterator[Step]:
    if fault.what == What.CHILDREN:
        at_s = fault.at_s + rng.uniform(0.5, 1.5) * fault.every_s
        while at_s < fault.until_s:
            yield Step(at_s=at_s, doing=Doing.PRESS, level=rng.randint(1, 5))
            at_s += max(0.4, rng.uniform(0.5, 1.5) * fault.every_s)
    elif fault.what == What.PAUSED:
        yield Step(at_s=fault.at_s, doing=Doing.PAUSE_KEY)
        yield Step(at_s=fault.until_s, doing=Doing.PAUSE_KEY)
    else:
        yield Step(at_s=fault.at_s, doing=Doing.BREAK, fault=fault)
        yield Step(at_s=fault.until_s, doing=Doing.REPAIR, fault=fault)


def _without_visits(steps: list[Step], pause: Fault) -> Iterator[Step]:
    """Nobody is called to a window while it is paused, nor just before."""
    begun: dict[int, float] = {}
    for step in steps:
        begun.setdefault(step.visit, step.at_s)
    for step in steps:
        begun_s = begun[step.visit]
        if not (step.visit and begun_s < pause.until_s and begun_s + 2 * PATIENCE_S > pause.at_s):
            yield step

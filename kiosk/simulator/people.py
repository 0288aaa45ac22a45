"""What clerks and citizens do at one window on one day, as a list of steps. Pure.

Rules, all of them our choice so that pages look like a municipal hall's, except where a source is
named:

- A window sees about 30 cases on a working day (Source: 943,500 cases in 11 months at 135 windows,
  the first user's figures), busier mid-morning and mid-afternoon; windows differ by a factor of
  about three, because services do.
- About 65 % of invitations are answered, most of them within ten seconds; the rest time out. A
  real hall has far fewer answers (5-7 %): a demo with so few would show little.
- Answers follow the usual distribution of such halls (nearly all 5); a few windows are a bit worse.
- Staff change places at noon; who sits where changes from day to day.
- The case feed opens most sessions (with case number and item), the clerk's key the others.
- Some citizens press twice, and now and then somebody presses while nobody was asked.

The same window, day and seed give the same steps, so a demo that is stopped and started again goes
on with the day it was in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from math import log
from random import Random
from typing import Any, Final

from kiosk.simulator.scenario import Fault

HOUR_S: Final = 3600
SERVICE_GAP_S: Final = 45.0
"""Shortest time between two invitations at one window, seconds."""
WORKING_DAY_S: Final = 23_400.0
"""Opening hours of a whole day in the sample hall; on a shorter one fewer cases come."""
PATIENCE_S: Final = 21.0
"""After this a session without an answer is over: the devices' default time-out and a second."""
_SLOT_S: Final = 1800
_RUSH: Final = {9.5: 1.6, 10.0: 1.8, 10.5: 1.5, 14.5: 1.3, 15.0: 1.4, 15.5: 1.2}
"""Hour at which a half-hour slot starts → how busy it is against an ordinary one (1.0)."""
_QUIET: Final = {8.5: 0.6, 11.5: 0.6, 13.5: 0.6, 17.0: 0.4}

LEVEL_WEIGHTS: Final = {5: 94.0, 4: 4.2, 3: 1.0, 2: 0.5, 1: 0.3}
"""Level → weight at an ordinary window."""
ANSWER_MU: Final = 1.4
"""Of the log-normal part of an answer's delay: e^1.4 = 4.1 s beyond the first two seconds."""
ANSWER_LATEST_S: Final = 18.0
"""Nobody answers later, unless a scenario's people are slow; the devices wait for 20 s."""


class Doing(StrEnum):
    """Kinds of step."""

    SIGN_IN = "sign-in"
    SIGN_OUT = "sign-out"
    CLERK_INVITES = "clerk-invites"
    CASE_INVITES = "case-invites"
    PRESS = "press"
    LEAVE = "leave"
    """The citizen goes without having pressed; nobody touches the device."""
    PAUSE_KEY = "pause-key"
    """The clerk's key, held: pauses, or resumes."""
    BREAK = "break"
    """A scenario's trouble begins."""
    REPAIR = "repair"
    """It is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing somebody does.

    Attributes:
        at_s: seconds after local midnight.
        level: of a press, 5 … 1; 0 otherwise.
        case_no: of a case feed's invitation; empty otherwise.
        item: the item of that case.
        staff_no: who signs in, or handles the case.
        visit: which of the day's visits it belongs to, 1, 2, 3 …; 0: to none.
        fault: what breaks or is repaired.
    """

    at_s: float
    doing: Doing
    level: int = 0
    case_no: str = ""
    item: str = ""
    staff_no: str = ""
    visit: int = 0
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What is particular to one window, the same on every day.

    Attributes:
        cases: cases on an average day.
        answer_rate: share of invitations that are answered, 0..1.
        weights: level → weight.
        feed_rate: share of sessions opened by the case feed, 0..1.
        staff: staff numbers of those who take turns here.
        items: what is handled here; earlier ones are more frequent.
        rush: `(from, to, how busy)` in seconds of the day; None: as in most halls.
        answer_after_s: median time from the invitation to the answer; None: about six seconds.
        double_rate: share of those answering who press again, 0..1.
        walkups: presses without an invitation in each stretch of opening hours.
        self_rate: share of sessions that the clerk answers, 0..1.
        signs_in: whether clerks sign in and out.
    """

    cases: float
    answer_rate: float
    weights: dict[int, float]
    feed_rate: float
    staff: tuple[str, ...]
    items: tuple[str, ...]
    rush: tuple[tuple[int, int, float], ...] | None = None
    answer_after_s: float | None = None
    double_rate: float = 0.03
    walkups: float = 0.15
    self_rate: float = 0.0
    signs_in: bool = True

    def but(self, **given: Any) -> Habits:
        """The same with other values."""
        return replace(self, **given)


def window_habits(ordinal: int, items: tuple[str, ...], rng: Random) -> Habits:
    """Draw the habits of the window that is `ordinal`-th in the hall (0, 1, 2 …).

    Args:
        items: what its department handles; may be empty.
        rng: seeded by window, so that habits stay.
    """
    weights = dict(LEVEL_WEIGHTS)
    unlucky = rng.random()
    if unlucky < 0.06:  # a window with a problem: the ranking should have something to show
        weights |= {5: 84.0, 4: 9.0, 3: 3.5, 2: 2.2, 1: 1.3}
    elif unlucky < 0.2:
        weights |= {5: 90.0, 4: 6.5, 3: 2.0, 2: 1.0, 1: 0.5}
    return Habits(
        cases=min(60.0, max(14.0, rng.gauss(30.0, 9.0))),
        answer_rate=min(0.85, max(0.4, rng.gauss(0.65, 0.08))),
        weights=weights,
        feed_rate=rng.choice((0.9, 0.8, 0.7, 0.3)),
        staff=tuple(f"{1001 + 3 * ordinal + turn}" for turn in range(2)),
        items=items,
    )


def plan_day(
    habits: Habits,
    *,
    window: str,
    on: date,
    opening: tuple[tuple[int, int], ...],
    rng: Random,
) -> list[Step]:
    """Everything that happens at one window on one day, in order of time.

    Args:
        habits: the window's.
        window: its id; part of the case numbers.
        on: the local day.
        opening: `(from, to)` in seconds after local midnight, in order; empty: closed that day.
        rng: seeded by window and day.

    Returns:
        Steps sorted by `at_s`; empty when closed.
    """
    steps: list[Step] = []
    number = 0
    for shift, (open_s, close_s) in enumerate(opening):
        staff_no = habits.staff[(on.toordinal() + shift) % len(habits.staff)]
        arrives_s = open_s - rng.uniform(30, 240)
        if habits.signs_in:
            steps.append(Step(at_s=arrives_s, doing=Doing.SIGN_IN, staff_no=staff_no))
        mean = habits.cases * (close_s - open_s) / WORKING_DAY_S
        for at_s in _arrivals(mean, open_s, close_s, habits, rng):
            number += 1
            case_no = f"{on:%Y%m%d}-{window.upper()}-{number:04d}"
            steps += _session(habits, at_s, case_no, staff_no, number, rng)
        walkups = int(habits.walkups) + (rng.random() < habits.walkups % 1)
        for _ in range(walkups):  # a child passes the counter
            at_s = rng.uniform(open_s, close_s)
            steps.append(Step(at_s=at_s, doing=Doing.PRESS, level=rng.randint(1, 5)))
        leaves_s = close_s + rng.uniform(60, 300)
        if habits.signs_in:
            steps.append(Step(at_s=leaves_s, doing=Doing.SIGN_OUT, staff_no=staff_no))
    return sorted(steps, key=lambda step: step.at_s)


def _busyness(habits: Habits, at_s: float) -> float:
    if habits.rush is not None:
        return next((busy for begin, end, busy in habits.rush if begin <= at_s < end), 1.0)
    slot = int(at_s // _SLOT_S) / 2
    return _RUSH.get(slot, _QUIET.get(slot, 1.0))


def _arrivals(
    mean: float, open_s: int, close_s: int, habits: Habits, rng: Random
) -> Iterator[float]:
    """Times of invitation: a Poisson process whose rate follows `_busyness`, thinned by the gap."""
    slots = [
        (start, min(start + _SLOT_S, close_s), _busyness(habits, start))
        for start in range(open_s, close_s, _SLOT_S)
    ]
    weight = sum((end - start) * busy for start, end, busy in slots)
    last_s = open_s + rng.uniform(20, 240) - SERVICE_GAP_S
    for start, end, busy in slots:
        rate = mean * busy / weight if weight else 0.0  # cases a second
        if not rate:
            continue
        at_s = start + rng.expovariate(rate)
        while at_s < end:
            at_s = max(at_s, last_s + SERVICE_GAP_S)
            if at_s >= close_s:
                return
            yield at_s
            last_s = at_s
            at_s += rng.expovariate(rate)


def _session(
    habits: Habits, at_s: float, case_no: str, staff_no: str, visit: int, rng: Random
) -> Iterator[Step]:
    if rng.random() < habits.feed_rate:
        yield Step(
            at_s=at_s,
            doing=Doing.CASE_INVITES,
            case_no=case_no,
            item=_item(habits.items, rng),
            staff_no=staff_no,
            visit=visit,
        )
    else:
        yield Step(at_s=at_s, doing=Doing.CLERK_INVITES, visit=visit)
    if habits.self_rate and rng.random() < habits.self_rate:
        yield Step(at_s=at_s + rng.uniform(0.7, 1.8), doing=Doing.PRESS, level=5, visit=visit)
        return
    if rng.random() >= habits.answer_rate:
        yield Step(at_s=at_s + PATIENCE_S, doing=Doing.LEAVE, visit=visit)
        return
    answer_s = at_s + _delay(habits.answer_after_s, rng)
    level = _level(habits.weights, rng)
    yield Step(at_s=answer_s, doing=Doing.PRESS, level=level, visit=visit)
    if rng.random() < habits.double_rate:  # pressed again, to be sure
        level = _level(habits.weights, rng)
        again_s = answer_s + rng.uniform(0.6, 2.5)
        yield Step(at_s=again_s, doing=Doing.PRESS, level=level, visit=visit)


def _delay(median_s: float | None, rng: Random) -> float:
    if median_s is None:
        return min(ANSWER_LATEST_S, 2.0 + rng.lognormvariate(ANSWER_MU, 0.5))
    least_s = min(2.0, median_s / 3)
    delay_s = least_s + rng.lognormvariate(log(median_s - least_s), 0.5)
    return min(max(ANSWER_LATEST_S, 2 * median_s), delay_s)


def _level(weights: dict[int, float], rng: Random) -> int:
    return rng.choices(list(weights), weights=list(weights.values()))[0]


def _item(items: tuple[str, ...], rng: Random) -> str:
    if not items:
        return ""
    return items[min(int(rng.expovariate(1.0)), len(items) - 1)]

"""Which windows of a hall a scenario means: everybody's habits and troubles. Pure.

Who is chosen by share is drawn from the seed and the window's id alone, so it does not matter how
many other windows there are or in which order they stand; only when the draw would choose nobody,
the window that came closest is taken. Groups with a share take turns of one draw and never overlap;
windows that a group names are that group's, whatever the draw says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from random import Random
from typing import Any, Final

from firmware_config.errors import InvalidSettings
from kiosk.simulator.people import Habits, window_habits
from kiosk.simulator.scenario import Chosen, Fault, Group, Population, Scenario, What, seconds_of

_POWER: Final = frozenset({What.UNPLUGGED, What.WRONG_CLOCK, What.DISK_SHORT})
"""These restart the device."""
_KEY: Final = frozenset({What.DEAD_KEY, What.STUCK_KEY, What.BOUNCING_KEY})
_APART: Final = (
    _POWER | {What.STUCK_KEY},
    _POWER | {What.CLOCK_STEP},
    _POWER | {What.PAUSED},
    _POWER | {What.NETWORK_CUT},
)
"""Of each set only one at a time: one would undo what the other does."""


@dataclass(frozen=True, slots=True)
class Place:
    """A window of the hall. `items`: what is handled there."""

    window: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a scenario holds for one window.

    Attributes:
        faults: with their numbers in the file (1, 2, 3 …), which seed their randomness.
    """

    window: str
    habits: Habits
    faults: tuple[tuple[int, Fault], ...] = ()

    @property
    def needs_cable(self) -> bool:
        """Whether its network or its power is cut some time."""
        return any(What(fault.what) in _POWER | {What.NETWORK_CUT} for _, fault in self.faults)


def cast(scenario: Scenario, places: Sequence[Place]) -> tuple[Part, ...]:
    """Everybody's part, in the order of `places`.

    Raises:
        InvalidSettings: windows that are not there, or settings that contradict each other at a
            window; carries every problem.
    """
    problems: list[str] = []
    chosen = [
        _chosen(one, f"{kind}[{number}]", scenario.seed, places, problems)
        for kind, ones in (("group", scenario.groups), ("fault", scenario.faults))
        for number, one in enumerate(ones, start=1)
        if kind == "fault" or one.share is None
    ]
    named = iter(chosen)
    groups = [
        frozenset[str]() if group.share is not None else next(named) for group in scenario.groups
    ]
    faults = list(named)
    drawn = _drawn_groups(scenario, places)
    parts = []
    for ordinal, place in enumerate(places):
        window = place.window
        mine = [number for number, windows in enumerate(groups) if window in windows]
        problems += _group_conflicts(scenario.groups, mine, window)
        layers: list[Population] = [scenario.population]
        if window in drawn:
            layers.append(scenario.groups[drawn[window]])
        layers += [scenario.groups[number] for number in mine]
        own = tuple(
            (number, fault)
            for number, (fault, windows) in enumerate(
                zip(scenario.faults, faults, strict=True), start=1
            )
            if window in windows
        )
        problems += _fault_conflicts(own, window)
        habits = _habits(scenario.seed, place, ordinal, layers)
        parts.append(Part(window=window, habits=habits, faults=own))
    if problems:
        raise InvalidSettings(
            [f"{scenario.name}: {problem}" for problem in dict.fromkeys(problems)]
        )
    return tuple(parts)


def _chosen(
    one: Chosen, place: str, seed: str, places: Sequence[Place], problems: list[str]
) -> frozenset[str]:
    """The windows that a group without a share, or a fault, is about."""
    known = [each.window for each in places]
    if one.windows is not None:
        missing = [window for window in one.windows if window not in known]
        if missing:
            problems.append(f"{place}.windows: expected windows of the fleet, got {missing}")
        return frozenset(one.windows)
    if one.nth is not None:
        beyond = [number for number in one.nth if number > len(known)]
        if beyond:
            problems.append(
                f"{place}.nth: expected a hall of that size ({len(known)}), got {beyond}"
            )
        return frozenset(known[number - 1] for number in one.nth if number <= len(known))
    if one.share is None or one.share >= 1:
        return frozenset(known)
    draws = {window: _draw(seed, place, window) for window in known}
    lucky = frozenset(window for window, draw in draws.items() if draw < one.share)
    return lucky or frozenset(sorted(known, key=draws.__getitem__)[:1])


def _draw(seed: str, place: str, window: str) -> float:
    return Random(f"{seed}/{place}/{window}").random()


def _drawn_groups(scenario: Scenario, places: Sequence[Place]) -> dict[str, int]:
    """Window → index of the group whose share it fell into."""
    found = {}
    for place in places:
        draw, below = _draw(scenario.seed, "groups", place.window), 0.0
        for number, group in enumerate(scenario.groups):
            if group.share is None:
                continue
            below += group.share
            if draw < below:
                found[place.window] = number
                break
    return found


def _given(population: Population) -> dict[str, Any]:
    names = [field.name for field in fields(Population)]
    return {name: value for name in names if (value := getattr(population, name)) is not None}


def _group_conflicts(groups: tuple[Group, ...], mine: list[int], window: str) -> Iterator[str]:
    for first, second in combinations(mine, 2):
        for name in sorted(_given(groups[first]).keys() & _given(groups[second]).keys()):
            yield (
                f"group[{first + 1}].{name} and group[{second + 1}].{name}: "
                f"expected one of them for a window, got both for {window}"
            )


def _fault_conflicts(own: tuple[tuple[int, Fault], ...], window: str) -> Iterator[str]:
    for (first, one), (second, other) in combinations(own, 2):
        if one.at_s < other.until_s and other.at_s < one.until_s and _exclude(one, other):
            both_from = max(one.at, other.at, key=seconds_of)
            yield (
                f"fault[{first}] ({one.what}) and fault[{second}] ({other.what}): expected one "
                f"at a time, got both at {window} from {both_from}"
            )


def _exclude(one: Fault, other: Fault) -> bool:
    kinds = {What(one.what), What(other.what)}
    if kinds <= _KEY:
        return one.key is None or other.key is None or one.key == other.key
    if kinds == {What.DEAD_KEY, What.PAUSED} or kinds == {What.BOUNCING_KEY, What.PAUSED}:
        return "clerk" in (one.key, other.key)
    if len(kinds) == 1:
        return True
    return any(kinds <= family for family in _APART)


def _habits(seed: str, place: Place, ordinal: int, layers: list[Population]) -> Habits:
    window = place.window
    drawn = window_habits(ordinal, place.items, Random(f"{seed}/{window}"))
    first = Random(f"staff/{window}").randrange(100_001, 999_998, 2)  # not by place in the file
    given: dict[str, Any] = {"staff": (f"{first}", f"{first + 1}")}
    for layer in layers:
        given |= _given(layer)
    if "levels" in given:
        given["weights"] = dict(zip((5, 4, 3, 2, 1), given.pop("levels"), strict=True))
    if "rush" in given:
        given["rush"] = tuple(_rush(line) for line in given["rush"])
    return drawn.but(**given)


def _rush(line: str) -> tuple[int, int, float]:
    span, factor = line.split(" ")
    begin_s, end_s = (int(at[:2]) * 3600 + int(at[3:]) * 60 for at in span.split("-"))
    return begin_s, end_s, float(factor)

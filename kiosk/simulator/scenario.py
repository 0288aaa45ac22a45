"""What a scenario is: a simulated day's people and what goes wrong, as data. Pure.

A scenario says nothing about a particular hall: who is meant is chosen by window id, by place in
the fleet file, or by share, and `kiosk.simulator.casting` finds the windows. All times are local to
the hall. The fields here are the file format: `kiosk.simulator.scenario_file` reads it, and the
documentation's tables are made from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from firmware_config.settings_table import Setting

WRONG_CLOCK: Final = "1970-01-01T00:00:00Z"
"""What a Pi without a clock of its own reads at power-on. Source: the kernel's epoch."""


class Manner(StrEnum):
    """How a network is cut."""

    CLOSED = "closed"
    """Connections are reset, new ones refused: a switch without power."""
    SILENT = "silent"
    """Nothing comes through and nobody is told: a pulled cable. Only keep-alives notice."""


class What(StrEnum):
    """Kinds of trouble."""

    DEAD_KEY = "dead-key"
    STUCK_KEY = "stuck-key"
    BOUNCING_KEY = "bouncing-key"
    UNPLUGGED = "unplugged"
    WRONG_CLOCK = "wrong-clock"
    CLOCK_STEP = "clock-step"
    NETWORK_CUT = "network-cut"
    DISK_SHORT = "disk-short"
    PAUSED = "paused"
    CHILDREN = "children"


OWN_FIELDS: Final[dict[What, frozenset[str]]] = {
    What.DEAD_KEY: frozenset({"key"}),
    What.STUCK_KEY: frozenset({"key"}),
    What.BOUNCING_KEY: frozenset({"key", "bounces"}),
    What.WRONG_CLOCK: frozenset({"reads"}),
    What.CLOCK_STEP: frozenset({"step_s"}),
    What.NETWORK_CUT: frozenset({"manner"}),
    What.CHILDREN: frozenset({"every_s"}),
}
"""Which fields belong to which trouble only; those not named here have none."""
REQUIRED_FIELDS: Final[dict[What, frozenset[str]]] = {
    What.DEAD_KEY: frozenset({"key"}),
    What.STUCK_KEY: frozenset({"key"}),
    What.CLOCK_STEP: frozenset({"step_s"}),
}


def seconds_of(text: str) -> int:
    """`10:00` or `10:00:30` as seconds after local midnight."""
    hours, minutes, seconds = (*map(int, text.split(":")), 0)[:3]
    return hours * 3600 + minutes * 60 + seconds


def expected_instant(text: str) -> str:
    """What was expected when `text` is no moment of time with its zone; empty when it is one."""
    try:
        is_good = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        is_good = False
    return "" if is_good else f"a moment such as {WRONG_CLOCK}"


def _expected_time(text: str) -> str:
    is_good = re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", text) is not None
    return "" if is_good else "a time of day such as 09:30 or 09:30:15"


def _expected_line(text: str) -> str:
    return "" if re.fullmatch(r".{1,80}", text) else "one line of at most 80 characters"


def _expected_words(text: str) -> str:
    return "" if text.strip() else "some words"


def _expected_ids(windows: tuple[str, ...]) -> str:
    are_good = all(re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", window) for window in windows)
    return "" if are_good else "ids of windows such as a01"


def _expected_staff(numbers: tuple[str, ...]) -> str:
    are_good = all(1 <= len(number) <= 64 for number in numbers)
    return "" if are_good else "staff numbers of 1 to 64 characters"


def _expected_rush(lines: tuple[str, ...]) -> str:
    for line in lines:
        found = re.fullmatch(r"(\d\d:[0-5]\d)-(\d\d:[0-5]\d) \d+(\.\d+)?", line)
        if found is None or not found[1] < found[2] <= "24:00":
            return "stretches and factors such as 09:30-10:30 1.8"
    return ""


def _expected_levels(weights: tuple[float, ...]) -> str:
    is_good = len(weights) == 5 and min(weights) >= 0 and sum(weights) > 0
    return "" if is_good else "five weights, of the levels 5, 4, 3, 2, 1, not all 0"


@dataclass(frozen=True, kw_only=True)  # no slots: a class cannot inherit two slotted ones
class Chosen:
    """Who is meant. At most one of the three is given; none: every window."""

    windows: Annotated[
        tuple[str, ...] | None, Setting(help="Ids of windows.", check=_expected_ids)
    ] = None
    nth: Annotated[
        tuple[int, ...] | None,
        Setting(help="Places in the fleet file, the first window is 1.", minimum=1, maximum=100000),
    ] = None
    share: Annotated[
        float | None,
        Setting(
            help="Share of all windows, drawn by the seed; at least one window.",
            minimum=0.001,
            maximum=1,
        ),
    ] = None

    def choice_problems(self) -> Iterator[str]:
        """What is wrong between the three."""
        given = [name for name in ("windows", "nth", "share") if getattr(self, name) is not None]
        for name in given[1:]:
            yield f"{name}: expected at most one of windows, nth, share, got {given[0]} too"


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """How people behave at a window. None: as drawn for each window (see `people.py`)."""

    cases: Annotated[
        float | None,
        Setting(help="Cases on a whole working day; drawn: about 30.", minimum=0, maximum=500),
    ] = None
    rush: Annotated[
        tuple[str, ...] | None,
        Setting(
            help="Stretches and how busy they are against an ordinary one (1), in place of the "
            'built-in mid-morning and mid-afternoon, e.g. `["09:30-10:30 1.8"]`.',
            check=_expected_rush,
        ),
    ] = None
    answer_rate: Annotated[
        float | None,
        Setting(help="Share of invitations answered; drawn: about 0.65.", minimum=0, maximum=1),
    ] = None
    answer_after_s: Annotated[
        float | None,
        Setting(
            help="Median time from the invitation to the answer (about 6).",
            unit="s",
            minimum=0.5,
            maximum=40,
        ),
    ] = None
    levels: Annotated[
        tuple[float, ...] | None,
        Setting(help="Weights of the levels 5, 4, 3, 2, 1.", check=_expected_levels),
    ] = None
    double_rate: Annotated[
        float | None,
        Setting(
            help="Share of those answering who press a second time (0.03).", minimum=0, maximum=1
        ),
    ] = None
    walkups: Annotated[
        float | None,
        Setting(
            help="Presses without an invitation in each stretch of opening hours (0.15).",
            minimum=0,
            maximum=200,
        ),
    ] = None
    feed_rate: Annotated[
        float | None,
        Setting(
            help="Share of invitations that come from the case feed, with a case number; the rest "
            "by the clerk's key.",
            minimum=0,
            maximum=1,
        ),
    ] = None
    self_rate: Annotated[
        float | None,
        Setting(
            help="Share of invitations that the clerk answers, with 5 and within two seconds (0).",
            minimum=0,
            maximum=1,
        ),
    ] = None
    signs_in: Annotated[bool | None, Setting(help="Whether clerks sign in and out (true).")] = None
    staff: Annotated[
        tuple[str, ...] | None,
        Setting(
            help="Staff numbers who take turns; drawn: two for each window.", check=_expected_staff
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Population, Chosen):
    """Windows whose people differ. Only what is given differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Chosen):
    """Something that goes wrong from `at` until `until`, every open day."""

    what: Annotated[str, Setting(help="The trouble.", choices=tuple(what.value for what in What))]
    at: Annotated[str, Setting(help="When it begins, local time.", check=_expected_time)]
    until: Annotated[
        str, Setting(help="When it is over; at the latest at night.", check=_expected_time)
    ] = "23:00"
    key: Annotated[
        str | None,
        Setting(
            help="Level of the key, or `clerk`'s. Bouncing: every key when not given.",
            choices=("5", "4", "3", "2", "1", "clerk"),
        ),
    ] = None
    bounces: Annotated[
        int,
        Setting(help="Times the contact opens again, 1 ms each.", minimum=1, maximum=12),
    ] = 6
    reads: Annotated[
        str,
        Setting(help="What the clock reads at the restart.", check=expected_instant),
    ] = WRONG_CLOCK
    step_s: Annotated[
        int | None,
        Setting(
            help="By how much the wall clock jumps, and later back; 2 or more either way.",
            unit="s",
            minimum=-86400,
            maximum=86400,
            check=lambda step: "" if abs(step) >= 2 else "at least 2 or at most -2",
        ),
    ] = None
    manner: Annotated[
        str,
        Setting(
            help="Whether connections are reset and refused, or just carry nothing.",
            choices=tuple(manner.value for manner in Manner),
        ),
    ] = Manner.CLOSED.value
    every_s: Annotated[
        float,
        Setting(help="Mean time between presses.", unit="s", minimum=0.4, maximum=3600),
    ] = 0.8

    @property
    def at_s(self) -> int:
        """Beginning, seconds after local midnight."""
        return seconds_of(self.at)

    @property
    def until_s(self) -> int:
        """End, seconds after local midnight."""
        return seconds_of(self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A whole scenario file.

    Attributes:
        name: of the file, for messages; not in it.
    """

    name: str
    title: Annotated[str, Setting(help="One line for lists.", check=_expected_line)]
    about: Annotated[str, Setting(help="What it shows, what to expect.", check=_expected_words)]
    about_zh: Annotated[str, Setting(help="The same in Chinese.", check=_expected_words)] = ""
    seed: Annotated[str, Setting(help="Same seed, same day; any text.", check=_expected_line)] = (
        "yiping"
    )
    population: Population
    groups: tuple[Group, ...] = ()
    faults: tuple[Fault, ...] = ()


def seeded(scenario: Scenario, seed: str) -> Scenario:
    """The scenario with another seed; with its own when that is empty."""
    return replace(scenario, seed=seed) if seed else scenario

"""Ratings that an approved correction leaves out: their sums, and when there are too many. Pure.

A ledger's outcome says where and when a rating counts; a correction only says that it does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final, TypeVar

from collector.corrections.entries import person_of
from collector.rates import Counts, Rate, Rule

Key = TypeVar("Key", bound=Hashable)

EXCLUDED_RULE: Final = Rule("excluded/rated", 1, frozenset(), "rated")
"""剔除率: excluded ratings over counted ratings, both as the devices signed them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcludedRating:
    """A counted rating of the ledger that an approved correction leaves out.

    Attributes:
        correction: its number.
        position: place in the ledger.
        window: id at press time as the ledger has it now; 0: none. `department` alike.
        on_date: local day, ISO. `hour` 0..23.
        pressed_ms: UTC milliseconds, as are `proposed_ms` and `approved_ms`.
    """

    correction: int
    position: int
    device: str
    epoch: str
    seq: int
    digest: bytes
    window: int
    department: int
    level: int
    on_date: str
    hour: int
    pressed_ms: int
    reason: str
    author: str
    proposed_ms: int
    approver: str
    approved_ms: int

    @property
    def weekday(self) -> int:
        """ISO weekday of its day, 1 Monday … 7 Sunday."""
        return date.fromisoformat(self.on_date).isoweekday()


def level_counts(levels: Mapping[int, int]) -> Counts:
    """Counts that hold nothing but ratings by level."""
    return Counts(**{f"level{level}": number for level, number in levels.items()})


def excluded_by(
    these: Iterable[ExcludedRating], key: Callable[[ExcludedRating], Key]
) -> dict[Key, Counts]:
    """Key → number of excluded ratings by level; every other count is 0."""
    found: dict[Key, Counter[int]] = {}
    for one in these:
        found.setdefault(key(one), Counter())[one.level] += 1
    return {of: level_counts(levels) for of, levels in found.items()}


class Scope(StrEnum):
    """For what an alarm is."""

    HALL = "hall"
    DEPARTMENT = "department"
    WINDOW = "window"
    PAIR = "pair"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When the excluded share of a calendar month is an alarm.

    Attributes:
        percent: above this share of the counted ratings, 0..100.
        at_least: and at least so many excluded ratings.
    """

    percent: float = 1.0
    at_least: int = 5


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionAlarm:
    """Too large a share of a calendar month's ratings is excluded.

    Attributes:
        on_month: ISO month, e.g. `2026-11`.
        place: id of the department or window (0: none); of HALL and PAIR 0.
        people: of PAIR: author and approver; else empty.
        share: excluded over counted ratings: of the hall, department or window; of PAIR: of the
            departments in which the pair excluded any.
    """

    on_month: str
    scope: Scope
    place: int
    people: tuple[str, ...]
    share: Rate


def exclusion_alarms(
    these: Iterable[ExcludedRating],
    rated: Mapping[str, Mapping[tuple[int, int], int]],
    limits: Limits,
) -> list[ExclusionAlarm]:
    """The alarms of some calendar months, by month, then hall, departments, windows, pairs.

    Args:
        these: all excluded ratings of those months.
        rated: ISO month → (window, department) → counted ratings.
        limits: when it is an alarm.
    """
    by_month: dict[str, list[ExcludedRating]] = {}
    for one in these:
        by_month.setdefault(one.on_date[:7], []).append(one)
    return [
        alarm
        for month in sorted(by_month)
        for alarm in _alarms_of(month, by_month[month], rated.get(month, {}), limits)
    ]


def _alarms_of(
    month: str,
    these: list[ExcludedRating],
    rated: Mapping[tuple[int, int], int],
    limits: Limits,
) -> list[ExclusionAlarm]:
    in_window: Counter[int] = Counter()
    in_department: Counter[int] = Counter()
    for (window, department), number in rated.items():
        in_window[window] += number
        in_department[department] += number
    found: list[ExclusionAlarm] = []

    def judge(scope: Scope, place: int, people: tuple[str, ...], number: int, base: int) -> None:
        is_many = number >= limits.at_least
        if is_many and 100 * number > Fraction(str(limits.percent)) * base:
            share = Rate(number, base, EXCLUDED_RULE)
            found.append(
                ExclusionAlarm(on_month=month, scope=scope, place=place, people=people, share=share)
            )

    judge(Scope.HALL, 0, (), len(these), sum(rated.values()))
    departments = Counter(one.department for one in these)
    for department, number in sorted(departments.items()):
        judge(Scope.DEPARTMENT, department, (), number, in_department[department])
    for window, number in sorted(Counter(one.window for one in these).items()):
        judge(Scope.WINDOW, window, (), number, in_window[window])
    pairs: dict[tuple[str, ...], list[ExcludedRating]] = {}
    for one in these:
        pairs.setdefault((person_of(one.author), person_of(one.approver)), []).append(one)
    for people, theirs in sorted(pairs.items()):
        base = sum(in_department[place] for place in {one.department for one in theirs})
        judge(Scope.PAIR, 0, people, len(theirs), base)
    return found

"""What a rule of the hall says, and what a version of it is. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from collector.chained import FIRST_PREV, chained_digest
from collector.errors import UsageError
from collector.periods import FIRST_DAY, Period
from collector.rates import DEFAULT_RULE, Rounding, Rule
from firmware_config.hours import OpenSpan, Week, expected_week, week_of
from firmware_config.levels import Level

LONGEST_REASON: Final = 500
LONGEST_NAME: Final = 40
MOST_DECIMALS: Final = 4
MOST_MINIMUM_BASE: Final = 100_000
MOST_SPECIAL_DAYS: Final = 400
"""Of one version. Source: our choice; more than ten years of public holidays."""
MOST_HOURS: Final = 70
SATISFIED_CHOICES: Final = ((5,), (5, 4), (5, 4, 3))
"""Levels that may count as satisfied: from the best on, and never a bad rating (levels 2 and 1)."""


class DayKind(StrEnum):
    """HOLIDAY: closed whatever the day of the week; WORKDAY (调休补班): open though it is not."""

    HOLIDAY = "holiday"
    WORKDAY = "workday"


class SpecialDay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A day that is other than its day of the week; `name` e.g. 国庆节."""

    on: date
    kind: DayKind
    name: str


class HallRules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything one version says.

    Attributes:
        satisfied: levels in the numerator, best first.
        base: `rated` (counted ratings) or `invited` (sessions opened).
        decimals: digits of a published satisfaction rate; None: two in tables, three in headlines.
        rounding: of the satisfaction rate.
        minimum_base: rates over a smaller base are shown but not ranked.
        hours: lines such as `mon-fri 09:00-12:00`; none: not said.
        days: holidays and make-up working days, by date.
    """

    satisfied: tuple[int, ...]
    base: Literal["rated", "invited"]
    decimals: int | None
    rounding: Rounding
    minimum_base: int
    hours: tuple[str, ...] = ()
    days: tuple[SpecialDay, ...] = ()

    @property
    def name(self) -> str:
        """Follows from what is counted, e.g. `satisfied-4-5/rated`: nobody can name it wrongly."""
        return f"satisfied-{'-'.join(map(str, sorted(self.satisfied)))}/{self.base}"


class RuleProblem(StrEnum):
    """Why a version was not taken."""

    SATISFIED = "satisfied"
    BASE = "base"
    DECIMALS = "decimals"
    ROUNDING = "rounding"
    MINIMUM_BASE = "minimum-base"
    HOURS = "hours"
    DAYS = "days"
    FROM = "from"
    REASON = "reason"
    PAST = "past"
    SAME = "same"
    TAKEN = "taken"


class RulesRefused(UsageError):
    """A version cannot be taken.

    Attributes:
        problems: what is wrong with which part, for a page that says it in its language.
    """

    def __init__(self, problems: Sequence[tuple[RuleProblem, str]]) -> None:
        super().__init__("\n".join(f"{problem}: {text}" for problem, text in problems))
        self.problems = tuple(problems)


class UnknownRule(UsageError):
    """There is no version of that number."""


class Version(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version of the hall's rules.

    Attributes:
        number: 1, 2, 3 …; the version that every rate names.
        from_on: first local day it is the rule of.
        rules: what it says.
        author: account; empty for the first version, which the program made.
        reason: why it was made.
        past_reason: why it begins before the day it was made on; else empty.
        made_ms: UTC milliseconds; 0: the first version of a hall that has no rule book yet.
        prev: digest of the version before; empty for the first.
    """

    number: int
    from_on: date
    rules: HallRules
    author: str
    reason: str
    past_reason: str
    made_ms: int
    prev: bytes

    @property
    def rule(self) -> Rule:
        """How a satisfaction rate is computed by this version."""
        rules = self.rules
        return Rule(
            rules.name,
            self.number,
            frozenset(Level(level) for level in rules.satisfied),
            rules.base,
            rules.rounding,
            rules.decimals,
            rules.minimum_base,
        )


def version_digest(version: Version) -> bytes:
    """SHA-256 over all of a version, as `chained.chained_digest`."""
    told: dict[str, Any] = {
        name: getattr(version, name) for name in Version.__struct_fields__ if name != "rules"
    }
    return chained_digest(told | {"rules": msgspec.to_builtins(version.rules)})


def first_rules(minimum_base: int) -> HallRules:
    """What a hall that has changed nothing goes by: `rates.DEFAULT_RULE`."""
    return HallRules(
        satisfied=tuple(sorted((int(level) for level in DEFAULT_RULE.satisfied), reverse=True)),
        base=DEFAULT_RULE.base,
        decimals=None,
        rounding=DEFAULT_RULE.rounding,
        minimum_base=minimum_base,
    )


def first_version(minimum_base: int, made_ms: int = 0) -> Version:
    """Version 1: the rule of every day until another begins."""
    return Version(
        number=1,
        from_on=FIRST_DAY,
        rules=first_rules(minimum_base),
        author="",
        reason="",
        past_reason="",
        made_ms=made_ms,
        prev=FIRST_PREV,
    )


def in_force(versions: Sequence[Version], on: date) -> Version:
    """The rule of a day: the latest version that had begun by then.

    A later decision supersedes an earlier one from its own first day on, also one that was to
    begin later: of two versions that have begun, the higher number counts.

    Args:
        versions: by number, the first of them without a beginning.
        on: local day.
    """
    begun = (version for version in reversed(versions) if version.from_on <= on)
    return next(begun, versions[0])  # the first is the rule of every day before, too


def in_force_in(versions: Sequence[Version], period: Period, today: date) -> Version:
    """The rule of a period: that of its last day which is not in the future.

    A period that is wholly in the future goes by today's.
    """
    return in_force(versions, min(period.last_on, today))


def stretches(versions: Sequence[Version]) -> list[tuple[date, Version]]:
    """Which version is the rule from which day on, earliest first; superseded ones are left out."""
    starts = sorted({version.from_on for version in versions})
    told: list[tuple[date, Version]] = []
    for on in starts:
        version = in_force(versions, on)
        if not told or told[-1][1] != version:
            told.append((on, version))
    return told


def spans_on(rules: HallRules, on: date) -> tuple[OpenSpan, ...]:
    """When the hall is open on a day; none: closed, or the rules say no hours.

    A make-up working day opens like the first day of the week that opens at all.
    """
    return spans_of_day(week_of(rules.hours), special_days(rules), on)


def special_days(rules: HallRules) -> dict[date, DayKind]:
    """Day → what it is, of the days that are other than their day of the week."""
    return {day.on: day.kind for day in rules.days}


def days_of_kind(special: Mapping[date, DayKind], kind: DayKind) -> frozenset[date]:
    """The days of a kind."""
    return frozenset(on for on, known in special.items() if known is kind)


def spans_of_day(week: Week, special: Mapping[date, DayKind], on: date) -> tuple[OpenSpan, ...]:
    """When a week is open on a day; see `spans_on`."""
    kind = special.get(on)
    if kind is DayKind.HOLIDAY:
        return ()
    if kind is DayKind.WORKDAY:
        return next((spans for spans in week if spans), ())
    return week[on.weekday()]


def problems_of(rules: HallRules) -> list[tuple[RuleProblem, str]]:
    """What no version may say, part by part; empty when all is well."""
    problems: list[tuple[RuleProblem, str]] = []
    if rules.satisfied not in SATISFIED_CHOICES:
        told = ", ".join(map(str, rules.satisfied)) or "none"
        problems.append((RuleProblem.SATISFIED, told))
    if rules.base not in ("rated", "invited"):
        problems.append((RuleProblem.BASE, rules.base))
    if rules.decimals is not None and not 0 <= rules.decimals <= MOST_DECIMALS:
        problems.append((RuleProblem.DECIMALS, str(rules.decimals)))
    if not 0 <= rules.minimum_base <= MOST_MINIMUM_BASE:
        problems.append((RuleProblem.MINIMUM_BASE, str(rules.minimum_base)))
    if len(rules.hours) > MOST_HOURS or expected_week(rules.hours):
        problems.append((RuleProblem.HOURS, _bad_line(rules.hours)))
    return problems + [(RuleProblem.DAYS, text) for text in _bad_days(rules.days)]


def _bad_line(hours: Sequence[str]) -> str:
    if len(hours) > MOST_HOURS:  # each further line is held against all before it
        return str(len(hours))
    kept: tuple[str, ...] = ()
    for line in hours:
        if expected_week((*kept, line)):
            return line[:60]
        kept = (*kept, line)
    return f"{len(kept)}"


def _bad_days(days: Sequence[SpecialDay]) -> list[str]:
    if len(days) > MOST_SPECIAL_DAYS:
        return [str(len(days))]
    seen: set[date] = set()
    bad = []
    for day in days:
        if day.on in seen or not day.name.strip() or len(day.name) > LONGEST_NAME:
            bad.append(f"{day.on} {day.name[:LONGEST_NAME]}".strip())
        seen.add(day.on)
    return bad

"""The form that adds a version: from its fields to rules, with everything that is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from collector.rates import Rounding
from collector.rules.book import kept_reasons
from collector.rules.entries import (
    DayKind,
    HallRules,
    RuleProblem,
    SpecialDay,
    Version,
    problems_of,
)
from collector.web.rules.words import day_kind_of, day_kind_text

LONGEST_FIELD: Final = 20_000
FIELDS: Final = (
    "satisfied",
    "base",
    "decimals",
    "rounding",
    "minimum_base",
    "hours",
    "days",
    "from_on",
    "reason",
    "past_reason",
)
USUAL: Final = "usual"
"""Decimals: as many as the place shows."""
FIELD_OF: Final = {
    RuleProblem.SATISFIED: "satisfied",
    RuleProblem.BASE: "base",
    RuleProblem.DECIMALS: "decimals",
    RuleProblem.ROUNDING: "rounding",
    RuleProblem.MINIMUM_BASE: "minimum_base",
    RuleProblem.HOURS: "hours",
    RuleProblem.DAYS: "days",
    RuleProblem.FROM: "from_on",
    RuleProblem.REASON: "reason",
    RuleProblem.PAST: "past_reason",
}
"""Problem → the field it is about."""
WEEKDAY_WORDS: Final = {
    f"{word}{day}": name
    for word in ("星期", "周")
    for day, name in zip(
        "一二三四五六日天", ("mon", "tue", "wed", "thu", "fri", "sat", "sun", "sun"), strict=True
    )
}
"""Chinese name of a weekday → the one in the rules."""
_DAY_LINE: Final = re.compile(r"(\d{4}-\d{2}-\d{2})\s+(\S+)\s+(.+)")

Problem = tuple[RuleProblem, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a form asks for; `rules` or `from_on` None: not to be read, or wrong: `problems`."""

    rules: HallRules | None
    from_on: date | None
    reason: str
    past_reason: str
    problems: list[Problem]


def fields_of(version: Version, today: date) -> dict[str, Any]:
    """The form's fields, filled with what a version says; it begins today."""
    rules = version.rules
    return {
        "satisfied": "".join(map(str, rules.satisfied)),
        "base": rules.base,
        "decimals": USUAL if rules.decimals is None else str(rules.decimals),
        "rounding": rules.rounding.value,
        "minimum_base": str(rules.minimum_base),
        "hours": "\n".join(rules.hours),
        "days": "\n".join(f"{day.on} {day_kind_text(day.kind)} {day.name}" for day in rules.days),
        "from_on": today.isoformat(),
        "reason": "",
        "past_reason": "",
    }


def given(form: Mapping[str, str]) -> dict[str, str]:
    """The fields as they were sent, to be shown again."""
    return {name: form.get(name, "")[:LONGEST_FIELD] for name in FIELDS}


def asked(form: Mapping[str, str], today: date) -> Asked:
    """Read a form, and find everything that is wrong with it at once."""
    fields = given(form)
    problems: list[Problem] = []

    def number(name: str, problem: RuleProblem) -> int:
        text = fields[name].strip()
        if not (text.isascii() and text.isdigit() and len(text) <= 9):
            problems.append((problem, text[:40]))
            return 0
        return int(text)

    decimals = None if fields["decimals"] == USUAL else number("decimals", RuleProblem.DECIMALS)
    minimum_base = number("minimum_base", RuleProblem.MINIMUM_BASE)
    if fields["base"] not in ("rated", "invited"):
        problems.append((RuleProblem.BASE, fields["base"][:40]))
    rounding = Rounding.HALF_UP
    if fields["rounding"] in list(Rounding):
        rounding = Rounding(fields["rounding"])
    else:
        problems.append((RuleProblem.ROUNDING, fields["rounding"][:40]))
    days, bad_days = _days(fields["days"])
    problems += [(RuleProblem.DAYS, line) for line in bad_days]
    rules = HallRules(
        satisfied=tuple(int(digit) for digit in fields["satisfied"] if digit in "12345"),
        base="invited" if fields["base"] == "invited" else "rated",
        decimals=decimals,
        rounding=rounding,
        minimum_base=minimum_base,
        hours=_hours(fields["hours"]),
        days=tuple(days),
    )
    problems += problems_of(rules)  # a part that cannot be read stands in as one that is right
    is_readable = not problems
    from_on = _date(fields["from_on"])
    if from_on is None:
        problems.append((RuleProblem.FROM, fields["from_on"][:40]))
    is_past = from_on is not None and from_on < today
    problems += kept_reasons(fields["reason"], fields["past_reason"], is_past=is_past)[1]
    return Asked(
        rules=rules if is_readable else None,
        from_on=from_on,
        reason=fields["reason"],
        past_reason=fields["past_reason"],
        problems=problems,
    )


def wrong_fields(problems: Iterable[Problem]) -> set[str]:
    """The fields that problems are about."""
    return {FIELD_OF[problem] for problem, _text in problems if problem in FIELD_OF}


def _hours(text: str) -> tuple[str, ...]:
    """The lines of opening hours, as the rules write them, e.g. `mon-fri 09:00-12:00`.

    The days may be Chinese, and dashes and colons those of a Chinese keyboard.
    """
    for said, written in WEEKDAY_WORDS.items():
        text = text.replace(said, written)
    text = text.translate(str.maketrans("：－–—至、，", ":----,,"))
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _date(text: str) -> date | None:
    """A day of this century; None for anything else."""
    try:
        on = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        return None
    return on if on is not None and 2000 <= on.year <= 2099 else None


def _days(text: str) -> tuple[list[SpecialDay], list[str]]:
    """Special days by date, and the lines that are none."""
    days: list[SpecialDay] = []
    bad: list[str] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        found = _DAY_LINE.fullmatch(line)
        on = _date(found[1]) if found else None
        kind: DayKind | None = day_kind_of(found[2]) if found else None
        if found is None or on is None or kind is None or not found[3].isprintable():
            bad.append(line[:60])
        else:
            days.append(SpecialDay(on=on, kind=kind, name=found[3].strip()))
    return sorted(days, key=lambda day: day.on), bad[:5]

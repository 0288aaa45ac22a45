"""Rules, their differences and what is wrong with them, in the visitor's words."""

from __future__ import annotations

import re
from typing import Any, Final

from flask_babel import gettext as _

from collector.rates import Rounding
from collector.rules.entries import DayKind, HallRules, RuleProblem, SpecialDay
from collector.web.languages import level_name
from collector.web.place_words import weekday_text
from firmware_config.hours import DAYS

_NAMED_DAY: Final = re.compile("|".join(DAYS))
_KIND_WORDS: Final = {
    "holiday": DayKind.HOLIDAY,
    "休": DayKind.HOLIDAY,
    "workday": DayKind.WORKDAY,
    "班": DayKind.WORKDAY,
}


def day_kind_of(word: str) -> DayKind | None:
    """What a word of the form means, in either language; None for another word."""
    return _KIND_WORDS.get(word.casefold())


def day_kind_text(kind: DayKind) -> str:
    """The word of the form for a kind of day, in the page's language."""
    return str(_("holiday") if kind is DayKind.HOLIDAY else _("workday"))


def satisfied_text(rules: HallRules) -> str:
    """The levels that count as satisfied."""
    return " + ".join(level_name(level) for level in rules.satisfied)


def base_text(rules: HallRules) -> str:
    """What the rate is computed over."""
    return str(_("counted ratings") if rules.base == "rated" else _("invitations"))


def decimals_text(rules: HallRules) -> str:
    """How many digits are shown."""
    if rules.decimals is None:
        return str(_("two in tables, three in headlines"))
    return str(rules.decimals)


def rounding_text(rounding: Rounding) -> str:
    """How the last digit is chosen."""
    return str(
        {
            Rounding.HALF_UP: _("half up"),
            Rounding.HALF_EVEN: _("half to even"),
            Rounding.DOWN: _("down"),
        }[rounding]
    )


def hours_text(rules: HallRules) -> str:
    """Opening hours on one line, the days of the week in the page's language."""
    names = {day: weekday_text(number) for number, day in enumerate(DAYS, 1)}
    told = str(_("; ")).join(
        _NAMED_DAY.sub(lambda day: names[day[0]], line) for line in rules.hours
    )
    return told or str(_("not said: as in the fleet file"))


def special_day_text(day: SpecialDay) -> str:
    """A holiday or make-up working day."""
    return f"{day.on} {day_kind_text(day.kind)} {day.name}"


def lines_of(rules: HallRules) -> list[tuple[str, str]]:
    """Everything a version says, but for the days: heading and text."""
    return [
        (_("Satisfied"), satisfied_text(rules)),
        (_("Base"), base_text(rules)),
        (_("Digits"), decimals_text(rules)),
        (_("Rounding"), rounding_text(rules.rounding)),
        (_("Ranked from"), str(rules.minimum_base)),
        (_("Opening hours"), hours_text(rules)),
    ]


def differences(old: HallRules, new: HallRules) -> list[str]:
    """What has changed from one version to the next, a sentence each."""
    changed = [
        str(
            _("%(what)s: was “%(old)s”, is “%(new)s”")
            % {"what": heading, "old": before, "new": after}
        )
        for (heading, before), (_heading, after) in zip(lines_of(old), lines_of(new), strict=True)
        if before != after
    ]
    changed += [
        str(_("added: %(day)s") % {"day": special_day_text(day)})
        for day in new.days
        if day not in old.days
    ]
    changed += [
        str(_("taken out: %(day)s") % {"day": special_day_text(day)})
        for day in old.days
        if day not in new.days
    ]
    return changed


def problem_text(problem: RuleProblem, text: str) -> str:
    """What is wrong with a form, and what was expected."""
    sentences: dict[RuleProblem, Any] = {
        RuleProblem.SATISFIED: _(
            "Levels that satisfy: choose one of the three. A bad rating never satisfies, and no "
            "level may satisfy while a better one does not."
        ),
        RuleProblem.BASE: _("Base: choose counted ratings or invitations."),
        RuleProblem.DECIMALS: _("Digits: expected a number from 0 to 4."),
        RuleProblem.ROUNDING: _("Rounding: choose one of the three."),
        RuleProblem.MINIMUM_BASE: _("Ranked from: expected a whole number from 0 to 100000."),
        RuleProblem.HOURS: _(
            "Opening hours: expected lines such as “mon-fri 09:00-12:00” that do not overlap, "
            "got “%(text)s”."
        ),
        RuleProblem.DAYS: _(
            "Holidays: expected lines such as “2026-10-01 holiday National Day”, each day once, "
            "400 at most; got “%(text)s”."
        ),
        RuleProblem.FROM: _("First day: expected a date such as 2026-05-01, got “%(text)s”."),
        RuleProblem.REASON: _("Reason: write a sentence of at most 500 characters."),
        RuleProblem.PAST: _(
            "The first day lies in the past: say why, in at most 500 characters. Reports of days "
            "since then will be computed by the new version, and exports revised."
        ),
        RuleProblem.SAME: _("Nothing would change: version %(text)s says the same."),
        RuleProblem.TAKEN: _(
            "Somebody has added version %(text)s meanwhile. Look at it and repeat your change."
        ),
    }
    return str(sentences[problem] % {"text": text[:80]})

"""Which outcomes a visitor asks for in the address."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask_babel import gettext as _

from collector.ledger.readers import fleet
from collector.ledger.readers.fleet import DepartmentRow, WindowRow
from collector.ledger.readers.listing import Mark, Outcome, Wanted
from collector.web.asked import AskedPeriod, BadParameter, asked_period
from collector.web.dashboard import dashboard, now_ms, reader, scope, today
from firmware_config.contract import Trigger
from firmware_config.levels import BAD_LEVELS, Level

BAD: Final = "bad"
"""Value of `level`: levels 2 and 1."""
FILTERS: Final = (
    *("department", "window", "staff", "level", "outcome"),
    *("trigger", "hour", "weekday"),
)
"""Parameters of the address beside the period, in the order shown."""
MOST_DAYS_UNCOUNTED: Final = 92
"""Rollups do not know what opened a session: such a look reads rows, and is for a quarter at most.
Source: our choice; a quarter of a hall has about 300,000 sessions."""
LONGEST: Final = 64
_MARK: Final = re.compile(r"([0-9]{1,15})-([0-9]{1,15})")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRatings:
    """What is asked for.

    Attributes:
        asked: the period.
        wanted: the same for the ledger.
        given: parameter → text, of the filters that are set.
        before: where the page before ended; None: the first page.
    """

    asked: AskedPeriod
    wanted: Wanted
    given: dict[str, str]
    window: WindowRow | None
    department: DepartmentRow | None
    before: Mark | None

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """Address parameters that ask for it again, some of them changed; None leaves one out."""
        kept = {**self.asked.parameters, **self.given, **changes}
        return {name: value for name, value in kept.items() if value is not None}


def asked_ratings(args: Mapping[str, str]) -> AskedRatings:
    """The outcomes of an address; filters that are empty are not set.

    Raises:
        BadParameter: an unknown name or place, a senseless number, or too long a period for it.
    """
    asked = asked_period({k: v for k, v in args.items() if v or k in ("from", "to")}, today())
    given = {name: args[name] for name in FILTERS if args.get(name)}
    # to who sees some departments, a window that was never theirs is one that there is not
    known = fleet.windows_ever_of(reader(), scope().ids)
    window = _one(
        "window", given, [row for row in fleet.windows(reader(), now_ms()) if row.id in known]
    )
    department = _one(
        "department", given, [row for row in fleet.departments(reader()) if row.id in scope()]
    )
    seen = scope() if department is None else scope().narrowed(department.id)
    level = _choice("level", given, [*(str(int(level)) for level in Level), BAD])
    outcome = _choice("outcome", given, [one.value for one in Outcome])
    trigger = _choice("trigger", given, [one.value for one in Trigger])
    if level and outcome not in (None, Outcome.RATED):
        raise BadParameter(_("Only ratings have a level: leave out “level” or “outcome”."))
    levels = BAD_LEVELS if level == BAD else {int(level)} if level else set()
    wanted = Wanted(
        period=asked.period,
        departments=seen.ids,
        window=window.id if window else None,
        staff_no=_staff(given),
        outcome=Outcome(outcome) if outcome else None,
        levels=frozenset(int(one) for one in levels),
        hour=_number("hour", given, 0, 23),
        weekday=_number("weekday", given, 1, 7),
        trigger=trigger,
    )
    if not wanted.is_countable and asked.period.days > MOST_DAYS_UNCOUNTED:
        raise BadParameter(
            _("Such a filter is for %(days)s days at most: choose a shorter period.")
            % {"days": MOST_DAYS_UNCOUNTED}
        )
    return AskedRatings(
        asked=asked,
        wanted=wanted,
        given=given,
        window=window,
        department=department,
        before=_mark(args.get("before", "")),
    )


def mark_text(mark: Mark) -> str:
    """A mark as it stands in an address."""
    return f"{mark.pressed_ms}-{mark.position}"


def _mark(text: str) -> Mark | None:
    if not text:
        return None
    found = _MARK.fullmatch(text) if text.isascii() else None
    if found is None:
        raise BadParameter(
            _("“%(name)s”: expected the mark of a page, got “%(text)s”.")
            % {"name": "before", "text": text[:40]}
        )
    return Mark(int(found[1]), int(found[2]))


def _one(name: str, given: Mapping[str, str], rows: Collection[Any]) -> Any:
    """The row of a code."""
    code = given.get(name)
    if code is None:
        return None
    found = next((row for row in rows if row.code == code), None)
    if found is None:
        raise BadParameter(
            _("“%(name)s”: there is no “%(text)s”.") % {"name": name, "text": code[:40]}
        )
    return found


def _choice(name: str, given: Mapping[str, str], known: Collection[str]) -> str | None:
    text = given.get(name)
    if text is not None and text not in known:
        raise BadParameter(
            _("“%(name)s”: expected one of %(names)s, got “%(text)s”.")
            % {"name": name, "names": ", ".join(known), "text": text[:40]}
        )
    return text


def _number(name: str, given: Mapping[str, str], low: int, high: int) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if text.isascii() and text.isdigit() and len(text) <= 2 and low <= int(text) <= high:
        return int(text)
    raise BadParameter(
        _("“%(name)s”: expected a whole number from %(low)s to %(high)s, got “%(text)s”.")
        % {"name": name, "low": low, "high": high, "text": text[:40]}
    )


def _staff(given: Mapping[str, str]) -> str | None:
    text = given.get("staff")
    if text is None:
        return None
    if not dashboard().options.shows_staff:
        raise BadParameter(_("“staff”: this hall shows no figures of single members of staff."))
    if len(text) > LONGEST:
        raise BadParameter(
            _("“%(name)s”: there is no “%(text)s”.") % {"name": "staff", "text": text[:40]}
        )
    return text

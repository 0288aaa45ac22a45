"""What a report's address asks for: period, rows, places."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from flask_babel import gettext as _

from collector.periods import Period, PeriodName, named_period
from collector.web.asked import BadParameter, asked_period
from collector.web.reports.model import By

_SPAN: Final = re.compile(r"(20\d\d)(?:-(0[1-9]|1[0-2])|-Q([1-4]))?")
LONGEST_CODE: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedReport:
    """A report asked for.

    Attributes:
        period: local days; `parameters` ask for it again.
        by: what the rows are.
        department: code; empty: all. `window` alike.
    """

    period: Period
    parameters: dict[str, str]
    by: By
    department: str
    window: str

    @property
    def address(self) -> dict[str, str]:
        """All address parameters of it, but for the rule."""
        places = {"department": self.department, "window": self.window}
        return {
            **self.parameters,
            "by": self.by.value,
            **{name: code for name, code in places.items() if code},
        }


def span_of(text: str) -> Period | None:
    """The month `2026-10`, the quarter `2026-Q3` or the year `2026`; None for another text."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    year = int(found[1])
    if found[2]:
        return named_period(PeriodName.MONTH, date(year, int(found[2]), 1))
    if found[3]:
        return named_period(PeriodName.QUARTER, date(year, int(found[3]) * 3 - 2, 1))
    return named_period(PeriodName.YEAR, date(year, 1, 1))


def _span(args: Mapping[str, str]) -> tuple[Period, dict[str, str]] | None:
    """The period of `span=`; None: it is not given."""
    text = args.get("span", "")
    if not text:
        return None
    period = span_of(text)
    if period is None:
        raise BadParameter(
            _("“span”: expected something like 2026-05, 2026-Q2 or 2026, got “%(text)s”.")
            % {"text": text[:40]}
        )
    return period, {"span": text}


def _code(args: Mapping[str, str], name: str) -> str:
    text = args.get(name, "")
    if len(text) > LONGEST_CODE:
        raise BadParameter(
            _("“%(name)s”: expected a code, got “%(text)s”.") % {"name": name, "text": text[:40]}
        )
    return text


def asked_report(args: Mapping[str, str], today: date, *, by: By = By.DEPARTMENT) -> AskedReport:
    """The report of an address; without a period that of last month.

    Args:
        args: the address's parameters: `span`, else `period`, or `from` and `to`; `by`,
            `department`, `window`.
        today: the hall's local day.
        by: the rows when the address does not say.

    Raises:
        BadParameter: one of them makes no sense.
    """
    named = _span(args)
    if named is not None:
        period, parameters = named
    elif {"period", "from", "to"} & set(args):
        asked = asked_period(args, today)
        period = asked.period
        parameters = asked.parameters or {"period": asked.name}
    else:
        period = named_period(PeriodName.LAST_MONTH, today)
        parameters = {"span": f"{period.start_on:%Y-%m}"}
    rows = args.get("by", by.value)
    if rows not in list(By):
        raise BadParameter(
            _("“by”: expected one of %(names)s, got “%(text)s”.")
            % {"names": ", ".join(By), "text": rows[:40]}
        )
    return AskedReport(
        period=period,
        parameters=parameters,
        by=By(rows),
        department=_code(args, "department"),
        window=_code(args, "window"),
    )

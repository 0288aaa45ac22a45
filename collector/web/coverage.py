"""On how many of the hall's days a window has records: what signed records say of its device.

The ledger keeps no history of when a device was heard, so this is no uptime.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from collector.ledger.readers import LedgerReader, counts
from collector.rates import Rate, Rule
from collector.web.view import View

COVERAGE_RULE = Rule("days-with-sessions/days-of-the-hall", 1, frozenset(), "invited")
"""Days on which the window had a session over days on which any window of the hall had one."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Days with sessions: of a window, and of the whole hall."""

    days: int
    hall_days: int

    @property
    def share(self) -> Rate:
        """The one over the other."""
        return Rate(self.days, self.hall_days, COVERAGE_RULE)


def coverage(reader: LedgerReader, view: View, window: int, holidays: Collection[date]) -> Coverage:
    """A window's days in a view, made for its departments, and all days of the hall in it.

    Holidays are neither: who works then as others rest is no yardstick for them.
    """
    days = counts.by_day(reader, view.period, windows=[window], departments=view.scope.ids)
    return Coverage(
        sum(
            1
            for on, one in days.items()
            if (one.invited or one.rated or one.unrated) and date.fromisoformat(on) not in holidays
        ),
        counts.number_of_days(reader, view.period, without=holidays),
    )


def coverage_json(found: Coverage) -> dict[str, int]:
    """The coverage for machines."""
    return {"days_with_sessions": found.days, "days_of_the_hall": found.hall_days}

"""When a bad rating must have been answered, by days or by working days. Pure.

Which days are holidays, and on which weekends people work instead (调休), comes in as arguments.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5
_NONE: Final[frozenset[date]] = frozenset()


class DayCount(StrEnum):
    """How the days of a deadline are counted; the values are those of `web.follow_up_count`."""

    WORKING_DAYS = "working-days"
    DAYS = "days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """By when a bad rating must be answered.

    Attributes:
        days: from the day of the rating on, 1 or more.
        count: which days count.
        holidays: days off beside Saturdays and Sundays.
        workdays: Saturdays and Sundays that are worked.
    """

    days: int
    count: DayCount = DayCount.WORKING_DAYS
    holidays: Set[date] = _NONE
    workdays: Set[date] = _NONE

    def is_worked(self, on: date) -> bool:
        """Whether a day is a working day."""
        if on in self.workdays:
            return True
        return on.weekday() < _SATURDAY and on not in self.holidays

    def due_on(self, rated_on: date) -> date:
        """The last day on which a rating of a day can be answered in time.

        The day of the rating does not count, and a deadline that ends on a day off ends on the next
        working day. Source: Civil Code of the PRC (民法典), art. 201 and 203.
        """
        if self.count is DayCount.DAYS:
            on = rated_on + self.days * _DAY
            while not self.is_worked(on):
                on += _DAY
            return on
        on, left = rated_on, self.days
        while left:
            on += _DAY
            left -= self.is_worked(on)
        return on

    def first_in_time(self, today: date) -> date:
        """The earliest day whose ratings can still be answered in time; those before are overdue.

        `due_on` never falls when its day rises, so one day divides them all.
        """
        on = today
        while self.due_on(on - _DAY) >= today:
            on -= _DAY
        return on


DEFAULT_DEADLINE: Final = Deadline(days=5)
"""Five working days. Source: our choice; places ask for 5 or 15 working days, or 7 days."""

"""The rollups' counts of one group of records, and writing them in every grain.

Days and hours are counted record by record; the months follow from them.
"""

from __future__ import annotations

import sqlite3
from datetime import date
from functools import lru_cache
from typing import Final, TypeVar

from collector.ledger.bulk import BulkInsert
from collector.ledger.placements import Place
from collector.rates import COUNT_FIELDS

DayKey = tuple[str, int, int, str, str, str]
HourKey = tuple[str, int, int, int]
MonthKey = tuple[str, int, int]
MonthHourKey = tuple[str, int, int, int]
MonthStaffKey = tuple[str, str, str, int, int]
_Key = TypeVar("_Key")

_ADDED = ", ".join(f"{name} = {name} + excluded.{name}" for name in COUNT_FIELDS)


def _adding(table: str, *key: str) -> BulkInsert:
    """Adds counts to the rows of a rollup."""
    return BulkInsert(table, (*key, *COUNT_FIELDS), f"ON CONFLICT DO UPDATE SET {_ADDED}")


_DAY_KEY: Final = ("on_date", "window", "department", "staff_no", "staff_from", "item")
_HOUR_KEY: Final = ("on_date", "window", "department", "hour")
_DAYS = _adding("day_rollups", *_DAY_KEY)
_HOURS = _adding("hour_rollups", *_HOUR_KEY)
_MONTHS = _adding("month_rollups", "on_month", "window", "department")
_MONTH_HOUR_KEY: Final = ("on_month", "weekday", "hour", "department")
_MONTH_HOURS = _adding("month_hour_rollups", *_MONTH_HOUR_KEY)
_MONTH_STAFF_KEY: Final = ("on_month", "staff_no", "staff_from", "window", "department")
_MONTH_STAFF = _adding("month_staff_rollups", *_MONTH_STAFF_KEY)
_PURGED_DAYS = _adding("purged_day_rollups", *_DAY_KEY)
_PURGED_HOURS = _adding("purged_hour_rollups", *_HOUR_KEY)
_IS_EMPTY = " AND ".join(f"{name} = 0" for name in COUNT_FIELDS)


def _emptying(table: str, key: tuple[str, ...]) -> str:
    """Takes out a row of a rollup that counts nothing any more."""
    where = " AND ".join(f"{name} = ?" for name in key)
    return f"DELETE FROM {table} WHERE {where} AND {_IS_EMPTY}"


_EMPTY_DAY = _emptying("day_rollups", _DAY_KEY)
_EMPTY_HOUR = _emptying("hour_rollups", _HOUR_KEY)
_EMPTY_MONTH = _emptying("month_rollups", ("on_month", "window", "department"))
_EMPTY_MONTH_HOUR = _emptying("month_hour_rollups", _MONTH_HOUR_KEY)
_EMPTY_MONTH_STAFF = _emptying("month_staff_rollups", _MONTH_STAFF_KEY)


class Rollups:
    """Counts gathered before they are written."""

    def __init__(self) -> None:
        self._days: dict[DayKey, list[int]] = {}
        self._hours: dict[HourKey, list[int]] = {}

    def add(
        self,
        field: int,
        step: int,
        on_date: str,
        hour: int,
        place: Place[int],
        staff: tuple[str, str],
        item: str,
    ) -> None:
        """Count one record.

        Args:
            field: its place in `COUNT_FIELDS`.
            step: 1; -1 takes it out.
            on_date: local day, ISO; `hour` local, 0..23.
            place: where its device stood.
            staff: who served, and whence that is known.
            item: of the case; empty: none.
        """
        window, department = place.window or 0, place.department or 0
        day_key = (on_date, window, department, *staff, item)
        counts = self._days.get(day_key)
        if counts is None:
            counts = self._days[day_key] = [0] * len(COUNT_FIELDS)
        counts[field] += step
        hour_key = (on_date, window, department, hour)
        counts = self._hours.get(hour_key)
        if counts is None:
            counts = self._hours[hour_key] = [0] * len(COUNT_FIELDS)
        counts[field] += step

    def write(self, connection: sqlite3.Connection, *, has_moved: bool) -> None:
        """Add everything gathered to the tables; the caller owns the transaction.

        Args:
            connection: to the ledger.
            has_moved: records were taken out: rows that count nothing any more go.
        """
        _DAYS.run(connection, [(*k, *counts) for k, counts in self._days.items() if any(counts)])
        _HOURS.run(connection, [(*k, *counts) for k, counts in self._hours.items() if any(counts)])
        months, hours, staff = self._months()
        for into, found in ((_MONTHS, months), (_MONTH_HOURS, hours), (_MONTH_STAFF, staff)):
            into.run(connection, [(*k, *counts) for k, counts in found.items() if any(counts)])
        if has_moved:  # a rebuilt ledger would not have the rows that became empty
            connection.executemany(_EMPTY_DAY, list(self._days))
            connection.executemany(_EMPTY_HOUR, list(self._hours))
            connection.executemany(_EMPTY_MONTH, list(months))
            connection.executemany(_EMPTY_MONTH_HOUR, list(hours))
            connection.executemany(_EMPTY_MONTH_STAFF, list(staff))

    def write_purged(self, connection: sqlite3.Connection) -> None:
        """Write only what the records add to the rollups, to where that of purged ones is kept."""
        _PURGED_DAYS.run(connection, [(*key, *counts) for key, counts in self._days.items()])
        _PURGED_HOURS.run(connection, [(*key, *counts) for key, counts in self._hours.items()])

    def _months(
        self,
    ) -> tuple[
        dict[MonthKey, list[int]], dict[MonthHourKey, list[int]], dict[MonthStaffKey, list[int]]
    ]:
        """The counts by month: of places, of the hours of the week, of members of staff."""
        months: dict[MonthKey, list[int]] = {}
        hours: dict[MonthHourKey, list[int]] = {}
        staff: dict[MonthStaffKey, list[int]] = {}
        for (on_date, window, department, staff_no, staff_from, _), counts in self._days.items():
            on_month = on_date[:7]
            _add(months, (on_month, window, department), counts)
            if staff_no:
                _add(staff, (on_month, staff_no, staff_from, window, department), counts)
        for (on_date, _, department, hour), counts in self._hours.items():
            _add(hours, (on_date[:7], _weekday(on_date), hour, department), counts)
        return months, hours, staff


def _add(sums: dict[_Key, list[int]], key: _Key, counts: list[int]) -> None:
    """Add counts to those of a key."""
    into = sums.setdefault(key, [0] * len(COUNT_FIELDS))
    for field, number in enumerate(counts):
        into[field] += number


@lru_cache(maxsize=4096)
def _weekday(on_date: str) -> int:
    """ISO weekday, 1 Monday … 7 Sunday, of an ISO date."""
    return date.fromisoformat(on_date).isoweekday()

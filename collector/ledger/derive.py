"""From accepted records to outcomes and rollup differences.

The same code serves the live ledger and its rebuilding: what it makes depends only on the records
in order of position, their times of reception, and the dated assignments.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from collector.boot_times import BootTime
from collector.ledger.bulk import BulkInsert
from collector.ledger.placements import Place, Placements
from collector.periods import LocalCalendar
from collector.press_time import TimeQuality, press_time
from collector.rates import COUNT_FIELDS
from firmware_config.contract import AnyRecord, Ignored, Invited, Rated, Unrated

DayKey = tuple[str, int, int, str, str, str]
HourKey = tuple[str, int, int, int]
MonthKey = tuple[str, int, int]
MonthHourKey = tuple[str, int, int, int]
MonthStaffKey = tuple[str, str, str, int, int]
BootKey = tuple[int, str]
_Key = TypeVar("_Key")

_FIELD: Final = {name: at for at, name in enumerate(COUNT_FIELDS)}
_INVITED, _UNRATED = _FIELD["invited"], _FIELD["unrated"]
_IGNORED, _REPEATS = _FIELD["ignored"], _FIELD["repeats"]
_LEVEL: Final = {level: _FIELD[f"level{level}"] for level in range(1, 6)}

_OUTCOMES = BulkInsert(
    "outcomes",
    (
        "position",
        "epoch",
        "session",
        "device",
        "window",
        "department",
        "level",
        "reason",
        "trigger",
        "case_no",
        "service_no",
        "item",
        "staff_no",
        "staff_from",
        "pressed_ms",
        "on_date",
        "hour",
        "answer_ms",
        "time_quality",
        "is_repeat",
        "boot",
    ),
)
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
_OFFSET_TIMES = BulkInsert("offset_times", ("epoch", "boot", "position"))


class Placed(NamedTuple):
    """A stored record with what the ledger adds to it.

    Attributes:
        position: place in the ledger.
        epoch: journal row.
        device: device row.
        received_ms: when it was received, UTC milliseconds since 1970.
        believed_ms: its wall clock where that is believed (collector.press_time), else None.
        record: what the device wrote.
    """

    position: int
    epoch: int
    device: int
    received_ms: int
    believed_ms: int | None
    record: AnyRecord


class Batch:
    """What one group of records changes in the derived tables, gathered before it is written."""

    def __init__(self, calendar: LocalCalendar, placements: Placements[int]) -> None:
        self._local = calendar.day_and_hour
        self._at = placements.at
        self._outcomes: list[tuple[Any, ...]] = []
        self._days: dict[DayKey, list[int]] = {}
        self._hours: dict[HourKey, list[int]] = {}
        self._offset_times: list[tuple[int, str, int]] = []
        self._has_moved = False

    def add(
        self, records: Iterable[Placed], boots: Mapping[BootKey, BootTime], repeats: Container[int]
    ) -> None:
        """Take records in.

        Args:
            records: in order of position.
            boots: when each boot they are of began.
            repeats: positions of ratings whose case or session is counted already.
        """
        outcomes, local, at = self._outcomes, self._local, self._at
        for placed in records:
            position, epoch, device, _, pressed_ms, record = placed
            if not isinstance(record, _COUNTED):
                continue
            quality, boot = _SYNCED, None
            if pressed_ms is None:
                pressed_ms, quality, boot = _told(placed, boots[epoch, record.boot])
                self._offset_times.append((epoch, record.boot, position))
            on_date, hour = local(pressed_ms)
            place = at(device, pressed_ms)
            is_repeat = position in repeats
            staff = _staff(record, place)
            self._count(record, is_repeat, on_date, hour, place, staff, 1)
            if isinstance(record, Rated):
                level, reason = record.level, None
            elif isinstance(record, Unrated):
                level, reason = None, record.reason.value
            else:
                continue
            outcomes.append(
                (
                    position,
                    epoch,
                    record.session,
                    device,
                    place.window,
                    place.department,
                    level,
                    reason,
                    record.trigger.value,
                    record.case_no,
                    record.service_no,
                    record.item,
                    *staff,
                    pressed_ms,
                    on_date,
                    hour,
                    max(record.mono_ms - record.invited_mono_ms, 0),
                    quality.value,
                    1 if is_repeat else 0,
                    boot,
                )
            )

    def move(
        self, placed: Placed, was: BootTime, now: BootTime, is_repeat: bool
    ) -> tuple[Any, ...]:
        """Time a record anew: out of the rollups where it was, in again where it belongs now.

        Args:
            placed: a stored record whose own clock is not believed.
            was: when its boot was said to have begun.
            now: when it is said to have begun now.
            is_repeat: of a rating: it is not counted in a level.

        Returns:
            What its outcome, if it has one, shall say: window, department, staff_no, staff_from,
            pressed_ms, on_date, hour, time_quality, boot, position.
        """
        self._has_moved = True
        was_ms, _, _ = _told(placed, was)
        now_ms, quality, boot = _told(placed, now)
        for pressed_ms, step in ((was_ms, -1), (now_ms, 1)):
            on_date, hour = self._local(pressed_ms)
            place = self._at(placed.device, pressed_ms)
            staff = _staff(placed.record, place)
            self._count(placed.record, is_repeat, on_date, hour, place, staff, step)
        where = (place.window, place.department)
        return *where, *staff, now_ms, on_date, hour, quality.value, boot, placed.position

    def write(self, connection: sqlite3.Connection) -> None:
        """Write everything gathered; the caller owns the transaction."""
        _OUTCOMES.run(connection, self._outcomes)
        _DAYS.run(connection, [(*k, *counts) for k, counts in self._days.items() if any(counts)])
        _HOURS.run(connection, [(*k, *counts) for k, counts in self._hours.items() if any(counts)])
        months, hours, staff = self._months()
        for into, found in ((_MONTHS, months), (_MONTH_HOURS, hours), (_MONTH_STAFF, staff)):
            into.run(connection, [(*k, *counts) for k, counts in found.items() if any(counts)])
        _OFFSET_TIMES.run(connection, self._offset_times)
        if self._has_moved:  # a rebuilt ledger would not have the rows that became empty
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

    def _count(
        self,
        record: AnyRecord,
        is_repeat: bool,
        on_date: str,
        hour: int,
        place: Place[int],
        staff: tuple[str, str],
        step: int,
    ) -> None:
        """Count one record in both rollups; `step` -1 takes it out."""
        if isinstance(record, Rated):
            field, item = _REPEATS if is_repeat else _LEVEL[record.level], record.item
        elif isinstance(record, Invited):
            field, item = _INVITED, record.item
        elif isinstance(record, Unrated):
            field, item = _UNRATED, record.item
        elif isinstance(record, Ignored):
            field, item = _IGNORED, ""
        else:
            return
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


def _add(sums: dict[_Key, list[int]], key: _Key, counts: list[int]) -> None:
    """Add counts to those of a key."""
    into = sums.setdefault(key, [0] * len(COUNT_FIELDS))
    for field, number in enumerate(counts):
        into[field] += number


@lru_cache(maxsize=4096)
def _weekday(on_date: str) -> int:
    """ISO weekday, 1 Monday … 7 Sunday, of an ISO date."""
    return date.fromisoformat(on_date).isoweekday()


def _staff(record: AnyRecord, place: Place[int]) -> tuple[str, str]:
    """Who served, and whence that is known: who signed in, else the one who works there."""
    if isinstance(record, _COUNTED) and record.staff_no:
        return record.staff_no, "record"
    return (place.staff_no, "assignment") if place.staff_no else ("", "")


_COUNTED: Final = (Rated, Invited, Unrated, Ignored)
_SYNCED: Final = TimeQuality.SYNCED


def _told(placed: Placed, boot: BootTime) -> tuple[int, TimeQuality, str | None]:
    """When a record happened by its boot, how that is known, and the boot where it was used."""
    record = placed.record
    ms, quality = press_time(record.mono_ms, placed.received_ms, boot.offset_ms, boot.quality)
    return ms, quality, record.boot if ms == record.mono_ms + boot.offset_ms else None

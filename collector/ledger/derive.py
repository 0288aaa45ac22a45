"""From accepted records to outcomes and rollup differences.

The same code serves the live ledger and its rebuilding: what it makes depends only on the records
in order of position, their times of reception, and the dated assignments.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Mapping
from typing import Any, Final, NamedTuple

from collector.boot_times import BootTime
from collector.ledger.bulk import BulkInsert
from collector.ledger.placements import Place, Placements
from collector.ledger.rollups import Rollups
from collector.periods import LocalCalendar
from collector.press_time import TimeQuality, press_time
from collector.rates import COUNT_FIELDS
from firmware_config.contract import AnyRecord, Ignored, Invited, Rated, Unrated

BootKey = tuple[int, str]

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
        self._rollups = Rollups()
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
        self._rollups.write(connection, has_moved=self._has_moved)
        _OFFSET_TIMES.run(connection, self._offset_times)

    def write_purged(self, connection: sqlite3.Connection) -> None:
        """Write only what the records add to the rollups, to where that of purged ones is kept."""
        self._rollups.write_purged(connection)

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
        self._rollups.add(field, step, on_date, hour, place, staff, item)


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

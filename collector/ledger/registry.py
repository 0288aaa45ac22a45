"""What is registered, read from the ledger into memory: devices, keys, and who was where when."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from collector.errors import LedgerMismatch
from collector.periods import LocalCalendar
from collector.verdict import RegisteredKey, Registry
from firmware_config.keys import VerifyKey


class Place(NamedTuple):
    """Where a device stood: row ids, None for "at no window" and "of no department"."""

    window: int | None
    department: int | None


NOWHERE = Place(None, None)


class Placements:
    """Window and department of every device at every instant, from the dated assignments."""

    def __init__(
        self,
        device_windows: list[tuple[int, int, int | None]],
        window_departments: list[tuple[int, int, int | None]],
    ) -> None:
        """Args: rows of (device, from_ms, window) and of (window, from_ms, department)."""
        departments: dict[int, list[tuple[int, int | None]]] = defaultdict(list)
        for window, from_ms, department in sorted(window_departments, key=lambda row: row[:2]):
            departments[window].append((from_ms, department))
        stays: dict[int, list[tuple[int, int | None]]] = defaultdict(list)
        for device, from_ms, window_or_none in sorted(device_windows, key=lambda row: row[:2]):
            stays[device].append((from_ms, window_or_none))
        self._starts: dict[int, list[int]] = {}
        self._places: dict[int, list[Place]] = {}
        for device, rows in stays.items():
            starts, places = [], [NOWHERE]
            ends = [from_ms for from_ms, _ in rows[1:]] + [None]
            for (from_ms, stay), end_ms in zip(rows, ends, strict=True):
                for start, place in _stretches(from_ms, end_ms, stay, departments):
                    starts.append(start)
                    places.append(place)
            self._starts[device], self._places[device] = starts, places

    def at(self, device: int, ms: int) -> Place:
        """Where a device stood at an instant, UTC milliseconds since 1970."""
        starts = self._starts.get(device)
        return self._places[device][bisect_right(starts, ms)] if starts else NOWHERE


def _stretches(
    from_ms: int,
    end_ms: int | None,
    window: int | None,
    departments: dict[int, list[tuple[int, int | None]]],
) -> list[tuple[int, Place]]:
    """One stay at a window, cut where the window changes its department."""
    if window is None:
        return [(from_ms, NOWHERE)]
    stretches = [(from_ms, Place(window, None))]
    for start_ms, department in departments.get(window, ()):
        if start_ms <= from_ms:
            stretches = [(from_ms, Place(window, department))]
        elif end_ms is None or start_ms < end_ms:
            stretches.append((start_ms, Place(window, department)))
    return stretches


def read_registry(db: Database, hall: str) -> Registry:
    """Devices and keys of the ledger.

    Raises:
        LedgerMismatch: the ledger is of another hall, or no fleet was ever loaded into it.
    """
    meta = read_meta(db)
    if meta.get("hall") != hall:
        found = meta.get("hall", "no fleet (run `collector fleet load`)")
        raise LedgerMismatch(f"ledger: hall: expected {hall}, got {found}")
    devices = dict(db.execute("SELECT code, id FROM devices").fetchall())
    keys = {
        kid: RegisteredKey(row, device, VerifyKey(x).is_signed)
        for row, device, kid, x in db.execute("SELECT id, device, kid, x FROM device_keys")
    }
    return Registry(hall, devices, keys)


def read_placements(db: Database) -> Placements:
    """The dated assignments of the ledger."""
    return Placements(
        db.execute("SELECT device, from_ms, window FROM device_windows").fetchall(),
        db.execute("SELECT window, from_ms, department FROM window_departments").fetchall(),
    )


def read_calendar(db: Database) -> LocalCalendar:
    """The calendar of the ledger's time zone."""
    return LocalCalendar(ZoneInfo(read_meta(db)["timezone"]))


def read_meta(db: Database) -> dict[str, str]:
    """The ledger's own facts: gen, hall, timezone, hall_name, hall_name_en."""
    return dict(db.execute("SELECT key, value FROM meta").fetchall())

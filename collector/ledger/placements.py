"""Who was where when, from the dated assignments: device → window → department and staff. Pure.

Devices, windows and departments are named by the ledger's row ids or by the fleet file's codes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

_Code = TypeVar("_Code", bound=Hashable)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Place(Generic[_Code]):
    """Where a device stood.

    Attributes:
        window: None for none.
        department: of the window; None for none.
        staff_no: of the one member of staff of the window; empty for none and for several.
    """

    window: _Code | None = None
    department: _Code | None = None
    staff_no: str = ""


class Placements(Generic[_Code]):
    """Window, department and staff of every device at every instant."""

    def __init__(
        self,
        device_windows: Iterable[tuple[_Code, int, _Code | None]],
        window_departments: Iterable[tuple[_Code, int, _Code | None]],
        staff_windows: Iterable[tuple[str, int, _Code | None]] = (),
    ) -> None:
        """Args: rows of (device, from_ms, window), of (window, from_ms, department), and of
        (staff number, from_ms, window); a row holds until the next of the same.
        """
        departments: dict[_Code, list[tuple[int, _Code | None]]] = defaultdict(list)
        for window, from_ms, department in sorted(window_departments, key=lambda row: row[1]):
            departments[window].append((from_ms, department))
        stays: dict[_Code, list[tuple[int, _Code | None]]] = defaultdict(list)
        for device, from_ms, window_or_none in sorted(device_windows, key=lambda row: row[1]):
            stays[device].append((from_ms, window_or_none))
        sole = _sole_staff(staff_windows)
        self._nowhere: Place[_Code] = Place()
        self._starts: dict[_Code, list[int]] = {}
        self._places: dict[_Code, list[Place[_Code]]] = {}
        for device, rows in stays.items():
            starts, places = [], [self._nowhere]
            ends = [from_ms for from_ms, _ in rows[1:]] + [None]
            for (from_ms, stay), end_ms in zip(rows, ends, strict=True):
                for start, place in _stretches(from_ms, end_ms, stay, departments, sole):
                    starts.append(start)
                    places.append(place)
            self._starts[device], self._places[device] = starts, places

    def at(self, device: _Code, ms: int) -> Place[_Code]:
        """Where a device stood at an instant, UTC milliseconds since 1970."""
        starts = self._starts.get(device)
        return self._places[device][bisect_right(starts, ms)] if starts else self._nowhere

    def first_difference(self, other: Placements[_Code], device: _Code) -> int | None:
        """The earliest instant at which a device stood elsewhere in `other`; None for never."""
        starts = self._starts.get(device, []) + other._starts.get(device, [])
        return next(
            (ms for ms in sorted(starts) if self.at(device, ms) != other.at(device, ms)), None
        )


def _stretches(
    from_ms: int,
    end_ms: int | None,
    window: _Code | None,
    departments: Mapping[_Code, list[tuple[int, _Code | None]]],
    sole: Mapping[_Code, list[tuple[int, str]]],
) -> list[tuple[int, Place[_Code]]]:
    """One stay at a window, cut where the window changes its department or its staff."""
    if window is None:
        return [(from_ms, Place())]
    owners = departments.get(window, [])
    staff = sole.get(window, [])
    cuts = {from_ms, *(ms for ms, _ in owners), *(ms for ms, _ in staff)}
    return [
        (ms, Place(window, _valid(owners, ms, None), _valid(staff, ms, "")))
        for ms in sorted(cuts)
        if ms >= from_ms and (end_ms is None or ms < end_ms)
    ]


def _valid(rows: list[tuple[int, _Value]], ms: int, before: _Value) -> _Value:
    """The value of the last of the sorted rows that begins at or before an instant."""
    at = bisect_right(rows, ms, key=lambda row: row[0])
    return rows[at - 1][1] if at else before


def _sole_staff(
    rows: Iterable[tuple[str, int, _Code | None]],
) -> dict[_Code, list[tuple[int, str]]]:
    """Window → from when on which one member of staff is alone there; empty: none, or several."""
    stays: dict[str, _Code | None] = {}
    present: dict[_Code, set[str]] = defaultdict(set)
    sole: dict[_Code, list[tuple[int, str]]] = defaultdict(list)
    moves = sorted(rows, key=lambda row: (row[1], row[0]))
    for from_ms, group in groupby(moves, key=lambda row: row[1]):
        touched: set[_Code] = set()
        for staff_no, _, window in group:
            for place in (stays.get(staff_no), window):
                if place is not None:
                    present[place].discard(staff_no)
                    touched.add(place)
            if window is not None:
                present[window].add(staff_no)
            stays[staff_no] = window
        for place in touched:
            alone = next(iter(present[place])) if len(present[place]) == 1 else ""
            sole[place].append((from_ms, alone))
    return sole

"""The plan of the hall: windows in rows and columns, by the fleet file or by their names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

ROW_LENGTH: Final = 12
"""Windows in a row where the fleet file draws no plan. Source: our choice; fits a laptop."""


class Window(Protocol):
    """The part of a window that is needed here."""

    @property
    def id(self) -> int:
        """Its row."""

    @property
    def code(self) -> str:
        """Its id in the fleet file."""


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A row of the plan.

    Attributes:
        zone: its heading, where windows are ordered by their names; else empty.
        cells: row ids of windows from left to right; None: nothing stands there.
    """

    zone: str
    cells: tuple[int | None, ...]

    @property
    def is_aisle(self) -> bool:
        """Whether nothing stands in it."""
        return not any(self.cells)


def plan_of(windows: Sequence[Window], places: Mapping[int, tuple[int, int]]) -> list[PlanRow]:
    """The rows of the plan, from top to bottom.

    Args:
        windows: those to draw, in the order of the fleet file.
        places: window row → row and column, from 1; those without one stand below, by zone.
    """
    drawn = {places[window.id]: window.id for window in windows if window.id in places}
    rows = _drawn(drawn) if drawn else []
    return rows + _by_zone([window for window in windows if window.id not in places])


def _drawn(drawn: Mapping[tuple[int, int], int]) -> list[PlanRow]:
    first, last = min(row for row, _ in drawn), max(row for row, _ in drawn)
    left, right = min(column for _, column in drawn), max(column for _, column in drawn)
    return [
        PlanRow("", tuple(drawn.get((row, column)) for column in range(left, right + 1)))
        for row in range(first, last + 1)
    ]


def _by_zone(windows: Iterable[Window]) -> list[PlanRow]:
    """By the letters that windows' ids begin with, such as the `a` of `a01`."""
    zones: dict[str, list[int]] = {}
    for window in windows:
        found = re.match(r"[a-z]+", window.code)
        zones.setdefault(found[0].upper() if found else "#", []).append(window.id)
    return [
        PlanRow(zone if at == 0 else "", tuple(ids[at : at + ROW_LENGTH]))
        for zone, ids in sorted(zones.items())
        for at in range(0, len(ids), ROW_LENGTH)
    ]

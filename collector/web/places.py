"""Places in a period: departments and windows with their figures, in an order asked for.

All of them follow from one question to the ledger, so hall, departments and windows agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from collector.corrections.excluded import excluded_by
from collector.ledger.readers import LedgerReader, counts, fleet
from collector.ledger.readers.fleet import DepartmentRow, WindowRow
from collector.rates import Counts, is_ranked
from collector.web.figures import Figures, figures_json, rate_order, total
from collector.web.view import View


@dataclass(frozen=True, slots=True)
class DepartmentFigures:
    """A department in a period; `windows` counts those it has now."""

    department: DepartmentRow
    windows: int
    figures: Figures

    @property
    def key(self) -> int:
        """What tables, ranks and trends know it by."""
        return self.department.id

    @property
    def filters(self) -> dict[str, str]:
        """Filters of the lists behind its figures."""
        return {"department": self.department.code}


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """A window in a period, with the department it belongs to now (None: none)."""

    window: WindowRow
    department: DepartmentRow | None
    figures: Figures

    @property
    def key(self) -> int:
        """What tables, ranks and trends know it by."""
        return self.window.id

    @property
    def filters(self) -> dict[str, str]:
        """Filters of the lists behind its figures."""
        return {"window": self.window.code}


@dataclass(frozen=True, slots=True)
class Places:
    """What a view shows of the hall, and everything in it in the order of the fleet file.

    `hall` is the sum over the view's departments: the whole hall for who may see all of it.
    """

    view: View
    hall: Figures
    departments: list[DepartmentFigures]
    windows: list[WindowFigures]
    by_pair: dict[tuple[int, int], Figures]

    def department(self, code: str) -> DepartmentFigures | None:
        """The department with that code."""
        return next((d for d in self.departments if d.department.code == code), None)

    def window(self, code: str) -> WindowFigures | None:
        """The window with that code."""
        return next((w for w in self.windows if w.window.code == code), None)

    def windows_of(self, department: DepartmentRow) -> list[WindowFigures]:
        """Windows that belong to a department now or had records for it in the period.

        The figures are those made *for this department*, so that they add up to its own.
        """
        found = []
        for place in self.windows:
            there = self.by_pair.get((place.window.id, department.id), self.view.nothing)
            if place.window.department == department.id or there.counts != Counts():
                found.append(WindowFigures(place.window, place.department, there))
        return found


def places(reader: LedgerReader, view: View, now_ms: int) -> Places:
    """Everything in a view: its departments, and the windows that are theirs now or were then.

    Args:
        reader: the ledger.
        view: which days, which departments, by which rule.
        now_ms: decides which department a window is shown under.
    """
    out = excluded_by(view.excluded, lambda one: (one.window, one.department))
    by_pair = {
        pair: view.figures(these, out.get(pair))
        for pair, these in counts.by_window_and_department(reader, view.period).items()
        if pair[1] in view.scope
    }
    departments = [row for row in fleet.departments(reader) if row.id in view.scope]
    rated_here = {window for window, _department in by_pair}
    windows = [
        row
        for row in fleet.windows(reader, now_ms)
        if row.department in view.scope or row.id in rated_here
    ]
    by_id = {department.id: department for department in departments}
    nothing = view.nothing
    of_department: dict[int, Figures] = {}
    of_window: dict[int, Figures] = {}
    for (window, department), these in by_pair.items():
        of_window[window] = of_window.get(window, nothing) + these
        of_department[department] = of_department.get(department, nothing) + these
    numbers = [window.department for window in windows]
    return Places(
        view=view,
        hall=total(by_pair.values(), nothing),
        departments=[
            DepartmentFigures(d, numbers.count(d.id), of_department.get(d.id, nothing))
            for d in departments
        ],
        windows=[
            WindowFigures(
                w,
                by_id.get(w.department) if w.department is not None else None,
                of_window.get(w.id, nothing),
            )
            for w in windows
        ],
        by_pair=by_pair,
    )


def department_json(place: DepartmentFigures) -> dict[str, Any]:
    """A department for machines."""
    return {
        "code": place.department.code,
        "name": place.department.name,
        "name_en": place.department.name_en,
        "windows": place.windows,
        **figures_json(place.figures),
    }


def window_json(place: WindowFigures) -> dict[str, Any]:
    """A window for machines."""
    return {
        "code": place.window.code,
        "name": place.window.name,
        "name_en": place.window.name_en,
        "department": place.department.code if place.department else None,
        **figures_json(place.figures),
    }


def leading(
    of: Iterable[DepartmentFigures], *, minimum_base: int, limit: int
) -> list[DepartmentFigures]:
    """Departments with the highest rates over at least `minimum_base` ratings, best first.

    Among equal rates the one with more ratings comes first.
    """
    enough = [d for d in of if is_ranked(d.figures.net_rate, minimum_base)]
    enough.sort(key=lambda d: (-(d.figures.net_rate.value or 0), -d.figures.net_rate.base))
    return enough[:limit]


def with_bad_ratings(of: Iterable[DepartmentFigures], *, limit: int) -> list[DepartmentFigures]:
    """Departments with ratings of levels 2 and 1, most of them first, then by lowest rate."""
    some = [d for d in of if d.figures.net.bad]
    some.sort(key=lambda d: (-d.figures.net.bad, rate_order(d.figures, 0)[1]))
    return some[:limit]

"""Members of staff in a view, with their figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collector.corrections.excluded import ExcludedRating, excluded_by
from collector.ledger.readers import LedgerReader
from collector.ledger.readers import staff as staff_reader
from collector.ledger.readers.staff import StaffRow
from collector.rates import Counts
from collector.web.figures import Figures, figures_json
from collector.web.places import Places
from collector.web.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffFigures:
    """A member of staff in a period.

    Attributes:
        row: of the fleet file; one with empty names for a number that only records name.
        window: code of the window where they work now, as far as the visitor may see it.
        figures: of all they did for the departments of the view.
        by_assignment: ratings among them that are theirs because they alone work at the window.
        served: codes of the windows where they did it.
    """

    row: StaffRow
    window: str
    figures: Figures
    by_assignment: int
    served: tuple[str, ...]

    @property
    def key(self) -> str:
        """What tables, ranks and trends know them by."""
        return self.row.staff_no

    @property
    def filters(self) -> dict[str, str]:
        """Filters of the lists behind their figures."""
        return {"staff": self.row.staff_no}

    @property
    def name(self) -> str:
        """The name, or the number where the fleet file has none."""
        return self.row.name or self.row.staff_no

    @property
    def name_en(self) -> str:
        """The English name, or the number."""
        return self.row.name_en or self.row.staff_no


def people(
    reader: LedgerReader,
    view: View,
    these: Places,
    now_ms: int,
    *,
    staff_no: str | None = None,
) -> list[StaffFigures]:
    """Who did something in a view, and who works at one of its windows now; by number.

    One who is asked for by number is there, without figures, when they ever did something.

    Args:
        reader: the ledger.
        view: which days, which departments, by which rule.
        these: the places of the view.
        now_ms: decides where somebody works now.
        staff_no: one of them; None: all.
    """
    counted = staff_reader.by_staff(
        reader, view.period, staff_no=staff_no, departments=view.scope.ids
    )
    sums: dict[str, Counts] = {}
    assigned: dict[str, int] = {}
    places: dict[str, set[int]] = {}
    for key, counts in counted.items():
        sums[key.staff_no] = sums.get(key.staff_no, Counts()) + counts
        places.setdefault(key.staff_no, set()).add(key.window)
        if key.staff_from == "assignment":
            assigned[key.staff_no] = assigned.get(key.staff_no, 0) + counts.rated
    out = excluded_of(reader, view)
    windows = {place.window.id: place.window.code for place in these.windows}
    rows = {
        row.staff_no: row
        for row in staff_reader.staff(reader, now_ms)
        if row.staff_no in sums or row.window in windows
    }
    asked = staff_no is not None and staff_no not in rows and staff_no not in sums
    if asked and staff_reader.has_served(reader, staff_no or "", departments=view.scope.ids):
        sums[staff_no or ""] = Counts()
    for number in sums:
        unknown = StaffRow(staff_no=number, name="", name_en="", window=None)
        rows.setdefault(number, unknown)
    by_person = excluded_by(view.excluded, lambda one: out.get(one.position, ""))
    return [
        StaffFigures(
            row=rows[number],
            window=windows.get(rows[number].window or 0, ""),
            figures=view.figures(sums.get(number, Counts()), by_person.get(number)),
            by_assignment=assigned.get(number, 0),
            served=tuple(sorted(windows[one] for one in places.get(number, ()) if one in windows)),
        )
        for number in sorted(rows)
        if staff_no in (None, number)
    ]


def excluded_of(reader: LedgerReader, view: View) -> Mapping[int, str]:
    """Position of an excluded rating of a view → whose it is."""
    if not view.excluded:
        return {}
    return staff_reader.staff_of(reader, [one.position for one in view.excluded])


def excluded_ratings_of(reader: LedgerReader, view: View, staff_no: str) -> list[ExcludedRating]:
    """The excluded ratings of a view that are one person's."""
    whose = excluded_of(reader, view)
    return [one for one in view.excluded if whose.get(one.position) == staff_no]


def person_json(person: StaffFigures) -> dict[str, Any]:
    """A member of staff for machines."""
    return {
        "staff_no": person.row.staff_no,
        "name": person.row.name,
        "name_en": person.row.name_en,
        "window": person.window or None,
        "by_assignment": person.by_assignment,
        **figures_json(person.figures),
    }

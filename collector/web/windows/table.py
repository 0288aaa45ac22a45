"""The columns of a table of windows, on the windows page and on a department's."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

from collector.web.asked import Column
from collector.web.dashboard import dashboard
from collector.web.figures import rate_order
from collector.web.places import WindowFigures


def columns() -> tuple[Column[WindowFigures], ...]:
    """The columns; `place` is the order of the fleet file."""
    minimum = dashboard().options.minimum_base
    return (
        Column("place", _("Window"), lambda w: w.window.ordinal, is_number=False),
        Column("department", _("Department"), _department, is_number=False),
        Column("invited", _("Invited"), lambda w: w.figures.counts.invited),
        Column("rated", _("Rated"), lambda w: w.figures.counts.rated),
        Column("participation", _("Participation"), _participation),
        Column("rate", _("Satisfaction"), lambda w: rate_order(w.figures, minimum)),
        Column("bad", _("Bad ratings"), lambda w: w.figures.net.bad),
    )


def _department(place: WindowFigures) -> tuple[int, int]:
    return (1, 0) if place.department is None else (0, place.department.id)


def _participation(place: WindowFigures) -> tuple[int, object]:
    value = place.figures.participation.value
    return (1, 0) if value is None else (0, value)

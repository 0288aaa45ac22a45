"""What the templates of places call: intervals, differences, weekdays, small trends, addresses."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask, g, url_for
from flask_babel import lazy_gettext as _

from collector.intervals import wilson
from collector.ledger.readers import fleet
from collector.rates import Rate
from collector.web.asked import AskedPeriod
from collector.web.comparison import points_text
from collector.web.dashboard import dashboard, now_ms, reader, scope, visitor
from collector.web.languages import place_name
from collector.web.ratings.asked import mark_text
from collector.web.sparklines import HEIGHT, WIDTH
from collector.web.view import WHOLE_HALL

WEEKDAYS: Final = (
    _("Mon"),
    _("Tue"),
    _("Wed"),
    _("Thu"),
    _("Fri"),
    _("Sat"),
    _("Sun"),
)
MOST_NAMED: Final = 2
"""Departments that a title names; of more it gives the number."""


def interval_text(rate: Rate) -> str:
    """The 95 % interval of a rate in percent, e.g. `94.2–99.1`; empty where there is none."""
    found = wilson(rate)
    return "" if found is None else "–".join(found.percents(1))


def weekday_text(weekday: int) -> str:
    """The short name of an ISO weekday."""
    return str(WEEKDAYS[weekday - 1])


def own_departments() -> list[Any]:
    """The departments that a page is about, for who sees only some; empty: the whole hall."""
    if visitor() is None or scope() == WHOLE_HALL:
        return []
    return [row for row in fleet.departments(reader()) if row.id in scope()]


def own_title() -> str:
    """What a hall page of some departments is called; empty for the whole hall."""
    if visitor() is None or scope() == WHOLE_HALL:
        return ""
    rows = own_departments()
    if not rows:
        return str(_("no department"))
    if len(rows) <= MOST_NAMED:
        return " · ".join(place_name(row) for row in rows)
    return str(_("your %(number)s departments")) % {"number": len(rows)}


def ratings_address(asked: AskedPeriod, **filters: Any) -> str:
    """Where the outcomes behind a figure are listed; filters that are None are left out."""
    # a table asks for hundreds: what they share is made once for each page
    bases: dict[AskedPeriod, str] = g.setdefault("ratings_bases", {})
    base = bases.get(asked)
    if base is None:
        period: dict[str, Any] = asked.parameters
        base = bases[asked] = url_for("ratings.index", **period)
    given = urlencode({name: value for name, value in filters.items() if value is not None})
    return f"{base}{'&' if '?' in base else '?'}{given}" if given else base


def record_address(outcome: Any) -> str:
    """The page of the record of an outcome, an excluded rating, or a record."""
    return url_for("records.one", device=outcome.device, epoch=outcome.epoch, seq=outcome.seq)


def register(app: Flask) -> None:
    """Make all of this known to an application's templates."""
    app.jinja_env.filters.update(
        interval=interval_text,
        mark=mark_text,
        points=points_text,
        weekday=weekday_text,
    )
    app.jinja_env.globals.update(
        now_of_page=now_ms,
        own_title=own_title,
        ratings_address=ratings_address,
        record_address=record_address,
        shows_staff=lambda: dashboard().options.shows_staff,
        spark_size=(WIDTH, HEIGHT),
    )

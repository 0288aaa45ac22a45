"""What templates may call: numbers, times and words as they are shown."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from flask import Flask, request, session, url_for
from flask_babel import gettext
from markupsafe import Markup
from werkzeug.local import LocalProxy

from collector.devices.state import DeviceState
from collector.ledger.readers import LedgerUnavailable
from collector.ledger.readers.fleet import HallRow
from collector.ledger.readers.outcomes import OutcomeRow
from collector.rates import Rate, Rule
from collector.web import languages
from collector.web.asked import OFFERED
from collector.web.bad.shown import filters as bad_words
from collector.web.corrections.shown import filters as correction_words
from collector.web.dashboard import hall, now_ms, ranked_from, visitor, zone
from collector.web.figures import NO_FIGURE, Figures, Segment, percent_text
from collector.web.hall.today import root_text
from collector.web.navigation import menu
from collector.web.rights import may
from firmware_config.levels import LEVELS

STATIC: Final = Path(__file__).parent / "static"
THEMES: Final = ("auto", "light", "dark")


def _(text: str) -> str:
    """The text in the page's language; typed, which Flask-Babel's function is not."""
    return str(gettext(text))


def count_text(number: int) -> str:
    """A count with thousands separated: 47,411."""
    return f"{number:,}"


def rule_text(rule: Rule) -> str:
    """What a rule says, in words."""
    satisfied = " + ".join(languages.level_name(level) for level in sorted(rule.satisfied)[::-1])
    base = _("counted ratings") if rule.base == "rated" else _("invitations")
    return _("satisfied: %(levels)s; base: %(base)s") % {"levels": satisfied, "base": base}


def local_time(ms: int) -> datetime:
    """UTC milliseconds as the hall's local time."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone())


def time_text(ms: int | None) -> str:
    """Local date and time as markup, today's date on paper only; `—` for None."""
    if ms is None:
        return NO_FIGURE
    at = local_time(ms)
    if at.date() == local_time(now_ms()).date():
        return Markup('<span class="on-paper">{} </span>{}').format(
            at.date().isoformat(), at.strftime("%H:%M:%S")
        )
    return at.strftime("%Y-%m-%d %H:%M")


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """What a sheet of paper says of itself: of which hall, and when it was made."""

    hall: HallRow
    at: str


def printed() -> Printed | None:
    """What stands at the head of this page on paper; None without a ledger or a visitor."""
    if visitor() is None:
        return None
    try:
        at = local_time(now_ms())
        return Printed(hall=hall(), at=f"{at:%Y-%m-%d %H:%M:%S}")
    except (LedgerUnavailable, sqlite3.Error):
        return None


def day_text(ms: int | None) -> str:
    """The local date of UTC milliseconds, ISO; `—` for None."""
    return NO_FIGURE if ms is None else local_time(ms).date().isoformat()


def seconds_text(ms: int) -> str:
    """A duration in seconds with one decimal."""
    return f"{ms / 1000:.1f} s"


def state_text(state: DeviceState) -> str:
    """A device's state in words."""
    return {
        DeviceState.ONLINE: _("online"),
        DeviceState.LATE: _("late"),
        DeviceState.OFFLINE: _("offline"),
        DeviceState.NEVER: _("never seen"),
    }[state]


def reason_text(reason: str) -> str:
    """Why a session has no rating, in words."""
    known = {
        "timeout": _("timed out"),
        "superseded": _("next case called"),
        "paused": _("service paused"),
        "interrupted": _("device restarted"),
    }
    return known.get(reason, reason)


def trigger_text(trigger: str) -> str:
    """What opened a session, in words."""
    known = {"clerk": _("clerk's key"), "case": _("case"), "walkup": _("walk-up")}
    return known.get(trigger, trigger)


def quality_text(quality: str) -> str:
    """How the press time is known, in words."""
    known = {
        "synced": _("device clock"),
        "offset": _("corrected"),
        "bounded": _("estimated"),
    }
    return known.get(quality, quality)


def margin_text(outcome: OutcomeRow) -> str:
    """How far the true press time may be from the one shown; empty below a minute."""
    pressed_ms, earliest_ms, latest_ms = outcome.pressed_ms, outcome.earliest_ms, outcome.latest_ms
    if latest_ms is None:
        return ""
    if earliest_ms is None:
        return _("at the latest")
    minutes = -(-max(pressed_ms - earliest_ms, latest_ms - pressed_ms) // 60_000)
    if minutes <= 1:
        return ""
    if minutes < 120:
        return _("± %(number)d min") % {"number": minutes}
    hours = -(-minutes // 60)
    if hours < 48:
        return _("± %(number)d h") % {"number": hours}
    return _("± %(number)d days") % {"number": -(-hours // 24)}


def life_text(reason: str) -> str:
    """Why a generation of the ledger began, in words."""
    known = {
        "made": _("made anew"),
        "restored": _("restored from a backup"),
        "renewed": _("renewed by hand"),
    }
    return known.get(reason, reason)


@lru_cache(maxsize=64)
def _static_version(name: str) -> str:
    return sha256((STATIC / name).read_bytes()).hexdigest()[:12]


def static_url(name: str) -> str:
    """Address of one of our static files; changes with its content."""
    return url_for("static", filename=name, v=_static_version(name))


KEPT_PARAMETERS: Final = frozenset(
    {
        *("period", "from", "to", "rule", "sort", "order", "state", "need", "q"),
        *("department", "window", "level", "overdue"),
    }
)
"""What a page's links carry on; anything else of a visitor's never reaches `url_for`."""


def address_with(**changes: str | None) -> str:
    """This page's address with some parameters changed; None leaves one out."""
    kept = {
        name: value
        for name, value in request.args.items()
        if name in KEPT_PARAMETERS and name not in changes and len(value) <= 40
    }
    given = {name: value for name, value in changes.items() if value is not None}
    values: dict[str, Any] = {**(request.view_args or {}), **kept, **given}
    return url_for(request.endpoint or "hall.page", **values)


def may_open(endpoint: str) -> bool:
    """Whether the visitor's role may open an endpoint; for links that would only be refused."""
    who = visitor()
    return who is not None and may(who.role, endpoint)


def told_segments(figures: Figures) -> list[tuple[Segment, str]]:
    """The parts of a distribution bar, each with its words, e.g. `satisfied 37`."""
    names = languages.level_names()
    return [(one, f"{names[one.level]} {count_text(one.count)}") for one in figures.segments]


def theme() -> str:
    """The theme chosen; `auto` follows the system."""
    chosen = session.get("theme", "auto")
    return chosen if chosen in THEMES else "auto"


def register(app: Flask) -> None:
    """Make all of this known to an application's templates."""
    app.jinja_env.filters.update(
        count=count_text,
        day=day_text,
        time=time_text,
        seconds=seconds_text,
        long_date=languages.long_date,
        state=state_text,
        reason=reason_text,
        life=life_text,
        trigger=trigger_text,
        quality=quality_text,
        margin=margin_text,
        rule=rule_text,
        root=root_text,
        place=languages.place_name,
        **correction_words(),
        **bad_words(),
    )

    def percent(rate: Rate, decimals: int = 2) -> str:
        return percent_text(rate, decimals)

    app.jinja_env.filters["percent"] = percent

    # globals and not a context: macros of imported templates see only these
    app.jinja_env.globals.update(
        address_with=address_with,
        hall_of_page=hall,
        html_language=languages.html_language,
        is_chinese=languages.is_chinese,
        languages=languages.LANGUAGES,
        level_name=languages.level_name,
        told_segments=told_segments,
        may_open=may_open,
        menu=menu,
        levels=LEVELS,
        no_figure=NO_FIGURE,
        ranked_from=LocalProxy(ranked_from),  # a number that templates compare with
        offered_periods=OFFERED,
        printed=printed,
        static_url=static_url,
        trigger_text=trigger_text,  # for literals: Jinja computes "clerk"|trigger only once
    )

    @app.context_processor
    def _of_visitor() -> dict[str, Any]:
        return {"account": visitor(), "language": languages.language(), "theme": theme()}

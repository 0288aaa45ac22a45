"""What the templates of devices may call, and the hall page's card."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask
from flask_babel import gettext as _
from markupsafe import Markup

from collector.devices.keys import KeyUse
from collector.devices.needs import Need, Reason
from collector.press_time import wall_ms
from collector.web.dashboard import now_ms, scope
from collector.web.devices import words
from collector.web.devices.listing import NeedGroup, groups_of, seen_devices, tally_of
from collector.web.figures import NO_FIGURE
from collector.web.languages import level_name
from collector.web.records.words import kind_text
from collector.web.shown import day_text, local_time, time_text
from collector.web.view import Scope
from collector.wishes import ENDED, Told
from firmware_config.levels import Level

KEPT_S: Final = 10.0
"""How old the hall page's card may be. Source: our choice; a device is late after 95 s."""


@dataclass(frozen=True, slots=True)
class HandCard:
    """What the hall page says of devices: those that need a hand, by reason."""

    hand: int
    total: int
    groups: list[NeedGroup]


class CardCache:
    """The card for each set of departments, at most `KEPT_S` old; safe to use from any thread.

    The hall page is opened far more often than a device breaks, and must not pay for it each time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cards: dict[Scope, tuple[float, HandCard]] = {}

    def card(self, scope: Scope) -> HandCard:
        """The card of this request's visitor, who sees `scope`."""
        now_s = time.monotonic()
        with self._lock:
            made_s, card = self._cards.get(scope, (-KEPT_S, None))
        if card is None or now_s - made_s >= KEPT_S:
            devices = seen_devices()
            tally = tally_of(devices)
            card = HandCard(tally.hand, tally.total, groups_of(devices, urgent=True))
            with self._lock:
                self._cards[scope] = (now_s, card)
        return card


def detail_text(need: Need) -> str:
    """What a need is about, with times as this page shows them."""
    heard_ms = need.facts.get("heard_ms")
    return words.detail_text(need) if heard_ms is None else time_text(heard_ms)


def short_time_text(ms: int | None) -> str:
    """A local time for a narrow column: the minute of today, or the day without its year."""
    if ms is None:
        return NO_FIGURE
    at, now = local_time(ms), local_time(now_ms())
    if at.date() == now.date():
        return Markup('<span class="on-paper">{} </span>{}').format(f"{at:%m-%d}", f"{at:%H:%M}")
    return f"{at:%m-%d}" if at.year == now.year else f"{at:%Y-%m-%d}"


def last_sign_text(key: KeyUse) -> str:
    """The day of a key's last press or test, without its year; `—` for none that is known."""
    tested_on = day_text(key.tested_ms) if key.tested_ms is not None else ""
    newest = max(key.pressed_on or "", tested_on)
    return newest[5:] if newest else NO_FIGURE


def key_words() -> dict[str | bool, Any]:
    """The words beside the marks of keys, for all rows of a table."""
    return {
        "levels": {int(level): level_name(int(level)) for level in Level},
        "pressed": _("pressed"),
        "tested": _("tested"),
        True: _("works"),
        False: _("not proven"),
    }


def settings_time(version: int) -> str:
    """When settings were sent, which is what their version is; a device may claim any number."""
    try:
        return short_time_text(version)
    except (ValueError, OverflowError, OSError):
        return str(version)


def wall_time_text(wall: str) -> str:
    """A time of a log, UTC as RFC 3339, as this page shows times."""
    ms = wall_ms(wall)
    return wall[:40] if ms is None else time_text(ms)


def is_ended(told: Told) -> bool:
    """Whether nothing more becomes of a wish."""
    return told.fate in ENDED


def register(app: Flask) -> None:
    """Make all of this known to an application's templates."""
    app.jinja_env.filters.update(
        age=words.age_text,
        record_kind=kind_text,
        device_bytes=words.bytes_text,
        device_word=words.word_text,
        fate=words.fate_text,
        last_sign=last_sign_text,
        settings_time=settings_time,
        short_time=short_time_text,
        wall_time=wall_time_text,
        grade=lambda grade: words.GRADES[grade],
        need_detail=detail_text,
        need_title=lambda reason: words.TITLES[Reason(reason)],
        need_todo=lambda reason: words.TODO[Reason(reason)],
        need_why=lambda reason: words.WHY[Reason(reason)],
        reading=words.reading_text,
        reading_limit=words.limit_text,
        value_name=lambda value: words.VALUES[value],
    )
    cards = CardCache()
    app.jinja_env.globals.update(devices_card=lambda: cards.card(scope()))
    app.jinja_env.tests["ended"] = is_ended

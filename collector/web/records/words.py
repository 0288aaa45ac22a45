"""What a record says, in words: its kind and every field a device wrote."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from flask_babel import lazy_gettext as _
from markupsafe import Markup

from collector.web import languages
from collector.web.shown import reason_text, trigger_text
from firmware_config.contract import AnyRecord, DayClose, SettingsChange
from firmware_config.levels import KEY_LEVELS, LEVELS

KINDS: Final[dict[str, Any]] = {
    "BOOT": _("The device program started"),
    "INVITED": _("A rating was asked for"),
    "RATED": _("A rating was given"),
    "UNRATED": _("A session closed without a rating"),
    "IGNORED": _("A press that does not count"),
    "PAUSED": _("The service was paused"),
    "RESUMED": _("The service was resumed"),
    "SIGNIN": _("A member of staff signed in"),
    "SIGNOUT": _("A member of staff signed out"),
    "TEST": _("A key was tested"),
    "CLOCK": _("The clock was set or compared"),
    "FAULT": _("Something was wrong with the device"),
    "SETTINGS": _("Settings came into force"),
    "DAYCLOSE": _("The day was counted up"),
}
FIELDS: Final[dict[str, Any]] = {
    "level": _("Level"),
    "button": _("Button"),
    "session": _("Session of the journal"),
    "trigger": _("Opened by"),
    "case_no": _("Case"),
    "service_no": _("Service"),
    "item": _("Item"),
    "staff_no": _("Staff no."),
    "reason": _("Reason"),
    "detail": _("Detail"),
    "via": _("By way of"),
    "version": _("Version"),
    "pins": _("Key layout"),
    "step_ms": _("Clock moved by"),
    "server_time": _("The collector's time"),
    "on": _("Day"),
    "invited_mono_ms": _("Asked for at (time since start)"),
    "mono_ms": _("Time since start"),
    "wall": _("The device's clock, UTC"),
    "synced": _("Clock"),
    "boot": _("Start of the device"),
}
IGNORED_REASONS: Final[dict[str, Any]] = {
    "no-session": _("no session was open"),
    "already-rated": _("the session was rated already"),
    "paused": _("the service was paused"),
    "too-soon": _("too soon after the last press"),
    "held": _("the key was held down"),
    "closed": _("outside the opening hours"),
    "testing": _("during the self-test"),
}
_KEYS_AND_FACES: Final = KEY_LEVELS | {str(level): level for level in LEVELS}
"""Name of a key in the layouts we bring, or number of a face on the screen → its level."""
LEFT_OUT: Final = frozenset({"kind", "dev", "epoch", "seq", "prev", "v", "counts", "values"})
"""Shown elsewhere on the page, or as a table."""


def kind_text(kind: str) -> str:
    """What a kind of record means."""
    return str(KINDS.get(kind, kind))


def key_text(name: str) -> str:
    """A key in words, as markup; its name in the key layout, where that says a level, beside it."""
    level = _KEYS_AND_FACES.get(name.removeprefix("screen-"))
    if level is None:
        return name
    return Markup('{} <code class="soft small">{}</code>').format(languages.level_name(level), name)


def said_rows(said: AnyRecord) -> list[tuple[str, str]]:
    """(Label, value in words) of everything a record says, empty fields left out."""
    told = msgspec.to_builtins(said)
    found = [
        (str(FIELDS.get(name, name)), _value(name, value))
        for name, value in told.items()
        if name not in LEFT_OUT and value != ""
    ]
    order = {str(label): at for at, label in enumerate(FIELDS.values())}
    found.sort(key=lambda row: order.get(row[0], len(order)))
    return found


def said_table(said: AnyRecord) -> list[tuple[str, str]]:
    """The counts of a DAYCLOSE or the values of a SETTINGS record."""
    if isinstance(said, DayClose):
        return [(name, f"{number:,}") for name, number in said.counts.items()]
    if isinstance(said, SettingsChange):
        return list(said.values.items())
    return []


def _value(name: str, value: Any) -> str:
    if name == "level":
        return f"{value} · {languages.level_name(value)}"
    if name == "button":
        return key_text(str(value))
    if name == "synced":
        return str(_("synchronised") if value else _("not synchronised"))
    if name == "trigger":
        return trigger_text(str(value))
    if name == "reason":
        known = IGNORED_REASONS.get(str(value))
        return str(known) if known is not None else reason_text(str(value))
    if name.endswith("_ms"):
        return f"{value / 1000:,.3f} s"
    return str(value)

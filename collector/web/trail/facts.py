"""What an entry of the audit trail tells beside its columns, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from collector.web.asked import OFFERED
from collector.web.navigation import MAIN, MORE

LABELS: Final = {
    "page": _("Page"),
    "period": _("Period"),
    "scope": _("Scope"),
    "query": _("Asked for"),
    "method": _("Method"),
    "role": _("Role"),
    "departments": _("Departments"),
    "parts": _("Parts"),
    "days": _("Days"),
    "rule": _("Rule"),
    "reason": _("Reason"),
    "from_on": _("First day"),
    "by": _("Rows"),
    "ledger_size": _("Records in the ledger"),
    "factor": _("Proved by"),
    "sessions": _("Sessions ended"),
    "led_to": _("Led to"),
    "entries": _("Entries"),
    "broken_at": _("Broken at entry"),
    "wait_s": _("Must wait, seconds"),
}
"""Name of a fact → its words; another one is shown as it is."""
PAGES: Final = {entry.group: entry.label for entry in (*MAIN, *MORE)} | {
    "ratings": _("List of ratings"),
    "records": _("Record"),
    "me": _("My account"),
    "account": _("Sign-in"),
    "screen": _("Big screens"),
    "identify": _("Devices"),
    "api": _("API"),
}
"""Group of pages → its name."""
_FACTORS: Final = {
    "password": _("password"),
    "totp": _("password and one-time code"),
    "recovery": _("password and recovery code"),
}
_NAMED: Final = {name.value: label for name, label in OFFERED}


def facts_text(facts: Mapping[str, Any]) -> str:
    """All facts of an entry, on one line."""
    return " · ".join(
        f"{LABELS.get(name, name)} {_value(name, value)}" for name, value in facts.items()
    )


def _value(name: str, value: Any) -> str:
    match name, value:
        case "page", str():
            group, _dot, view = value.partition(".")
            shown = str(PAGES.get(group, value))
            return f"{shown} (API)" if view.startswith("api") else shown
        case "factor", str():
            return str(_FACTORS.get(value, value))
        case "scope", "hall":
            return str(gettext("The whole hall"))
        case "period", str():
            return str(_NAMED.get(value, value))
        case "period", {"from": first, "to": last}:
            return f"{first} – {last}"
        case "period", {"period": str(named), **others} if not others:
            return str(_NAMED.get(named, named))
        case "period", {"span": str(text)} | {"month": str(text)}:
            return text
        case _, str():
            return value
        case _, list():
            return ", ".join(map(str, value))
    return json.dumps(value, ensure_ascii=False)

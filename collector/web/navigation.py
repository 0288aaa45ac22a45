"""The pages in the menu, in order, and which of them a visitor may open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from flask import current_app
from flask_babel import lazy_gettext as _

from collector.web.rights import may


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the menu; `group` is the blueprint whose pages belong to it."""

    endpoint: str
    label: Any

    @property
    def group(self) -> str:
        """The blueprint."""
        return self.endpoint.partition(".")[0]


MAIN: Final = (
    Entry("hall.page", _("The hall")),
    Entry("departments.index", _("Departments")),
    Entry("windows.index", _("Windows")),
    Entry("staff.index", _("Staff")),
    Entry("bad.index", _("Bad ratings")),
    Entry("devices.index", _("Devices")),
    Entry("reports.index", _("Reports")),
)
"""What managers open every day."""
MORE: Final = (
    Entry("corrections.index", _("Corrections")),
    Entry("rules.index", _("Rules")),
    Entry("exports.index", _("Exports")),
    Entry("integrity.page", _("Ledger")),
    Entry("displays.index", _("Big screens")),
    Entry("people.index", _("Accounts")),
    Entry("tokens.index", _("API tokens")),
    Entry("audit.index", _("Audit trail")),
)
"""What is opened now and then; behind one heading."""


def menu(role: str) -> tuple[list[Entry], list[Entry]]:
    """The entries of `MAIN` and `MORE` a role may open."""

    def allowed(entries: tuple[Entry, ...]) -> list[Entry]:
        known = current_app.view_functions.keys() - current_app.config["HIDDEN_PAGES"]
        return [e for e in entries if e.endpoint in known and may(role, e.endpoint)]

    return allowed(MAIN), allowed(MORE)

"""An alarm about excluded ratings as one line: for the command line and the export's manifest."""

from __future__ import annotations

from collections.abc import Mapping

from collector.corrections.excluded import ExclusionAlarm, Scope
from collector.ledger.readers.ratings import Query
from collector.rates import percent

PlaceCodes = Mapping[Scope, Mapping[int, str]]


def place_names(query: Query) -> PlaceCodes:
    """Codes of departments and windows by their rows in the ledger."""
    return {
        Scope.DEPARTMENT: dict(query("SELECT id, code FROM departments")),
        Scope.WINDOW: dict(query("SELECT id, code FROM windows")),
    }


def alarm_text(alarm: ExclusionAlarm, codes: PlaceCodes) -> str:
    """One line, e.g. `2026-11: window a01: 3.448 % of the ratings excluded (5/145)`."""
    share = f"{percent(alarm.share)} of the ratings excluded"
    over = f"({alarm.share.numerator}/{alarm.share.base})"
    what: str = alarm.scope
    if alarm.scope in codes:
        what += f" {codes[alarm.scope].get(alarm.place, '-')}"
    if alarm.people:
        what += f" {' + '.join(alarm.people)}"
    return f"{alarm.on_month}: {what}: {share} {over}"

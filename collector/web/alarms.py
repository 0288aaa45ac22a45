"""Alarms about excluded ratings, with the names that pages show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from collector.corrections.excluded import ExclusionAlarm, Scope
from collector.ledger.readers.fleet import DepartmentRow, WindowRow
from collector.rates import Rate
from collector.web.figures import rate_json

NOWHERE: Final = "—"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAlarm:
    """One alarm; `name` and `code` are empty for the hall and for a pair of people."""

    on_month: str
    scope: Scope
    code: str
    name: str
    name_en: str
    people: tuple[str, ...]
    share: Rate


def shown_alarms(
    alarms: Iterable[ExclusionAlarm],
    departments: Iterable[DepartmentRow],
    windows: Iterable[WindowRow],
) -> list[ShownAlarm]:
    """The alarms with the names of their places."""
    rows: dict[Scope, dict[int, DepartmentRow | WindowRow]] = {
        Scope.DEPARTMENT: {row.id: row for row in departments},
        Scope.WINDOW: {row.id: row for row in windows},
    }

    def shown(alarm: ExclusionAlarm) -> ShownAlarm:
        row = rows.get(alarm.scope, {}).get(alarm.place)
        is_place = alarm.scope in rows
        return ShownAlarm(
            on_month=alarm.on_month,
            scope=alarm.scope,
            code=row.code if row else "",
            name=row.name if row else NOWHERE if is_place else "",
            name_en=row.name_en if row else NOWHERE if is_place else "",
            people=alarm.people,
            share=alarm.share,
        )

    return [shown(alarm) for alarm in alarms]


def alarm_json(alarm: ShownAlarm) -> dict[str, Any]:
    """An alarm for machines."""
    return {
        "month": alarm.on_month,
        "scope": alarm.scope.value,
        "code": alarm.code,
        "people": list(alarm.people),
        "excluded_share": rate_json(alarm.share),
    }

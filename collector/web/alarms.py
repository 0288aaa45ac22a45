"""Alarms about excluded ratings: kept for a minute, and with the names that pages show."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from collector.corrections.excluded import DEFAULT_LIMITS, ExclusionAlarm, Limits, Scope
from collector.corrections.file import CorrectionsFile
from collector.corrections.report import alarms_in, last_two_months
from collector.ledger.readers import LedgerReader
from collector.ledger.readers.fleet import DepartmentRow, WindowRow
from collector.rates import Rate
from collector.web.figures import rate_json

NOWHERE: Final = "—"
KEPT_S: Final = 60.0
"""How long alarms are kept while no correction is added: the share of a month moves slowly, and a
page must not look up every excluded rating of two months at each press."""


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


class AlarmWatch:
    """The alarms of this month and the last; safe to use from any thread.

    Args:
        file: the corrections; an entry added to it is seen at once.
        limits: when the excluded share of a month is an alarm.
    """

    def __init__(self, file: CorrectionsFile, limits: Limits = DEFAULT_LIMITS) -> None:
        self.file = file
        self._limits = limits
        self._lock = threading.Lock()
        self._key: object = None
        self._found_s = 0.0
        self._alarms: list[ExclusionAlarm] = []

    def alarms(self, reader: LedgerReader, today: date) -> list[ExclusionAlarm]:
        """The alarms, at most `KEPT_S` old.

        Raises:
            CorrectionsUnavailable: the corrections cannot be read.
        """
        with self._lock:
            key = (today, self.file.version())
            now_s = time.monotonic()
            if key != self._key or now_s - self._found_s >= KEPT_S:
                months = last_two_months(today)
                self._alarms = alarms_in(reader.rows, self.file, months, self._limits)
                self._key, self._found_s = key, now_s
            return self._alarms


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

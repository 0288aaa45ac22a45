"""The hall today: everything its page, its API and its live events are made from."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from collector.corrections.excluded import ExcludedRating, ExclusionAlarm, excluded_by
from collector.corrections.excluded import Scope as AlarmScope
from collector.corrections.report import excluded_in
from collector.devices.seen import tally
from collector.devices.state import DeviceTally
from collector.ledger.readers import LedgerReader, counts, fleet, integrity, outcomes
from collector.ledger.readers.integrity import LedgerState
from collector.ledger.readers.outcomes import OutcomeRow
from collector.periods import Period, local_day, single_day
from collector.rates import DEFAULT_RULE, Counts, Rule
from collector.web.alarms import AlarmWatch, ShownAlarm, alarm_json, shown_alarms
from collector.web.dashboard import zone_of
from collector.web.figures import Figures, figures_json
from collector.web.places import (
    DepartmentFigures,
    Places,
    department_json,
    leading,
    places,
    with_bad_ratings,
)
from collector.web.view import WHOLE_HALL, Scope, View, inside
from firmware_config.chain import b64url

LATEST: Final = 12
"""Ratings in the live list."""
IN_LISTS: Final = 6
FIRST_HOUR: Final = 8
LAST_HOUR: Final = 17
"""Hours that are always drawn, so that a morning does not look like a full day."""


@dataclass(frozen=True, slots=True)
class LatestRating:
    """A rating in the live list."""

    position: int
    level: int
    pressed_ms: int
    clock_time: str
    window: str
    window_name: str
    window_name_en: str
    department_name: str
    department_name_en: str


@dataclass(frozen=True, slots=True)
class HourFigures:
    """One local hour, 0..23, of the day."""

    hour: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class HallToday:
    """The hall on one local day. `position` is the newest ledger row it includes."""

    on: date
    position: int
    figures: Figures
    hours: list[HourFigures]
    leading: list[DepartmentFigures]
    attention: list[DepartmentFigures]
    departments: int
    departments_with_ratings: int
    devices: DeviceTally
    ledger: LedgerState
    latest: list[LatestRating]
    alarms: list[ShownAlarm]


def hall_today(
    reader: LedgerReader,
    watch: AlarmWatch,
    now_ms: int,
    *,
    real_ms: int,
    minimum_base: int,
    scope: Scope = WHOLE_HALL,
    rule_of: Callable[[Period], Rule] = lambda _period: DEFAULT_RULE,
) -> HallToday:
    """The hall, or some of its departments, on the local day of `now_ms`.

    Args:
        reader: the ledger.
        watch: over the corrections, which say what the net figures leave out.
        now_ms: UTC milliseconds.
        real_ms: what time it is: of words that devices sent, see `devices.survey`.
        minimum_base: rates over fewer ratings are not ranked.
        scope: the departments that are counted and named.
        rule_of: the rule by which the rates of a period are computed.
    """
    hall = fleet.hall(reader)
    on = local_day(now_ms, zone_of(hall))
    position = outcomes.last_position(reader)
    day = single_day(on)
    excluded = inside(excluded_in(reader.rows, watch.file, day), scope)
    view = View(period=day, scope=scope, rule=rule_of(day), excluded=excluded)
    these = places(reader, view, now_ms)
    mine = {place.window.id for place in these.windows}
    return HallToday(
        on=on,
        position=position,
        figures=these.hall,
        hours=hours_of(view, counts.by_hour_of_day(reader, on, departments=scope.ids), excluded),
        leading=leading(these.departments, minimum_base=minimum_base, limit=IN_LISTS),
        attention=with_bad_ratings(these.departments, limit=IN_LISTS),
        departments=len(these.departments),
        departments_with_ratings=sum(1 for d in these.departments if d.figures.counts.rated),
        devices=tally(
            (
                device
                for device in fleet.devices(reader, now_ms)
                if scope == WHOLE_HALL or device.window in mine
            ),
            real_ms,
        ),
        ledger=integrity.ledger_state(reader),
        latest=latest(reader, these, now_ms, after=0),
        alarms=shown_alarms(
            _seen_alarms(watch.alarms(reader, on), scope, mine),
            [place.department for place in these.departments],
            [place.window for place in these.windows],
        ),
    )


def _seen_alarms(
    alarms: Iterable[ExclusionAlarm], scope: Scope, windows: Container[int]
) -> list[ExclusionAlarm]:
    """The alarms about places that a visitor may see; those of hall and people see who sees all."""
    if scope == WHOLE_HALL:
        return list(alarms)
    return [
        alarm
        for alarm in alarms
        if (alarm.scope is AlarmScope.DEPARTMENT and alarm.place in scope)
        or (alarm.scope is AlarmScope.WINDOW and alarm.place in windows)
    ]


def hours_of(
    view: View, by_hour: dict[int, Counts], excluded: Sequence[ExcludedRating] = ()
) -> list[HourFigures]:
    """Every hour from the first to the last to draw, empty ones too.

    Args:
        view: by which rule.
        by_hour: local hour → raw counts.
        excluded: the ratings among them that approved corrections leave out.
    """
    first = min([FIRST_HOUR, *by_hour])
    last = max([LAST_HOUR, *by_hour])
    out = excluded_by(excluded, lambda one: one.hour)
    return [
        HourFigures(hour, view.figures(by_hour.get(hour, Counts()), out.get(hour)))
        for hour in range(first, last + 1)
    ]


def latest(reader: LedgerReader, these: Places, now_ms: int, *, after: int) -> list[LatestRating]:
    """Ratings stored after position `after`, newest first."""
    zone = zone_of(fleet.hall(reader))
    window_by_id = {place.window.id: place.window for place in these.windows}
    department_by_id = {place.department.id: place.department for place in these.departments}

    def shown(row: OutcomeRow) -> LatestRating:
        window = window_by_id.get(row.window or 0)
        department = department_by_id.get(row.department or 0)
        pressed_at = datetime.fromtimestamp(row.pressed_ms / 1000, UTC).astimezone(zone)
        return LatestRating(
            position=row.position,
            level=row.level or 0,
            pressed_ms=row.pressed_ms,
            clock_time=pressed_at.strftime("%H:%M:%S"),
            window=window.code if window else "",
            window_name=window.name if window else "—",
            window_name_en=window.name_en if window else "—",
            department_name=department.name if department else "",
            department_name_en=department.name_en if department else "",
        )

    rows = outcomes.latest_ratings(
        reader, after=after, limit=LATEST, departments=these.view.scope.ids
    )
    return [shown(row) for row in rows]


def hours_json(hours: list[HourFigures]) -> list[dict[str, Any]]:
    """The hours for machines and charts."""
    return [{"hour": hour.hour, **figures_json(hour.figures)} for hour in hours]


def rating_json(rating: LatestRating) -> dict[str, Any]:
    """A rating of the live list for machines."""
    return {
        "position": rating.position,
        "level": rating.level,
        "pressed_ms": rating.pressed_ms,
        "clock_time": rating.clock_time,
        "window": {
            "code": rating.window,
            "name": rating.window_name,
            "name_en": rating.window_name_en,
        },
        "department": {
            "name": rating.department_name,
            "name_en": rating.department_name_en,
        },
    }


def devices_json(devices: DeviceTally) -> dict[str, int]:
    """The devices' states for machines."""
    return {
        "online": devices.online,
        "late": devices.late,
        "offline": devices.offline,
        "never": devices.never,
        "total": devices.total,
    }


def root_text(root: bytes) -> str:
    """A Merkle root as base64url without padding, as receipts carry it."""
    return b64url(root).decode("ascii")


def today_json(page: HallToday) -> dict[str, Any]:
    """The whole page for machines."""
    return {
        "on": page.on.isoformat(),
        "position": page.position,
        "figures": figures_json(page.figures),
        "hours": hours_json(page.hours),
        "leading": [department_json(place) for place in page.leading],
        "attention": [department_json(place) for place in page.attention],
        "departments": page.departments,
        "departments_with_ratings": page.departments_with_ratings,
        "devices": devices_json(page.devices),
        "ledger": ledger_json(page.ledger),
        "latest": [rating_json(rating) for rating in page.latest],
        "alarms": [alarm_json(alarm) for alarm in page.alarms],
    }


def ledger_json(ledger: LedgerState) -> dict[str, Any]:
    """The ledger's state for machines."""
    return {"size": ledger.size, "root": root_text(ledger.root), "gen": ledger.gen}

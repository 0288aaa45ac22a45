"""The hall today: everything its page, its API and its live events are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from collector.ledger.readers import LedgerReader, counts, fleet, integrity, outcomes
from collector.ledger.readers.integrity import LedgerState
from collector.ledger.readers.outcomes import OutcomeRow
from collector.periods import local_day, single_day
from collector.rates import Counts
from collector.web.dashboard import zone_of
from collector.web.device_states import DeviceTally, tally
from collector.web.figures import Figures, figures_json
from collector.web.page_time import newest_ms
from collector.web.places import (
    DepartmentFigures,
    Places,
    department_json,
    leading,
    places,
    with_bad_ratings,
)
from firmware_config.chain import b64url

OVERVIEW_EVERY_MS: Final = 3000
"""How often a live event also carries the hours and departments, which are the larger part."""
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


def hall_today(reader: LedgerReader, now_ms: int, *, minimum_base: int) -> HallToday:
    """The hall on the local day of `now_ms`."""
    hall = fleet.hall(reader)
    on = local_day(now_ms, zone_of(hall))
    position = outcomes.last_position(reader)
    these = places(reader, single_day(on), now_ms)
    return HallToday(
        on=on,
        position=position,
        figures=these.hall,
        hours=hours_of(counts.by_hour_of_day(reader, on)),
        leading=leading(these.departments, minimum_base=minimum_base, limit=IN_LISTS),
        attention=with_bad_ratings(these.departments, limit=IN_LISTS),
        departments=len(these.departments),
        departments_with_ratings=sum(1 for d in these.departments if d.figures.counts.rated),
        devices=tally(fleet.devices(reader, now_ms), now_ms),
        ledger=integrity.ledger_state(reader),
        latest=latest(reader, these, now_ms, after=0),
    )


def hours_of(by_hour: dict[int, Counts]) -> list[HourFigures]:
    """Every hour from the first to the last to draw, empty ones too."""
    first = min([FIRST_HOUR, *by_hour])
    last = max([LAST_HOUR, *by_hour])
    return [
        HourFigures(hour, Figures(by_hour.get(hour, Counts()))) for hour in range(first, last + 1)
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

    rows = outcomes.latest_ratings(reader, after=after, limit=LATEST)
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
        "silent": devices.silent,
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
    }


def ledger_json(ledger: LedgerState) -> dict[str, Any]:
    """The ledger's state for machines."""
    return {"size": ledger.size, "root": root_text(ledger.root), "gen": ledger.gen}


class LiveEvents:
    """Builds the live events of the hall page.

    Args:
        clock: UTC milliseconds since 1970.
        minimum_base: rates over fewer ratings are not ranked.
        follows_records: the day shown is that of the newest record, see `page_time`.
    """

    def __init__(
        self, clock: Callable[[], int], *, minimum_base: int, follows_records: bool = False
    ) -> None:
        self._clock = clock
        self._follows_records = follows_records
        self._minimum_base = minimum_base
        self._overview_ms = 0

    def event(self, reader: LedgerReader, *, after: int) -> dict[str, Any]:
        """A whole event with the ratings after a position: the first of a stream, or a poll."""
        now_ms = self._clock()
        with reader.moment():  # else a rating stored meanwhile is told now and again next time
            if self._follows_records:
                now_ms = newest_ms(reader, now_ms)
            page = hall_today(reader, now_ms, minimum_base=self._minimum_base)
        event = today_json(page)
        event["is_partial"] = False
        event["latest"] = [rating for rating in event["latest"] if rating["position"] > after]
        return event

    def __call__(
        self, reader: LedgerReader, previous: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        """The next event; None when nothing that is shown has changed since `previous`."""
        now_ms = self._clock()
        # without a previous event the latest ratings are all told: a page that has just connected
        # may have missed one that came before this first look, and knows itself which it has
        after = previous["position"] if previous else 0
        event = self.event(reader, after=after)
        is_due = previous is None or now_ms - self._overview_ms >= OVERVIEW_EVERY_MS
        is_behind = previous is not None and previous["is_partial"]
        if previous is not None and all(
            event[part] == previous[part] for part in ("position", "figures", "devices", "ledger")
        ):
            return event if is_behind and self._is_told(now_ms, is_due) else None
        if not self._is_told(now_ms, is_due):
            for part in ("hours", "leading", "attention"):
                del event[part]
            event["is_partial"] = True
        return event

    def _is_told(self, now_ms: int, is_due: bool) -> bool:
        """Whether this event carries the overview; remembers when it did."""
        if is_due:
            self._overview_ms = now_ms
        return is_due

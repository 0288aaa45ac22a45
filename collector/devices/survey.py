"""Every device of the hall with all that is judged about it, from one look at the ledger."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Final
from zoneinfo import ZoneInfo

from collector.devices.idle import USUAL_DAYS, Habit, idle_devices
from collector.devices.keys import KEY_DAYS, KeyUse, one_sided, shares_elsewhere, unproven
from collector.devices.limits import Reading, readings
from collector.devices.needs import Known, Need, needs_of
from collector.devices.opening import NO_SPECIAL_DAYS, is_open_at, open_ms
from collector.devices.seen import DeviceShown, device_shown
from collector.ledger.readers import LedgerReader, fleet
from collector.ledger.readers.device_facts import (
    LevelUse,
    Stay,
    days_with_sessions,
    health_times,
    last_sessions,
    last_stored,
    level_use,
    refused,
    stays,
)
from collector.ledger.readers.devices import DeviceSettings, device_settings, last_tests
from collector.ledger.readers.fleet import WindowRow
from collector.ledger.readers.plan import opening_hours
from collector.periods import local_day
from collector.rules.entries import DayKind, spans_of_day
from firmware_config.contract import Health
from firmware_config.hours import OpenSpan, Week
from firmware_config.levels import KEY_LEVELS, LEVELS

LOOKED_BACK_DAYS: Final = 90
"""Days within which the last press of a key is looked for. Source: our choice; a quarter."""
CONFLICT_DAYS: Final = 30
"""A conflict is evidence for ever, and a reason to act for a month. Source: our choice."""
QUARANTINE_DAYS: Final = 7
_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, kw_only=True)
class Surveyed:
    """One device.

    Attributes:
        shown: its row, state and health.
        window: where it stands now; None for nowhere.
        from_ms: since when, UTC milliseconds.
        now_ms, real_ms: the moment of the survey, see there.
        health_ms: when its health came.
        keys: of the levels it has, highest first.
        session_ms: press time of its last session there; `press_ms`: of its last rating.
        stored_ms: when its newest record was stored.
        settings: None: never heard of any.
        readings: its health values with their limits.
        needs: why it needs a hand, the gravest first; empty: it does not.
    """

    shown: DeviceShown
    window: WindowRow | None
    from_ms: int | None
    now_ms: int
    real_ms: int
    health_ms: int | None
    keys: tuple[KeyUse, ...]
    session_ms: int | None
    press_ms: int | None
    stored_ms: int | None
    settings: DeviceSettings | None
    readings: tuple[Reading, ...]
    needs: tuple[Need, ...]

    @property
    def code(self) -> str:
        """The device's id."""
        return self.shown.row.code

    @property
    def is_urgent(self) -> bool:
        """Whether somebody should go there now."""
        return any(need.is_urgent for need in self.needs)

    @cached_property
    def receipt_age_s(self) -> float | None:
        """Seconds since it had a receipt, by its own word; None: not known."""
        health = self.shown.health
        if health is None or health.receipt_age_s is None or self.health_ms is None:
            return None
        return health.receipt_age_s + max(0, self.real_ms - self.health_ms) / 1000

    @property
    def tested_ms(self) -> int | None:
        """Since when all its keys have been tested; None when one never was."""
        tests = [key.tested_ms for key in self.keys]
        known = [ms for ms in tests if ms is not None]
        return min(known) if known and len(known) == len(tests) else None


def survey(
    reader: LedgerReader,
    *,
    now_ms: int,
    real_ms: int,
    zone: ZoneInfo,
    special: Mapping[date, DayKind] = NO_SPECIAL_DAYS,
) -> list[Surveyed]:
    """All devices in order of their ids.

    Args:
        reader: the ledger.
        now_ms: the moment in the hall, UTC milliseconds: of presses and assignments.
        real_ms: what time it is: of words that devices sent. The same, but for a ledger that is
            not written in real time.
        zone: the hall's.
        special: holidays and make-up working days of the hall's rules; the hours of other days
            are those of the fleet file.

    Raises:
        LedgerUnavailable: it cannot be read.
    """
    today = local_day(now_ms, zone)
    windows = {row.id: row for row in fleet.windows(reader, now_ms)}
    standing = stays(reader, now_ms)
    place_of = {stay.device: stay for stay in standing}
    shown = [device_shown(row, real_ms) for row in fleet.devices(reader, now_ms)]
    since_on = {stay.device: local_day(stay.from_ms, zone) for stay in standing}
    uses = _level_uses(reader, standing, since_on, today)
    tests = last_tests(reader)
    keys = {
        one.row.id: _keys(
            _levels_of(one.health),
            uses.get(one.row.id, LevelUse()),
            tests.get(one.row.id, {}),
        )
        for one in shown
    }
    sessions = last_sessions(reader, standing, after_ms=now_ms - LOOKED_BACK_DAYS * _DAY_MS)
    week = opening_hours(reader)
    worked = _days_worked(reader, standing, since_on, today)
    idle = _idle(week, special, zone, now_ms, worked, sessions)
    elsewhere = shares_elsewhere({device: keys[device] for device in place_of})
    stored, heard, settings = last_stored(reader), health_times(reader), device_settings(reader)
    out = refused(
        reader,
        conflicts_after_ms=real_ms - CONFLICT_DAYS * _DAY_MS,
        quarantined_after_ms=real_ms - QUARANTINE_DAYS * _DAY_MS,
    )
    found = []
    for one in shown:
        row, stay = one.row, place_of.get(one.row.id)
        health_ms = heard.get(row.id)
        values = readings(one.health, 0 if health_ms is None else (real_ms - health_ms) / 1000)
        mine = keys[row.id]
        known = Known(
            state=one.state,
            heard_ms=row.heard_ms,
            has_window=stay is not None,
            has_key=bool(row.kid),
            health=one.health,
            readings=values,
            is_idle=str(row.id) in idle,
            one_sided=one_sided(mine, elsewhere[row.id], now_ms) if stay else (),
            unproven=unproven(mine, now_ms) if stay else (),
            conflicts=out.conflicts.get(row.id, 0),
            quarantined=out.quarantined.get(row.code, 0),
            missing=max(0, row.head - row.stored),
        )
        session_ms, press_ms = sessions.get(row.id, (None, None))
        found.append(
            Surveyed(
                shown=one,
                window=windows.get(stay.window) if stay else None,
                from_ms=stay.from_ms if stay else None,
                now_ms=now_ms,
                real_ms=real_ms,
                health_ms=health_ms,
                keys=mine,
                session_ms=session_ms,
                press_ms=press_ms,
                stored_ms=stored.get(row.id),
                settings=settings.get(row.code),
                readings=values,
                needs=tuple(needs_of(known)),
            )
        )
    return found


def _level_uses(
    reader: LedgerReader, standing: Iterable[Stay], since_on: Mapping[int, date], today: date
) -> dict[int, LevelUse]:
    """Device → how the levels were used at its window since it came; that begins at midnight.

    Devices that came on the same day, or longer ago than is looked back, share a question.
    """
    first_on = today - timedelta(days=LOOKED_BACK_DAYS - 1)
    lately_on = (today - timedelta(days=KEY_DAYS - 1)).isoformat()
    of_day: dict[date, list[Stay]] = defaultdict(list)
    for stay in standing:
        of_day[max(first_on, since_on[stay.device])].append(stay)
    found: dict[int, LevelUse] = {}
    for begin_on, stays_since in of_day.items():
        used = level_use(reader, begin_on.isoformat(), today.isoformat(), lately_on=lately_on)
        found |= {stay.device: used.get(stay.window, LevelUse()) for stay in stays_since}
    return found


def _days_worked(
    reader: LedgerReader, standing: Iterable[Stay], since_on: Mapping[int, date], today: date
) -> dict[int, dict[date, int]]:
    """Device → day → sessions at its window since it came, of the usual days before today."""
    device_at = {stay.window: stay.device for stay in standing}
    found: dict[int, dict[date, int]] = {stay.device: {} for stay in standing}
    first_on = today - timedelta(days=USUAL_DAYS)
    days = {day.isoformat(): day for day in (first_on + timedelta(n) for n in range(USUAL_DAYS))}
    for day in days_with_sessions(reader, first_on.isoformat(), today.isoformat()):
        device = device_at.get(day.window)
        on_date = days[day.on_date]
        if device is not None and on_date >= since_on[device]:
            found[device][on_date] = day.sessions
    return found


def _levels_of(health: Health | None) -> tuple[int, ...]:
    """The levels a device has keys for; all, unless it names keys that we know."""
    named = health and [n for n in health.edges if n != "clerk" and not n.startswith("screen-")]
    if not named or any(name not in KEY_LEVELS for name in named):
        return LEVELS
    return tuple(sorted((KEY_LEVELS[name] for name in named), reverse=True))


def _keys(levels: Sequence[int], use: LevelUse, tests: Mapping[int, int]) -> tuple[KeyUse, ...]:
    last_on = dict(zip(LEVELS, use.last_on, strict=True))
    presses = dict(zip(LEVELS, use.ratings, strict=True))
    return tuple(
        KeyUse(
            level=level,
            presses=presses[level],
            pressed_on=last_on[level],
            tested_ms=tests.get(level),
        )
        for level in levels
    )


def _idle(
    week: Week | None,
    special: Mapping[date, DayKind],
    zone: ZoneInfo,
    now_ms: int,
    worked: Mapping[int, Mapping[date, int]],
    sessions: Mapping[int, tuple[int | None, int | None]],
) -> frozenset[str]:
    """Device rows, as text, that are idle; none where nobody knows when the hall is open."""
    if week is None:
        return frozenset()
    far_ms = now_ms - USUAL_DAYS * _DAY_MS
    opened_ms = {
        on: sum(map(_length_ms, spans_of_day(week, special, on)))
        for on in {on for days in worked.values() for on in days}
    }
    habits = {}
    for device, days in worked.items():
        last_ms = sessions.get(device, (None, None))[0]
        habits[str(device)] = Habit(
            sessions=sum(days.values()),
            days=len(days),
            open_ms=sum(opened_ms[on] for on in days),
            idle_open_ms=None
            if last_ms is None
            else open_ms(week, zone, max(last_ms, far_ms), now_ms, special),
        )
    return idle_devices(habits, is_open=is_open_at(week, zone, now_ms, special))


def _length_ms(span: OpenSpan) -> int:
    begin, end = span
    return ((end.hour - begin.hour) * 60 + end.minute - begin.minute) * 60_000

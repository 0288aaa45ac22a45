"""How long the hall was open between two instants. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Final

from collector.rules.entries import DayKind, spans_of_day
from firmware_config.hours import Week, is_in

NO_SPECIAL_DAYS: Final[Mapping[date, DayKind]] = MappingProxyType({})


def open_ms(
    week: Week,
    zone: tzinfo,
    from_ms: int,
    to_ms: int,
    special: Mapping[date, DayKind] = NO_SPECIAL_DAYS,
) -> int:
    """Milliseconds of opening time in `[from_ms, to_ms)`; 0 when it ends before it begins.

    Args:
        week: the opening hours; local times of `zone`, which may change its offset.
        zone: the hall's.
        from_ms: UTC milliseconds since 1970, like `to_ms`.
        special: holidays and make-up working days, which go before the day of the week.
    """
    if to_ms <= from_ms:
        return 0
    day, last = _local(from_ms, zone).date(), _local(to_ms, zone).date()
    total = 0
    while day <= last:
        for opens_at, closes_at in spans_of_day(week, special, day):
            begin_ms = _ms(datetime.combine(day, opens_at, zone))
            end_ms = _ms(datetime.combine(day, closes_at, zone))
            total += max(0, min(end_ms, to_ms) - max(begin_ms, from_ms))
        day += timedelta(days=1)
    return total


def is_open_at(
    week: Week, zone: tzinfo, ms: int, special: Mapping[date, DayKind] = NO_SPECIAL_DAYS
) -> bool:
    """Whether the hall is open at an instant, UTC milliseconds since 1970."""
    local = _local(ms, zone)
    return is_in(spans_of_day(week, special, local.date()), local.timetz().replace(tzinfo=None))


def _local(ms: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)

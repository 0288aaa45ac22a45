"""When a press happened, told from a device that may not know the time. Pure.

Only some devices have a clock that runs without power. Every record carries the kernel's boot-time
clock, which never jumps; a boot's *offset* turns it into wall time (`collector.boot_times`). Raw
values are never rewritten.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

FUTURE_TOLERANCE_MS: Final = 5 * 60 * 1000
"""A wall clock further after reception is not believed. Source: our choice."""
EARLIEST_MS: Final = 1_577_836_800_000
"""2020-01-01T00:00:00Z. No device of this system is older: an earlier clock is not believed."""


class TimeQuality(StrEnum):
    """How a press time is known; the value is the text in the ledger."""

    SYNCED = "synced"
    """By the device's own synchronised clock."""
    OFFSET = "offset"
    """By the time since boot, of a boot that met the collector or had a synchronised clock."""
    BOUNDED = "bounded"
    """Between what is known of the boots before and after."""


def wall_text(ms: int) -> str:
    """UTC milliseconds since 1970 as the contract's wall time, e.g. `2026-07-01T08:30:00.125Z`."""
    second, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


@lru_cache(maxsize=4096)
def _minute_ms(text: str) -> int | None:
    try:
        minute = datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=UTC)
    except ValueError:  # 30 February passes the contract's pattern
        return None
    return int(minute.timestamp()) * 1000


def wall_ms(wall: str) -> int | None:
    """A record's `wall` (contract.WallTime) as UTC milliseconds since 1970; None: no such date."""
    minute = _minute_ms(wall[:16])
    if minute is None:
        return None
    return minute + int(wall[17:19]) * 1000 + int(wall[20:23])


def believed_wall_ms(wall: str, is_synced: bool, received_ms: int) -> int | None:
    """The wall clock of a record where it can be believed, else None.

    Args:
        wall: the record's `wall`.
        is_synced: the record's `synced`.
        received_ms: when the collector received it, UTC milliseconds since 1970.
    """
    return believed_ms(wall, received_ms) if is_synced else None


def believed_ms(wall: str, received_ms: int) -> int | None:
    """A wall time that a record tells as UTC milliseconds since 1970, if it is believed."""
    ms = wall_ms(wall)
    if ms is None or not EARLIEST_MS <= ms <= received_ms + FUTURE_TOLERANCE_MS:
        return None
    return ms


def press_time(
    mono_ms: int, received_ms: int, offset_ms: int, quality: TimeQuality
) -> tuple[int, TimeQuality]:
    """When a record happened whose own wall clock is not believed.

    Args:
        mono_ms: the record's boot-time clock.
        received_ms: when the collector received the record.
        offset_ms: of the record's boot; not above what the record itself allows.
        quality: how the offset is known.

    Returns:
        UTC milliseconds since 1970 and how they are known. Where the boot-time clock gives nothing
        sensible it is the time of reception, `bounded`.
    """
    ms = own_or_received_ms(mono_ms, received_ms, offset_ms)
    return ms, quality if ms == mono_ms + offset_ms else TimeQuality.BOUNDED


def own_or_received_ms(mono_ms: int, received_ms: int, offset_ms: int) -> int:
    """A time by the boot-time clock; that of reception where it gives nothing sensible."""
    ms = mono_ms + offset_ms
    return ms if ms >= EARLIEST_MS else received_ms

"""When a press happened, told from a device that may not know the time. Pure.

Only some devices have a clock that runs without power. Every record carries the kernel's boot-time
clock, which never jumps; a boot's *offset* turns it into wall time. A record received at R cannot
have happened after R, so every record of a boot bounds the offset by R - mono_ms; a record with a
synchronised wall clock gives it by wall - mono_ms. The tightest (smallest) of them counts, so a
time told by offset is the latest the press can have happened, and becomes earlier as more records
of that boot arrive. Raw values are never rewritten.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Final

FUTURE_TOLERANCE_MS: Final = 5 * 60 * 1000
"""A synchronised wall clock this far after reception is not believed. Source: our choice."""
EARLIEST_MS: Final = 1_577_836_800_000
"""2020-01-01T00:00:00Z. No device of this system is older: an earlier clock is not believed."""


class TimeQuality(StrEnum):
    """How a press time is known; the value is the text in the ledger."""

    SYNCED = "synced"
    OFFSET = "offset"
    BOUNDED = "bounded"


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
    if not is_synced:
        return None
    ms = wall_ms(wall)
    if ms is None or not EARLIEST_MS <= ms <= received_ms + FUTURE_TOLERANCE_MS:
        return None
    return ms


def offset_bound_ms(mono_ms: int, believed_ms: int | None, received_ms: int) -> int:
    """The largest offset (wall - mono) of its boot that one record allows, in milliseconds."""
    bound = received_ms - mono_ms
    return bound if believed_ms is None else min(bound, believed_ms - mono_ms)


def press_time(
    mono_ms: int, believed_ms: int | None, received_ms: int, offset_ms: int
) -> tuple[int, TimeQuality]:
    """When a record's press or event happened.

    Args:
        mono_ms: the record's boot-time clock.
        believed_ms: from `believed_wall_ms`.
        received_ms: when the collector received the record.
        offset_ms: tightest offset of the record's boot; its own bound is already in it.

    Returns:
        UTC milliseconds since 1970 and how they are known; `bounded` is the time of reception.
    """
    if believed_ms is not None:
        return believed_ms, TimeQuality.SYNCED
    ms = mono_ms + offset_ms
    if ms >= EARLIEST_MS:
        return ms, TimeQuality.OFFSET
    return received_ms, TimeQuality.BOUNDED

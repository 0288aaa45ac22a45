"""When records were received: against signed statements, and whether the clock went back. Pure.

Nobody signs the time of reception, and it is no part of the Merkle tree. What is signed is when the
ledger had which size: whatever it had then was received before, and whatever it had not, after.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.periods import local_day
from collector.press_time import wall_text
from collector.verify.findings import Check, Finding, Level
from firmware_config.contract import MAX_INTEGER

Row = tuple[int, int, int, bytes, str, int, int, bytes, bytes]
"""position, epoch, seq, digest, kind, key, received_ms, payload, signature."""


class Bracket(NamedTuple):
    """A signed statement of when the ledger had a size: `at_ms`, UTC milliseconds since 1970."""

    size: int
    at_ms: int
    source: str


class Brackets:
    """For every place in the ledger the statements that bound its time of reception."""

    def __init__(self, brackets: Iterable[Bracket]) -> None:
        ordered = sorted(brackets)
        self._sizes = [one.size for one in ordered]
        self._low: list[Bracket | None] = [None]
        for one in ordered:
            last = self._low[-1]
            self._low.append(one if last is None or one.at_ms >= last.at_ms else last)
        self._high: list[Bracket | None] = [None]
        for one in reversed(ordered):
            last = self._high[-1]
            self._high.append(one if last is None or one.at_ms <= last.at_ms else last)
        self._high.reverse()

    def around(self, position: int) -> tuple[int, Bracket | None, Bracket | None]:
        """Up to which place it holds, the latest one without it, the earliest one that has it."""
        at = bisect_left(self._sizes, position)
        until = self._sizes[at] if at < len(self._sizes) else MAX_INTEGER
        return until, self._low[at], self._high[at]


def contradictions(
    rows: Sequence[Row], brackets: Brackets, tolerance_ms: int
) -> Iterator[tuple[Row, str, Bracket]]:
    """Rows received at another time than a statement allows: the row, in what way, which one.

    Args:
        rows: by rising position.
        tolerance_ms: how far they may contradict it.
    """
    until, low, high = 0, None, None
    for row in rows:
        position, received_ms = row[0], row[6]
        if position > until:
            until, low, high = brackets.around(position)
        if low is not None and received_ms < low.at_ms - tolerance_ms:
            yield row, "received before a statement that does not have it", low
        elif high is not None and received_ms > high.at_ms + tolerance_ms:
            yield row, "received after a statement that has it", high


def turns_back(rows: Sequence[Row], zone: ZoneInfo) -> Iterator[Finding]:
    """A note for every row received before one that stands before it."""
    latest_ms = rows[0][6] if rows else 0
    for row in rows:
        if row[6] < latest_ms:
            yield set_back(row[0], latest_ms, row[6], zone)
        else:
            latest_ms = row[6]


def set_back(position: int, before_ms: int, at_ms: int, zone: ZoneInfo) -> Finding:
    """The note that a record was received before one that stands before it."""
    day = day_text(at_ms, zone)
    return Finding(
        level=Level.NOTE,
        check=Check.RECEIVED,
        what="received before a record that stands before it: the clock was set back?",
        where=day,
        first_on=day,
        last_on=day,
        first_position=position,
        last_position=position,
        expected=time_text(before_ms),
        got=time_text(at_ms),
    )


def day_text(ms: int, zone: ZoneInfo) -> str:
    """Local day (ISO) of UTC milliseconds since 1970; empty beyond the calendar."""
    try:
        return local_day(ms, zone).isoformat()
    except (OverflowError, ValueError, OSError):
        return ""


def time_text(ms: int) -> str:
    """UTC milliseconds since 1970 as RFC 3339; the bare number beyond the calendar."""
    try:
        return wall_text(ms)
    except (OverflowError, ValueError, OSError):
        return str(ms)

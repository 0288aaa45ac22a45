"""Counting a journal's local days, for DAYCLOSE.

Days are those of the wall clock as it was read when each record was written, right or wrong: the
collector has the same raw values, so both can count alike.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from firmware_config.contract import Kind
from kiosk.journal.store import Journal

MISSED_DAYS_MAXIMUM: Final = 400
"""A longer gap is a wrong clock, not a holiday. Source: design, step 11 (what is kept)."""


def open_days(journal: Journal, today: date, *, is_synced: bool) -> list[date]:
    """Past days that still want a DAYCLOSE, oldest first.

    A day is open while it has records written after its last DAYCLOSE. With a synchronised clock
    days without any record between the last known day and today are open too. Reads the whole
    table (at most some 18 MB), so it is for start and midnight.
    """
    rows = journal.query("SELECT day, max(seq) FROM records GROUP BY day")
    last_seq = {date.fromisoformat(day): seq for day, seq in rows}
    rows = journal.query(
        "SELECT closed_on, max(seq) FROM records WHERE kind = 'DAYCLOSE' GROUP BY closed_on"
    )
    closed = {date.fromisoformat(day): seq for day, seq in rows}
    wanted = {day for day, seq in last_seq.items() if day < today and seq > closed.get(day, 0)}
    known = [day for day in (*last_seq, *closed) if day < today]
    if is_synced and known:
        missed = (today - max(known)).days - 1
        if missed <= MISSED_DAYS_MAXIMUM:
            wanted.update(max(known) + timedelta(days=1 + number) for number in range(missed))
    return sorted(wanted)


def day_counts(journal: Journal, on: date) -> dict[str, int]:
    """Records of a day by kind, and ratings by level as `RATED.5` … `RATED.1`; zeros included."""
    counts = {kind.value: 0 for kind in Kind}
    counts |= {f"{Kind.RATED.value}.{level}": 0 for level in range(5, 0, -1)}
    rows = journal.query(
        "SELECT kind, level, count(*) FROM records WHERE day = ? GROUP BY kind, level",
        on.isoformat(),
    )
    for kind, level, count in rows:
        counts[kind] += count
        if kind == Kind.RATED.value:
            counts[f"{kind}.{level}"] += count
    return counts

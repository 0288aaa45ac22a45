"""What the ledger knows of every device beside its last word, in a fixed number of questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from collector.ledger.readers.connection import LedgerReader


class Stay(NamedTuple):
    """Where a device stands now: row ids, and since when, UTC milliseconds."""

    device: int
    window: int
    from_ms: int


class Service(NamedTuple):
    """A device worked for a department (None: for none) up to `end_ms`, UTC milliseconds."""

    device: int
    department: int | None
    end_ms: int


class DayUse(NamedTuple):
    """What one window rated on one local day; `levels`: ratings of levels 5, 4, 3, 2, 1."""

    on_date: str
    window: int
    levels: tuple[int, ...]
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """What a device sent that is not in the ledger; numbers of messages and tokens."""

    conflicts: dict[int, int]
    quarantined: dict[str, int]


def stays(reader: LedgerReader, now_ms: int) -> list[Stay]:
    """The devices that stand at a window now, in order of their rows."""
    # SQLite takes the bare columns of a max() query from the row that has the maximum.
    rows = reader.rows(
        "SELECT device, window, max(from_ms) FROM device_windows WHERE from_ms <= ? "
        "GROUP BY device ORDER BY device",
        now_ms,
    )
    return [Stay(*row) for row in rows if row[1] is not None]


def departments_of(reader: LedgerReader, now_ms: int) -> list[Service]:
    """For which departments each device has worked up to now, at whichever window."""
    rows = reader.rows(
        "SELECT s.device, b.department, min(ifnull(s.to_ms, ?1), ifnull(b.to_ms, ?1)) AS end_ms "
        "FROM (SELECT *, lead(from_ms) OVER (PARTITION BY device ORDER BY from_ms) AS to_ms "
        "FROM device_windows WHERE from_ms <= ?1) s "
        "JOIN (SELECT *, lead(from_ms) OVER (PARTITION BY window ORDER BY from_ms) AS to_ms "
        "FROM window_departments WHERE from_ms <= ?1) b ON b.window = s.window "
        "WHERE max(s.from_ms, b.from_ms) <= end_ms",
        now_ms,
    )
    return [Service(*row) for row in rows]


def days_of_use(reader: LedgerReader, first_on: str, last_on: str) -> list[DayUse]:
    """Every day of every window in `[first_on, last_on]`, ISO local days, oldest first."""
    rows = reader.rows(
        "SELECT on_date, window, sum(level5), sum(level4), sum(level3), sum(level2), sum(level1), "
        "sum(unrated) FROM day_rollups WHERE on_date >= ? AND on_date <= ? AND window > 0 "
        "GROUP BY on_date, window",
        first_on,
        last_on,
    )
    return [DayUse(row[0], row[1], row[2:7], sum(row[2:8])) for row in rows]


def last_sessions(
    reader: LedgerReader, of: Sequence[Stay], *, after_ms: int
) -> dict[int, tuple[int | None, int | None]]:
    """Device → press times of its last session and of its last rating at its window.

    UTC milliseconds; None for none since it came there, or after `after_ms`.
    """
    found: dict[int, tuple[int | None, int | None]] = {}
    last = (
        "SELECT pressed_ms FROM outcomes WHERE window = ? AND pressed_ms >= ? AND device = ? "
        "{rated} ORDER BY pressed_ms DESC LIMIT 1"
    )
    for stay in of:
        since = max(stay.from_ms, after_ms)
        session = reader.row(last.format(rated=""), stay.window, since, stay.device)
        rated = session and reader.row(
            last.format(rated="AND level IS NOT NULL"), stay.window, since, stay.device
        )
        found[stay.device] = (session[0] if session else None, rated[0] if rated else None)
    return found


def last_stored(reader: LedgerReader) -> dict[int, int]:
    """Device → when its newest record was stored, UTC milliseconds; none for purged ones."""
    return dict(
        reader.rows(
            "SELECT e.device, max(r.received_ms) FROM epochs e "
            "JOIN records r ON r.epoch = e.id AND r.seq = e.head GROUP BY e.device"
        )
    )


def health_times(reader: LedgerReader) -> dict[int, int]:
    """Device → when its last health message came, UTC milliseconds."""
    return dict(
        reader.rows("SELECT device, health_ms FROM device_status WHERE health_ms IS NOT NULL")
    )


def refused(reader: LedgerReader, *, conflicts_after_ms: int, quarantined_after_ms: int) -> Refused:
    """What was refused lately: conflicts by device row, quarantined messages by device id."""
    conflicts: dict[int, int] = dict(
        reader.rows(
            "SELECT e.device, count(*) FROM conflicts c JOIN epochs e ON e.id = c.epoch "
            "WHERE c.last_ms >= ? GROUP BY e.device",
            conflicts_after_ms,
        )
    )
    quarantined: dict[str, int] = {}
    for topic, number in reader.rows(
        "SELECT topic, count(*) FROM quarantine WHERE last_ms >= ? GROUP BY topic",
        quarantined_after_ms,
    ):
        parts = topic.split("/")
        if len(parts) == 4:
            quarantined[parts[2]] = quarantined.get(parts[2], 0) + number
    return Refused(conflicts=conflicts, quarantined=quarantined)

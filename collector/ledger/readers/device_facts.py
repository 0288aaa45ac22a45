"""What the ledger knows of every device beside its last word, in a fixed number of questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from collector.ledger.readers.connection import LedgerReader
from firmware_config.levels import LEVELS


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


class LevelUse(NamedTuple):
    """What one window rated; for levels 5, 4, 3, 2, 1: the last local day, and ratings lately."""

    last_on: tuple[str | None, ...] = (None,) * 5
    ratings: tuple[int, ...] = (0,) * 5


class DaySessions(NamedTuple):
    """Sessions of one window on one local day, more than none."""

    window: int
    on_date: str
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


def level_use(
    reader: LedgerReader, first_on: str, last_on: str, *, lately_on: str
) -> dict[int, LevelUse]:
    """Window → which levels were rated on the local days `[first_on, last_on]`, ISO dates.

    Args:
        reader: the ledger.
        first_on: the first day looked at; `last_on` the last.
        lately_on: the first day whose ratings are counted.
    """
    columns = [f"max(CASE WHEN level{level} > 0 THEN on_date END)" for level in LEVELS]
    columns += [f"total(CASE WHEN on_date >= ? THEN level{level} END)" for level in LEVELS]
    rows = reader.rows(
        f"SELECT window, {', '.join(columns)} FROM day_rollups "
        "WHERE on_date >= ? AND on_date <= ? AND window > 0 GROUP BY window",
        *(lately_on for _ in LEVELS),
        first_on,
        last_on,
    )
    return {row[0]: LevelUse(row[1:6], tuple(map(int, row[6:11]))) for row in rows}


def days_with_sessions(reader: LedgerReader, first_on: str, end_on: str) -> list[DaySessions]:
    """Every day of every window with sessions in `[first_on, end_on)`, ISO local days."""
    rows = reader.rows(
        "SELECT window, on_date, "
        "sum(level5 + level4 + level3 + level2 + level1 + unrated) AS sessions FROM day_rollups "
        "WHERE on_date >= ? AND on_date < ? AND window > 0 GROUP BY on_date, window "
        "HAVING sessions > 0",
        first_on,
        end_on,
    )
    return [DaySessions(*row) for row in rows]


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

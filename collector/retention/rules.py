"""What is kept how long. Pure.

One rule for everything that is stored, also for what is never removed: a reader shall find here
where something went, and nothing goes by another way.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, get_args

RuleName = Literal["records", "quarantine"]
"""Rules by which something is purged."""
RULE_NAMES: Final[tuple[RuleName, ...]] = get_args(RuleName)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is stored, how long by which setting, and what remains of it."""

    what: str
    kept: str
    remains: str


FIXED: Final = (
    Rule("outcomes and rollups", "for ever", "case numbers unreadable where the record is purged"),
    Rule("conflicts, checkpoints, lives, purges", "for ever", "they are evidence"),
    Rule("assignments, keys of devices", "for ever", "every figure depends on them"),
    Rule("corrections", "for ever", "they are additions"),
    Rule("latest status and health of a device", "until the next one", "nothing"),
    Rule("exports", "for ever", "each names the one before it"),
    Rule("backups", "backup.keep_*", "the newest verified one always"),
    Rule("reports of reconciliations", "for ever", "about 1 kB a night and device in need"),
    Rule("logins of the dashboard", "web.session_hours", "nothing"),
    Rule("a device's journal", "400 days, and only what is archived", "its last record"),
)
"""Rules without a purge of ours; the last word is what remains of it."""


def records_before_ms(years: int, now_ms: int) -> int | None:
    """What was received before this is past the rule, UTC milliseconds; None: kept for ever.

    Args:
        years: whole years; 0: for ever.
        now_ms: wall clock, UTC milliseconds since 1970.
    """
    if years == 0:
        return None
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    year = now.year - years
    day = min(now.day, calendar.monthrange(year, now.month)[1])  # 29 February
    return int(datetime(year, now.month, day, tzinfo=UTC).timestamp()) * 1000


def quarantine_before_ms(days: int, now_ms: int) -> int | None:
    """What came last before this is past the rule, UTC milliseconds; None: kept for ever."""
    return None if days == 0 else now_ms - days * 86_400_000

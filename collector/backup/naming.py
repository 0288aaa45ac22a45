"""Names of backups, and which of them are kept. Pure.

A backup is a folder, named by the moment its copy was begun: `20260701T100000Z`. While it is made
its name ends in `.part`; whatever is found under such a name was left by a program that was killed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from typing import Final

PART: Final = ".part"
_NAME: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_FORMAT: Final = "%Y%m%dT%H%M%SZ"


def backup_name(at: datetime) -> str:
    """Name of the backup begun at a moment; `at` is aware."""
    return at.astimezone(UTC).strftime(_FORMAT)


def moment_of(name: str) -> datetime | None:
    """When a backup was begun, UTC, by its name; None: not the name of a backup."""
    if not _NAME.fullmatch(name):
        return None
    try:
        return datetime.strptime(name, _FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return None


def is_partial(name: str) -> bool:
    """Whether a killed program left this: a backup's name with `.part` at its end."""
    return name.endswith(PART) and moment_of(name.removesuffix(PART)) is not None


def outdated(
    names: Iterable[str],
    zone: tzinfo,
    *,
    until: datetime,
    daily: int,
    weekly: int,
    monthly: int,
) -> list[str]:
    """Which backups a rotation removes, oldest first.

    Kept are the newest of each of the last `daily` days, `weekly` ISO weeks and `monthly` months
    that have any; days by the hall's zone. The newest of all is always kept.

    Args:
        names: of verified backups; other names are left out.
        zone: the hall's.
        until: aware; a name that is later has a wrong clock in it. It takes nobody's day, and is
            not removed either.
    """
    dated = [(at, name) for name in names if (at := moment_of(name)) is not None and at <= until]
    newest_first = [(at.astimezone(zone), name) for at, name in sorted(dated, reverse=True)]
    kept = {name for _, name in newest_first[:1]}
    spans: tuple[tuple[int, Callable[[datetime], tuple[int, ...]]], ...] = (
        (daily, lambda at: (at.year, at.month, at.day)),
        (weekly, lambda at: tuple(at.isocalendar())[:2]),
        (monthly, lambda at: (at.year, at.month)),
    )
    for number, span_of in spans:
        newest_of: dict[tuple[int, ...], str] = {}
        for at, name in newest_first:
            newest_of.setdefault(span_of(at), name)
        kept |= set(list(newest_of.values())[:number])
    return [name for _, name in reversed(newest_first) if name not in kept]

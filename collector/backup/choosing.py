"""Which backup is the newest: by the ledger that is in it, not by a name that a clock gave it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from collector.backup.found import Found

AHEAD: Final = timedelta(minutes=5)
"""A backup begun later than this from now has a wrong clock in its name. Our choice."""


def is_future(one: Found, now: datetime) -> bool:
    """Whether a backup's name, or its manifest, is of a time that has not come; `now` is aware."""
    moments = [one.at]
    if one.manifest is not None:
        try:
            made_at = datetime.fromisoformat(one.manifest.made_at)
        except ValueError:
            return True
        moments.append(made_at if made_at.tzinfo is not None else one.at)
    return max(moments) > now + AHEAD


def newest(found: Sequence[Found], now: datetime) -> Found | None:
    """The good backup whose ledger went furthest; None: there is no good one.

    Of one life of the ledger it is the one with the most records. A later life comes before those
    it followed, however many records it has. Where neither followed the other, and for the office,
    the time decides; one in the future comes last.

    Args:
        found: of one kind and hall.
        now: the wall clock, aware.
    """

    def time_of(one: Found) -> tuple[bool, str, str]:
        made_at = "" if one.manifest is None else one.manifest.made_at
        return not is_future(one, now), made_at, one.name

    def progress_of(one: Found) -> tuple[int, tuple[bool, str, str]]:
        return _size(one), time_of(one)

    best: dict[str, Found] = {}
    for one in found:
        if one.is_good:
            gen = _gen(one)
            best[gen] = max(best.get(gen, one), one, key=progress_of)
    followed = {gen for one in best.values() for gen in _lives(one) if gen != _gen(one)}
    # lives that all follow each other are nobody's honest history: the time decides then
    last = [one for gen, one in best.items() if gen not in followed] or list(best.values())
    return max(last, key=time_of, default=None)


def _gen(one: Found) -> str:
    mark = None if one.manifest is None else one.manifest.ledger
    return "" if mark is None else mark.gen


def _size(one: Found) -> int:
    mark = None if one.manifest is None else one.manifest.ledger
    return 0 if mark is None else mark.size


def _lives(one: Found) -> list[str]:
    mark = None if one.manifest is None else one.manifest.ledger
    return [] if mark is None else mark.lives

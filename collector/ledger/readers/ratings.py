"""Single ratings by their identity: the one a correction names, and those that are excluded.

A record is found by device, epoch and seq, which never change; window, department and day are those
of its outcome as it stands now, so that a moved press time or a rebuilt ledger moves it along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any, Final

from collector.corrections.entries import CorrectionRefused, RatingRecord, Refusal
from collector.corrections.excluded import ExcludedRating
from collector.corrections.reading import Exclusion
from collector.ledger.purged import BLOCK
from firmware_config.chain import DIGEST_BYTES

Query = Callable[..., list[tuple[Any, ...]]]
"""Asks the ledger: `query(sql, *parameters)` gives all rows, e.g. `LedgerReader.rows`."""

_CHUNK: Final = 500
_FROM_RECORDS: Final = (
    " FROM asked CROSS JOIN records r ON r.epoch = asked.epoch AND r.seq = asked.seq"
    " CROSS JOIN outcomes o ON o.position = r.position"
)
_FROM_PURGED: Final = (
    " FROM asked CROSS JOIN outcomes o ON o.epoch = asked.epoch AND o.seq = asked.seq"
    " CROSS JOIN (SELECT block, digests FROM purged_digests) p"
    f" ON p.block = (o.position - 1) / {BLOCK}"
)
"""Where the record is purged its outcome tells the seq, and its block the digest."""
_PURGED_DIGEST: Final = (
    f"substr(p.digests, {DIGEST_BYTES} * ((o.position - 1) % {BLOCK}) + 1, {DIGEST_BYTES})"
)
_TOLD: Final = (
    " o.level, coalesce(w.code, ''), coalesce(a.code, ''), o.pressed_ms, o.time_quality,"
    " o.is_repeat,"
)
_PLACE: Final = (
    " LEFT JOIN windows w ON w.id = o.window LEFT JOIN departments a ON a.id = o.department"
)
_RATING: Final = (
    f"SELECT d.code, e.epoch, r.seq, r.digest,{_TOLD} r.kind FROM records r"
    " JOIN epochs e ON e.id = r.epoch JOIN devices d ON d.id = e.device"
    f" LEFT JOIN outcomes o ON o.position = r.position{_PLACE}"
)
_PURGED_RATING: Final = (
    f"SELECT d.code, e.epoch, o.seq, {_PURGED_DIGEST},{_TOLD} 'UNRATED' FROM devices d"
    " JOIN epochs e ON e.device = d.id JOIN outcomes o ON o.epoch = e.id"
    f" JOIN purged_digests p ON p.block = (o.position - 1) / {BLOCK}{_PLACE}"
    " WHERE o.seq IS NOT NULL"
)
"""Where the record is purged; what was neither rated nor unrated has left no outcome."""


def rating_at(query: Query, position: int) -> RatingRecord:
    """The counted rating at a place of the ledger.

    Raises:
        CorrectionRefused: there is none, or it is unrated, ignored or a repeat.
    """
    rows = query(f"{_RATING} WHERE r.position = ?", position) or query(
        f"{_PURGED_RATING} AND o.position = ?", position
    )
    return _counted(rows, f"position {position}")


def rating_of(query: Query, device: str, epoch: str, seq: int) -> RatingRecord:
    """The counted rating that is this record.

    Raises:
        CorrectionRefused: there is none, or it is unrated, ignored or a repeat.
    """
    name = (device, epoch, seq)
    rows = query(f"{_RATING} WHERE d.code = ? AND e.epoch = ? AND r.seq = ?", *name) or query(
        f"{_PURGED_RATING} AND d.code = ? AND e.epoch = ? AND o.seq = ?", *name
    )
    return _counted(rows, f"record {device}/{epoch}/{seq}")


def _counted(rows: Sequence[tuple[Any, ...]], what: str) -> RatingRecord:
    if not rows:
        raise CorrectionRefused(
            Refusal.NOT_A_RATING, f"{what}: expected a rating, the ledger has no such record"
        )
    *told, is_repeat, kind = rows[0]
    rating = dict(zip(RatingRecord.__slots__, told, strict=True))
    if rating["level"] is None or is_repeat:
        found = "a repeat, which is in no figure" if is_repeat else kind
        raise CorrectionRefused(
            Refusal.NOT_A_RATING, f"{what}: expected a counted rating, got {found}"
        )
    return RatingRecord(**rating)


def excluded_ratings(query: Query, these: Sequence[Exclusion]) -> list[ExcludedRating]:
    """Where and when the excluded ratings count, by number of the correction.

    One whose record is not in the ledger (a restored copy that devices have not filled up yet), has
    another digest, or is a repeat now, is left out: it is in no raw figure either.
    """
    if not these:
        return []
    journals = {
        (device, epoch): journal
        for device, epoch, journal in query(
            "SELECT d.code, e.epoch, e.id FROM epochs e JOIN devices d ON d.id = e.device"
        )
    }
    asked = [
        (number, journals[one.device, one.epoch], one.seq)
        for number, one in enumerate(these)
        if (one.device, one.epoch) in journals
    ]
    sources = [("r.digest", _FROM_RECORDS)]
    if query("SELECT 1 FROM purges WHERE rule = 'records' LIMIT 1"):
        sources.append((_PURGED_DIGEST, _FROM_PURGED))
    found: list[ExcludedRating] = []
    for at, (digest_of, source) in product(range(0, len(asked), _CHUNK), sources):
        chunk = asked[at : at + _CHUNK]
        values = ", ".join(["(?, ?, ?)"] * len(chunk))
        for number, digest, position, window, department, level, on_date, hour, ms in query(
            f"WITH asked(number, epoch, seq) AS (VALUES {values})"
            f" SELECT asked.number, {digest_of}, o.position, coalesce(o.window, 0),"
            " coalesce(o.department, 0), o.level, o.on_date, o.hour, o.pressed_ms"
            f"{source}"
            " WHERE o.level IS NOT NULL AND o.is_repeat = 0",
            *(value for row in chunk for value in row),
        ):
            one = these[number]
            if digest == one.digest:
                found.append(
                    ExcludedRating(
                        correction=one.correction,
                        position=position,
                        device=one.device,
                        epoch=one.epoch,
                        seq=one.seq,
                        digest=digest,
                        window=window,
                        department=department,
                        level=level,
                        on_date=on_date,
                        hour=hour,
                        pressed_ms=ms,
                        reason=one.reason,
                        author=one.author,
                        proposed_ms=one.proposed_ms,
                        approver=one.approver,
                        approved_ms=one.approved_ms,
                    )
                )
    return sorted(found, key=lambda one: one.correction)


def rated_by_month(query: Query, months: Iterable[str]) -> dict[str, dict[tuple[int, int], int]]:
    """ISO month → (window, department) → counted ratings; 0 stands for "not assigned"."""
    rated = " + ".join(f"level{level}" for level in range(1, 6))
    return {
        month: {
            (window, department): number
            for window, department, number in query(
                f"SELECT window, department, {rated} FROM month_rollups WHERE on_month = ?", month
            )
        }
        for month in months
    }

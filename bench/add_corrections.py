"""Corrections over a made ledger, for pictures, tests and benchmarks; made as a hall makes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from collector.corrections.entries import RatingRecord, Reason, Verdict
from collector.corrections.file import CorrectionsFile
from collector.corrections.writing import decide, propose_exclusion
from collector.ledger.readers import LedgerReader
from collector.ledger.readers.ratings import rating_at


def last_ratings(ledger: Path, window: str, number: int) -> list[RatingRecord]:
    """The last counted ratings of a window, newest first."""
    with LedgerReader(ledger) as reader:
        rows = reader.rows(
            "SELECT o.position FROM outcomes o JOIN windows w ON w.id = o.window WHERE w.code = ?"
            " AND o.level IS NOT NULL AND o.is_repeat = 0 ORDER BY o.pressed_ms DESC LIMIT ?",
            window,
            number,
        )
        return [rating_at(reader.rows, position) for (position,) in rows]


def spread_ratings(ledger: Path, number: int) -> list[RatingRecord]:
    """So many counted ratings, evenly over the whole ledger."""
    with LedgerReader(ledger) as reader:
        positions = [
            position
            for (position,) in reader.rows(
                "SELECT position FROM outcomes WHERE level IS NOT NULL AND is_repeat = 0"
                " ORDER BY position"
            )
        ]
        step = max(1, len(positions) // number)
        return [rating_at(reader.rows, at) for at in positions[::step][:number]]


def add_corrections(
    file: CorrectionsFile,
    ratings: Sequence[RatingRecord],
    *,
    now_ms: int,
    verdict: Verdict | None = Verdict.APPROVED,
    reason: Reason = Reason.CHILD,
    author: str = "王敏",
    decider: str = "李建国",
) -> list[int]:
    """Propose to exclude ratings, and decide.

    Args:
        file: the corrections; made when missing.
        ratings: of the ledger.
        now_ms: UTC milliseconds.
        verdict: what the second person says; None: nothing yet.
        reason: of all of them.
        author: who proposes.
        decider: who decides.

    Returns:
        The numbers of the corrections.
    """
    file.prepare()
    numbers = []
    for rating in ratings:
        number = propose_exclusion(
            file,
            rating,
            reason=reason,
            note="孩子趁家长办事时按的。",
            evidence="3 号监控，保存于监控室；大厅值班员在场。",
            author=author,
            now_ms=now_ms,
        )
        numbers.append(number)
        if verdict is not None:
            note = "监控看不出是孩子。" if verdict is Verdict.REJECTED else ""
            decide(file, number, verdict, decider=decider, note=note, now_ms=now_ms + 3_600_000)
    return numbers

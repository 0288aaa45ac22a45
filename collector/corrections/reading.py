"""Questions to `corrections.db`. Each is answered by an index, whatever the file's age."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from collector.corrections.entries import (
    EMPTY_CHAIN,
    ChainMark,
    Correction,
    Decision,
    Kind,
    Proposal,
    RatingRecord,
    Reason,
    UnknownCorrection,
    Verdict,
)
from collector.corrections.file import CorrectionsFile, CorrectionsUnavailable, Row
from firmware_config.chain import b64url

SLACK_MS: Final = 2 * 86_400_000
"""How far a synchronised press time may be from what was shown to the author and still be found by
it. Source: our choice; it never moves, but the hall's zone may be set anew."""

_PROPOSAL: Final = (
    "p.id, p.entry, p.kind, p.restores, p.device, p.epoch, p.seq, p.digest, p.level, p.window,"
    " p.department, p.pressed_ms, p.time_quality, p.reason, p.note, p.evidence, p.author,"
    " p.made_ms, p.prev"
)
_DECISION: Final = "d.proposal, d.entry, d.verdict, d.decider, d.note, d.made_ms, d.prev"
_CORRECTIONS: Final = (
    f"SELECT {_PROPOSAL}, {_DECISION}, (SELECT max(r.id) FROM proposals r JOIN decisions e"
    " ON e.proposal = r.id WHERE r.restores = p.id AND e.verdict = 'approved')"
    " FROM proposals p LEFT JOIN decisions d ON d.proposal = p.id"
)
_EXCLUSION: Final = "id, device, epoch, seq, digest, reason, author, made_ms, approver, approved_ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """An exclusion that holds: which record, why, and by whom. Times are UTC milliseconds."""

    correction: int
    device: str
    epoch: str
    seq: int
    digest: bytes
    reason: str
    author: str
    proposed_ms: int
    approver: str
    approved_ms: int


def exclusions(
    file: CorrectionsFile, start_ms: int | None = None, end_ms: int | None = None
) -> list[Exclusion]:
    """Exclusions that hold, by number.

    Args:
        file: the corrections.
        start_ms: leave out ratings that cannot have been given in `[start_ms, end_ms)`, UTC;
            None: none left out. Some of the rest may lie outside: the ledger says which.
        end_ms: see `start_ms`.
    """
    if start_ms is None or end_ms is None:
        rows = file.rows(f"SELECT {_EXCLUSION} FROM in_force ORDER BY id")
    else:
        rows = file.rows(
            f"SELECT {_EXCLUSION} FROM in_force WHERE pressed_ms >= ?1 AND pressed_ms < ?2"
            f" UNION SELECT {_EXCLUSION} FROM in_force WHERE time_quality <> 'synced' ORDER BY id",
            start_ms - SLACK_MS,
            end_ms + SLACK_MS,
        )
    return [Exclusion(**dict(zip(Exclusion.__slots__, row, strict=True))) for row in rows]


def correction(file: CorrectionsFile, number: int) -> Correction:
    """One correction.

    Raises:
        UnknownCorrection: there is none of that number.
    """
    rows = file.rows(f"{_CORRECTIONS} WHERE p.id = ?", number)
    if not rows:
        raise UnknownCorrection(f"correction {number}: does not exist")
    return _correction(rows[0])


def open_corrections(file: CorrectionsFile) -> list[Correction]:
    """All that nobody has decided, oldest first."""
    rows = file.rows(f"{_CORRECTIONS} WHERE d.proposal IS NULL ORDER BY p.id")
    return [_correction(row) for row in rows]


def corrections_made(file: CorrectionsFile, start_ms: int, end_ms: int) -> list[Correction]:
    """All proposed in `[start_ms, end_ms)`, UTC milliseconds, newest first."""
    rows = file.rows(
        f"{_CORRECTIONS} WHERE p.made_ms >= ? AND p.made_ms < ? ORDER BY p.id DESC",
        start_ms,
        end_ms,
    )
    return [_correction(row) for row in rows]


def corrections_of(
    file: CorrectionsFile, ratings: Iterable[tuple[str, str, int]]
) -> dict[tuple[str, str, int], Correction]:
    """Ratings (device, epoch, seq) → their last correction, where they have one."""
    found = {}
    wanted = list(ratings)
    if not wanted:
        return {}
    values = ", ".join(["(?, ?, ?)"] * len(wanted))
    for row in file.rows(
        f"{_CORRECTIONS} WHERE p.kind = 'exclude' AND (p.device, p.epoch, p.seq) IN"
        f" (VALUES {values}) ORDER BY p.id",
        *(part for rating in wanted for part in rating),
    ):
        one = _correction(row)
        rating = one.proposal.rating
        found[rating.device, rating.epoch, rating.seq] = one
    return found


def open_restore(file: CorrectionsFile, exclusion: int) -> int | None:
    """Number of the undecided proposal to end an exclusion; None for none."""
    rows = file.rows(
        "SELECT id FROM proposals WHERE restores = ?"
        " AND id NOT IN (SELECT proposal FROM decisions)",
        exclusion,
    )
    return rows[0][0] if rows else None


def all_corrections(file: CorrectionsFile) -> list[Correction]:
    """Everything, by number: for listing and checking, not for pages."""
    return [_correction(row) for row in file.rows(f"{_CORRECTIONS} ORDER BY p.id")]


def kept_digests(file: CorrectionsFile) -> dict[int, bytes]:
    """Place in the chain → digest as the file says it."""
    return dict(file.rows("SELECT entry, entry_digest FROM chain ORDER BY entry"))


def chain_mark(file: CorrectionsFile) -> ChainMark:
    """How far the chain goes, for others to keep."""
    rows = file.rows("SELECT entry, entry_digest FROM chain ORDER BY entry DESC LIMIT 1")
    if not rows:
        return EMPTY_CHAIN
    return ChainMark(entries=rows[0][0], head=b64url(rows[0][1]).decode("ascii"))


def _correction(row: Row) -> Correction:
    try:
        return _read(row)
    except ValueError as error:  # somebody wrote past the guards
        raise CorrectionsUnavailable(f"correction {row[0]}: {error}") from error


def _read(row: Row) -> Correction:
    identity, entry, kind, restores = row[:4]
    rating = RatingRecord(**dict(zip(RatingRecord.__slots__, row[4:13], strict=True)))
    reason, note, evidence, author, made_ms, prev = row[13:19]
    decision = None
    if row[19] is not None:
        told = dict(zip(Decision.__slots__, row[19:26], strict=True))
        decision = Decision(**{**told, "verdict": Verdict(told["verdict"])})
    proposal = Proposal(
        id=identity,
        entry=entry,
        kind=Kind(kind),
        restores=restores,
        rating=rating,
        reason=Reason(reason),
        note=note,
        evidence=evidence,
        author=author,
        made_ms=made_ms,
        prev=prev,
    )
    return Correction(proposal=proposal, decision=decision, ended_by=row[26])


def corrections_of_rating(
    file: CorrectionsFile, device: str, epoch: str, seq: int
) -> list[Correction]:
    """Everything that was ever proposed about one rating, oldest first."""
    rows = file.rows(
        f"{_CORRECTIONS} WHERE p.device = ? AND p.epoch = ? AND p.seq = ? ORDER BY p.id",
        *(device, epoch, seq),
    )
    return [_correction(row) for row in rows]

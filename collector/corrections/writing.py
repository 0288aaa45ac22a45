"""Adding to `corrections.db`: proposals and decisions, and nothing else.

The rules stand here with their words and once more as triggers in the schema, so that a mistake
here is refused there.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from collector.chained import FIRST_PREV
from collector.corrections.entries import (
    Correction,
    CorrectionRefused,
    Decision,
    Kind,
    Proposal,
    RatingRecord,
    Reason,
    Refusal,
    State,
    Verdict,
    checked_text,
    entry_digest,
    person_of,
)
from collector.corrections.file import CorrectionsFile
from collector.corrections.reading import correction, corrections_of, open_restore

_PROPOSE: Final = (
    "INSERT INTO proposals (id, entry, kind, restores, device, epoch, seq, digest, level, window,"
    " department, pressed_ms, time_quality, reason, note, evidence, author, made_ms, prev,"
    " entry_digest) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_DECIDE: Final = (
    "INSERT INTO decisions (proposal, entry, verdict, decider, note, made_ms, prev, entry_digest)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


def propose_exclusion(
    file: CorrectionsFile,
    rating: RatingRecord,
    *,
    reason: str,
    note: str,
    evidence: str,
    author: str,
    now_ms: int,
) -> int:
    """Propose that a rating shall not count.

    Args:
        rating: from the ledger (`collector.ledger.readers.ratings`), never from a form.
        reason: a value of `Reason`.
        note: what happened; required for OTHER.
        evidence: what shows it; required.
        author: account, or `unix:USER`.
        now_ms: UTC milliseconds.

    Returns:
        Number of the correction.

    Raises:
        CorrectionRefused: a text is missing, or the rating is excluded or proposed already.
        CorrectionsUnavailable: the file cannot be written.
    """
    known = [one.value for one in Reason]
    if reason not in known:
        raise CorrectionRefused(
            Refusal.REASON, f"reason: expected one of {', '.join(known)}, got {reason[:40]!r}"
        )
    note = checked_text(note, "note", is_required=reason == Reason.OTHER)
    evidence = checked_text(evidence, "evidence", is_required=True)
    last = corrections_of(file, [(rating.device, rating.epoch, rating.seq)])
    for one in last.values():
        if one.state in (State.OPEN, State.APPROVED):
            raise CorrectionRefused(
                Refusal.TAKEN,
                f"rating {rating.name}: correction {one.proposal.id} is {one.state} already",
            )
    return _propose(
        file, Kind.EXCLUDE, None, rating, Reason(reason), (note, evidence, author), now_ms
    )


def propose_restore(
    file: CorrectionsFile, number: int, *, note: str, author: str, now_ms: int
) -> int:
    """Propose that an approved exclusion shall end; another person must approve this too.

    Returns:
        Number of the new correction.

    Raises:
        CorrectionRefused: it does not hold, or its end is proposed already, or the note is missing.
        UnknownCorrection: there is none of that number.
        CorrectionsUnavailable: the file cannot be written.
    """
    one = correction(file, number)
    note = checked_text(note, "note", is_required=True)
    if one.proposal.kind is not Kind.EXCLUDE or one.state is not State.APPROVED:
        raise CorrectionRefused(
            Refusal.NOT_IN_FORCE,
            f"correction {number}: expected an exclusion that holds, got {one.state}",
        )
    if (waiting := open_restore(file, number)) is not None:
        raise CorrectionRefused(Refusal.TAKEN, f"correction {number}: see {waiting}, not decided")
    texts = (note, one.proposal.evidence, author)
    return _propose(
        file, Kind.RESTORE, number, one.proposal.rating, one.proposal.reason, texts, now_ms
    )


def decide(
    file: CorrectionsFile, number: int, verdict: Verdict, *, decider: str, note: str, now_ms: int
) -> Correction:
    """Approve or reject as another person than the author, or withdraw as the author.

    Returns:
        The correction as it stands now.

    Raises:
        CorrectionRefused: the same person, decided already, or a rejection without a note.
        UnknownCorrection: there is none of that number.
        CorrectionsUnavailable: the file cannot be written.
    """
    one = correction(file, number)
    note = checked_text(note, "note", is_required=verdict is Verdict.REJECTED)
    if one.decision is not None:
        raise CorrectionRefused(
            Refusal.DECIDED, f"correction {number}: {one.decision.verdict} already"
        )
    is_author = person_of(decider) == person_of(one.proposal.author)
    if verdict is Verdict.WITHDRAWN and not is_author:
        raise CorrectionRefused(
            Refusal.NOT_THE_AUTHOR,
            f"correction {number}: only {one.proposal.author} may withdraw it, not {decider}",
        )
    if verdict is not Verdict.WITHDRAWN and is_author:
        raise CorrectionRefused(
            Refusal.SAME_PERSON,
            f"correction {number}: expected another person than its author {one.proposal.author}, "
            f"got {decider}",
        )
    try:
        with file.writing() as connection:
            entry, prev = _next(connection)
            decision = Decision(
                proposal=number,
                entry=entry,
                verdict=verdict,
                decider=decider,
                note=note,
                made_ms=now_ms,
                prev=prev,
            )
            connection.execute(
                _DECIDE,
                (number, entry, verdict, decider, note, now_ms, prev, entry_digest(decision)),
            )
    except sqlite3.IntegrityError as error:  # somebody decided between our look and our word
        raise CorrectionRefused(Refusal.DECIDED, f"correction {number}: {error}") from error
    return correction(file, number)


def _propose(
    file: CorrectionsFile,
    kind: Kind,
    restores: int | None,
    rating: RatingRecord,
    reason: Reason,
    texts: tuple[str, str, str],
    now_ms: int,
) -> int:
    note, evidence, author = texts
    try:
        with file.writing() as connection:
            entry, prev = _next(connection)
            number = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM proposals")
            proposal = Proposal(
                id=number.fetchone()[0],
                entry=entry,
                kind=kind,
                restores=restores,
                rating=rating,
                reason=reason,
                note=note,
                evidence=evidence,
                author=author,
                made_ms=now_ms,
                prev=prev,
            )
            told = [getattr(rating, name) for name in RatingRecord.__slots__]
            connection.execute(
                _PROPOSE,
                (
                    *(proposal.id, entry, kind, restores, *told, reason, note, evidence),
                    *(author, now_ms, prev, entry_digest(proposal)),
                ),
            )
    except sqlite3.IntegrityError as error:  # somebody proposed between our look and our word
        raise CorrectionRefused(Refusal.TAKEN, f"rating {rating.name}: {error}") from error
    return proposal.id


def _next(connection: sqlite3.Connection) -> tuple[int, bytes]:
    """Place of the next entry, and the digest it follows."""
    row = connection.execute(
        "SELECT entry, entry_digest FROM chain ORDER BY entry DESC LIMIT 1"
    ).fetchone()
    return (row[0] + 1, row[1]) if row else (1, FIRST_PREV)

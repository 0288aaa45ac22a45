"""Checks that nothing was taken from `corrections.db`, changed in it, or put in without two people.

What the chain alone cannot show is that its newest entries were cut off: marks that others have
kept (every export's manifest holds one) show that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from collector.chained import FIRST_PREV
from collector.corrections.entries import (
    ChainMark,
    Correction,
    CorrectionRefused,
    Decision,
    Kind,
    Proposal,
    Verdict,
    entry_digest,
    person_of,
)
from collector.corrections.file import CorrectionsFile
from collector.corrections.reading import (
    SLACK_MS,
    all_corrections,
    kept_digests,
)
from collector.ledger.readers.ratings import Query, rating_of
from collector.press_time import TimeQuality
from firmware_config.chain import b64url


def problems_of(
    file: CorrectionsFile, query: Query | None = None, marks: Iterable[tuple[str, ChainMark]] = ()
) -> list[str]:
    """Everything that is wrong, a line each; empty: nothing.

    Args:
        file: the corrections.
        query: asks the ledger, to find every corrected rating there; None: not looked at.
        marks: where it was kept → how far the chain went then.

    Raises:
        CorrectionsUnavailable: the file cannot be read.
    """
    these = all_corrections(file)
    kept = kept_digests(file)
    problems = [*_chain_problems(these, kept), *_rule_problems(these)]
    problems += _mark_problems(kept, marks)
    if query is not None:
        problems += _rating_problems(these, query)
    return problems


def mark_problems(file: CorrectionsFile, marks: Iterable[tuple[str, ChainMark]]) -> list[str]:
    """What the marks that others have kept say against the chain as it is.

    Args:
        file: the corrections.
        marks: where it was kept → how far the chain went then.
    """
    kept = list(marks)
    return list(_mark_problems(kept_digests(file), kept)) if kept else []


def _chain_problems(these: list[Correction], kept: Mapping[int, bytes]) -> Iterator[str]:
    entries: list[Proposal | Decision] = [one.proposal for one in these]
    entries += [one.decision for one in these if one.decision is not None]
    prev = FIRST_PREV
    for place, entry in enumerate(sorted(entries, key=lambda entry: entry.entry), start=1):
        name = _name(entry)
        if entry.entry != place:
            yield f"{name}: expected entry {place} of the chain, got {entry.entry}"
            return  # every later one would be told too
        if entry.prev != prev:
            yield f"{name}: its prev is not the digest of entry {place - 1}"
        digest = entry_digest(entry)
        if digest != kept.get(entry.entry):
            yield f"{name}: its digest is not that of its content"
        prev = digest


def _name(entry: Proposal | Decision) -> str:
    if isinstance(entry, Proposal):
        return f"correction {entry.id}"
    return f"decision on correction {entry.proposal}"


def _rule_problems(these: list[Correction]) -> Iterator[str]:
    by_number = {one.proposal.id: one.proposal for one in these}
    for place, one in enumerate(these, start=1):
        proposal, decision = one.proposal, one.decision
        if proposal.id != place:
            yield f"correction {proposal.id}: expected number {place}"
        if decision is not None:
            is_author = person_of(decision.decider) == person_of(proposal.author)
            if is_author != (decision.verdict is Verdict.WITHDRAWN):
                yield (
                    f"correction {proposal.id}: {decision.verdict} by {decision.decider}, "
                    f"author {proposal.author}"
                )
        if proposal.kind is Kind.RESTORE:
            ended = by_number.get(proposal.restores or 0)
            if ended is None or ended.rating.name != proposal.rating.name:
                yield f"correction {proposal.id}: restores {proposal.restores}, of another rating"


def _mark_problems(
    kept: Mapping[int, bytes], marks: Iterable[tuple[str, ChainMark]]
) -> Iterator[str]:
    for where, mark in marks:
        if not mark.entries:
            continue
        digest = kept.get(mark.entries)
        if digest is None:
            yield f"{where}: {mark.entries} entries then, {max(kept, default=0)} now"
        elif b64url(digest).decode("ascii") != mark.head:
            yield f"{where}: entry {mark.entries} had another digest then"


def _rating_problems(these: list[Correction], query: Query) -> Iterator[str]:
    for one in these:
        rating = one.proposal.rating
        name = f"correction {one.proposal.id}"
        try:
            found = rating_of(query, rating.device, rating.epoch, rating.seq)
        except CorrectionRefused as error:
            yield f"{name}: {error}"
            continue
        if found.digest != rating.digest:
            yield f"{name}: {rating.name} has another digest in the ledger"
        elif found.level != rating.level:
            yield f"{name}: {rating.name}: level {rating.level} here, {found.level} in the ledger"
        is_far = abs(found.pressed_ms - rating.pressed_ms) > SLACK_MS
        if is_far and rating.time_quality == TimeQuality.SYNCED:
            yield f"{name}: {rating.name}: its press time has moved by days; pages may miss it"

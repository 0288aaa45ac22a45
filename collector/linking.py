"""Fitting the tokens of one journal to what the ledger holds of it. Pure.

One signature check vouches for a whole run: a token names the digest of the one before it, so a
good signature on the last token of a linked run covers every token of that run. When it fails, the
token before it is checked on its own, and so on down: a bad token takes no good one with it, and
nothing enters that neither a signature nor a signed successor vouches for.

A token is accepted when it is vouched for, its key is free, and it fits the neighbours that are
stored: its `prev` is the digest of the record before it, and its digest is the `prev` of the one
after it. A missing neighbour does not block: the record waits above the watermark (`extra`).

Once two histories of a journal are known (a cloned card), a record above a gap could be of either,
and the wrong one would shut out the right ones below it. Then its `prev` has to lead to a stored
record, through nothing but quarantined tokens: a digest that is named by what is signed vouches for
them as for any other. Those that were quarantined as `broken-link` are no way: they are the other
history, or come again when what they follow is stored.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from collector.verdict import (
    Candidate,
    Conflict,
    EpochState,
    EpochVerdict,
    LedgerView,
    Quarantined,
    Reason,
    StoredLink,
    Verdict,
)
from firmware_config.chain import digest, split_token
from firmware_config.contract import PrevDigest
from firmware_config.errors import ContractError

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")


class _Place(msgspec.Struct):
    """What a token that is no record says of its place."""

    epoch: str
    seq: int
    prev: PrevDigest


_place = msgspec.json.Decoder(_Place)


def link_text(digest: bytes) -> str:
    """A token's digest as it stands in the next token's `prev`."""
    return b2a_base64(digest, newline=False)[:43].translate(_TO_URL).decode("ascii")


def fit(
    state: EpochState, candidates: list[Candidate], view: LedgerView, verdict: Verdict
) -> EpochVerdict:
    """Decide about the candidates of one journal, in order of arrival; none is empty.

    Refusals, conflicts and repeats are added to `verdict`.
    """
    return _next_in_line(state, candidates) or _sorted_out(state, candidates, view, verdict)


def _next_in_line(state: EpochState, candidates: list[Candidate]) -> EpochVerdict | None:
    """The everyday case: exactly the next records, in order, under one key; else None."""
    if state.head != state.stored:
        return None
    seq, link, key = state.stored, state.link, candidates[0].key
    for candidate in candidates:
        seq += 1
        record = candidate.record
        if record.seq != seq or record.prev != link or candidate.key is not key:
            return None
        link = candidate.link
    last = candidates[-1].token
    if not key.is_signed(last.signing_input, last.signature):
        return None
    return EpochVerdict(state, candidates, seq, seq, link)


def _sorted_out(
    state: EpochState, candidates: list[Candidate], view: LedgerView, verdict: Verdict
) -> EpochVerdict:
    """Any other case: repeats, gaps, forks, forgeries, several keys."""
    fresh: dict[tuple[int, str], Candidate] = {}
    taken: dict[int, StoredLink] = {}
    for candidate in candidates:
        seq = candidate.record.seq
        if seq < state.purged:  # nothing is left to compare it with
            verdict.repeats += 1
            continue
        known = taken.get(seq)
        if known is None and seq <= state.head:
            known = view.stored_link(state, seq)
            if known is not None:
                taken[seq] = known
        if (seq, candidate.link) in fresh or (known is not None and known.link == candidate.link):
            verdict.repeats += 1
        else:
            fresh[seq, candidate.link] = candidate
    vouched = _vouched(fresh.values())
    accepted: list[Candidate] = []
    ways = _Ways(state, taken, view, [*verdict.quarantined])  # as they are before any link
    is_forked = state.is_forked
    for candidate in sorted(fresh.values(), key=lambda one: one.record.seq):
        token, record = candidate.token, candidate.record
        seq = record.seq
        if (seq, candidate.link) not in vouched:
            fault = Quarantined(candidate.topic, token.raw, Reason.BAD_SIGNATURE, f"seq {seq}")
            verdict.quarantined.append(fault)
        elif seq in taken:
            verdict.conflicts.append(Conflict(state, seq, taken[seq].link, token))
            is_forked = True
        elif detail := _misfit(state, candidate, taken, view):
            fault = Quarantined(candidate.topic, token.raw, Reason.BROKEN_LINK, detail)
            verdict.quarantined.append(fault)
        elif is_forked and not ways.lead_back(candidate):
            detail = f"seq {seq}: two histories are known, this one leads to no stored record"
            fault = Quarantined(candidate.topic, token.raw, Reason.BROKEN_LINK, detail)
            verdict.quarantined.append(fault)
        else:
            accepted.append(candidate)
            taken[seq] = StoredLink(candidate.link, record.prev)
    head = max(state.head, accepted[-1].record.seq) if accepted else state.head
    # through the new ones, and through those that waited above a gap
    stored = _reach(state, state.stored, taken, view)
    link = state.link
    if stored > state.stored:
        last = taken.get(stored) or view.stored_link(state, stored)
        assert last is not None  # it was reached
        link = last.link
    return EpochVerdict(state, accepted, stored, head, link, is_forked)


def _reach(state: EpochState, seq: int, taken: Mapping[int, StoredLink], view: LedgerView) -> int:
    """How far from `seq` on nothing is missing, with what is taken now."""
    while seq + 1 in taken or (seq < state.head and view.stored_link(state, seq + 1)):
        seq += 1
    return seq


class _Ways:
    """Ways from a record above a gap down to a stored one."""

    def __init__(
        self,
        state: EpochState,
        taken: Mapping[int, StoredLink],
        view: LedgerView,
        refused: list[Quarantined],
    ) -> None:
        self._state = state
        self._taken = taken
        self._view = view
        self._refused = refused
        self._tokens: dict[str, bytes] | None = None  # of this group, by digest
        self._lost: set[str] = set()  # digests that lead nowhere

    def lead_back(self, candidate: Candidate) -> bool:
        """Whether nothing but quarantined tokens is between it and the stored one below it."""
        seq, prev = candidate.record.seq, candidate.record.prev
        passed: list[str] = []
        while seq > 1:
            before = self._taken.get(seq - 1) or self._view.stored_link(self._state, seq - 1)
            if before is not None:
                if before.link == prev:
                    return True
                break
            passed.append(prev)
            place = None if prev in self._lost else self._put_aside(prev)
            if place is None or (place.epoch, place.seq) != (self._state.epoch, seq - 1):
                break
            seq, prev = place.seq, place.prev
        else:
            return prev == ""
        self._lost.update(passed)
        return False

    def _put_aside(self, link: str) -> _Place | None:
        if self._tokens is None:
            self._tokens = {
                link_text(digest(fault.raw)): fault.raw
                for fault in self._refused
                if fault.reason is not Reason.BROKEN_LINK
            }
        raw = self._tokens.get(link) or self._view.put_aside(link)
        return _place_of(raw) if raw is not None else None


def _place_of(raw: bytes) -> _Place | None:
    try:
        return _place.decode(split_token(raw).payload)
    except (ContractError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _vouched(candidates: Iterable[Candidate]) -> set[tuple[int, str]]:
    """Keys (seq, digest) of the candidates a signature vouches for, checking as few as possible."""
    vouched: set[tuple[int, str]] = set()
    covered: set[tuple[int, str, int]] = set()
    for candidate in sorted(candidates, key=lambda one: -one.record.seq):
        token, record, key = candidate.token, candidate.record, candidate.key
        if (record.seq, candidate.link, key.id) in covered or key.is_signed(
            token.signing_input, token.signature
        ):
            vouched.add((record.seq, candidate.link))
            covered.add((record.seq - 1, record.prev, key.id))
    return vouched


def _misfit(
    state: EpochState, candidate: Candidate, taken: Mapping[int, StoredLink], view: LedgerView
) -> str:
    """Which stored neighbour a candidate does not fit, in words; empty when it fits."""
    seq, prev = candidate.record.seq, candidate.record.prev
    if (seq == 1) != (prev == ""):
        return f"seq {seq}: only the first record has no predecessor"
    if seq > 1:
        before = taken.get(seq - 1)
        if before is None and seq - 1 <= state.head:
            before = view.stored_link(state, seq - 1)
        if before is not None and before.link != prev:
            return f"seq {seq}: prev is not the digest of the stored seq {seq - 1}"
    if seq < state.head:
        after = view.stored_link(state, seq + 1)
        if after is not None and after.prev != candidate.link:
            return f"seq {seq}: digest is not the prev of the stored seq {seq + 1}"
    return ""

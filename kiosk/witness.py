"""What a collector's checkpoint or receipt is worth to a device that keeps earlier ones. Pure.

A device is a witness: what it was told of the ledger, the ledger can no longer take back. Rules:

1. A checkpoint is signed by the collector's key and of our hall; else it is refused.
2. Of one life (`gen`) a size has one root. A checkpoint we keep already is known; another root for
   its size is refused.
3. Of one life they grow. A smaller one that we do not keep is refused when it comes live; retained
   ones may lie on a broker from before and are passed over.
4. The first checkpoint is believed. Every later one must be proven to begin with the rows of the
   newest we keep of its life or, where there is none, of the life before it that it names
   (`parent`): the newest with at most `parent.size` rows. What we keep beyond that was lost when a
   backup was restored: it is said, and kept. Such a life goes on from what was believed, and ends a
   doubt about another one: somebody has looked, and says so openly.
   Where the life before it is not one that was believed (the device was away meanwhile), the proof
   must begin at the last one that was believed and has at most `parent.size` rows.
   A life that names none before it, or is not proven so, could be a ledger made up today. It is
   kept, so that it cannot change any more, but it is a doubt of its own, and ends none.
5. A proof that begins elsewhere is no refusal: the device says HELLO and what it keeps. When the
   right proof does not come after `ASKED_MAXIMUM` times, the checkpoint is refused.
6. Size and root of every receipt are held against what we keep, too: another root for a size, or a
   live receipt of fewer rows in the same life, is equivocation.

Refused is evidence that two different ledgers were shown, or that one went back. It is no reason
to stop: ratings go on. A time that goes back refuses nothing, as a clock may be set right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from firmware_config.chain import unb64url
from firmware_config.contract import Checkpoint, GivenCheckpoint, Receipt
from firmware_config.errors import ContractError
from firmware_config.merkle_proof import is_consistent

ASKED_MAXIMUM: Final = 3
"""HELLOs after which a missing proof counts as refused. Our choice: a collector answers each one
at once, and a HELLO is said once a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A checkpoint this device keeps. `root` and `time` are as on the wire."""

    gen: str
    size: int
    root: str
    time: str


class Finding(StrEnum):
    """What became of a checkpoint."""

    ACCEPTED = "accepted"
    STRANGE = "strange"
    """A life that is not proven to go on from what we keep: kept, and a doubt."""
    KNOWN = "known"
    STALE = "stale"
    UNPROVEN = "unproven"
    """The proof begins at another checkpoint than ours: ask for the right one."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The result of `judge`.

    Attributes:
        problem: of a refused one, what contradicts what; of a strange one, why it is; else empty.
        base: the kept checkpoint that the proof must begin at; None: none.
        goes_on: the first of a life that is proven to go on from what was believed.
        lost: a kept checkpoint of the life before, of rows the ledger no longer had; None: none.
    """

    finding: Finding
    problem: str = ""
    base: Kept | None = None
    lost: Kept | None = None
    goes_on: bool = False


Newest = Callable[[str, int | None], Kept | None]
"""The newest kept checkpoint of a life, of at most so many rows (None: of any number)."""
RootAt = Callable[[str, int], str | None]
"""The kept root of a life and size; None: none is kept."""
IsBelieved = Callable[[str], bool]
"""Whether a life is the first one of which something is kept, or goes on from it."""
LastBelieved = Callable[[int | None], Kept | None]
"""The last kept one of a believed life, of at most so many rows (None: of any number)."""


def judge(
    said: Checkpoint,
    given: GivenCheckpoint,
    *,
    hall: str,
    is_retained: bool,
    asked: int,
    newest: Newest,
    root_at: RootAt,
    is_believed: IsBelieved,
    last_believed: LastBelieved,
) -> Judgement:
    """Judge a checkpoint whose signature was found good.

    Args:
        given: how it came.
        is_retained: the broker had kept the receipt that brought it.
        asked: HELLOs said for want of a proof of it.
    """
    if said.hall != hall:
        return _refused(f"expected hall {hall}, got {said.hall}")
    known = root_at(said.gen, said.size)
    if known is not None:
        if known == said.root:
            return Judgement(Finding.KNOWN)
        return _refused(f"size {said.size}: kept root {known}, got {said.root}")
    base = newest(said.gen, None)
    if base is not None and said.size < base.size:
        if is_retained:
            return Judgement(Finding.STALE)
        return _refused(f"kept size {base.size}, got only {said.size}")
    if base is not None:
        return _proven(said, given, base, asked) or Judgement(Finding.ACCEPTED, base=base)
    parent, lost = said.parent, None
    if parent is not None and said.size < parent.size:
        return _refused(f"began with {parent.size} rows, has only {said.size}")
    if last_believed(None) is None:
        return Judgement(Finding.ACCEPTED)
    why = "it names no life before it"
    if parent is not None:
        why = f"it names gen {parent.gen} of {parent.size} rows before it, and proves nothing kept"
        base, last = newest(parent.gen, parent.size), newest(parent.gen, None)
        lost = last if last != base else None
        if base is not None and base.size == parent.size and base.root != parent.root:
            return _refused(f"parent size {base.size}: kept root {base.root}, got {parent.root}")
        is_ours = base is not None and is_believed(base.gen)
        if not is_ours:
            base = last_believed(parent.size)
        if base is not None:
            fault = _proven(said, given, base, asked)
            if fault is None:
                return Judgement(Finding.ACCEPTED, base=base, lost=lost, goes_on=True)
            if is_ours or fault.finding is Finding.UNPROVEN:
                return fault
    if is_retained:  # from before; what the collector says now comes live
        return Judgement(Finding.STALE)
    return Judgement(Finding.STRANGE, f"a strange ledger: {why}", lost=lost)


def _proven(said: Checkpoint, given: GivenCheckpoint, base: Kept, asked: int) -> Judgement | None:
    """What is wrong with the proof that a checkpoint begins with a kept one; None: nothing."""
    if given.from_size != base.size:
        if asked >= ASKED_MAXIMUM:
            return _refused(f"size {said.size}: no proof from size {base.size} was given")
        return Judgement(Finding.UNPROVEN, base=base)
    proof = [_raw(text) for text in given.proof]
    if not is_consistent(base.size, said.size, _raw(base.root), _raw(said.root), proof):
        return _refused(
            f"size {said.size} with root {said.root} does not begin with the kept "
            f"{base.size} rows of root {base.root}"
        )
    return None


def contradiction(
    receipt: Receipt, *, is_retained: bool, last: Kept | None, root_at: RootAt
) -> str:
    """What a receipt says of the whole ledger that cannot be true; empty: nothing.

    Args:
        receipt: signed by the collector.
        last: the newest kept checkpoint of its life.
    """
    if last is None or receipt.ledger_size > last.size:
        return ""
    known = root_at(receipt.gen, receipt.ledger_size)
    if known is not None and known != receipt.ledger_root:
        return f"size {receipt.ledger_size}: kept root {known}, got {receipt.ledger_root}"
    if not is_retained and receipt.ledger_size < last.size:
        return f"kept size {last.size}, got only {receipt.ledger_size}"
    return ""


def _raw(text: str) -> bytes:
    """A hash of the wire; one with unused bits set is no hash, so that nothing holds with it."""
    try:
        return unb64url(text.encode("ascii"))
    except ContractError:
        return b""


def _refused(problem: str) -> Judgement:
    return Judgement(Finding.REFUSED, problem)

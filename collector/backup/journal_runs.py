"""One journal's chain, followed while its records go by in any order. Pure.

Only the ends of the runs that have been seen are remembered, so memory grows with the gaps, not
with the records.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

ANY_KEY: Final = 0
"""Of a record that is purged: which key signed it is no longer known."""


class End(NamedTuple):
    """One end of a run: the digest that its neighbour must fit (base64url), and its key."""

    link: str
    key: int


@dataclass(slots=True)
class JournalRuns:
    """What is known of a journal; ledger columns first.

    Attributes:
        dev: its device.
        epoch: its id.
        stored: the watermark the ledger says it has.
        stored_digest: digest of the record there, as the ledger says; None for 0.
        tails: seq → digest and key of the record that ends a run there.
        heads: seq → `prev` and key of the record that begins a run there, its predecessor missing.
        lasts: seqs after which another key signs.
    """

    dev: str
    epoch: str
    stored: int
    stored_digest: bytes | None
    tails: dict[int, End] = field(default_factory=dict)
    heads: dict[int, End] = field(default_factory=dict)
    lasts: list[int] = field(default_factory=list)

    def begin_after(self, seq: int, link: str) -> None:
        """Every record up to this one was purged; its digest is what the next must name."""
        self.tails = {seq: End(link, ANY_KEY)}

    def add(self, seq: int, prev: str, link: str, key: int) -> Iterator[str]:
        """Take in one record; yields what does not fit its neighbours, in words.

        Args:
            seq: its number; each comes once.
            prev: the digest it names as that of the record before it; empty for none.
            link: its own digest.
            key: row of the key that is said to have signed it.
        """
        before = self.tails.pop(seq - 1, None)
        if before is not None:
            if before.link != prev:
                yield f"{self.dev} seq {seq}: prev is not the digest of seq {seq - 1}"
            if before.key not in (key, ANY_KEY):
                self.lasts.append(seq - 1)
        elif seq > 1:
            self.heads[seq] = End(prev, key)
        elif prev:
            yield f"{self.dev} seq 1: expected no record before it, got {prev}"
        after = self.heads.pop(seq + 1, None)
        if after is None:
            self.tails[seq] = End(link, key)
            return
        if after.link != link:
            yield f"{self.dev} seq {seq + 1}: prev is not the digest of seq {seq}"
        if after.key != key:
            self.lasts.append(seq)

    @property
    def contiguous(self) -> int:
        """Every seq up to this one has been seen; 0 for none."""
        first = min(self.tails, default=0)
        # the run that begins with seq 1 is the only one whose beginning misses nothing
        return first if first and (not self.heads or first < min(self.heads)) else 0

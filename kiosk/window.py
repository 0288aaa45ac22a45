"""The uplink's window: which records to send next, and what a receipt changes. Pure.

Rules: records go in order of seq; at most `MAX_IN_FLIGHT_RECORDS` are on their way at a time, a
record being on its way from sending until a receipt covers it (at or below `stored`, or in
`extra`); without progress everything uncovered is sent again after a wait that doubles up to a
maximum. A PUBACK means nothing here. Why: brokers acknowledge what they then lose.

Receipts are believed only by these rules (`weigh`):

1. A receipt for another journal (epoch) or device is not for us.
2. Our own digest at `stored` must equal `stored_hash`; else somebody else writes under our name or
   our journal lost its end: FORK. Nothing is taken from it, nothing is pruned any more; the
   program ends, and its next start sets the journal aside and begins a new epoch.
3. The same `gen` as kept: the maximum of both, so a late or repeated receipt does no harm.
4. Another `gen`: a new or restored database; its watermarks are taken even if lower, and sending
   starts again from there. A receipt that lay on the broker from before must not pass for that:
   `server_time` may not go back, except in a live (not retained) receipt, unless our own
   synchronised clock calls it old; so a collector whose clock was once wrong is not locked out.
5. The same `gen`, live, later and with a lower `stored`: a ledger restored from a copy without
   anybody saying so. As a new `gen`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from firmware_config.contract import MAX_IN_FLIGHT_RECORDS, Receipt
from firmware_config.errors import ContractError

FRESH_MS: Final = 600_000
"""How far a fresh receipt's time may be from ours. Our choice: well above any network delay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermarks:
    """What the collector holds of our journal, as far as we believe it. Kept in the journal.

    Attributes:
        gen: id of the collector's database; empty: never met one.
        stored: every seq up to this is in its ledger.
        archived: … and in a verified backup.
        server_ms: its clock in the newest receipt taken, UTC milliseconds.
        has_fork: a receipt contradicted our journal.
    """

    gen: str = ""
    stored: int = 0
    archived: int = 0
    server_ms: int = 0
    has_fork: bool = False


class Weight(StrEnum):
    """What a receipt is worth."""

    TAKEN = "taken"
    FOREIGN = "foreign"
    """For another journal."""
    STALE = "stale"
    FORK = "fork"


@dataclass(frozen=True, slots=True)
class Weighing:
    """The result of `weigh`. `is_new_gen`: sending starts again from `watermarks.stored`."""

    weight: Weight
    watermarks: Watermarks
    is_new_gen: bool = False


def time_ms(wall: str) -> int:
    """UTC milliseconds since 1970 of a contract wall time.

    Raises:
        ContractError: reason `schema`: such a day does not exist (30 February, year 0).
    """
    try:
        moment = datetime.fromisoformat(wall)
    except ValueError as error:
        raise ContractError("schema", f"{wall}: {error}") from None
    return round(moment.timestamp() * 1000)


def weigh(
    kept: Watermarks,
    receipt: Receipt,
    *,
    dev: str,
    epoch: str,
    head: int,
    digest_of: Callable[[int], str | None],
    is_retained: bool,
    wall_ms: int | None,
) -> Weighing:
    """Judge a receipt whose signature was already found good.

    Args:
        head: our highest seq.
        digest_of: base64url digest of our token at a seq; None: pruned.
        is_retained: the broker had kept it; False: the collector sent it just now.
        wall_ms: our wall clock; None while it is not synchronised.
    """
    if receipt.dev != dev or receipt.epoch != epoch:
        return Weighing(Weight.FOREIGN, kept)
    server_ms = time_ms(receipt.server_time)
    is_new_gen = kept.gen not in ("", receipt.gen)
    if is_new_gen and server_ms < kept.server_ms:
        is_fresh = wall_ms is None or abs(wall_ms - server_ms) <= FRESH_MS
        if is_retained or not is_fresh:
            return Weighing(Weight.STALE, kept)
    if receipt.stored > head:
        return Weighing(Weight.FORK, replace(kept, has_fork=True))
    own = digest_of(receipt.stored) if receipt.stored else ""
    if own is not None and own != receipt.stored_hash:
        return Weighing(Weight.FORK, replace(kept, has_fork=True))
    # a ledger that went back without a new gen: restored by hand from a copy
    is_later = not is_retained and server_ms > kept.server_ms
    is_new_gen = is_new_gen or (is_later and receipt.stored < kept.stored)
    archived = min(receipt.archived, receipt.stored)
    taken = Watermarks(
        gen=receipt.gen,
        stored=receipt.stored if is_new_gen else max(kept.stored, receipt.stored),
        archived=archived if is_new_gen else max(kept.archived, archived),
        server_ms=server_ms if is_new_gen else max(kept.server_ms, server_ms),
        has_fork=kept.has_fork,
    )
    return Weighing(Weight.TAKEN, taken, is_new_gen)


@dataclass(frozen=True, slots=True)
class _Sent:
    """One message: its highest seq, and until when a receipt is waited for."""

    up_to: int
    until_ms: int


class Window:
    """What is on its way.

    Args:
        resend_ms: first wait for a receipt.
        resend_max_ms: longest wait.
    """

    def __init__(self, resend_ms: int, resend_max_ms: int) -> None:
        self._resend_ms = resend_ms
        self._resend_max_ms = resend_max_ms
        self._wait_ms = resend_ms
        self._stored = 0
        self._extra: tuple[tuple[int, int], ...] = ()
        self._sent_up_to = 0
        self._sent: deque[_Sent] = deque()

    @property
    def in_flight(self) -> int:
        """Records sent and not covered by a receipt."""
        return len(self._uncovered(self._stored + 1, self._sent_up_to, MAX_IN_FLIGHT_RECORDS))

    def restart(self) -> None:
        """The connection is new: nothing is on its way."""
        self._sent.clear()
        self._sent_up_to = self._stored
        self._wait_ms = self._resend_ms

    def cover(
        self, stored: int, extra: tuple[tuple[int, int], ...] = (), *, is_new_gen: bool = False
    ) -> None:
        """A receipt was taken: every seq up to `stored` and those in `extra` are in the ledger."""
        has_progress = stored > self._stored or extra != self._extra
        self._stored = stored
        self._extra = extra
        if is_new_gen:
            self.restart()
            return
        self._sent_up_to = max(self._sent_up_to, stored)
        while self._sent and not self._uncovered(stored + 1, self._sent[0].up_to, 1):
            self._sent.popleft()
        if has_progress:
            self._wait_ms = self._resend_ms

    def is_waiting(self, head: int) -> bool:
        """Whether the ledger is not known to hold every record up to `head`."""
        return bool(self._uncovered(self._stored + 1, head, 1))

    def next_seqs(self, head: int, limit: int) -> list[int]:
        """Up to `limit` seqs to put into the next message, in order; empty: nothing to send."""
        room = min(limit, MAX_IN_FLIGHT_RECORDS - self.in_flight)
        if room <= 0:
            return []
        return self._uncovered(self._sent_up_to + 1, head, room)

    def sent(self, up_to: int, now_ms: int, jitter: float) -> None:
        """A message was handed to the broker. `jitter`: 0 to 1, lengthens the wait up to 25 %."""
        self._sent_up_to = up_to
        wait_ms = round(self._wait_ms * (1 + jitter / 4))
        self._sent.append(_Sent(up_to, now_ms + wait_ms))

    def expire(self, now_ms: int) -> bool:
        """Give up waiting where it is time: all that is uncovered is to be sent again."""
        if not self._sent or now_ms < self._sent[0].until_ms:
            return False
        self._sent.clear()
        self._sent_up_to = self._stored
        self._wait_ms = min(self._wait_ms * 2, self._resend_max_ms)
        return True

    def due_ms(self) -> int | None:
        """When to call `expire`; None: nothing is waited for."""
        return self._sent[0].until_ms if self._sent else None

    def _uncovered(self, first: int, last: int, limit: int) -> list[int]:
        """The first `limit` seqs from `first` to `last` that are not in the ledger yet."""
        seqs: list[int] = []
        seq = max(first, self._stored + 1)
        while seq <= last and len(seqs) < limit:
            covering = next((end for start, end in self._extra if start <= seq <= end), None)
            if covering is None:
                seqs.append(seq)
                seq += 1
            else:
                seq = covering + 1
        return seqs

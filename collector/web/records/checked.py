"""A record and everything that can be checked of it at this moment."""

from __future__ import annotations

from dataclasses import dataclass

from collector.errors import LedgerMismatch
from collector.ledger.checkpoints import KeptCheckpoint, newest_checkpoint
from collector.ledger.readers import LedgerReader, records
from collector.ledger.readers.integrity import ledger_state
from collector.ledger.readers.outcomes import OutcomeRow, outcome_at
from collector.ledger.readers.records import Journal, StoredRecord
from collector.ledger.tree import LedgerTree
from collector.press_time import believed_wall_ms, own_or_received_ms
from firmware_config.chain import b64url, digest, rebuild_token, split_token
from firmware_config.contract import AnyRecord, decode_record
from firmware_config.errors import ContractError
from firmware_config.keys import VerifyKey
from firmware_config.merkle_proof import is_included, leaf_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Inclusion:
    """The proof that a record is among the first `size` of the ledger.

    Attributes:
        root: of the tree of `size` records.
        proof: hashes from the record's neighbour up; empty in a tree of one record.
        holds: whether they lead from the record to the root.
        checkpoint: which says that root; None: none includes the record yet, and the root is that
            of the ledger now.
    """

    size: int
    root: bytes
    proof: list[bytes]
    holds: bool
    checkpoint: KeptCheckpoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRecord:
    """One record.

    Attributes:
        position: its place in the ledger.
        digest: SHA-256 of its token, as the ledger keeps it.
        token: as the device sent it; empty: purged.
        stored: as it is kept; None: purged.
        said: what the device wrote; None: purged, or not readable.
        is_digest_right: whether the token has that digest; None: purged.
        is_signed: whether the device's registered key has signed it; None: purged.
        previous: digest of the record before; None: not in the ledger (or this is the first).
        is_linked: whether the record names it as the one before; None: cannot be said.
        has_next: whether the next one of its journal is in the ledger.
        inclusion: None: the tree cannot be read.
        outcome: of the session that it ended; None: it ended none.
        at_ms: when it happened, as far as is known, UTC milliseconds.
        window: id of the window where the device stood then; None: none. `department` alike.
    """

    device: str
    epoch: str
    seq: int
    position: int
    digest: bytes
    token: str
    stored: StoredRecord | None
    said: AnyRecord | None
    is_digest_right: bool | None
    is_signed: bool | None
    previous: bytes | None
    is_linked: bool | None
    has_next: bool
    inclusion: Inclusion | None
    outcome: OutcomeRow | None
    at_ms: int | None
    window: int | None
    department: int | None

    @property
    def is_purged(self) -> bool:
        """Whether the record itself is gone."""
        return self.stored is None


def checked_record(reader: LedgerReader, device: str, epoch: str, seq: int) -> CheckedRecord | None:
    """A record with its checks, made now; None: the ledger has no such record.

    Also None for a purged one of which only a digest is left.
    """
    of = records.journal(reader, device, epoch)
    if of is None or seq < 1:
        return None
    stored = records.record(reader, of, seq)
    if stored is not None:
        return _of_stored(reader, of, stored, device, epoch, seq)
    purged = records.purged_record(reader, of, seq)
    if purged is None:
        return None
    outcome = outcome_at(reader, purged.position)
    return CheckedRecord(
        device=device,
        epoch=epoch,
        seq=seq,
        position=purged.position,
        digest=purged.digest,
        token="",
        stored=None,
        said=None,
        is_digest_right=None,
        is_signed=None,
        previous=None,
        is_linked=None,
        has_next=records.digest_of(reader, of, seq + 1) is not None,
        inclusion=_inclusion(reader, purged.position, purged.digest),
        outcome=outcome,
        at_ms=outcome.pressed_ms if outcome else None,
        window=outcome.window if outcome else None,
        department=outcome.department if outcome else None,
    )


def _of_stored(
    reader: LedgerReader, of: Journal, stored: StoredRecord, device: str, epoch: str, seq: int
) -> CheckedRecord:
    raw = rebuild_token(stored.kid, stored.payload, stored.signature)
    said = _said(stored.payload)
    previous = records.digest_of(reader, of, seq - 1) if seq > 1 else None
    named = said.prev if said is not None else None
    is_linked: bool | None = None
    if named is not None and (seq == 1 or previous is not None):
        is_linked = named == (b64url(previous).decode("ascii") if previous else "")
    outcome = outcome_at(reader, stored.position)
    at_ms = outcome.pressed_ms if outcome else _happened_ms(reader, of, stored, said)
    window, department = records.stood_at(reader, of.device, at_ms)
    return CheckedRecord(
        device=device,
        epoch=epoch,
        seq=seq,
        position=stored.position,
        digest=stored.digest,
        token=raw.decode("ascii"),
        stored=stored,
        said=said,
        is_digest_right=digest(raw) == stored.digest,
        is_signed=_is_signed(stored, raw),
        previous=previous,
        is_linked=is_linked,
        has_next=records.digest_of(reader, of, seq + 1) is not None,
        inclusion=_inclusion(reader, stored.position, stored.digest),
        outcome=outcome,
        at_ms=at_ms,
        window=outcome.window if outcome else window,
        department=outcome.department if outcome else department,
    )


def _said(payload: bytes) -> AnyRecord | None:
    try:
        return decode_record(payload)
    except ContractError:
        return None


def _is_signed(stored: StoredRecord, raw: bytes) -> bool:
    try:
        return VerifyKey(stored.x).has_signed(split_token(raw))
    except (ContractError, ValueError):
        return False


def _happened_ms(
    reader: LedgerReader, of: Journal, stored: StoredRecord, said: AnyRecord | None
) -> int:
    """When a record that ended no session happened."""
    if said is None:
        return stored.received_ms
    believed = believed_wall_ms(said.wall, said.synced, stored.received_ms)
    if believed is not None:
        return believed
    offset_ms = records.boot_offset_ms(reader, of, said.boot)
    if offset_ms is None:
        return stored.received_ms
    return own_or_received_ms(said.mono_ms, stored.received_ms, offset_ms)


def _inclusion(reader: LedgerReader, position: int, leaf: bytes) -> Inclusion | None:
    state = ledger_state(reader)
    found = newest_checkpoint(reader.rows, state.gen)
    checkpoint = found if found is not None and position <= found.size else None
    size, root = (checkpoint.size, checkpoint.root) if checkpoint else (state.size, state.root)
    try:
        proof = LedgerTree(reader.rows).inclusion(position, size)
    except (LedgerMismatch, ValueError):
        return None
    return Inclusion(
        size=size,
        root=root,
        proof=proof,
        holds=is_included(leaf_hash(leaf), position - 1, size, proof, root),
        checkpoint=checkpoint,
    )

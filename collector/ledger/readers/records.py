"""One record by its identity: as it was signed, what stands around it, and what a purge left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from collector.ledger.purged import BLOCK
from collector.ledger.readers.connection import LedgerReader
from firmware_config.chain import DIGEST_BYTES

_JOURNAL: Final = "FROM epochs e JOIN devices d ON d.id = e.device WHERE d.code = ? AND e.epoch = ?"
_VALID: Final = (
    "SELECT window FROM device_windows WHERE device = ? AND from_ms <= ?"
    " ORDER BY from_ms DESC LIMIT 1"
)
_OWNER: Final = (
    "SELECT department FROM window_departments WHERE window = ? AND from_ms <= ?"
    " ORDER BY from_ms DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """One journal of a device, by the ledger's row ids."""

    id: int
    device: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """A record in the ledger.

    Attributes:
        position: its place, 1, 2, 3 …
        digest: SHA-256 of the token, as the ledger keeps it.
        kid: thumbprint of the key that is said to have signed it; `x` that key.
        received_ms: UTC milliseconds.
        payload: the JSON that was signed.
    """

    position: int
    digest: bytes
    kind: str
    kid: str
    x: str
    received_ms: int
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgedRecord:
    """What a purge left of a record that ended a session: its place, digest, and outcome."""

    position: int
    digest: bytes


def journal(reader: LedgerReader, device: str, epoch: str) -> Journal | None:
    """The journal of a device's id and the epoch's; None: there is none."""
    row = reader.row(f"SELECT e.id, e.device {_JOURNAL}", device, epoch)
    return Journal(id=row[0], device=row[1]) if row else None


def record(reader: LedgerReader, of: Journal, seq: int) -> StoredRecord | None:
    """The record of a number; None: it has not come, or is purged."""
    row = reader.row(
        "SELECT r.position, r.digest, r.kind, k.kid, k.x, r.received_ms, r.payload, r.signature"
        " FROM records r JOIN device_keys k ON k.id = r.key WHERE r.epoch = ? AND r.seq = ?",
        of.id,
        seq,
    )
    return StoredRecord(**dict(zip(StoredRecord.__slots__, row, strict=True))) if row else None


def purged_to(reader: LedgerReader, of: Journal) -> int:
    """The highest number of a journal that is purged; 0: none."""
    row = reader.row("SELECT coalesce(max(seq), 0) FROM purge_heads WHERE epoch = ?", of.id)
    return int(row[0]) if row else 0


def purged_record(reader: LedgerReader, of: Journal, seq: int) -> PurgedRecord | None:
    """What is left of a purged record; None: it ended no session, so only its digest is there,
    and no longer which one it is."""
    row = reader.row(
        "SELECT o.position, substr(p.digests, ? * ((o.position - 1) % ?) + 1, ?) FROM outcomes o"
        " JOIN purged_digests p ON p.block = (o.position - 1) / ? WHERE o.epoch = ? AND o.seq = ?",
        *(DIGEST_BYTES, BLOCK, DIGEST_BYTES, BLOCK),
        of.id,
        seq,
    )
    return PurgedRecord(position=row[0], digest=row[1]) if row else None


def digest_of(reader: LedgerReader, of: Journal, seq: int) -> bytes | None:
    """Digest of the record of a number; also of the last purged one. None: not known."""
    row = reader.row(
        "SELECT digest FROM records WHERE epoch = ?1 AND seq = ?2 UNION ALL"
        " SELECT digest FROM purge_heads WHERE epoch = ?1 AND seq = ?2 LIMIT 1",
        of.id,
        seq,
    )
    return bytes(row[0]) if row else None


def boot_offset_ms(reader: LedgerReader, of: Journal, boot: str) -> int | None:
    """What is known of the clock of a boot: wall = mono + offset; None: nothing."""
    row = reader.row("SELECT offset_ms FROM boots WHERE epoch = ? AND boot = ?", of.id, boot)
    return int(row[0]) if row else None


def stood_at(reader: LedgerReader, device: int, ms: int) -> tuple[int | None, int | None]:
    """Window and department (ids) of a device (id) at an instant, UTC milliseconds."""
    row = reader.row(_VALID, device, ms)
    window = row[0] if row else None
    owner = reader.row(_OWNER, window, ms) if window is not None else None
    return window, owner[0] if owner else None

"""One device's history: journals, keys, places, what it said of itself, conflicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from collector.ledger.readers.connection import LedgerReader
from collector.press_time import wall_ms

LAST_EVENTS: Final = 20
LAST_CONFLICTS: Final = 20
# the index covers these, and SQLite sees that only when the query repeats its words
_ABOUT: Final = "kind IN ('BOOT', 'CLOCK', 'FAULT')"
EVENT_KINDS: Final = ("FAULT", "BOOT", "CLOCK")


class _Said(msgspec.Struct):
    wall: str
    synced: bool
    reason: str = ""
    detail: str = ""
    version: str = ""
    pins: str = ""
    step_ms: int | None = None
    server_time: str = ""


_said: Final = msgspec.json.Decoder(_Said)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRow:
    """One journal; numbers are of records, see `firmware_config.contract.Receipt`."""

    epoch: str
    stored: int
    head: int
    archived: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One public key. `kid`: RFC 7638 thumbprint; `registered_ms`: UTC milliseconds."""

    kid: str
    registered_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceRow:
    """A dated assignment; `window` is a row id, None for no window."""

    from_ms: int
    window: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """A FAULT, BOOT or CLOCK record.

    Attributes:
        wall_ms: the device's own clock, UTC milliseconds; `is_synced`: whether it was right.
        reason, detail: of a FAULT; the program and pin profile of a BOOT.
        step_ms: of a CLOCK.
    """

    kind: str
    epoch: str
    seq: int
    received_ms: int
    wall_ms: int | None
    is_synced: bool
    reason: str = ""
    detail: str = ""
    step_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictOf:
    """A second record for a place in a journal that was taken."""

    epoch: str
    seq: int
    first_ms: int
    last_ms: int
    times: int


def journals(reader: LedgerReader, device: int) -> list[JournalRow]:
    """The journals of a device, the newest first."""
    rows = reader.rows(
        "SELECT epoch, stored, head, archived FROM epochs WHERE device = ? ORDER BY id DESC", device
    )
    return [JournalRow(epoch=r[0], stored=r[1], head=r[2], archived=r[3]) for r in rows]


def keys(reader: LedgerReader, device: int) -> list[KeyRow]:
    """The keys of a device, the newest first."""
    rows = reader.rows(
        "SELECT kid, registered_ms FROM device_keys WHERE device = ? ORDER BY id DESC", device
    )
    return [KeyRow(kid=kid, registered_ms=ms) for kid, ms in rows]


def places(reader: LedgerReader, device: int) -> list[PlaceRow]:
    """Where a device stood and will stand, the latest first."""
    rows = reader.rows(
        "SELECT from_ms, window FROM device_windows WHERE device = ? ORDER BY from_ms DESC", device
    )
    return [PlaceRow(from_ms=ms, window=window) for ms, window in rows]


def events(reader: LedgerReader, device: int, *, limit: int = LAST_EVENTS) -> list[EventRow]:
    """The last faults, starts and clock steps of a device, the newest first."""
    found: list[tuple[int, EventRow]] = []
    epochs = reader.rows("SELECT id, epoch FROM epochs WHERE device = ? ORDER BY id DESC", device)
    for id, epoch in epochs:
        for kind in EVENT_KINDS:
            rows = reader.rows(
                "SELECT seq, received_ms, payload FROM records "
                f"WHERE {_ABOUT} AND kind = ? AND epoch = ? ORDER BY seq DESC LIMIT ?",
                kind,
                id,
                limit,
            )
            found += [(id, _event(kind, epoch, *row)) for row in rows]
        if len(found) >= limit:
            break  # what an older journal holds is older
    found.sort(key=lambda one: (one[0], one[1].seq), reverse=True)
    return [event for _, event in found[:limit]]


def conflicts(reader: LedgerReader, device: int) -> list[ConflictOf]:
    """The last conflicts of a device, the newest first."""
    rows = reader.rows(
        "SELECT e.epoch, c.seq, c.first_ms, c.last_ms, c.times FROM conflicts c "
        "JOIN epochs e ON e.id = c.epoch WHERE e.device = ? ORDER BY c.last_ms DESC LIMIT ?",
        device,
        LAST_CONFLICTS,
    )
    return [ConflictOf(epoch=r[0], seq=r[1], first_ms=r[2], last_ms=r[3], times=r[4]) for r in rows]


def _event(kind: str, epoch: str, seq: int, received_ms: int, payload: Any) -> EventRow:
    said = _said.decode(payload)
    return EventRow(
        kind=kind,
        epoch=epoch,
        seq=seq,
        received_ms=received_ms,
        wall_ms=wall_ms(said.wall),
        is_synced=said.synced,
        reason=said.reason or said.version,
        detail=said.detail or said.pins,
        step_ms=said.step_ms,
    )

"""The state of the ledger itself: its size and root, and what did not fit."""

from __future__ import annotations

from dataclasses import dataclass

from collector.ledger.readers.connection import LedgerReader, LedgerUnavailable
from firmware_config.contract import CHECKPOINT_FAULT, decode_health
from firmware_config.errors import ContractError


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    """Attributes: size: rows; root: Merkle root over them (RFC 9162), 32 bytes; gen: database."""

    size: int
    root: bytes
    gen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """Messages kept aside for one reason.

    `messages` differ in content, `times` counts every arrival; `last_ms` is the latest, UTC.
    """

    reason: str
    messages: int
    times: int
    last_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConflictRow:
    """Second tokens for keys that were taken, of one device."""

    device: str
    tokens: int
    times: int
    last_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """A journal of which records are missing: everything up to `stored` is there, `head` is the
    highest."""

    device: str
    epoch: str
    stored: int
    head: int


def ledger_state(reader: LedgerReader) -> LedgerState:
    """Size, root and generation.

    Raises:
        LedgerUnavailable: the ledger has no state row: it was never opened by its writer.
    """
    row = reader.row(
        "SELECT size, root, (SELECT value FROM meta WHERE key = 'gen') FROM ledger_state"
    )
    if row is None:
        raise LedgerUnavailable(f"{reader.path}: the ledger has no state row yet")
    return LedgerState(size=row[0], root=row[1], gen=row[2] or "")


def quarantine(reader: LedgerReader) -> list[QuarantineRow]:
    """What was quarantined, by reason, most frequent first."""
    rows = reader.rows(
        "SELECT reason, count(*), sum(times), max(last_ms) FROM quarantine "
        "GROUP BY reason ORDER BY 3 DESC, 1"
    )
    return [
        QuarantineRow(reason=row[0], messages=row[1], times=row[2], last_ms=row[3]) for row in rows
    ]


def conflicts(reader: LedgerReader) -> list[ConflictRow]:
    """Conflicting tokens by device, most frequent first."""
    rows = reader.rows(
        "SELECT d.code, count(*), sum(c.times), max(c.last_ms) FROM conflicts c "
        "JOIN epochs e ON e.id = c.epoch JOIN devices d ON d.id = e.device "
        "GROUP BY d.code ORDER BY 3 DESC, 1"
    )
    return [ConflictRow(device=row[0], tokens=row[1], times=row[2], last_ms=row[3]) for row in rows]


def gaps(reader: LedgerReader) -> list[GapRow]:
    """Journals with missing records."""
    rows = reader.rows(
        "SELECT d.code, e.epoch, e.stored, e.head FROM epochs e JOIN devices d ON d.id = e.device "
        "WHERE e.head > e.stored ORDER BY d.code, e.id"
    )
    return [GapRow(device=row[0], epoch=row[1], stored=row[2], head=row[3]) for row in rows]


def refusing(reader: LedgerReader) -> list[str]:
    """Ids of the devices whose last health says that they refuse what this ledger says of itself.

    What they said is not signed; the FAULT records in their journals are, and so is the evidence.
    """
    rows = reader.rows(
        "SELECT d.code, s.health FROM device_status s JOIN devices d ON d.id = s.device "
        "WHERE s.health IS NOT NULL ORDER BY d.code"
    )
    return [code for code, health in rows if CHECKPOINT_FAULT in _alarms(health)]


def _alarms(health: bytes) -> list[str]:
    try:
        return decode_health(health).alarms
    except ContractError:
        return []


def record_counts(reader: LedgerReader) -> tuple[int, int]:
    """Number of devices and of journals (epochs) they have had."""
    row = reader.row("SELECT (SELECT count(*) FROM devices), (SELECT count(*) FROM epochs)")
    return (int(row[0]), int(row[1])) if row else (0, 0)

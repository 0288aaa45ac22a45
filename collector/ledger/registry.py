"""What is registered, read from the ledger into memory: devices, keys, and who was where when."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from collector.errors import LedgerMismatch
from collector.ledger.placements import Placements
from collector.periods import LocalCalendar
from collector.verdict import RegisteredKey, Registry
from firmware_config.keys import VerifyKey


def read_registry(db: Database, hall: str) -> Registry:
    """Devices and keys of the ledger.

    Raises:
        LedgerMismatch: the ledger is of another hall, or no fleet was ever loaded into it.
    """
    meta = read_meta(db)
    if meta.get("hall") != hall:
        found = meta.get("hall", "no fleet (run `collector fleet load`)")
        raise LedgerMismatch(f"ledger: hall: expected {hall}, got {found}")
    devices = dict(db.execute("SELECT code, id FROM devices").fetchall())
    keys = {
        kid: RegisteredKey(row, device, VerifyKey(x).is_signed)
        for row, device, kid, x in db.execute("SELECT id, device, kid, x FROM device_keys")
    }
    return Registry(hall, devices, keys)


def read_placements(db: Database) -> Placements[int]:
    """The dated assignments of the ledger."""
    return Placements(
        db.execute("SELECT device, from_ms, window FROM device_windows").fetchall(),
        db.execute("SELECT window, from_ms, department FROM window_departments").fetchall(),
        db.execute(
            "SELECT s.staff_no, a.from_ms, a.window FROM staff_windows a"
            " JOIN staff s ON s.id = a.staff"
        ).fetchall(),
    )


def calendar_of(meta: Mapping[str, str]) -> LocalCalendar:
    """The calendar of the ledger's time zone; `meta` from `read_meta`."""
    return LocalCalendar(ZoneInfo(meta["timezone"]))


def read_meta(db: Database) -> dict[str, str]:
    """The ledger's own facts: gen, hall, timezone, hall_name, hall_name_en."""
    return dict(db.execute("SELECT key, value FROM meta").fetchall())

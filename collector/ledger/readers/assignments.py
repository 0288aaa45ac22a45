"""Dated assignments: which devices a window has had, and which windows a department."""

from __future__ import annotations

from dataclasses import dataclass

from collector.ledger.readers.connection import LedgerReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A device at a window from `from_ms` until `to_ms` (UTC milliseconds, not included).

    `to_ms` None: it stands there still, or nothing later is planned.
    """

    device: str
    from_ms: int
    to_ms: int | None


def devices_of_window(reader: LedgerReader, window: int) -> list[Stay]:
    """Every device a window has had or will have, the latest first."""
    rows = reader.rows(
        "SELECT d.code, s.from_ms, s.to_ms FROM (SELECT device, window, from_ms,"
        " lead(from_ms) OVER (PARTITION BY device ORDER BY from_ms) AS to_ms FROM device_windows) s"
        " JOIN devices d ON d.id = s.device WHERE s.window = ? ORDER BY s.from_ms DESC, d.code",
        window,
    )
    return [Stay(device=row[0], from_ms=row[1], to_ms=row[2]) for row in rows]

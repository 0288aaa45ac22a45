"""The plan of the hall and its opening hours, as the fleet file says them now."""

from __future__ import annotations

from collector.ledger.fleet_plan import OPENS
from collector.ledger.readers.connection import LedgerReader
from firmware_config.hours import Week, week_of


def window_places(reader: LedgerReader) -> dict[int, tuple[int, int]]:
    """Window row → its row and column on the plan, from 1; only windows that are drawn."""
    rows = reader.rows("SELECT window, plan_row, plan_column FROM window_plan")
    return {window: (row, column) for window, row, column in rows}


def opening_hours(reader: LedgerReader) -> Week | None:
    """The hall's week; None where the fleet was loaded by a program that did not keep it."""
    found = reader.row("SELECT value FROM meta WHERE key = ?", OPENS)
    if found is None:
        return None
    try:
        return week_of(line for line in str(found[0]).splitlines() if line)
    except ValueError:
        return None

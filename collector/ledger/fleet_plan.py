"""The plan of the hall and its opening hours: what the pages show of the fleet file beside names.

No stored figure depends on either, so both may change, and go with the file.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from collector.ledger.fleet_change import Change
from firmware_config.fleet import Fleet
from firmware_config.hours import lines_of

OPENS: Final = "hall_opens"
"""Key in `meta`."""
_NAMED: Final = 6
"""Windows that a change names; a whole new plan is one change and not a hundred."""


def plan_changes(connection: sqlite3.Connection, fleet: Fleet) -> list[Change]:
    """What loading would change; what is new with its hall or window goes with that."""
    changes = []
    meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    if "hall" in meta and meta.get(OPENS) != _opens(fleet):
        changes.append(Change("move", "opening hours", fleet.hall.id, _opens(fleet, ", ")))
    known = {
        code: (row, column)
        for code, row, column in connection.execute(
            "SELECT w.code, p.plan_row, p.plan_column FROM windows w"
            " LEFT JOIN window_plan p ON p.window = w.id"
        )
    }
    moved = [w.id for w in fleet.windows if w.id in known and known[w.id] != (w.row, w.column)]
    if moved:
        more = ", …" if len(moved) > _NAMED else ""
        detail = f"{len(moved)} windows: {', '.join(moved[:_NAMED])}{more}"
        changes.append(Change("move", "plan", fleet.hall.id, detail))
    return changes


def apply_plan(connection: sqlite3.Connection, fleet: Fleet) -> None:
    """Write both; inside the caller's transaction, after the windows."""
    connection.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
        (OPENS, _opens(fleet)),
    )
    places = [(w.row, w.column, w.id) for w in fleet.windows if w.row is not None]
    drawn = connection.execute(
        "SELECT p.plan_row, p.plan_column, w.code FROM window_plan p"
        " JOIN windows w ON w.id = p.window"
    )
    if set(drawn) == set(places):
        return
    connection.execute("DELETE FROM window_plan")  # two windows may have changed places
    connection.executemany(
        "INSERT INTO window_plan (window, plan_row, plan_column)"
        " SELECT id, ?, ? FROM windows WHERE code = ?",
        places,
    )


def _opens(fleet: Fleet, joint: str = "\n") -> str:
    return joint.join(lines_of(fleet.hall.opens) if fleet.hall.opens else ())

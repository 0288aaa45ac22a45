"""Loading the fleet file and the devices' public keys into the ledger.

Idempotent, and append-only where the past depends on it: names may change, new departments,
windows, devices, keys, staff and assignments are added, but an assignment that the ledger knows can
be neither changed nor dropped, because stored ratings were counted by it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path

from sqlite_utils import Database

from collector.errors import FleetMoved
from collector.ledger.fleet_change import (
    DEVICE_AT_WINDOW,
    STAFF_AT_WINDOW,
    WINDOW_OF_DEPARTMENT,
    Assigned,
    Change,
)
from collector.ledger.fleet_compare import FleetComparison
from collector.ledger.fleet_plan import apply_plan
from collector.ledger.rebuild import rebuild
from firmware_config.errors import InvalidSettings
from firmware_config.fleet import Fleet
from firmware_config.keys import KeyFileError, VerifyKey, load_verify_key

_INSERT = {
    DEVICE_AT_WINDOW: "INSERT INTO device_windows (device, from_ms, window)"
    " SELECT id, ?2, (SELECT id FROM windows WHERE code = ?3) FROM devices WHERE code = ?1",
    WINDOW_OF_DEPARTMENT: "INSERT INTO window_departments (window, from_ms, department)"
    " SELECT id, ?2, (SELECT id FROM departments WHERE code = ?3) FROM windows WHERE code = ?1",
    STAFF_AT_WINDOW: "INSERT INTO staff_windows (staff, from_ms, window)"
    " SELECT id, ?2, (SELECT id FROM windows WHERE code = ?3) FROM staff WHERE staff_no = ?1",
}


def scan_device_keys(folder: Path) -> tuple[dict[str, VerifyKey], list[str]]:
    """Read every `<device>.jwk` of a folder.

    Returns:
        Device id → public key, and a line for every file that is not a public Ed25519 JWK; both
        empty for no such folder.
    """
    keys: dict[str, VerifyKey] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*.jwk")):
        try:
            keys[path.stem] = load_verify_key(path)
        except (KeyFileError, OSError) as error:
            problems.append(f"{path.name}: {error}")
    return keys, problems


def read_device_keys(folder: Path) -> dict[str, VerifyKey]:
    """Read every `<device>.jwk` of a folder: device id → public key; empty for no such folder.

    Raises:
        InvalidSettings: with a line for every file that is not a public Ed25519 JWK.
    """
    keys, problems = scan_device_keys(folder)
    if problems:
        raise InvalidSettings(problems)
    return keys


def compare_fleet(
    connection: sqlite3.Connection, fleet: Fleet, keys: Mapping[str, VerifyKey]
) -> FleetComparison:
    """What loading would change; only reads.

    Raises:
        ImmutableFleet: loading would be refused; with every reason.
    """
    return FleetComparison(connection, fleet, keys)


def load_into_ledger(
    db: Database,
    fleet: Fleet,
    keys: Mapping[str, VerifyKey],
    *,
    now_ms: int,
    may_change_the_past: bool = True,
    agreed: list[Change] | None = None,
) -> list[Change]:
    """Bring the ledger's fleet tables up to the file, in one transaction.

    Args:
        db: the ledger, opened for writing.
        fleet: the checked fleet file.
        keys: device id → public key.
        now_ms: wall clock, kept as time of registration of new keys.
        may_change_the_past: whether retroactive assignments are loaded, and what is stored counted
            anew; otherwise they are told, but left out.
        agreed: what somebody was shown and agreed to; None: nobody was asked.

    Returns:
        What was changed, and what is worth telling; empty when loaded before.

    Raises:
        ImmutableFleet: the file contradicts what is fixed; nothing was changed.
        FleetMoved: it would do something else than was agreed to; nothing was changed.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        comparison = compare_fleet(db.conn, fleet, keys)
        if agreed is not None and agreed != comparison.changes:
            raise FleetMoved("fleet: what loading changes has changed meanwhile; look again")
        left_out = [] if may_change_the_past else comparison.retroactive
        _apply(db.conn, fleet, comparison, now_ms, left_out)
        if comparison.retroactive and may_change_the_past:
            rebuild(db)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return comparison.changes


def _apply(
    connection: sqlite3.Connection,
    fleet: Fleet,
    comparison: FleetComparison,
    now_ms: int,
    left_out: Collection[Assigned],
) -> None:
    hall = fleet.hall
    meta = {
        "hall": hall.id,
        "timezone": hall.timezone,
        "hall_name": hall.name,
        "hall_name_en": hall.name_en,
    }
    connection.executemany(
        "INSERT INTO meta (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
        list(meta.items()),
    )
    departments = [(d.id, d.name, d.name_en, at) for at, d in enumerate(fleet.departments)]
    windows = [(w.id, w.name, w.name_en, at) for at, w in enumerate(fleet.windows)]
    for table, rows in (("departments", departments), ("windows", windows)):
        connection.executemany(
            f"INSERT INTO {table} (code, name, name_en, ordinal) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (code) DO UPDATE SET name = excluded.name,"
            " name_en = excluded.name_en, ordinal = excluded.ordinal",
            rows,
        )
    connection.executemany(
        "INSERT INTO devices (code) VALUES (?) ON CONFLICT DO NOTHING",
        [(device.id,) for device in fleet.devices],
    )
    _apply_staff(connection, fleet)
    apply_plan(connection, fleet)
    # what follows is guarded: only what is new may be inserted at all
    connection.executemany(
        "INSERT INTO device_keys (device, kid, x, registered_ms)"
        " SELECT id, ?, ?, ? FROM devices WHERE code = ?",
        [(key.kid, key.x, now_ms, code) for code, key in comparison.new_keys.items()],
    )
    for one in set(comparison.added).difference(left_out):
        connection.execute(_INSERT[one.what], (one.code, one.from_ms, one.to))


def _apply_staff(connection: sqlite3.Connection, fleet: Fleet) -> None:
    """Numbers are only added; a name the file no longer has is forgotten."""
    known = {staff_no for (staff_no,) in connection.execute("SELECT staff_no FROM staff")}
    named = {one.staff_no: (one.name, one.name_en) for one in fleet.staff}
    connection.executemany(
        "INSERT INTO staff (staff_no, name, name_en) VALUES (?, ?, ?)",
        [(staff_no, *names) for staff_no, names in named.items() if staff_no not in known],
    )
    connection.executemany(
        "UPDATE staff SET name = ?1, name_en = ?2"
        " WHERE staff_no = ?3 AND (name, name_en) <> (?1, ?2)",
        [(*named.get(staff_no, ("", "")), staff_no) for staff_no in known],
    )

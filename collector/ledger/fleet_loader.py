"""Loading the fleet file and the devices' public keys into the ledger.

Idempotent, and append-only where the past depends on it: names may change, new departments,
windows, devices, keys and assignments are added, but an assignment that the ledger knows can be
neither changed nor dropped, because stored ratings were counted by it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from collector.errors import ImmutableFleet
from collector.ledger.fleet_change import Change
from collector.ledger.rebuild import rebuild
from collector.periods import day_start_ms, local_day
from collector.press_time import FUTURE_TOLERANCE_MS
from firmware_config.errors import InvalidSettings
from firmware_config.fleet import Fleet
from firmware_config.keys import KeyFileError, VerifyKey, load_verify_key


def read_device_keys(folder: Path) -> dict[str, VerifyKey]:
    """Read every `<device>.jwk` of a folder: device id → public key; empty for no such folder.

    Raises:
        InvalidSettings: with a line for every file that is not a public Ed25519 JWK.
    """
    keys: dict[str, VerifyKey] = {}
    problems: list[str] = []
    for path in sorted(folder.glob("*.jwk")):
        try:
            keys[path.stem] = load_verify_key(path)
        except (KeyFileError, OSError) as error:
            problems.append(f"{path.name}: {error}")
    if problems:
        raise InvalidSettings(problems)
    return keys


def compare_fleet(
    connection: sqlite3.Connection, fleet: Fleet, keys: Mapping[str, VerifyKey]
) -> list[Change]:
    """What loading would change; only reads.

    Raises:
        ImmutableFleet: loading would be refused; with every reason.
    """
    return _Loader(connection, fleet, keys, now_ms=0).compare()


def load_into_ledger(
    db: Database, fleet: Fleet, keys: Mapping[str, VerifyKey], *, now_ms: int
) -> list[Change]:
    """Bring the ledger's fleet tables up to the file, in one transaction.

    Args:
        db: the ledger, opened for writing.
        fleet: the checked fleet file.
        keys: device id → public key.
        now_ms: wall clock, kept as time of registration of new keys.

    Returns:
        What was changed, and what is worth telling; empty when loaded before.

    Raises:
        ImmutableFleet: the file would change the past; nothing was changed.
    """
    loader = _Loader(db.conn, fleet, keys, now_ms)
    db.execute("BEGIN IMMEDIATE")
    try:
        changes = loader.compare()
        loader.apply()
        if any(change.action == "retroactive" for change in changes):
            rebuild(db)
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
    return changes


class _Loader:
    """One comparison, and its application."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        fleet: Fleet,
        keys: Mapping[str, VerifyKey],
        now_ms: int,
    ) -> None:
        self._connection = connection
        self._fleet = fleet
        self._keys = keys
        self._now_ms = now_ms
        self._zone = ZoneInfo(fleet.hall.timezone)
        self._changes: list[Change] = []
        self._problems: list[str] = []

    def compare(self) -> list[Change]:
        """Every change; raises ImmutableFleet."""
        fleet = self._fleet
        self._hall()
        self._named(
            "department", "departments", [(d.id, d.name, d.name_en) for d in fleet.departments]
        )
        self._named("window", "windows", [(w.id, w.name, w.name_en) for w in fleet.windows])
        known = {code for (code,) in self._connection.execute("SELECT code FROM devices")}
        codes = [device.id for device in fleet.devices]
        self._changes += [Change("add", "device", code) for code in codes if code not in known]
        self._changes += [
            Change("absent", "device", code) for code in sorted(known.difference(codes))
        ]
        self._device_keys()
        if self._problems:  # in another zone every assignment begins at another instant
            raise ImmutableFleet(self._problems)
        newest = self._newest()
        newest_anywhere = max(newest.values(), default=-1)
        self._assignments(
            "device at window",
            "SELECT d.code, a.from_ms, w.code FROM device_windows a JOIN devices d"
            " ON d.id = a.device LEFT JOIN windows w ON w.id = a.window",
            self._device_windows(),
            lambda device: newest.get(device, -1),
        )
        self._assignments(
            "window of department",
            "SELECT w.code, a.from_ms, d.code FROM window_departments a JOIN windows w"
            " ON w.id = a.window LEFT JOIN departments d ON d.id = a.department",
            self._window_departments(),
            lambda window: newest_anywhere,
        )
        if self._problems:
            raise ImmutableFleet(self._problems)
        return self._changes

    def apply(self) -> None:
        """Write; every statement does nothing for what is there already."""
        connection, fleet, hall = self._connection, self._fleet, self._fleet.hall
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
        codes = {device.id for device in fleet.devices}
        connection.executemany(
            "INSERT INTO device_keys (device, kid, x, registered_ms)"
            " SELECT id, ?, ?, ? FROM devices WHERE code = ? ON CONFLICT DO NOTHING",
            [(k.kid, k.x, self._now_ms, code) for code, k in self._keys.items() if code in codes],
        )
        connection.executemany(
            "INSERT INTO device_windows (device, from_ms, window)"
            " SELECT id, ?, (SELECT id FROM windows WHERE code = ?) FROM devices WHERE code = ?"
            " ON CONFLICT DO NOTHING",
            [(from_ms, to, code) for (code, from_ms), to in self._device_windows().items()],
        )
        connection.executemany(
            "INSERT INTO window_departments (window, from_ms, department)"
            " SELECT id, ?, (SELECT id FROM departments WHERE code = ?) FROM windows"
            " WHERE code = ? ON CONFLICT DO NOTHING",
            [(from_ms, to, code) for (code, from_ms), to in self._window_departments().items()],
        )

    def _newest(self) -> dict[str, int]:
        """Device -> when its latest record was received; no press of it is later by much."""
        rows = self._connection.execute(
            "SELECT d.code, max(r.received_ms) FROM epochs e JOIN devices d ON d.id = e.device"
            " JOIN records r ON r.epoch = e.id AND r.seq > e.head - 1000 GROUP BY d.code"
        )
        return {code: ms + FUTURE_TOLERANCE_MS for code, ms in rows}

    def _device_windows(self) -> dict[tuple[str, int], str | None]:
        rows = self._fleet.device_assignments
        return {(a.device, day_start_ms(a.from_on, self._zone)): a.window for a in rows}

    def _window_departments(self) -> dict[tuple[str, int], str | None]:
        rows = self._fleet.window_assignments
        return {(a.window, day_start_ms(a.from_on, self._zone)): a.department for a in rows}

    def _hall(self) -> None:
        meta = dict(self._connection.execute("SELECT key, value FROM meta").fetchall())
        hall = self._fleet.hall
        if "hall" not in meta:
            self._changes.append(Change("add", "hall", hall.id, hall.name))
            return
        for key, value in (("hall", hall.id), ("timezone", hall.timezone)):
            if meta[key] != value:  # every stored topic, date and hour depends on them
                self._problems.append(f"{key}: expected {meta[key]}, got {value}")
        if (meta["hall_name"], meta["hall_name_en"]) != (hall.name, hall.name_en):
            self._changes.append(Change("rename", "hall", hall.id, hall.name))

    def _named(self, what: str, table: str, rows: Iterable[tuple[str, str, str]]) -> None:
        known = {
            code: names
            for code, *names in self._connection.execute(
                f"SELECT code, name, name_en, ordinal FROM {table} ORDER BY ordinal, id"
            )
        }
        for at, (code, name, name_en) in enumerate(rows):
            names = known.pop(code, None)
            if names is None:
                self._changes.append(Change("add", what, code, name))
            elif names[:2] != [name, name_en]:
                self._changes.append(Change("rename", what, code, f"{names[0]} -> {name}"))
            elif names[2] != at:
                self._changes.append(Change("move", what, code, f"{names[2] + 1} -> {at + 1}"))
        self._changes += [Change("absent", what, code, names[0]) for code, names in known.items()]

    def _device_keys(self) -> None:
        rows = self._connection.execute(
            "SELECT k.kid, d.code FROM device_keys k JOIN devices d ON d.id = k.device"
        )
        owners: dict[str, str] = dict(rows.fetchall())
        codes = [device.id for device in self._fleet.devices]
        for code in codes:
            key = self._keys.get(code)
            if key is None:
                if code not in owners.values():
                    self._changes.append(Change("keyless", "device", code))
            elif key.kid not in owners:
                owners[key.kid] = code
                self._changes.append(Change("add", "key", code, key.kid))
            elif owners[key.kid] != code:
                self._problems.append(
                    f"key of {code}: {key.kid} is the key of {owners[key.kid]} already"
                )
        for code in sorted(set(self._keys).difference(codes)):
            self._changes.append(Change("unused", "key", code, "no such device in the fleet"))

    def _assignments(
        self,
        what: str,
        query: str,
        wanted: Mapping[tuple[str, int], str | None],
        newest_ms: Callable[[str], int],
    ) -> None:
        known = {(code, from_ms): to for code, from_ms, to in self._connection.execute(query)}
        for (code, from_ms), to in wanted.items():
            place = f"{to or 'none'} from {local_day(from_ms, self._zone)}"
            if (code, from_ms) not in known:
                self._changes.append(Change("add", what, code, place))
                if from_ms <= newest_ms(code):
                    self._changes.append(Change("retroactive", what, code, place))
            elif known[code, from_ms] != to:
                was = known[code, from_ms] or "none"
                self._problems.append(f"{what}: {code}: expected {was}, got {place}")
        for code, from_ms in sorted(set(known).difference(wanted)):
            since = local_day(from_ms, self._zone)
            was = known[code, from_ms] or "none"
            self._problems.append(f"{what}: {code}: expected {was} from {since}, got nothing")

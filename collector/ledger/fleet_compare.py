"""Comparing the fleet file and the devices' public keys with the ledger; only reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from collector.errors import ImmutableFleet
from collector.ledger.fleet_change import (
    DEVICE_AT_WINDOW,
    STAFF_AT_WINDOW,
    WINDOW_OF_DEPARTMENT,
    Assigned,
    Change,
    find_retroactive,
    placements_of,
)
from collector.ledger.fleet_plan import plan_changes
from collector.ledger.purged import purged_up_to
from collector.periods import day_start_ms, local_day
from collector.press_time import FUTURE_TOLERANCE_MS
from firmware_config.fleet import Fleet
from firmware_config.keys import VerifyKey

_KNOWN = {
    DEVICE_AT_WINDOW: "SELECT d.code, a.from_ms, w.code FROM device_windows a JOIN devices d"
    " ON d.id = a.device LEFT JOIN windows w ON w.id = a.window",
    WINDOW_OF_DEPARTMENT: "SELECT w.code, a.from_ms, d.code FROM window_departments a"
    " JOIN windows w ON w.id = a.window LEFT JOIN departments d ON d.id = a.department",
    STAFF_AT_WINDOW: "SELECT s.staff_no, a.from_ms, w.code FROM staff_windows a JOIN staff s"
    " ON s.id = a.staff LEFT JOIN windows w ON w.id = a.window",
}


@dataclass(frozen=True, slots=True)
class Moved:
    """What assignments of the past do to ratings that are stored.

    Attributes:
        ratings: how many would belong to another window, department or member of staff.
        since: the local day of the first of them; None when there are none.
        kept: how many more would, but stay as they were counted: their records are purged.
    """

    ratings: int = 0
    since: date | None = None
    kept: int = 0


class FleetComparison:
    """One comparison.

    Attributes:
        changes: every difference, those that change the past first.
        added: assignments the ledger does not have.
        retroactive: those of them that would put stored records elsewhere.
        new_keys: device id → public key the ledger does not have.
    """

    def __init__(
        self, connection: sqlite3.Connection, fleet: Fleet, keys: Mapping[str, VerifyKey]
    ) -> None:
        """Compare.

        Raises:
            ImmutableFleet: loading would change what is fixed; with every reason.
        """
        self._connection = connection
        self._fleet = fleet
        self._zone = ZoneInfo(fleet.hall.timezone)
        self._problems: list[str] = []
        self.changes: list[Change] = []
        self.added: list[Assigned] = []
        self.retroactive: list[Assigned] = []
        self.new_keys: dict[str, VerifyKey] = {}
        self._known: list[Assigned] = []
        self._hall()
        self._named(
            "department", "departments", [(d.id, d.name, d.name_en) for d in fleet.departments]
        )
        self._named("window", "windows", [(w.id, w.name, w.name_en) for w in fleet.windows])
        self._staff()
        self._devices()
        self._device_keys(keys)
        self.changes += plan_changes(connection, fleet)
        if not self._problems:  # in another zone every assignment begins at another instant
            self._assignments()
        if self._problems:
            raise ImmutableFleet(self._problems)

    def moved(self) -> Moved:
        """What loading would do to the ratings that are stored; reads the outcomes it may touch."""
        purged = purged_up_to(self._connection)
        past = self.added if purged else self.retroactive  # of purged records none is retroactive
        if not past:
            return Moved()
        now, then = placements_of(self._known), placements_of([*self._known, *self.added])
        first_ms = min(one.from_ms for one in past)
        days: list[str] = []
        kept = 0
        for position, device, ms, on_date, staff_from in self._connection.execute(
            "SELECT o.position, d.code, o.pressed_ms, o.on_date, o.staff_from FROM outcomes o"
            " JOIN devices d ON d.id = o.device WHERE o.on_date >= ? AND o.level IS NOT NULL",
            [local_day(first_ms, self._zone).isoformat()],
        ):
            old, new = now.at(device, ms), then.at(device, ms)
            if (old.window, old.department) != (new.window, new.department) or (
                old.staff_no != new.staff_no and staff_from != "record"
            ):
                if position <= purged:
                    kept += 1
                else:
                    days.append(on_date)
        return Moved(len(days), date.fromisoformat(min(days)) if days else None, kept)

    def _assignments(self) -> None:
        changes = []
        for what, wanted in _wanted(self._fleet, self._zone).items():
            rows = self._connection.execute(_KNOWN[what])
            known = {(code, from_ms): to for code, from_ms, to in rows}
            self._known += [Assigned(what, *key, to) for key, to in known.items()]
            for key, to in wanted.items():
                one = Assigned(what, *key, to)
                if key not in known:
                    self.added.append(one)
                    changes.append(Change("add", what, one.code, self._place(one)))
                elif known[key] != to:
                    self._problems.append(
                        f"{what}: {one.code}: expected {known[key] or 'none'}, "
                        f"got {self._place(one)}"
                    )
            for key in sorted(set(known).difference(wanted)):
                place = self._place(Assigned(what, *key, known[key]))
                self._problems.append(f"{what}: {key[0]}: expected {place}, got nothing")
        self.retroactive = find_retroactive(self._known, self.added, self._newest_ms())
        past = [Change("retroactive", o.what, o.code, self._place(o)) for o in self.retroactive]
        self.changes = past + self.changes + changes

    def _place(self, one: Assigned) -> str:
        return f"{one.to or 'none'} from {local_day(one.from_ms, self._zone)}"

    def _newest_ms(self) -> dict[str, int]:
        """Device -> when its latest record was received; no press of it is later by much."""
        rows = self._connection.execute(
            "SELECT d.code, max(r.received_ms) FROM epochs e JOIN devices d ON d.id = e.device"
            " JOIN records r ON r.epoch = e.id AND r.seq > e.head - 1000 GROUP BY d.code"
        )
        return {code: ms + FUTURE_TOLERANCE_MS for code, ms in rows}

    def _hall(self) -> None:
        meta = dict(self._connection.execute("SELECT key, value FROM meta").fetchall())
        hall = self._fleet.hall
        if "hall" not in meta:
            self.changes.append(Change("add", "hall", hall.id, hall.name))
            return
        for key, value in (("hall", hall.id), ("timezone", hall.timezone)):
            if meta[key] != value:  # every stored topic, date and hour depends on them
                self._problems.append(f"{key}: expected {meta[key]}, got {value}")
        if (meta["hall_name"], meta["hall_name_en"]) != (hall.name, hall.name_en):
            self.changes.append(Change("rename", "hall", hall.id, hall.name))

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
                self.changes.append(Change("add", what, code, name))
            elif names[:2] != [name, name_en]:
                self.changes.append(Change("rename", what, code, f"{names[0]} -> {name}"))
            elif names[2] != at:
                self.changes.append(Change("move", what, code, f"{names[2] + 1} -> {at + 1}"))
        self.changes += [Change("absent", what, code, names[0]) for code, names in known.items()]

    def _staff(self) -> None:
        rows = self._connection.execute("SELECT staff_no, name, name_en FROM staff ORDER BY id")
        known = {staff_no: names for staff_no, *names in rows}
        for one in self._fleet.staff:
            names = known.pop(one.staff_no, None)
            if names is None:
                self.changes.append(Change("add", "staff", one.staff_no))
            elif names != [one.name, one.name_en]:
                change = ("rename", "staff") if one.name else ("forget", "staff name")
                self.changes.append(Change(*change, one.staff_no))
        for staff_no, names in known.items():
            self.changes.append(Change("absent", "staff", staff_no))
            if any(names):
                self.changes.append(Change("forget", "staff name", staff_no))

    def _devices(self) -> None:
        known = {code for (code,) in self._connection.execute("SELECT code FROM devices")}
        codes = [device.id for device in self._fleet.devices]
        self.changes += [Change("add", "device", code) for code in codes if code not in known]
        self.changes += [
            Change("absent", "device", code) for code in sorted(known.difference(codes))
        ]

    def _device_keys(self, keys: Mapping[str, VerifyKey]) -> None:
        rows = self._connection.execute(
            "SELECT k.kid, d.code FROM device_keys k JOIN devices d ON d.id = k.device"
        )
        owners: dict[str, str] = dict(rows.fetchall())
        codes = [device.id for device in self._fleet.devices]
        for code in codes:
            key = keys.get(code)
            if key is None:
                if code not in owners.values():
                    self.changes.append(Change("keyless", "device", code))
            elif key.kid not in owners:
                owners[key.kid] = code
                self.new_keys[code] = key
                self.changes.append(Change("add", "key", code, key.kid))
            elif owners[key.kid] != code:
                self._problems.append(
                    f"key of {code}: {key.kid} is the key of {owners[key.kid]} already"
                )
        for code in sorted(set(keys).difference(codes)):
            self.changes.append(Change("unused", "key", code, "no such device in the fleet"))


def _wanted(fleet: Fleet, zone: ZoneInfo) -> dict[str, dict[tuple[str, int], str | None]]:
    """What → (code, from_ms) → where, as the file says."""
    return {
        DEVICE_AT_WINDOW: {
            (one.device, day_start_ms(one.from_on, zone)): one.window
            for one in fleet.device_assignments
        },
        WINDOW_OF_DEPARTMENT: {
            (one.window, day_start_ms(one.from_on, zone)): one.department
            for one in fleet.window_assignments
        },
        STAFF_AT_WINDOW: {
            (one.staff_no, day_start_ms(one.from_on, zone)): one.window
            for one in fleet.staff_assignments
        },
    }

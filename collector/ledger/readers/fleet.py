"""The hall, its departments, windows and devices as the ledger knows them at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.ledger.readers.connection import LedgerReader
from collector.ledger.readers.departments import OF_DEPARTMENTS, listed

DEFAULT_TIMEZONE: Final = "Asia/Shanghai"


@dataclass(frozen=True, slots=True, kw_only=True)
class HallRow:
    """The hall. `timezone` is an IANA name; `gen` the id of this database."""

    code: str
    name: str
    name_en: str
    timezone: str
    gen: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DepartmentRow:
    """A department; `id` is the ledger's own number, `code` the fleet file's id, `ordinal` its
    place in that file."""

    id: int
    code: str
    name: str
    name_en: str
    ordinal: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowRow:
    """A window; `department` is the id of the one it belongs to now, None for none."""

    id: int
    code: str
    name: str
    name_en: str
    ordinal: int
    department: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """A device and its latest word.

    Attributes:
        window: id of the window it stands at now; None for none.
        said: `online`, `offline`, or empty when nothing was ever heard.
        heard_ms: when anything was last heard of it, UTC milliseconds; None for never.
        health: its last health message, JSON; None for none.
        stored: sum over its journals of the records stored without a gap.
        head: sum over its journals of the highest seq stored.
        kid: thumbprint of its newest key, empty for none.
        registered_ms: when that key was registered.
    """

    id: int
    code: str
    window: int | None
    said: str
    heard_ms: int | None
    health: bytes | None
    stored: int
    head: int
    kid: str
    registered_ms: int | None


def hall(reader: LedgerReader) -> HallRow:
    """The hall this ledger belongs to; names fall back to its id."""
    meta: dict[str, str] = dict(reader.rows("SELECT key, value FROM meta"))
    code = meta.get("hall", "")
    name = meta.get("hall_name") or code
    return HallRow(
        code=code,
        name=name,
        name_en=meta.get("hall_name_en") or name,
        timezone=meta.get("timezone") or DEFAULT_TIMEZONE,
        gen=meta.get("gen", ""),
    )


def departments(reader: LedgerReader) -> list[DepartmentRow]:
    """All departments in the order of the fleet file."""
    rows = reader.rows(
        "SELECT id, code, name, name_en, ordinal FROM departments ORDER BY ordinal, id"
    )
    return [
        DepartmentRow(id=key, code=code, name=name, name_en=name_en or name, ordinal=ordinal)
        for key, code, name, name_en, ordinal in rows
    ]


def windows(reader: LedgerReader, now_ms: int) -> list[WindowRow]:
    """All windows in the order of the fleet file, each with its department at `now_ms`."""
    # SQLite takes the bare columns of a max() query from the row that has the maximum.
    rows = reader.rows(
        "SELECT w.id, w.code, w.name, w.name_en, w.ordinal, a.department FROM windows w LEFT JOIN "
        "(SELECT window, department, max(from_ms) FROM window_departments WHERE from_ms <= ? "
        "GROUP BY window) a ON a.window = w.id ORDER BY w.ordinal, w.id",
        now_ms,
    )
    return [
        WindowRow(
            id=key,
            code=code,
            name=name,
            name_en=name_en or name,
            ordinal=ordinal,
            department=department,
        )
        for key, code, name, name_en, ordinal, department in rows
    ]


def windows_ever_of(reader: LedgerReader, departments: Sequence[int] | None) -> frozenset[int]:
    """Ids of the windows that belong or once belonged to these departments; None: of any."""
    rows = reader.rows(
        f"SELECT DISTINCT window FROM window_departments WHERE {OF_DEPARTMENTS}",
        *listed(departments),
    )
    return frozenset(window for (window,) in rows)


def devices(reader: LedgerReader, now_ms: int) -> list[DeviceRow]:
    """All devices in order of their ids, each with its window at `now_ms` and its latest word."""
    rows = reader.rows(
        "SELECT d.id, d.code, a.window, s.state, max(coalesce(s.status_ms, 0), "
        "coalesce(s.health_ms, 0)), s.health, e.stored, e.head, k.kid, k.registered_ms "
        "FROM devices d LEFT JOIN (SELECT device, window, max(from_ms) FROM device_windows "
        "WHERE from_ms <= ? GROUP BY device) a ON a.device = d.id "
        "LEFT JOIN device_status s ON s.device = d.id "
        "LEFT JOIN (SELECT device, sum(stored) AS stored, sum(head) AS head FROM epochs "
        "GROUP BY device) e ON e.device = d.id "
        "LEFT JOIN (SELECT device, kid, registered_ms, max(id) FROM device_keys "
        "GROUP BY device) k ON k.device = d.id ORDER BY d.code",
        now_ms,
    )
    return [
        DeviceRow(
            id=row[0],
            code=row[1],
            window=row[2],
            said=row[3] or "",
            heard_ms=row[4] or None,
            health=row[5],
            stored=row[6] or 0,
            head=row[7] or 0,
            kid=row[8] or "",
            registered_ms=row[9],
        )
        for row in rows
    ]

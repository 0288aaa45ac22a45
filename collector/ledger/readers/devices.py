"""What the ledger knows of the devices themselves: tests of their keys, settings in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from collector.ledger.readers.connection import LedgerReader
from collector.press_time import wall_ms
from firmware_config.contract import decode_health
from firmware_config.errors import ContractError

TESTS_LOOKED_AT: Final = 60
"""Newest tests of a journal that are looked through for the last one of each level. Source: our
choice; a self-test asks for each key once, so this is twelve of them."""
# the index covers both kinds, and SQLite sees that only when the query repeats its words
_ABOUT: Final = "kind IN ('TEST', 'SETTINGS')"


class _Tested(msgspec.Struct):
    level: int
    wall: str
    synced: bool


class _Settings(msgspec.Struct):
    version: int
    values: dict[str, str] = {}


_tested = msgspec.json.Decoder(_Tested)
_settings = msgspec.json.Decoder(_Settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSettings:
    """Remote settings of a device.

    Attributes:
        version: what it last reported, or of its newest SETTINGS record; 0: none.
        values: of the SETTINGS record of that version; None while that has not come.
        written: version of its newest SETTINGS record, which its key has signed (what it reports is
            not signed); 0: none.
    """

    version: int
    values: dict[str, str] | None
    written: int = 0


def last_tests(reader: LedgerReader) -> dict[int, dict[int, int]]:
    """Device row → level → when that key was last tested, UTC milliseconds.

    The device's own time where its clock was synchronised, else that of reception.
    """
    found: dict[int, dict[int, int]] = {}
    for journal, device in reader.rows("SELECT id, device FROM epochs ORDER BY device, id DESC"):
        levels = found.setdefault(device, {})
        for payload, received_ms in reader.rows(
            f"SELECT payload, received_ms FROM records WHERE {_ABOUT} AND kind = 'TEST' "
            "AND epoch = ? ORDER BY seq DESC LIMIT ?",
            journal,
            TESTS_LOOKED_AT,
        ):
            test = _tested.decode(payload)
            own_ms = wall_ms(test.wall) if test.synced else None
            levels.setdefault(test.level, received_ms if own_ms is None else own_ms)
    return found


def device_settings(reader: LedgerReader) -> dict[str, DeviceSettings]:
    """Device id → its remote settings; only devices that were ever heard of."""
    told: dict[str, DeviceSettings] = {}
    newest = _newest_settings(reader)
    for device, code, health in reader.rows(
        "SELECT d.id, d.code, s.health FROM devices d "
        "LEFT JOIN device_status s ON s.device = d.id ORDER BY d.code"
    ):
        record = newest.get(device)
        reported = _reported(health)
        if reported is None and record is None:
            continue
        written = record.version if record else 0
        version = written if reported is None else reported
        values = record.values if record and written == version else None
        told[code] = DeviceSettings(
            version=version, values=values if version else {}, written=written
        )
    return told


def _newest_settings(reader: LedgerReader) -> dict[int, _Settings]:
    """Device row → its newest SETTINGS record; journals are in the order they were begun."""
    rows = reader.rows(
        "SELECT e.device, (SELECT r.payload FROM records r WHERE "
        f"r.{_ABOUT} AND r.kind = 'SETTINGS' AND r.epoch = e.id ORDER BY r.seq DESC LIMIT 1) "
        "FROM epochs e ORDER BY e.device, e.id"
    )
    return {device: _settings.decode(payload) for device, payload in rows if payload is not None}


def _reported(health: bytes | None) -> int | None:
    if health is None:
        return None
    try:
        return decode_health(health).settings_version
    except ContractError:
        return None

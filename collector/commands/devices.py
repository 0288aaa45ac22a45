"""`collector devices`: how every device is, by what it last said and what the ledger holds."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from collector.commands.tables import add_format, write_csv, write_json, write_table
from collector.devices.seen import DeviceShown, device_shown
from collector.ledger.readers import LedgerReader, fleet
from collector.ledger.readers.devices import DeviceSettings, device_settings, last_tests
from collector.press_time import wall_text
from collector.settings import CollectorSettings
from firmware_config.errors import ExitCode

_COLUMNS: Final = (
    "device",
    "window",
    "state",
    "seen",
    "head",
    "backlog",
    "clock",
    "settings",
    "°C",
    "power",
    "stuck",
    "alarms",
    "tested",
)
_NONE: Final = "—"
_SECONDS: Final = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A device with everything that is told about it.

    Attributes:
        window: id and name of its window now; both empty for none.
        settings: None: never heard of any.
        tested: level → when its key was last tested, UTC milliseconds.
    """

    shown: DeviceShown
    window: tuple[str, str]
    settings: DeviceSettings | None
    tested: Mapping[int, int]


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "devices",
        help="how every device is",
        description="State, last word, backlog, clock, settings, supply, keys, alarms and tests of "
        "every device, as the ledger knows them. `settings`: when those in force came; a dash: "
        "only its own file. `tested`: the day since which every key that was ever tested "
        "has been, and how many levels that are.",
    )
    parser.add_argument("devices", nargs="*", metavar="DEVICE", help="these only (default: all)")
    add_format(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Print them; exit code 1 when a device that was asked for is not known."""
    now_ms = time.time_ns() // 1_000_000
    with LedgerReader(settings.ledger) as reader:
        zone = ZoneInfo(fleet.hall(reader).timezone)
        windows = {row.id: (row.code, row.name) for row in fleet.windows(reader, now_ms)}
        in_force, tests = device_settings(reader), last_tests(reader)
        looked = [
            Looked(
                shown=device_shown(row, now_ms),
                window=windows.get(row.window or 0, ("", "")),
                settings=in_force.get(row.code),
                tested=tests.get(row.id, {}),
            )
            for row in fleet.devices(reader, now_ms)
            if not args.devices or row.code in args.devices
        ]
    if args.json:
        write_json([_document(one) for one in looked])
    else:
        write = write_csv if args.csv else write_table
        write(_COLUMNS, [_row(one, zone) for one in looked])
    known = {one.shown.row.code for one in looked}
    return ExitCode.OK if known.issuperset(args.devices) else ExitCode.FAILURE


def _row(one: Looked, zone: ZoneInfo) -> tuple[Any, ...]:
    health, row = one.shown.health, one.shown.row
    told: tuple[Any, ...] = (_NONE,) * 7
    if health is not None:
        told = (
            health.head,
            one.shown.backlog,
            "ok" if health.synced else "not set",
            _sent_at(health.settings_version, zone),
            _NONE if health.cpu_temp_c is None else f"{health.cpu_temp_c:.0f}",
            _NONE if health.power is None else ", ".join(health.power) or "ok",
            ", ".join(health.stuck) or _NONE,
        )
    return (
        row.code,
        one.window[1] or _NONE,
        one.shown.state.value,
        _local(row.heard_ms, zone, _SECONDS),
        *told,
        (", ".join(health.alarms) if health else "") or _NONE,
        f"{_local(min(one.tested.values()), zone, '%Y-%m-%d')} · {len(one.tested)}"
        if one.tested
        else _NONE,
    )


def _sent_at(version: int, zone: ZoneInfo) -> str:
    """When settings of a version were sent, which is what a version is; a device may claim any."""
    try:
        return _local(version or None, zone, _SECONDS)
    except (ValueError, OverflowError, OSError):
        return str(version)


def _local(ms: int | None, zone: ZoneInfo, form: str) -> str:
    return (
        _NONE
        if ms is None
        else datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone).strftime(form)
    )


def _document(one: Looked) -> dict[str, Any]:
    row, settings = one.shown.row, one.settings
    return {
        "device": row.code,
        "window": one.window[0] or None,
        "state": one.shown.state.value,
        "heard_at": wall_text(row.heard_ms) if row.heard_ms is not None else None,
        "backlog": one.shown.backlog,
        "stored": row.stored,
        "head": row.head,
        "kid": row.kid or None,
        "settings": {"version": settings.version, "values": settings.values} if settings else None,
        "tested_at": {str(level): wall_text(ms) for level, ms in sorted(one.tested.items())},
        "health": msgspec.to_builtins(one.shown.health) if one.shown.health else None,
    }

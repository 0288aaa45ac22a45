"""`collector fleet`: bring the ledger up to the fleet file, or say what would change."""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from typing import Any

from collector.commands.tables import write_json, write_line
from collector.ledger.counts import open_read_only
from collector.ledger.fleet_change import Change
from collector.ledger.fleet_loader import (
    compare_fleet,
    load_into_ledger,
    read_device_keys,
)
from collector.ledger.migrations import open_empty_ledger, open_ledger
from collector.settings import CollectorSettings
from firmware_config.errors import ExitCode, InvalidSettings
from firmware_config.fleet import Fleet, load_fleet


def add_parser(commands: Any) -> None:
    """Add the command and its sub-commands."""
    parser = commands.add_parser("fleet", help="load the fleet file and keys into the ledger")
    parts = parser.add_subparsers(metavar="PART", required=True)
    for name, run, text in (
        ("load", _run_load, "load the fleet file and the devices' keys; ingest does it at start"),
        ("diff", _run_diff, "what `load` would change"),
    ):
        part = parts.add_parser(name, help=text)
        part.add_argument("--json", action="store_true", help="JSON instead of lines")
        part.set_defaults(run=run)


def read_fleet(settings: CollectorSettings) -> Fleet:
    """The fleet file of the settings.

    Raises:
        InvalidSettings: it has problems, or is another hall's.
    """
    fleet = load_fleet(settings.fleet)
    if fleet.hall.id != settings.hall:
        raise InvalidSettings(
            [f"{settings.fleet.name}: hall.id: expected {settings.hall}, got {fleet.hall.id}"]
        )
    return fleet


def _run_load(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    fleet, keys = read_fleet(settings), read_device_keys(settings.device_keys)
    with closing(open_ledger(settings.ledger)) as db:
        changes = load_into_ledger(db, fleet, keys, now_ms=time.time_ns() // 1_000_000)
    return _write(args, changes)


def _run_diff(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    fleet, keys = read_fleet(settings), read_device_keys(settings.device_keys)
    if settings.ledger.exists():
        connection = open_read_only(settings.ledger)
    else:
        connection = open_empty_ledger().conn
    with closing(connection):
        changes = compare_fleet(connection, fleet, keys)
    return _write(args, changes)


def _write(args: argparse.Namespace, changes: list[Change]) -> ExitCode:
    if args.json:
        names = ("action", "what", "code", "detail")
        write_json([{name: getattr(change, name) for name in names} for change in changes])
    else:
        for change in changes:
            write_line(str(change))
        if not changes:
            write_line("no differences")
    return ExitCode.OK

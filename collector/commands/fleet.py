"""`collector fleet`: bring the ledger up to the fleet file, or say what would change.

What would change is shown before anything does, what would change the past first of all.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from collector.commands.tables import write_json, write_line
from collector.errors import UsageError
from collector.ledger.fleet_change import WRITTEN, Change
from collector.ledger.fleet_compare import Moved
from collector.ledger.fleet_loader import (
    compare_fleet,
    load_into_ledger,
    read_device_keys,
)
from collector.ledger.migrations import open_empty_ledger, open_ledger
from collector.ledger.readers import LedgerReader
from collector.settings import CollectorSettings
from firmware_config.errors import ExitCode, InvalidSettings
from firmware_config.fleet import Fleet, load_fleet
from firmware_config.keys import VerifyKey


def add_parser(commands: Any) -> None:
    """Add the command and its sub-commands."""
    parser = commands.add_parser("fleet", help="load the fleet file and keys into the ledger")
    parts = parser.add_subparsers(metavar="PART", required=True)
    for name, run, text in (
        ("load", _run_load, "show what differs, ask, then load the fleet file and the keys"),
        ("diff", _run_diff, "what `load` would change"),
    ):
        part = parts.add_parser(name, help=text, description=text.capitalize() + ".")
        if run is _run_load:
            part.add_argument("--yes", action="store_true", help="load without asking")
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
    changes, moved = _compare(settings, fleet, keys)
    number = sum(change.action in WRITTEN for change in changes)
    if not args.json:
        _write_lines(changes, moved)
    is_agreed = not number or args.yes or (sys.stdin.isatty() and _ask(number))
    if number and is_agreed:
        with closing(open_ledger(settings.ledger)) as db:
            load_into_ledger(db, fleet, keys, now_ms=time.time_ns() // 1_000_000, agreed=changes)
    if args.json:
        write_json({**_document(changes, moved), "loaded": bool(number and is_agreed)})
    if is_agreed:
        return ExitCode.OK
    if not sys.stdin.isatty():
        raise UsageError(f"fleet load: would make {number} changes; say --yes to make them")
    sys.stderr.write("nothing loaded\n")
    return ExitCode.FAILURE


def _run_diff(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    fleet, keys = read_fleet(settings), read_device_keys(settings.device_keys)
    changes, moved = _compare(settings, fleet, keys)
    if args.json:
        write_json(_document(changes, moved))
    else:
        _write_lines(changes, moved)
    return ExitCode.OK


def _compare(
    settings: CollectorSettings, fleet: Fleet, keys: Mapping[str, VerifyKey]
) -> tuple[list[Change], Moved]:
    if not settings.ledger.exists():
        with closing(open_empty_ledger()) as db:
            return compare_fleet(db.conn, fleet, keys).changes, Moved()
    with LedgerReader(settings.ledger) as reader:
        comparison = compare_fleet(reader.connection, fleet, keys)
        moved = comparison.moved()
        reader.require_current()
    return comparison.changes, moved


def _ask(number: int) -> bool:
    sys.stderr.write(f"load these {number} changes? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _document(changes: list[Change], moved: Moved) -> dict[str, Any]:
    names = ("action", "what", "code", "detail")
    return {
        "changes": [{name: getattr(change, name) for name in names} for change in changes],
        "ratings_moved": moved.ratings,
        "moved_since": moved.since and moved.since.isoformat(),
        "ratings_kept": moved.kept,
    }


def _write_lines(changes: list[Change], moved: Moved) -> None:
    if any(change.action == "retroactive" for change in changes):
        since = f", the first of {moved.since}" if moved.since else ""
        write_line(f"CHANGES THE PAST: {moved.ratings} stored ratings move{since}")
    if moved.kept:
        write_line(
            f"STAYS AS IT WAS: {moved.kept} stored ratings are not counted anew: "
            "their records are purged"
        )
    for change in changes:
        write_line(str(change))
    if not changes:
        write_line("no differences")

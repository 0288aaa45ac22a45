"""`collector check`: whether the settings, the fleet and the keys are right; opens nothing."""

from __future__ import annotations

import argparse
from typing import Any

from collector.commands.fleet import read_fleet
from collector.commands.tables import write_line
from collector.ledger.fleet_loader import read_device_keys
from collector.settings import CollectorSettings
from firmware_config.errors import ExitCode, InvalidSettings
from firmware_config.fleet import Fleet
from firmware_config.settings import print_settings


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="check settings, fleet and keys",
        description="Check settings, fleet file and public keys; opens no database or connection.",
    )
    parser.add_argument("--print", action="store_true", help="print the settings in force")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Print what was found; every problem of fleet and keys is reported at once."""
    problems: list[str] = []
    fleet: Fleet | None = None
    keys: set[str] = set()
    try:
        fleet = read_fleet(settings)
    except InvalidSettings as error:
        problems += error.problems
    try:
        keys = set(read_device_keys(settings.device_keys))
    except InvalidSettings as error:
        problems += error.problems
    for section in ("broker", "command"):
        password = getattr(settings, section).password_file
        if password is not None and not password.is_file():
            problems.append(f"{section}.password_file: expected a file, got {password}")
    if fleet is None or problems:
        raise InvalidSettings(problems)
    if args.print:
        write_line(print_settings(settings).rstrip())
        return ExitCode.OK
    devices = [device.id for device in fleet.devices]
    keyless = [device for device in devices if device not in keys]
    strangers = sorted(keys.difference(devices))
    write_line(
        f"{fleet.hall.id}: {len(fleet.departments)} departments, {len(fleet.windows)} windows, "
        f"{len(devices)} devices, {len(devices) - len(keyless)} with keys"
    )
    if keyless:
        write_line(f"no key in {settings.device_keys}: {', '.join(keyless)}")
    if strangers:
        write_line(f"keys of no device of the fleet: {', '.join(strangers)}")
    return ExitCode.OK

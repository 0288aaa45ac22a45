"""Which devices a command line means: named ones, a window's, a department's, or all."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from collector.errors import UsageError
from firmware_config.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Aim:
    """A device, and the window it stands at today: its id and name, both empty for none."""

    device: str
    window: str
    window_name: str


def add_aims(parser: argparse.ArgumentParser) -> None:
    """Add DEVICE … and the options that mean several."""
    parser.add_argument("devices", nargs="*", metavar="DEVICE", help="device id; several if wanted")
    several = parser.add_argument_group("devices by where they stand today")
    several.add_argument(
        "--window", action="append", default=[], metavar="ID", help="the device at this window"
    )
    several.add_argument(
        "--department",
        action="append",
        default=[],
        metavar="ID",
        help="those at the windows of this department",
    )
    several.add_argument("--all", action="store_true", help="every device at a window")


def aims_of(args: argparse.Namespace, fleet: Fleet, today: date) -> list[Aim]:
    """The devices that are meant, each once, in the order of the fleet.

    Args:
        args: parsed by `add_aims`' parser.
        fleet: the hall.
        today: a local day; says who stands where.

    Raises:
        UsageError: an id is unknown, nothing stands there, or nothing was named.
    """
    ids = [device.id for device in fleet.devices]
    places = {device: fleet.window_of(device, today) for device in ids}
    names = {window.id: window.name for window in fleet.windows}
    for device in args.devices:
        _expect(device, ids, "DEVICE", "device")
    chosen: set[str] = set(args.devices)
    for window in args.window:
        _expect(window, names, "--window", "window")
        chosen |= _some([d for d in ids if places[d] == window], f"--window: {window}", today)
    for department in args.department:
        _expect(department, [one.id for one in fleet.departments], "--department", "department")
        windows = {w for w in names if fleet.department_of(w, today) == department}
        there = [device for device in ids if places[device] in windows]
        chosen |= _some(there, f"--department: {department}", today)
    if args.all:
        chosen |= _some([d for d in ids if places[d] is not None], "--all", today)
    if not chosen:
        raise UsageError("expected DEVICE, --window, --department or --all, got none")
    return [
        Aim(device, places[device] or "", names.get(places[device] or "", ""))
        for device in ids
        if device in chosen
    ]


def _expect(one: str, known: Iterable[str], option: str, what: str) -> None:
    known = list(known)
    if one not in known:
        close = difflib.get_close_matches(one, known, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UsageError(f"{option}: expected a {what} id of the fleet, got {one!r}{hint}")


def _some(devices: list[str], where: str, today: date) -> set[str]:
    if not devices:
        raise UsageError(f"{where}: expected a device standing there on {today}, got none")
    return set(devices)

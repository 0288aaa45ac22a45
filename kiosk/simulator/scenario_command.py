"""The parts of `kiosk simulate` that start no hall: list, describe, print a plan, rehearse."""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from firmware_config.command_line import a_date
from firmware_config.errors import ExitCode, InvalidSettings
from firmware_config.fleet import Fleet, load_fleet
from firmware_config.pins import load_pin_profile
from kiosk.simulator.day import open_days_before, opening
from kiosk.simulator.plan_text import WindowPlan, plan_csv, plan_json, plan_table
from kiosk.simulator.playbook import Playbook
from kiosk.simulator.scenario import Scenario
from kiosk.simulator.scenario_file import load_scenario, shipped_scenarios

logger = logging.getLogger(__name__)

REHEARSED: Final = "ordinary-day"
"""Scenario of a rehearsal when none is named: without one, steps may fall together."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what belongs to scenarios."""
    group = parser.add_argument_group("scenarios")
    group.add_argument(
        "--scenario", metavar="NAME|FILE", help="what happens: a shipped one, or a .toml of yours"
    )
    group.add_argument(
        "--seed", default="", metavar="TEXT", help="another day of the same kind (scenario's own)"
    )
    instead = group.add_mutually_exclusive_group()
    instead.add_argument(
        "--list-scenarios", action="store_true", help="name the shipped scenarios, and end"
    )
    instead.add_argument("--describe", metavar="NAME|FILE", help="say what one shows, and end")
    instead.add_argument(
        "--print-plan",
        action="store_true",
        help="print the planned day and what to expect of each window, start nothing, and end",
    )
    instead.add_argument(
        "--rehearse",
        action="store_true",
        help="play one day quickly without broker, compare every journal with the plan, and end; "
        "exit code 1 when one differs",
    )
    group.add_argument(
        "--on",
        type=a_date,
        metavar="DAY",
        help="day to plan or rehearse, YYYY-MM-DD (default: the last open day before today)",
    )
    form = group.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="the plan's steps as CSV")
    form.add_argument("--json", action="store_true", help="steps and expected counts as JSON")


def is_asked_for(args: argparse.Namespace) -> bool:
    """Whether the command line wants one of the parts here."""
    return bool(args.list_scenarios or args.describe or args.print_plan or args.rehearse)


def run(args: argparse.Namespace) -> ExitCode:
    """Do the part that was asked for."""
    if args.list_scenarios:
        for name, _ in shipped_scenarios().items():
            sys.stdout.write(f"{name:<20} {load_scenario(name).title}\n")
        return ExitCode.OK
    if args.describe:
        _describe(load_scenario(args.describe))
        return ExitCode.OK
    fleet = load_fleet(args.fleet)
    on = args.on or _last_open_day(fleet)
    name = args.scenario or (REHEARSED if args.rehearse else "")
    playbook = Playbook(fleet, on, load_scenario(name) if name else None, args.seed)
    if args.rehearse:
        return _rehearse(fleet, playbook, on)
    _print_plan(args, fleet, playbook, on)
    return ExitCode.OK


def _describe(scenario: Scenario) -> None:
    abouts = (about.strip() for about in (scenario.about_zh, scenario.about) if about)
    sys.stdout.write("\n\n".join((scenario.title, *abouts, f"seed {scenario.seed}\n")))
    for kind, ones in (("group", scenario.groups), ("fault", scenario.faults)):
        for number, one in enumerate(ones, start=1):
            given = {
                field.name: value
                for field in dataclasses.fields(one)
                if (value := getattr(one, field.name)) != field.default and value is not None
            }
            words = " ".join(f"{key}={_shown(value)}" for key, value in given.items())
            sys.stdout.write(f"{kind}[{number}] {words}\n")


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _print_plan(args: argparse.Namespace, fleet: Fleet, playbook: Playbook, on: date) -> None:
    zone = ZoneInfo(fleet.hall.timezone)
    profiles = {device.id: device.profile for device in fleet.devices}
    plans = [
        WindowPlan(
            window=window,
            device=device,
            steps=steps,
            troubles=playbook.troubles.get(window, ()),
            levels=frozenset(
                int(button.level) for button in load_pin_profile(profiles[device]).buttons
            ),
        )
        for (device, window), steps in zip(
            playbook.standing.items(), playbook.plan(on), strict=True
        )
    ]
    if args.csv:
        sys.stdout.write(plan_csv(plans, zone))
    elif args.json:
        sys.stdout.write(plan_json(plans, zone, on, args.scenario or ""))
    else:
        sys.stdout.write(plan_table(plans))


def _rehearse(fleet: Fleet, playbook: Playbook, on: date) -> ExitCode:
    from kiosk.simulator.rehearsal import rehearse

    if on >= datetime.now(ZoneInfo(fleet.hall.timezone)).date():
        raise InvalidSettings([f"--on: expected a day before today, got {on}"])
    with tempfile.TemporaryDirectory(prefix="yiping-rehearsal-") as folder:
        outcomes = rehearse(fleet, playbook, on, Path(folder))
    totals: dict[str, list[int]] = {}
    for outcome in outcomes:
        for key, both in outcome.counts().items():
            total = totals.setdefault(key, [0, 0])
            total[0] += both[0]
            total[1] += both[1]
        if not outcome.is_as_planned:
            sys.stdout.write(f"{outcome.window}: {outcome.first_difference}\n")
    sys.stdout.write(f"{'record':<24} {'expected':>8} {'found':>8}\n")
    for key, (expected, found) in sorted(totals.items()):
        sys.stdout.write(f"{key:<24} {expected:>8} {found:>8}\n")
    wrong = sum(not outcome.is_as_planned for outcome in outcomes)
    logger.info("rehearsal of %s: %d windows, %d differ", on, len(outcomes), wrong)
    return ExitCode.FAILURE if wrong else ExitCode.OK


def _last_open_day(fleet: Fleet) -> date:
    today = datetime.now(UTC).astimezone(ZoneInfo(fleet.hall.timezone)).date()
    yesterday = today - timedelta(days=1)
    return (
        yesterday if opening(fleet.hall, yesterday) else open_days_before(fleet.hall, yesterday, 1)
    )

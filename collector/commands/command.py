"""`collector command`: send a command to devices and print what became of it."""

from __future__ import annotations

import argparse
import logging
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from collector.commanding import ID_BYTES, NoAnswer, Silence, build_command, new_command_id
from collector.commands import serve_wishes
from collector.commands.aims import Aim, add_aims, aims_of
from collector.commands.command_output import (
    WatchingAnswers,
    raise_for_broker,
    show_plan,
    show_reported,
    show_results,
)
from collector.commands.fleet import read_fleet
from collector.dispatch import open_dispatcher
from collector.errors import BadCommand, NoVersionLeft, UsageError
from collector.ledger.readers.connection import LedgerReader, LedgerUnavailable
from collector.ledger.readers.devices import DeviceSettings, device_settings
from collector.remote_settings import checked_values, next_version
from collector.sender import sender
from collector.settings import CollectorSettings
from firmware_config.command_line import key_and_value
from firmware_config.contract import (
    MAX_COMMAND_LIFE_S,
    Command,
    Configure,
    Identify,
    OpenCase,
    Pause,
    Resend,
    Resume,
    SelfTest,
    SignInStaff,
    SignOutStaff,
)
from firmware_config.errors import ExitCode

DEFAULT_TIMEOUT_S: Final = 10.0
DEFAULT_LIFE_S: Final = 30
KINDS: Final[dict[str, type[Command]]] = {
    "open-case": OpenCase,
    "sign-in": SignInStaff,
    "sign-out": SignOutStaff,
    "pause": Pause,
    "resume": Resume,
    "self-test": SelfTest,
    "identify": Identify,
    "resend": Resend,
    "settings": Configure,
}
"""Word of the command line → command of the contract."""
HELP: Final = {
    "open-case": "invite the rating of a case",
    "sign-in": "sign a member of staff in",
    "sign-out": "sign out whoever is signed in",
    "pause": "pause the service of a window (暂停服务)",
    "resume": "resume it (恢复服务)",
    "self-test": "begin the guided self-test",
    "identify": "blink, so that the device is found",
    "resend": "send every record from a seq on again",
    "settings": "replace the settings that the collector may change, or show them",
}
FOR_ONE: Final = frozenset({"open-case", "sign-in"})
"""A case or a member of staff is at one window."""
DISTURBING: Final = frozenset({"pause", "self-test", "settings", "sign-out"})
"""Commands that people notice; for several devices they need --yes."""
_OPTIONS: Final = {
    "duration_s": "--seconds",
    "from_seq": "--from",
    "values": "--set",
    "size": "--set: all settings together",  # nothing else can be so long
}


def add_parser(commands: Any) -> None:
    """Add the command and its sub-commands."""
    parser = commands.add_parser(
        "command",
        help="send a command to devices",
        description="Send a signed command to devices and wait for their signed answers. Exit "
        "code 1: a device refused, or there was no answer; 4: the broker.",
    )
    parts = parser.add_subparsers(metavar="WHAT", required=True, dest="do")
    made = {name: parts.add_parser(name, help=HELP[name], description=HELP[name]) for name in KINDS}
    for part in made.values():
        add_aims(part)
        _add_sending(part)
        part.set_defaults(run=run, log_level=logging.WARNING)  # the table tells the rest
    case = made["open-case"]
    case.add_argument("--case-no", required=True, metavar="NO", help="case number (办件编号)")
    case.add_argument("--service-no", type=int, default=1, metavar="N", help="第几次服务 (1)")
    case.add_argument("--item", default="", metavar="ITEM", help="item (事项)")
    case.add_argument(
        "--staff-no", default="", metavar="NO", help="工号; not given: whoever is signed in"
    )
    made["sign-in"].add_argument("staff_no", metavar="STAFF_NO", help="staff number (工号)")
    made["sign-in"].add_argument("--name", default="", help="shown on the screen, stored nowhere")
    made["identify"].add_argument(
        "--seconds", dest="duration_s", type=int, default=15, metavar="S", help="how long (15)"
    )
    made["resend"].add_argument(
        "--from", dest="from_seq", type=int, required=True, metavar="SEQ", help="first record"
    )
    _add_settings(made["settings"])
    serve_wishes.add_part(parts)


def _add_sending(parser: argparse.ArgumentParser) -> None:
    sending = parser.add_argument_group("sending")
    sending.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_TIMEOUT_S,
        metavar="S",
        help=f"how long to wait for answers ({DEFAULT_TIMEOUT_S:g})",
    )
    sending.add_argument(
        "--expires-in",
        type=int,
        default=DEFAULT_LIFE_S,
        metavar="S",
        help=f"after so long it is void ({DEFAULT_LIFE_S}; at most {MAX_COMMAND_LIFE_S})",
    )
    sending.add_argument("--yes", action="store_true", help="do it, though people will notice")
    sending.add_argument("--json", action="store_true", help="JSON instead of a table")


def _add_settings(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("settings")
    what.add_argument(
        "--set",
        dest="values",
        action="append",
        type=key_and_value,
        default=[],
        metavar="KEY=VALUE",
        help="one of the settings to be in force from now on; those not named go back to the "
        "device's own file",
    )
    what.add_argument("--clear", action="store_true", help="none: the device's own file alone")
    what.add_argument("--dry-run", action="store_true", help="check and show, send nothing")
    what.add_argument("--show", action="store_true", help="show what each device has reported")


def run(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Check, send, print."""
    fleet = read_fleet(settings)
    aims = aims_of(args, fleet, datetime.now(ZoneInfo(fleet.hall.timezone)).date())
    if args.do == "settings" and args.show:
        if args.values or args.clear or args.dry_run:
            raise UsageError("expected --show alone")
        with LedgerReader(settings.ledger) as reader:
            show_reported(aims, device_settings(reader), as_json=args.json)
        return ExitCode.OK
    planned = _planned(args, aims, settings)
    commands = [one for one in planned if isinstance(one, Command)]
    if getattr(args, "dry_run", False):
        show_plan(aims, planned, as_json=args.json)
        return ExitCode.OK if len(commands) == len(planned) else ExitCode.FAILURE
    _expect_yes(args, aims)
    with open_dispatcher(settings) as dispatcher, WatchingAnswers(len(commands)) as watching:
        answered = iter(
            dispatcher.send(commands, by=sender(), timeout_s=args.timeout, on_result=watching.note)
        )
    results = [one if isinstance(one, NoAnswer) else next(answered) for one in planned]
    show_results(
        aims,
        args.do,
        planned,
        results,
        as_json=args.json,
        every_row=getattr(args, "verbosity", 0) > 0,
    )
    raise_for_broker(results, f"{settings.broker.host}:{settings.broker.port}")
    is_done = all(getattr(result, "outcome", "") == "done" for result in results)
    return ExitCode.OK if is_done else ExitCode.FAILURE


def _planned(
    args: argparse.Namespace, aims: list[Aim], settings: CollectorSettings
) -> list[Command | NoAnswer]:
    """One command for each device, or why there can be none for it.

    Every value is checked before any is sent, and what a device has said of itself can spoil no
    command but its own.
    """
    if not 0 < args.timeout <= MAX_COMMAND_LIFE_S:
        raise UsageError(f"--timeout: expected up to {MAX_COMMAND_LIFE_S} s, got {args.timeout:g}")
    if args.do in FOR_ONE and len(aims) > 1:
        raise UsageError(f"{args.do}: expected one device, got {len(aims)}")
    now_ms = time.time_ns() // 1_000_000
    fields = {
        name: getattr(args, name)
        for name in ("case_no", "service_no", "item", "staff_no", "name", "duration_s", "from_seq")
        if hasattr(args, name)
    }
    reported: dict[str, DeviceSettings] = {}
    if args.do == "settings":
        if bool(args.values) == args.clear:
            raise UsageError("expected --set KEY=VALUE or --clear")
        fields["values"] = checked_values(args.values)
        reported = _reported(settings.ledger)
    planned: list[Command | NoAnswer] = []
    for aim in aims:
        try:
            if args.do == "settings":
                known = reported.get(aim.device, DeviceSettings(version=0, values=None))
                fields["version"] = next_version(now_ms, known.version, known.written)
            command = build_command(
                KINDS[args.do],
                dev=aim.device,
                id=new_command_id(os.urandom(ID_BYTES)),
                issued_ms=now_ms,
                life_s=args.expires_in,
                **fields,
            )
        except NoVersionLeft as error:
            planned.append(NoAnswer(aim.device, "", Silence.NO_VERSION, str(error)))
            continue
        except BadCommand as error:
            raise UsageError(f"{_option(args.do, error)}: {error.problem}") from None
        planned.append(command)
    return planned


def _option(do: str, error: BadCommand) -> str:
    if (do, error.field) == ("sign-in", "staff_no"):
        return "STAFF_NO"
    return _OPTIONS.get(error.field, "--" + error.field.replace("_", "-"))


def _reported(ledger: Path) -> dict[str, DeviceSettings]:
    """What devices have reported; nothing where the ledger cannot be read, as on another host."""
    try:
        with LedgerReader(ledger) as reader:
            return device_settings(reader)
    except LedgerUnavailable:
        return {}


def _expect_yes(args: argparse.Namespace, aims: list[Aim]) -> None:
    if args.do in DISTURBING and len(aims) > 1 and not args.yes:
        raise UsageError(
            f"{args.do}: people at {len(aims)} devices will notice; say --yes to do it"
        )

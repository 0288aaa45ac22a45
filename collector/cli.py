"""The command `collector`: reads settings, runs one command, turns errors into exit codes."""

from __future__ import annotations

import argparse
import os
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from collector.commands import (
    backup,
    check,
    checkpoint,
    command,
    correction,
    db,
    devices,
    fleet,
    ingest,
    rates,
    report,
)
from collector.errors import CollectorError
from collector.export import command as export
from collector.reconcile import command as reconcile
from collector.retention import command as retention
from collector.settings import PROGRAM, CollectorSettings, load_collector_settings
from collector.verify import command as verify
from collector.web import audit_command as audit
from collector.web import command as web
from collector.web import token_command as token
from firmware_config import __version__
from firmware_config.command_line import (
    ForeignErrors,
    add_common_options,
    exit_code_of,
    start_logging,
)
from firmware_config.errors import ExitCode
from firmware_config.settings import describe_settings, environment_name

FOREIGN_ERRORS: Final[ForeignErrors] = {sqlite3.Error: ("database: ", ExitCode.DATABASE)}

COMMANDS: Final = (
    ingest,
    web,
    token,
    audit,
    rates,
    report,
    export,
    reconcile,
    backup,
    retention,
    verify,
    checkpoint,
    correction,
    command,
    devices,
    check,
    db,
    fleet,
)
"""In the order of `--help`."""


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the command; returns its exit code (see `ExitCode`)."""
    args = build_parser().parse_args(argv)
    start_logging(args)

    def run() -> int:
        settings = None
        # a receiver verifies an export, and an auditor a ledger, without our settings
        if not (getattr(args, "verify", None) or getattr(args, "alone", False)):
            settings = load_collector_settings(
                getattr(args, "config", None),
                os.environ if environ is None else environ,
                dict(getattr(args, "set", [])),
            )
        return int(args.run(args, settings))

    return exit_code_of(PROGRAM, run, (CollectorError,), FOREIGN_ERRORS)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line, every command with the common options."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="The collector of a service hall: ledger, rates, dashboard, nightly export.",
        epilog=_settings_help(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for part in COMMANDS:
        part.add_parser(commands)
    add_common_options(parser)
    return parser


def _settings_help() -> str:
    lines = ["settings (in the file of --config, by --set, or in the environment):"]
    for row in describe_settings(CollectorSettings):
        default = "required" if row.is_required else f"default {row.default or 'none'}"
        lines.append(f"  {row.key} ({row.type}{', ' + row.unit if row.unit else ''}; {default})")
        lines.append(f"      {row.help} {environment_name(PROGRAM, row.key)}")
    return "\n".join(lines)

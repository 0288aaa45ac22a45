"""`collector db`: the state of the ledger, what was refused, and rebuilding what is derived."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

from collector.commands.tables import add_format, write_csv, write_json, write_line, write_table
from collector.errors import UsageError
from collector.ledger.gens import begin_gen
from collector.ledger.inspection import (
    read_conflicts,
    read_journals,
    read_quarantine,
    read_summary,
    read_token,
)
from collector.ledger.migrations import open_ledger
from collector.ledger.readers import LedgerReader
from collector.ledger.rebuild import rebuild
from collector.settings import CollectorSettings
from firmware_config.command_line import a_number
from firmware_config.errors import ExitCode


def add_parser(commands: Any) -> None:
    """Add the command and its sub-commands."""
    parser = commands.add_parser(
        "db", help="state of the ledger", description="State of the ledger; alone: a summary."
    )
    add_format(parser)
    parser.set_defaults(run=_run_summary)
    parts = parser.add_subparsers(metavar="PART")
    quarantine = parts.add_parser("quarantine", help="what could not become a record")
    quarantine.add_argument(
        "--raw", type=a_number, metavar="ID", help="the bytes of one, as they came"
    )
    add_format(quarantine)
    quarantine.set_defaults(run=_run_quarantine)
    conflicts = parts.add_parser("conflicts", help="second tokens for keys that are taken")
    conflicts.add_argument("--raw", type=a_number, metavar="ID", help="the second token of one")
    add_format(conflicts)
    conflicts.set_defaults(run=_run_conflicts)
    again = parts.add_parser(
        "rebuild-rollups", help="drop outcomes and rollups, make them anew from the records"
    )
    again.add_argument("--yes", action="store_true", help="do it")
    again.set_defaults(run=_run_rebuild)
    renew = parts.add_parser(
        "renew-gen", help="after restoring a copy: tell devices to trust this ledger's watermarks"
    )
    renew.add_argument("--yes", action="store_true", help="do it")
    renew.set_defaults(run=_run_renew)


def _run_summary(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    with LedgerReader(settings.ledger) as reader:
        summary = read_summary(reader.connection)
        header, rows = read_journals(reader.connection)
        reader.require_current()
    if args.json:
        journals = [dict(zip(header, row, strict=True)) for row in rows]
        write_json({**summary, "journals": journals})
    elif args.csv:
        write_csv(header, rows)
    else:
        for key, value in summary.items():
            write_line(f"{key:<12} {value}")
        write_line("")
        write_table(header, rows)
    return ExitCode.OK


def _run_quarantine(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    with LedgerReader(settings.ledger) as reader:
        if args.raw is not None:
            return _write_raw(read_token(reader.connection, "quarantine", args.raw), args.raw)
        header, rows = read_quarantine(reader.connection)
        reader.require_current()
    return _write(args, header, rows)


def _run_conflicts(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    with LedgerReader(settings.ledger) as reader:
        if args.raw is not None:
            return _write_raw(read_token(reader.connection, "conflicts", args.raw), args.raw)
        header, rows = read_conflicts(reader.connection)
        reader.require_current()
    return _write(args, header, rows)


def _run_rebuild(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    _expect_yes(args, "rebuild-rollups")
    with closing(open_ledger(settings.ledger)) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            number = rebuild(db)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
    write_line(f"rebuilt from {number} records")
    return ExitCode.OK


def _run_renew(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    _expect_yes(args, "renew-gen")
    with closing(open_ledger(settings.ledger)) as db:
        gen = begin_gen(db, "renewed", time.time_ns() // 1_000_000)
    write_line(f"gen {gen}")
    return ExitCode.OK


def _expect_yes(args: argparse.Namespace, part: str) -> None:
    if not args.yes:
        raise UsageError(f"db {part}: changes the ledger; say --yes to do it")


def _write(
    args: argparse.Namespace, header: Sequence[str], rows: Sequence[Sequence[Any]]
) -> ExitCode:
    if args.json:
        write_json([dict(zip(header, row, strict=True)) for row in rows])
    elif args.csv:
        write_csv(header, rows)
    else:
        write_table(header, rows)
    return ExitCode.OK


def _write_raw(raw: bytes | None, row: int) -> ExitCode:
    if raw is None:
        raise UsageError(f"expected the id of a row, got {row}")
    write_line(raw.decode("utf-8", "backslashreplace"))
    return ExitCode.OK

"""`collector export`: export what is due, say how things stand, or check a folder of exports."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from collector.errors import UsageError
from collector.export.choosing import Request
from collector.export.exporter import Action, DayResult
from collector.export.nightly import Clock, export_status, run_export, utc_now
from collector.export.rule_entry import rule_of
from collector.rates import Rate
from collector.settings import CollectorSettings
from firmware_config.command_line import a_date
from firmware_config.errors import ExitCode

DESCRIPTION = """\
Writes a folder for every closed local day: each rating and unrated session, the figures of every
window and department, and a manifest with counts and SHA-256. Missed days are caught up; a day
without ratings makes one too; a day that has changed since gets a new revision beside the old.
Exit code 1: a day made or asked for does not balance, the folder is behind (--status), or does not
verify (--verify)."""


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add `export` to a program's subcommands; the parsed arguments get `run`."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "export",
        help="write the nightly export, or check one",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--day", type=a_date, metavar="DAY", help="this closed day (YYYY-MM-DD)")
    parser.add_argument("--from", dest="first_on", type=a_date, metavar="DAY", help="from this day")
    parser.add_argument("--to", dest="last_on", type=a_date, metavar="DAY", help="up to this day")
    parser.add_argument(
        "--now", action="store_true", help="export yesterday also before export.run_at has come"
    )
    parser.add_argument("--status", action="store_true", help="say what is exported and missing")
    parser.add_argument(
        "--verify",
        type=Path,
        metavar="FOLDER",
        help="check an export, or a folder of exports and the chain between them",
    )
    parser.add_argument(
        "--keys", type=Path, metavar="PATH", help="with --verify: the devices' public keys you kept"
    )
    parser.add_argument(
        "--collector-key", type=Path, metavar="FILE", help="with --verify: the collector's key"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def run(
    args: argparse.Namespace, settings: CollectorSettings | None, *, clock: Clock = utc_now
) -> ExitCode:
    """Do what the arguments say.

    Args:
        args: from `add_parser`'s parser.
        settings: of the collector; None for `--verify`, which needs none.
        clock: UTC wall clock.

    Raises:
        CollectorError: with the exit code it carries.
    """
    modes = [
        args.verify is not None,
        args.status,
        args.now,
        args.day is not None,
        args.first_on is not None or args.last_on is not None,
    ]
    if sum(modes) > 1:
        raise UsageError("expected one of --day, --from/--to, --now, --status, --verify")
    if args.verify is not None:
        return run_verify(args)
    if args.keys is not None or args.collector_key is not None:
        raise UsageError("--keys, --collector-key: expected together with --verify")
    assert settings is not None  # collector.cli loads them for everything else
    if args.status:
        return _run_status(settings, clock, as_json=args.json)
    return _run_export(_request(args), settings, clock, as_json=args.json)


def _request(args: argparse.Namespace) -> Request:
    first_on, last_on = args.day or args.first_on, args.day or args.last_on
    if first_on is not None and last_on is not None and last_on < first_on:
        raise UsageError(f"--to: expected a day from {first_on} on, got {last_on}")
    return Request(
        first_on=first_on,
        last_on=last_on,
        is_explicit=first_on is not None or last_on is not None,
        is_now=args.now,
    )


def _run_export(
    request: Request, settings: CollectorSettings, clock: Clock, *, as_json: bool
) -> ExitCode:
    show: Callable[[DayResult], None] = (lambda result: None) if as_json else _show_day
    result = run_export(settings, request, clock, show)
    for warning in result.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    if as_json:
        _write_json(
            {
                "days": [
                    {
                        "day": d.on,
                        "action": d.action,
                        "folder": d.name,
                        "balanced": d.manifest.balanced,
                    }
                    for d in result.days
                ],
                "warnings": result.warnings,
            }
        )
    elif all(day.action is Action.UNCHANGED for day in result.days):
        _write(f"nothing new; {len(result.days)} days looked at")
    concerned = [
        day for day in result.days if request.is_explicit or day.action is not Action.UNCHANGED
    ]
    is_good = all(day.manifest.balanced for day in concerned) and not result.warnings
    return ExitCode.OK if is_good else ExitCode.FAILURE


def _show_day(result: DayResult) -> None:
    if result.action is Action.UNCHANGED:
        return
    manifest = result.manifest
    counts = manifest.counts
    rate = Rate(counts.satisfaction_numerator, counts.satisfaction_base, rule_of(manifest.rule))
    excluded = f", excluded {counts.excluded}" if counts.excluded else ""
    _write(
        f"{result.name}  {result.action}  rated {counts.rated}{excluded}, "
        f"unrated {counts.unrated}, {rate}  "
        f"{'balanced' if manifest.balanced else 'NOT BALANCED'}"
    )
    for alarm in manifest.corrections.alarms:
        sys.stderr.write(f"alarm: {alarm}\n")
    for difference in (*manifest.differences, *manifest.day_closes.mismatches):
        found = ", ".join(f"{name} {number}" for name, number in difference.found.items())
        _write(f"    {difference.what}: {found}")


def _run_status(settings: CollectorSettings, clock: Clock, *, as_json: bool) -> ExitCode:
    status = export_status(settings, clock)
    if as_json:
        _write_json(
            {
                "folder": str(settings.export.folder),
                "first": status.first_on,
                "due": status.due_on,
                "last": status.last_on,
                "missing": status.missing,
                "unbalanced": status.unbalanced,
                "exports": status.exports,
                "behind": status.is_behind,
            }
        )
    else:
        _write(f"folder         {settings.export.folder}")
        _write(f"exports        {status.exports}")
        _write(f"last exported  {status.last_on or 'none'}")
        _write(f"due up to      {status.due_on if status.first_on else 'nothing yet'}")
        _write(f"missing        {_listed(status.missing)}")
        _write(f"not balanced   {_listed(status.unbalanced)}")
    return ExitCode.FAILURE if status.is_behind else ExitCode.OK


def _listed(days: list[date]) -> str:
    shown = ", ".join(str(on) for on in days[:10])
    rest = f" and {len(days) - 10} more" if len(days) > 10 else ""
    return shown + rest if days else "none"


def run_verify(args: argparse.Namespace) -> ExitCode:
    """Check exports with the receiver's own program; needs neither settings nor a ledger."""
    if not args.verify.is_dir():
        raise UsageError(f"--verify: expected a folder, got {args.verify}")
    told = [str(args.verify), "--lang", "en"]
    for option, path in (("--keys", args.keys), ("--collector-key", args.collector_key)):
        told += [option, str(path)] if path is not None else []
    from collector.export import yiping_verify  # 20 ms that no other command need wait for

    return ExitCode(yiping_verify.main([*told, "--json"] if args.json else told))


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")


def _write_json(value: object) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")

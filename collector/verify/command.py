"""`collector verify`: checks a ledger and says what is wrong with it, and where."""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.commands.fleet import read_fleet
from collector.commands.tables import write_json, write_line, write_table
from collector.commands.watching import Watching
from collector.errors import UsageError
from collector.settings import CollectorSettings
from collector.verify.findings import Finding
from collector.verify.known import Known, read_kept, read_known_keys
from firmware_config.command_line import a_date
from firmware_config.errors import ExitCode
from firmware_config.keys import VerifyKey, load_verify_key

if TYPE_CHECKING:
    from collector.verify.run import Report

DESCRIPTION = """\
Checks everything in a ledger that can be checked: every signature, every link, gaps, the Merkle
root against every signed and every kept checkpoint and every export, and all that is derived,
made anew from the records. Only reads, also while ingest writes.
Exit code 1: something is not what it must be; each finding names device, day and record."""
_HEADER = ("level", "check", "device", "epoch", "day", "record", "number", "what")


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "verify",
        help="check the whole ledger",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="this ledger, e.g. a copy")
    parser.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        metavar="FILE_OR_TOKEN",
        help="a checkpoint or receipt kept elsewhere, or a file with any number of them; may be "
        "given again",
    )
    parser.add_argument(
        "--collector-key",
        type=Path,
        metavar="FILE",
        help="the collector's public key (JWK); default: the public half of `key`",
    )
    parser.add_argument(
        "--device-keys",
        type=Path,
        metavar="FOLDER",
        help="the devices' public keys; default: `device_keys`",
    )
    parser.add_argument(
        "--exports", type=Path, metavar="FOLDER", help="nightly exports; default: `export.folder`"
    )
    parser.add_argument(
        "--since", type=a_date, metavar="DAY", help="compare day-closes from this day on only"
    )
    parser.add_argument(
        "--restored",
        action="append",
        default=[],
        metavar="GEN",
        help="a life of the ledger that began with a restore you know of: what the life before "
        "said beyond it is told and no failure; may be given again",
    )
    parser.add_argument(
        "--jobs", type=_number, metavar="N", help="processes; default: one for each core"
    )
    parser.add_argument(
        "--alone",
        action="store_true",
        help="read no settings: only the ledger and what the command line names",
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: CollectorSettings | None) -> ExitCode:
    """Verify and print; settings are None with `--alone`.

    Raises:
        CollectorError, ConfigError: with the exit code it carries.
    """
    path = args.ledger or (settings.ledger if settings is not None else None)
    if path is None:
        raise UsageError("--alone: expected --ledger FILE with it")
    from collector.verify.run import verify  # multiprocessing, for which no service need wait

    known = _known(args, settings)
    begin_s = time.monotonic()
    with Watching(is_counted=True) as watching:
        progress = partial(watching.tell, "records")
        report = verify(path, known, jobs=args.jobs or _cores(), progress=progress)
    seconds = time.monotonic() - begin_s
    if args.json:
        write_json(_document(report, path, seconds))
    else:
        if report.findings:
            write_table(_HEADER, [_row(one) for one in report.findings])
            write_line("")
        write_line(closing_line(report, seconds))
    return ExitCode.FAILURE if report.failures else ExitCode.OK


def closing_line(report: Report, seconds: float) -> str:
    """The result in one line, e.g. `PASS 1,234 records, 3 devices, root … in 0:41`."""
    told = (
        f"{report.records:,} records, {report.devices} devices, root {report.root} in "
        f"{int(seconds) // 60}:{int(seconds) % 60:02}"
    )
    number = len(report.failures)
    if not number:
        return f"PASS {told}"
    return f"FAIL {number} finding{'s' if number > 1 else ''}, {told}"


def _known(args: argparse.Namespace, settings: CollectorSettings | None) -> Known:
    key: VerifyKey | None = None
    if args.collector_key is not None:
        key = load_verify_key(args.collector_key)
    elif settings is not None and settings.key.exists():
        key = load_verify_key(settings.key)
    keys = args.device_keys or (settings.device_keys if settings is not None else None)
    if args.device_keys is not None and not args.device_keys.is_dir():
        raise UsageError(f"--device-keys: expected a folder, got {args.device_keys}")
    if args.exports is not None and not args.exports.is_dir():
        raise UsageError(f"--exports: expected a folder, got {args.exports}")
    return Known(
        now_ms=time.time_ns() // 1_000_000,
        collector_key=key,
        device_keys=read_known_keys(keys) if keys is not None else None,
        hall=settings.hall if settings is not None else "",
        fleet=read_fleet(settings) if settings is not None else None,
        exports=args.exports or (settings.export.folder if settings is not None else None),
        kept=read_kept(args.checkpoint),
        since=args.since,
        restored=args.restored,
    )


def _row(finding: Finding) -> tuple[Any, ...]:
    what = f"{finding.where}: {finding.what}" if finding.where else finding.what
    if finding.expected:
        what += f"; expected {finding.expected}, got {finding.got or 'nothing'}"
    elif finding.got:
        what += f": {finding.got}"
    record = _span("seq", finding.first_seq, finding.last_seq) or _span(
        "place", finding.first_position, finding.last_position
    )
    days = dict.fromkeys(day for day in (finding.first_on, finding.last_on) if day)
    return (
        finding.level.value.upper(),
        finding.check.value,
        finding.device or "-",
        finding.epoch or "-",
        " to ".join(days) or "-",
        record or "-",
        finding.count,
        what,
    )


def _span(name: str, first: int, last: int) -> str:
    if not first:
        return ""
    return f"{name} {first}" if last <= first else f"{name} {first}-{last}"


def _document(report: Report, path: Path, seconds: float) -> dict[str, Any]:
    return {
        "result": "fail" if report.failures else "pass",
        "ledger": str(path),
        "gen": report.gen,
        "records": report.records,
        "devices": report.devices,
        "root": report.root,
        "seconds": round(seconds, 3),
        "failures": len(report.failures),
        "findings": [asdict(finding) for finding in report.findings],
    }


def _number(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= 256:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 256, got {text!r}")
    return number


def _cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0))

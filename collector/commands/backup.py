"""`collector backup` and `collector restore`: verified copies, made, listed, checked, put back."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from collector.backup.errors import TargetFailed
from collector.backup.found import Found
from collector.backup.making import LEDGER, LEDGER_FILE, OFFICE
from collector.backup.office import office_files
from collector.backup.restoring import check_copy, open_copy, restore
from collector.backup.run import Places, Report, own_key, run_backup
from collector.commands.tables import add_format, write_csv, write_json, write_line, write_table
from collector.commands.watching import Watching
from collector.errors import LedgerError, UsageError
from collector.settings import CollectorSettings
from firmware_config.errors import ExitCode

BACKUP: Final = """\
Copies the ledger while it is in use, opens the copy again where it lies, verifies it, and then
tells the devices that what is in it is archived. The rotation of [backup] removes old copies.
Exit status 1: the ledger does not agree with itself; 4: a place could not be written (the other one
may have its copy)."""
RESTORE: Final = """\
Verifies a copy and puts it in the place of the ledger, with a new gen: devices send again what it
lacks. `collector ingest` must be stopped. The ledger that was there is kept beside it."""


def add_parser(commands: Any) -> None:
    """Add both commands."""
    parser = commands.add_parser(
        "backup",
        help="copy the ledger to a second disk or another machine, verified",
        description=BACKUP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--office", action="store_true", help="the dashboard's database instead; run as its user"
    )
    parser.add_argument(
        "--full", action="store_true", help="check every signature, also of what was backed up"
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of lines")
    parser.set_defaults(run=_run_backup)
    parts = parser.add_subparsers(metavar="PART")
    listing = parts.add_parser("list", help="the backups there are")
    listing.add_argument(
        "--office",
        action="store_true",
        default=argparse.SUPPRESS,
        help="of the dashboard's database; run as its user",
    )
    add_format(listing)
    listing.set_defaults(run=_run_list)
    verify = parts.add_parser("verify", help="check a copy of the ledger")
    verify.add_argument("file", type=Path, metavar="FILE", help="its file, or a backup's folder")
    verify.add_argument("--full", action="store_true", help="check every signature")
    verify.add_argument("--json", action="store_true", help="JSON instead of lines")
    verify.set_defaults(run=_run_verify)
    again = commands.add_parser(
        "restore",
        help="put a backup in the place of the ledger",
        description=RESTORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    again.add_argument(
        "what",
        metavar="WHAT",
        help="`latest`, a backup's folder, or the file of a copy; with --from-sftp its name",
    )
    again.add_argument("--from-sftp", action="store_true", help="from the machine of backup.sftp")
    again.add_argument(
        "--unsigned",
        action="store_true",
        help="also a copy that the collector's key did not sign, as one made by hand: what it"
        " lacks at its end cannot be seen, and nothing becomes archived by it",
    )
    again.add_argument("--json", action="store_true", help="JSON instead of lines")
    again.add_argument("--yes", action="store_true", help="do it")
    again.set_defaults(run=_run_restore)


def _now() -> datetime:
    return datetime.now(UTC)


def _run_backup(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    unreadable: dict[str, str] = {}
    if args.office:
        kind, (sources, unreadable) = OFFICE, office_files(settings)
    else:
        kind, sources = LEDGER, {LEDGER_FILE: settings.ledger}
        if not settings.ledger.is_file():
            raise LedgerError(f"{settings.ledger}: expected the ledger, found no file")
    for path in sources.values():
        _expect_owner(path)
    report = Report()
    if sources:
        with Watching() as watching:
            report = run_backup(
                settings, kind, sources, now=_now, tell=watching.tell, is_full=args.full
            )
    report.failed.update(unreadable)  # after `archived`, which is of the ledger alone
    for place in report.failed.values():
        sys.stderr.write(f"collector: error: {place}\n")
    if args.json:
        write_json(
            {
                "name": report.name or None,
                "stored": report.stored,
                "failed": report.failed,
                "archived_moved": report.moved,
                "removed": report.removed,
                **_facts(report),
            }
        )
    elif report.name:
        _write_report(report)
    return ExitCode.IO if report.failed else ExitCode.OK


def _facts(report: Report) -> dict[str, Any]:
    manifest = report.manifest
    if manifest is None:
        return {}
    ledger = manifest.ledger
    return {
        "made_at": manifest.made_at,
        "bytes": sum(mark.bytes for mark in manifest.files.values()),
        "records": None if ledger is None else ledger.size,
        "root": None if ledger is None else ledger.root,
        "signatures": None if ledger is None else ledger.signatures,
    }


def _write_report(report: Report) -> None:
    facts = _facts(report)
    write_line(f"{'backup':<12} {report.name}")
    for place in report.stored:
        write_line(f"{'verified in':<12} {place}")
    write_line(f"{'bytes':<12} {facts['bytes']}")
    if facts["records"] is not None:
        write_line(f"{'records':<12} {facts['records']}")
        write_line(f"{'root':<12} {facts['root']}")
        moved = "not moved" if report.moved is None else f"moved for {report.moved} journals"
        write_line(f"{'archived':<12} {moved}")
    for place, names in report.removed.items():
        write_line(f"{'removed':<12} {', '.join(names)} ({place})")


def _run_list(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    found: list[Found] = []
    failures: list[str] = []
    places = Places(settings.backup, OFFICE if args.office else LEDGER, own_key(settings))
    if places.folder is not None:
        with _noted(failures):
            found += places.folder.found()
    if places.sftp is not None:
        with _noted(failures), places.sftp as sftp:
            found += sftp.found()
    found.sort(key=lambda one: (one.at, one.place))
    header = ("when", "bytes", "records", "verified", "where", "name")
    rows = [
        (
            f"{one.at:%Y-%m-%d %H:%M:%S}Z",
            sum(mark.bytes for mark in one.manifest.files.values()) if one.manifest else "",
            one.manifest.ledger.size if one.manifest and one.manifest.ledger else "",
            _verified(one),
            one.place,
            one.name,
        )
        for one in found
    ]
    if args.json:
        write_json([dict(zip(header, row, strict=True)) for row in rows])
    elif args.csv:
        write_csv(header, rows)
    else:
        write_table(header, rows)
    for told in failures:
        sys.stderr.write(f"collector: error: {told}\n")
    return ExitCode.IO if failures else ExitCode.OK


def _verified(one: Found) -> str:
    if not one.is_good:
        return f"NO: {one.problem}"
    return {True: "yes", False: "yes, signed by another key", None: "yes, not signed"}[one.is_ours]


@contextmanager
def _noted(failures: list[str]) -> Iterator[None]:
    try:
        yield
    except TargetFailed as error:
        failures.append(str(error))


def _run_verify(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    copy = open_copy(settings, args.file)
    with Watching() as watching:
        mark = check_copy(copy, copy.file, None, watching.tell, is_full=args.full)
    signed = "yes" if copy.is_ours else "no" if copy.manifest is not None else "no manifest"
    facts = {
        "file": str(copy.file),
        "records": mark.size,
        "journals": len(mark.journals),
        "gen": mark.gen,
        "root": mark.root,
        "signatures": mark.signatures,
        "signed": signed,
    }
    if args.json:
        write_json(facts)
    else:
        for name, value in facts.items():
            write_line(f"{name:<12} {value}")
        write_line("PASS")
    return ExitCode.OK


def _run_restore(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    if not args.yes:
        raise UsageError("restore: puts a copy in the place of the ledger; say --yes to do it")
    _expect_owner(settings.ledger)
    with Watching() as watching:
        done = restore(
            settings,
            args.what,
            is_from_sftp=args.from_sftp,
            is_unsigned_taken=args.unsigned,
            now=_now,
            tell=watching.tell,
        )
    for told in done.warnings:
        sys.stderr.write(f"collector: warning: {told}\n")
    if args.json:
        write_json(
            {
                "file": done.file,
                "records": done.mark.size,
                "root": done.mark.root,
                "gen": done.gen,
                "kept": None if done.kept is None else str(done.kept),
                "all_archived": done.is_archived,
            }
        )
        return ExitCode.OK
    write_line(f"restored {done.mark.size} records from {done.file}")
    write_line(f"{'gen':<12} {done.gen}")
    write_line(f"{'root':<12} {done.mark.root}")
    write_line(f"{'archived':<12} {'all' if done.is_archived else 'as the copy says'}")
    write_line(f"{'kept':<12} {done.kept or 'nothing, there was no ledger'}")
    write_line("next: start `collector ingest`, start `collector web` anew; from now on")
    write_line(f"      `collector verify --restored {done.gen}`, which else takes it for a cut end")
    return ExitCode.OK


def _expect_owner(path: Path) -> None:
    """Files that root makes here could not be written by the service afterwards."""
    owner = path.parent.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        raise UsageError(
            f"{path.parent}: expected to be run by its owner (user id {owner}), not root"
        )

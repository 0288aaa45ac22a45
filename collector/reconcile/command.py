"""`collector reconcile`: the devices' day-closes beside the ledger, and what is missing asked for.

1. Read the ledger: days closed, gaps, heads that devices spoke of.
2. Ask every device that can be asked for what is missing, and look until it came or time is up.
3. Write the report, print it, and say by the exit code whether a person must look.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from collector.commands.tables import write_json, write_line, write_table
from collector.dispatch import open_dispatcher
from collector.errors import UsageError
from collector.ledger.counts import newest_day
from collector.ledger.readers import LedgerReader, fleet
from collector.periods import local_day
from collector.reconcile import report
from collector.reconcile.asking import ask_again
from collector.reconcile.model import Ask, Reconciliation
from collector.reconcile.reading import read_reconciliation
from collector.sender import sender
from collector.settings import CollectorSettings
from firmware_config.command_line import a_date
from firmware_config.errors import ExitCode
from firmware_config.files import write_atomically

DESCRIPTION: Final = """\
Compares the day-closes that devices wrote with the ledger's own count of the same records, names
what is missing of any journal, asks the devices to send it again, and writes a report for each
night into reconcile.folder. Exit code 1: a day differs or was not closed, records are missing, or
two tokens claim one place; 4: the report cannot be written, or the broker not be reached."""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "reconcile",
        help="compare the devices' day-closes with the ledger, ask for what is missing",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--day", type=a_date, metavar="DAY", help="this day alone (YYYY-MM-DD)")
    parser.add_argument("--no-ask", action="store_true", help="report only, send nothing")
    parser.add_argument("--all", action="store_true", help="list good devices too")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Reconcile, report, print."""
    zone, newest_on = _zone_and_newest_day(settings)
    today = local_day(_now_ms(), zone)
    if settings.web.today == "newest-record":  # a hall that does not live in real time
        today = min(newest_on or today, today)
    days = _days(args.day, today, settings.reconcile.days)

    def look() -> Reconciliation:
        return read_reconciliation(settings.ledger, days, _now_ms())

    found = look()
    if args.no_ask:
        marked = (
            replace(device, ask=Ask.NOT_ASKED) if device.missing_records else device
            for device in found.devices
        )
        found = replace(found, devices=tuple(marked))
    elif any(device.missing_records for device in found.devices):
        with open_dispatcher(settings) as dispatcher:
            found = ask_again(
                found, dispatcher, look, by=sender(), wait_s=settings.reconcile.wait_s
            )
    if settings.reconcile.folder is not None:
        _save(settings.reconcile.folder, found)
    if args.json:
        write_json(report.document(found))
    else:
        _print(found, is_whole=args.all)
    return ExitCode.OK if found.is_good else ExitCode.FAILURE


def _print(found: Reconciliation, *, is_whole: bool) -> None:
    rows = report.rows(found, is_whole=is_whole)
    if rows:
        write_table(report.HEADER, rows)
        write_line("")
    for line in report.details(found):
        write_line(line)
    write_line(report.summary_line(found))


def _days(day: date | None, today: date, number: int) -> list[date]:
    if day is None:
        return [today - timedelta(days=back) for back in range(number, 0, -1)]
    if day >= today:
        raise UsageError(f"--day: expected a day that is over, got {day} (today is {today})")
    return [day]


def _save(folder: Path, found: Reconciliation) -> None:
    """Two files named by the last day looked at; a later run of the same night replaces them."""
    name = found.days[-1].isoformat()
    content = json.dumps(report.document(found), ensure_ascii=False, indent=1) + "\n"
    write_atomically(folder / f"{name}.json", content.encode("utf-8"), mode=0o640)
    write_atomically(folder / f"{name}.txt", report.text(found).encode("utf-8"), mode=0o640)


def _zone_and_newest_day(settings: CollectorSettings) -> tuple[ZoneInfo, date | None]:
    """The hall's zone, and the last local day that has anything counted."""
    with LedgerReader(settings.ledger) as reader:
        return ZoneInfo(fleet.hall(reader).timezone), newest_day(reader.connection)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

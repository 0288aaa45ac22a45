"""`collector retention`: the rules, what is past them, what was purged; and purging it."""

from __future__ import annotations

import argparse
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from collector.commands.tables import write_json, write_line, write_table
from collector.commands.watching import Watching
from collector.errors import LedgerError, UsageError
from collector.ledger.migrations import open_ledger
from collector.ledger.purging import Due, purge_due, what_is_due
from collector.ledger.readers import LedgerReader
from collector.ledger.readers.purges import purges
from collector.press_time import wall_text
from collector.retention.rules import FIXED
from collector.sender import sender
from collector.settings import CollectorSettings
from collector.settings_care import RetentionSettings
from firmware_config.errors import ExitCode
from firmware_config.keys import KeyFileError, SigningKey, load_signing_key

DESCRIPTION: Final = """\
Shows what is kept how long, what is past its rule, and every purge there was. `purge --yes`
removes what is past its rule, oldest first, while ingest goes on: of records only what a verified
backup holds. Each purge is written down with who ran it; one of records is also signed by the
collector's key, and without that key it is not done."""


def add_parser(commands: Any) -> None:
    """Add the command and its sub-command."""
    parser = commands.add_parser(
        "retention", help="what is kept how long; purge what is past it", description=DESCRIPTION
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.set_defaults(run=_run_show)
    parts = parser.add_subparsers(metavar="PART")
    purge = parts.add_parser("purge", help="remove what is past its rule")
    purge.add_argument("--yes", action="store_true", help="do it")
    purge.set_defaults(run=_run_purge)


def _run_show(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    with LedgerReader(settings.ledger) as reader:
        due = what_is_due(reader.connection, settings.retention, _now_ms())
        done = purges(reader)
    if args.json:
        write_json(
            {
                "rules": [
                    {"what": what, "kept": kept, "due": number}
                    for what, kept, number in _rules(settings.retention, due)
                ],
                "held_back": list(due.records.held_back) if due.records else [],
                "purges": [
                    {
                        "rule": row.rule,
                        "made_at": wall_text(row.made_ms),
                        "before": wall_text(row.before_ms),
                        "number": row.number,
                        "up_to": row.up_to,
                        "by": row.by,
                        "signed": row.is_signed,
                    }
                    for row in done
                ],
            }
        )
        return ExitCode.OK
    write_table(
        ("what", "kept", "due"),
        [
            (what, kept, "-" if number is None else number)
            for what, kept, number in _rules(settings.retention, due)
        ],
    )
    for line in due.records.held_back if due.records else ():
        write_line(f"held back: {line}")
    write_line("")
    write_table(
        ("purged", "rule", "received before", "rows", "up to", "by", "signed"),
        [
            (
                *(wall_text(row.made_ms), row.rule, wall_text(row.before_ms), row.number),
                *(row.up_to or "-", row.by, "yes" if row.is_signed else "no"),
            )
            for row in done
        ],
    )
    return ExitCode.OK


def _rules(settings: RetentionSettings, due: Due) -> list[tuple[str, str, int | None]]:
    """(what, how long, rows past the rule or None) of everything that is stored."""
    years, days = settings.records_years, settings.quarantine_days
    return [
        (
            "records of the ledger",
            f"{years} years" if years else "for ever",
            due.records.number if due.records else None,
        ),
        ("quarantine", f"{days} days" if days else "for ever", due.quarantine),
        *((rule.what, f"{rule.kept} ({rule.remains})", None) for rule in FIXED),
    ]


def _run_purge(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    if not args.yes:
        raise UsageError("retention purge: removes rows of the ledger; say --yes to do it")
    try:
        with closing(open_ledger(settings.ledger)) as db:
            due = what_is_due(db.conn, settings.retention, _now_ms())
            total = (due.records.number if due.records else 0) + (due.quarantine or 0)
            done = 0
            with Watching(is_counted=True) as watching:
                for number in purge_due(
                    db,
                    due,
                    hall=settings.hall,
                    by=sender(),
                    key=_key(settings.key) if due.needs_key else None,
                    clock_ms=_now_ms,
                ):
                    done += number
                    watching.tell("purging", done, total)
    except sqlite3.Error as error:
        raise LedgerError(f"{settings.ledger}: {error}") from error
    for line in due.records.held_back if due.records else ():
        write_line(f"held back: {line}")
    write_line(f"purged {total} rows")
    return ExitCode.OK


def _key(path: Path) -> SigningKey:
    try:
        return load_signing_key(path)
    except OSError as error:
        raise KeyFileError(
            f"{path}: {error.strerror}: a purge of records must be signed by the collector's key;"
            " nothing was purged"
        ) from error


def _now_ms() -> int:
    return time.time_ns() // 1_000_000

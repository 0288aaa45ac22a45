"""`collector correction`: list, show, propose, decide on and check corrections (误评).

Who works here is `unix:USER`, the user who logged in by the kernel's word. The account of the same
name on the dashboard is the same person, so that nobody is two people by using both doors.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from collector.commands.correction_output import (
    COLUMNS,
    correction_document,
    correction_row,
)
from collector.commands.tables import add_format, write_csv, write_json, write_line, write_table
from collector.corrections.entries import (
    ChainMark,
    RatingRecord,
    Reason,
    State,
    Verdict,
)
from collector.corrections.file import CorrectionsFile
from collector.corrections.person import who
from collector.corrections.reading import (
    all_corrections,
    chain_mark,
    correction,
)
from collector.corrections.verify import problems_of
from collector.corrections.writing import decide, propose_exclusion, propose_restore
from collector.errors import UsageError
from collector.export.folders import ExportFolder
from collector.ledger.readers import LedgerReader
from collector.ledger.readers.ratings import rating_at, rating_of
from collector.settings import CollectorSettings
from firmware_config.command_line import a_number
from firmware_config.errors import ExitCode


def add_parser(commands: Any) -> None:
    """Add the command and its parts."""
    parser = commands.add_parser(
        "correction",
        help="ratings that do not count (误评)",
        description="Corrections: proposed by one person, decided by another. Nothing is ever "
        "changed or taken back, and no rating is touched. Run it as the dashboard's user.",
    )
    parts = parser.add_subparsers(metavar="PART", required=True)
    listing = parts.add_parser("list", help="all corrections, or those in some states")
    listing.add_argument(
        "--state",
        action="append",
        type=State,
        choices=list(State),
        metavar="STATE",
        help=f"one of {', '.join(State)}; may be given again",
    )
    add_format(listing)
    listing.set_defaults(run=_run_list)
    show = parts.add_parser("show", help="one correction in full")
    show.add_argument("id", type=a_number, metavar="ID")
    show.add_argument("--json", action="store_true", help="JSON instead of lines")
    show.set_defaults(run=_run_show)
    propose = parts.add_parser(
        "propose", help="propose to exclude a rating, or to let an excluded one count again"
    )
    propose.add_argument(
        "rating",
        nargs="?",
        metavar="RATING",
        help="its place in the ledger (the window page's Record), or DEVICE/EPOCH/SEQ",
    )
    propose.add_argument(
        "--reason",
        choices=list(Reason),
        type=Reason,
        metavar="REASON",
        help=f"one of {', '.join(Reason)}",
    )
    propose.add_argument("--evidence", default="", metavar="TEXT", help="what shows it")
    propose.add_argument(
        "--note",
        default="",
        metavar="TEXT",
        help="what happened; needed for the reason other, and with --restore",
    )
    propose.add_argument(
        "--restore",
        type=a_number,
        metavar="ID",
        help="instead of a rating: end this approved exclusion",
    )
    propose.set_defaults(run=_run_propose)
    for name, verdict, text in (
        ("approve", Verdict.APPROVED, "approve what somebody else has proposed"),
        ("reject", Verdict.REJECTED, "reject what somebody else has proposed"),
        ("withdraw", Verdict.WITHDRAWN, "withdraw what you have proposed yourself"),
    ):
        part = parts.add_parser(name, help=text)
        part.add_argument("id", type=a_number, metavar="ID")
        part.add_argument(
            "--note",
            default="",
            metavar="TEXT",
            help="why" + ("; needed" if verdict is Verdict.REJECTED else ""),
        )
        part.set_defaults(run=_run_decide, verdict=verdict)
    check = parts.add_parser(
        "verify", help="check the chain of entries, the two people, and every rating they name"
    )
    check.add_argument(
        "--exports",
        type=Path,
        metavar="FOLDER",
        help="compare with the manifests in this folder too; default: export.folder",
    )
    check.add_argument("--json", action="store_true", help="JSON instead of lines")
    check.set_defaults(run=_run_verify)


def _file(settings: CollectorSettings) -> CorrectionsFile:
    return CorrectionsFile(settings.corrections_file)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _run_list(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    these = [
        one for one in all_corrections(_file(settings)) if not args.state or one.state in args.state
    ]
    if args.json:
        write_json([correction_document(one) for one in these])
    elif args.csv:
        write_csv(COLUMNS, [correction_row(one) for one in these])
    else:
        write_table(COLUMNS, [correction_row(one) for one in these])
    return ExitCode.OK


def _run_show(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    told = correction_document(correction(_file(settings), args.id))
    if args.json:
        write_json(told)
    else:
        for key, value in told.items():
            text = str(value if value not in (None, "") else "-")
            first, *rest = text.splitlines()
            write_line(f"{key:<14} {first}")
            for line in rest:
                write_line(f"{'':<14} {line}")
    return ExitCode.OK


def _run_propose(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    if (args.rating is None) == (args.restore is None):
        raise UsageError("expected a RATING, or --restore ID")
    file, author = _file(settings), who()
    if args.restore is not None:
        number = propose_restore(
            file, args.restore, note=args.note, author=author, now_ms=_now_ms()
        )
    else:
        if args.reason is None:
            raise UsageError(f"--reason: expected one of {', '.join(Reason)}")
        with LedgerReader(settings.ledger) as reader:
            rating = _rating(reader, args.rating)
        file.prepare()
        number = propose_exclusion(
            file,
            rating,
            reason=args.reason,
            note=args.note,
            evidence=args.evidence,
            author=author,
            now_ms=_now_ms(),
        )
    write_line(f"correction {number}: proposed by {author}; another person decides")
    return ExitCode.OK


def _rating(reader: LedgerReader, text: str) -> RatingRecord:
    try:
        match text.split("/"):
            case [position]:
                return rating_at(reader.rows, a_number(position))
            case [device, epoch, seq]:
                return rating_of(reader.rows, device, epoch, a_number(seq))
    except argparse.ArgumentTypeError:
        pass
    raise UsageError(f"expected a place in the ledger or DEVICE/EPOCH/SEQ, got {text!r}")


def _run_decide(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    decider = who()
    one = decide(
        _file(settings), args.id, args.verdict, decider=decider, note=args.note, now_ms=_now_ms()
    )
    write_line(f"correction {one.proposal.id}: {args.verdict} by {decider}")
    return ExitCode.OK


def _run_verify(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    file = _file(settings)
    if args.exports is not None and not args.exports.is_dir():
        raise UsageError(f"--exports: expected a folder, got {args.exports}")
    marks = list(_marks(ExportFolder(args.exports or settings.export.folder)))
    with LedgerReader(settings.ledger) as reader:
        problems = problems_of(file, reader.rows, marks)
    mark = chain_mark(file)
    if args.json:
        write_json(
            {
                "passed": not problems,
                "entries": mark.entries,
                "head": mark.head,
                "exports": len(marks),
                "problems": problems,
            }
        )
    else:
        for problem in problems:
            write_line(f"      {problem}")
        write_line(
            f"{'FAIL' if problems else 'PASS'}: {mark.entries} entries, head {mark.head or '-'}, "
            f"{len(marks)} exports compared, {len(problems)} problems"
        )
    return ExitCode.FAILURE if problems else ExitCode.OK


def _marks(folder: ExportFolder) -> Iterator[tuple[str, ChainMark]]:
    """What every export's manifest says of the chain."""
    for export in folder.exports():
        if export.manifest is not None:
            said = export.manifest.corrections
            yield export.name, ChainMark(entries=said.entries, head=said.head)

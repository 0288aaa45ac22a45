"""`collector checkpoint`: signed checkpoints of the ledger, proofs, and what others keep."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from collector.commands.tables import add_format, write_csv, write_json, write_line, write_table
from collector.errors import UsageError
from collector.ledger.checkpoints import KeptCheckpoint, read_checkpoints
from collector.ledger.readers import LedgerReader
from collector.ledger.token_check import TokenCheck
from collector.ledger.tree import LedgerTree
from collector.press_time import wall_text
from collector.settings import CollectorSettings
from firmware_config.chain import b64url, rebuild_token
from firmware_config.command_line import a_number
from firmware_config.errors import ExitCode
from firmware_config.keys import VerifyKey, load_signing_key, load_verify_key

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""A compact token in whatever text: one a line, in JSON, as a code reader gives it."""


def add_parser(commands: Any) -> None:
    """Add the command and its parts."""
    parser = commands.add_parser(
        "checkpoint",
        help="signed checkpoints of the ledger, and proofs",
        description="The checkpoints of the ledger, newest first: one a day, signed and given to "
        "every device.",
    )
    add_format(parser)
    parser.set_defaults(run=_run_list)
    parts = parser.add_subparsers(metavar="PART")
    show = parts.add_parser("show", help="one checkpoint: its token, size and root")
    show.add_argument("which", metavar="ON|SIZE", help="its local day, or rows in it")
    show.add_argument("--json", action="store_true", help="JSON instead of the token's facts")
    show.set_defaults(run=_run_show)
    prove = parts.add_parser(
        "prove", help="JSON proof that a ledger of TO rows begins with the FROM rows"
    )
    prove.add_argument("first", type=a_number, metavar="FROM")
    prove.add_argument("second", type=a_number, metavar="TO")
    prove.set_defaults(run=_run_prove)
    record = parts.add_parser("prove-record", help="JSON proof that a record is in the ledger")
    record.add_argument("device", metavar="DEVICE")
    record.add_argument("epoch", metavar="EPOCH")
    record.add_argument("seq", type=a_number, metavar="SEQ")
    record.add_argument(
        "--size", type=a_number, metavar="N", help="in its first N rows (default: all)"
    )
    record.set_defaults(run=_run_prove_record)
    check = parts.add_parser(
        "check",
        help="whether this ledger is consistent with checkpoints that others keep",
        description="Finds every token in a text (a scanned code, `kiosk journal checkpoints "
        "--tokens` of a device, an export's file) and says whether this ledger still begins with "
        "what it says. Exit status 1: it does not, or there is no token.",
    )
    check.add_argument("file", metavar="FILE", help="`-`: standard input")
    check.add_argument(
        "--public-key", type=Path, metavar="FILE", help="JWK of the collector (default: its own)"
    )
    check.add_argument("--json", action="store_true", help="JSON instead of lines")
    check.set_defaults(run=_run_check)


def _run_list(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    with LedgerReader(settings.ledger) as reader:
        found = read_checkpoints(reader.rows)
    header = ("on", "size", "root", "time", "gen")
    rows = [
        (one.on_date, one.size, _text(one.root), wall_text(one.made_ms), one.gen) for one in found
    ]
    if args.json:
        write_json([_document(one) for one in found])
    elif args.csv:
        write_csv(header, rows)
    else:
        write_table(header, rows)
    return ExitCode.OK


def _run_show(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    column = "size" if args.which.isdecimal() else "on_date"
    with LedgerReader(settings.ledger) as reader:
        found = read_checkpoints(reader.rows, f"{column} = ?", args.which, limit=1)
    if not found:
        raise UsageError(f"checkpoint show: expected the day or size of one, got {args.which}")
    document = _document(found[0])
    if args.json:
        write_json(document)
    else:
        for key, value in document.items():
            write_line(f"{key:<6} {value}")
    return ExitCode.OK


def _run_prove(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    with LedgerReader(settings.ledger) as reader:
        tree = LedgerTree(reader.rows)
        try:
            proof = tree.consistency(args.first, args.second)
        except ValueError as error:
            raise UsageError(f"checkpoint prove: {error}") from error
        ends = [
            {"size": size, "root": _text(tree.root(size))} for size in (args.first, args.second)
        ]
    write_json({"from": ends[0], "to": ends[1], "proof": [_text(one) for one in proof]})
    return ExitCode.OK


def _run_prove_record(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    with LedgerReader(settings.ledger) as reader:
        position, token = _record(reader, args.device, args.epoch, args.seq)
        tree = LedgerTree(reader.rows)
        size = tree.size if args.size is None else args.size
        try:
            proof = tree.inclusion(position, size)
        except ValueError as error:
            raise UsageError(f"checkpoint prove-record: {error}") from error
        root = _text(tree.root(size))
    write_json(
        {
            "token": token.decode("ascii"),
            "index": position - 1,
            "size": size,
            "root": root,
            "proof": [_text(one) for one in proof],
        }
    )
    return ExitCode.OK


def _record(reader: LedgerReader, device: str, epoch: str, seq: int) -> tuple[int, bytes]:
    row = reader.row(
        "SELECT r.position, k.kid, r.payload, r.signature FROM records r"
        " JOIN epochs e ON e.id = r.epoch JOIN devices d ON d.id = e.device"
        " JOIN device_keys k ON k.id = r.key WHERE d.code = ? AND e.epoch = ? AND r.seq = ?",
        *(device, epoch, seq),
    )
    if row is None:
        raise UsageError(f"checkpoint prove-record: no record {device} {epoch} {seq}")
    return row[0], rebuild_token(*row[1:])


def _run_check(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    text = sys.stdin.read() if args.file == "-" else Path(args.file).read_text("utf-8", "replace")
    with LedgerReader(settings.ledger) as reader:
        check = TokenCheck(reader.rows, hall=settings.hall, key=_key(args, settings))
        results = [check.check(token.encode("ascii")) for token in _TOKEN.findall(text)]
    if not results:
        raise UsageError(f"checkpoint check: {args.file}: no token in it")
    if args.json:
        write_json([asdict(one) for one in results])
    else:
        for one in results:
            word = "NOT CONSISTENT" if one.problem else "consistent"
            says = f"{one.what} {one.on} size {one.size} gen {one.gen}" if one.what else "token"
            write_line(
                " ".join(f"{word}: {says}".split()) + (f": {one.problem}" * bool(one.problem))
            )
    return ExitCode.FAILURE if any(one.problem for one in results) else ExitCode.OK


def _key(args: argparse.Namespace, settings: CollectorSettings) -> VerifyKey:
    if args.public_key is not None:
        return load_verify_key(args.public_key)
    return load_signing_key(settings.key).public


def _document(one: KeptCheckpoint) -> dict[str, object]:
    return {
        "on": one.on_date,
        "size": one.size,
        "root": _text(one.root),
        "time": wall_text(one.made_ms),
        "gen": one.gen,
        "token": one.token.decode("ascii"),
    }


def _text(raw: bytes) -> str:
    return b64url(raw).decode("ascii")

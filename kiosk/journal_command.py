"""`kiosk journal …`: read a journal, on the device or from its card elsewhere."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firmware_config.contract.fields import Kind
from firmware_config.errors import ExitCode, InvalidSettings


def add_parser(commands: Any) -> None:
    """Add the command and its subcommands."""
    journal = commands.add_parser(
        "journal", help="read a journal: list, verify, export, checkpoints", description=__doc__
    )
    parts = journal.add_subparsers(metavar="WHAT", required=True)
    listing = _part(
        parts,
        "list",
        "one line for each record: seq, time in UTC (? after it: the clock was not synchronised "
        "then, so the time may be wrong), kind, what it says",
        _list,
    )
    listing.add_argument("--json", action="store_true", help="whole records, one JSON a line")
    kinds = tuple(kind.value for kind in Kind)
    listing.add_argument(
        "--kind",
        action="append",
        type=str.upper,
        choices=kinds,
        metavar="KIND",
        help=f"only this kind; may be given again: {', '.join(kinds)}",
    )
    verify = _part(
        parts, "verify", "check every link and signature; exit code 1 if one broke", _verify
    )
    verify.add_argument(
        "--public-key", type=Path, metavar="FILE", help="JWK of the device (default: its own key)"
    )
    export = _part(parts, "export", "the signed tokens, one a line, as they are sent", _export)
    export.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    text = "the checkpoints of the collector's ledger this device accepted, and what it refused"
    checkpoints: argparse.ArgumentParser = parts.add_parser(
        "checkpoints",
        help=text,
        description=f"{text}; exit code 1 if it refused something or a ledger was strange.",
    )
    checkpoints.add_argument(
        "--journal", type=Path, metavar="FILE", help="default: as in the settings"
    )
    formats = checkpoints.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="one JSON a line, with the token")
    formats.add_argument(
        "--tokens", action="store_true", help="the signed tokens, one a line, as they came"
    )
    checkpoints.set_defaults(run=_checkpoints)


def _part(
    parts: Any, name: str, text: str, run: Callable[[argparse.Namespace], ExitCode]
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = parts.add_parser(name, help=text, description=text)
    parser.add_argument("--journal", type=Path, metavar="FILE", help="default: as in the settings")
    parser.add_argument("--from", dest="first", type=int, default=1, metavar="SEQ")
    parser.add_argument("--to", dest="last", type=int, metavar="SEQ")
    parser.set_defaults(run=run)
    return parser


def has_settings(args: argparse.Namespace) -> bool:
    """Whether a settings file is named or in its standard place, or any setting given."""
    from firmware_config.settings_place import standard_file

    return (
        getattr(args, "config", None) is not None
        or standard_file("kiosk").exists()
        or bool(getattr(args, "set", []))
        or any(name.startswith("KIOSK_") for name in args.environ)
    )


def _path(args: argparse.Namespace) -> Path:
    if args.journal is not None:
        return Path(args.journal)
    from kiosk.given_settings import settings_of

    return settings_of(args).journal


def _list(args: argparse.Namespace) -> ExitCode:
    import msgspec

    from firmware_config.chain import split_token
    from firmware_config.contract import decode_record
    from kiosk.journal.reading import open_card

    with open_card(_path(args)) as card:
        if not args.json:
            sys.stdout.write(
                f"# {card.dev} epoch {card.epoch} stored {card.stored} archived {card.archived}"
                " · times in UTC; ?: clock not synchronised\n"
            )
        for row in card.rows(args.first, args.last):
            payload = split_token(row.token).payload
            fields = msgspec.to_builtins(decode_record(payload))
            if args.kind and fields["kind"] not in args.kind:
                continue
            if args.json:
                sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")
                continue
            shown = ["session", "level", "button", "reason", "case_no", "detail", "on"]
            shown += ["step_ms", "server_time"]
            rest = " ".join(f"{name}={fields[name]}" for name in shown if fields.get(name))
            mark = "" if fields["synced"] else "?"
            line = f"{row.seq:>7} {fields['wall']}{mark:1} {fields['kind']:<8} {rest}"
            sys.stdout.write(line.rstrip() + "\n")
    return ExitCode.OK


def _verify(args: argparse.Namespace) -> ExitCode:
    from firmware_config.keys import (
        KeyFileError,
        VerifyKey,
        load_or_create_signing_key,
        load_verify_key,
    )
    from kiosk.journal.reading import open_card
    from kiosk.links import broken_links

    key: VerifyKey
    if args.public_key is not None:
        key = load_verify_key(args.public_key)
    else:
        from kiosk.given_settings import settings_of

        if args.journal is not None and not has_settings(args):
            raise InvalidSettings(
                ["give --public-key FILE or --config FILE: it says which key signed this"]
            )
        path = settings_of(args).key
        if not path.exists():
            raise KeyFileError(f"{path}: expected the device's key, found nothing; --public-key?")
        key = load_or_create_signing_key(path).public
    count = 0
    with open_card(_path(args)) as card:
        rows = list(card.rows(args.first, args.last))
        for broken in broken_links(
            rows,
            dev=card.dev,
            epoch=card.epoch,
            is_signed=key.has_signed,
        ):
            count += 1
            sys.stdout.write(f"seq {broken.seq}: {broken.problem}\n")
        sys.stderr.write(f"{card.dev}: {len(rows)} records checked, {count} problems\n")
    return ExitCode.FAILURE if count else ExitCode.OK


def _export(args: argparse.Namespace) -> ExitCode:
    from firmware_config.files import write_atomically
    from kiosk.journal.reading import open_card

    with open_card(_path(args)) as card:
        lines = (row.token + b"\n" for row in card.rows(args.first, args.last))
        if args.out is not None:
            write_atomically(args.out, b"".join(lines))
        else:
            for line in lines:
                sys.stdout.buffer.write(line)
    return ExitCode.OK


def _checkpoints(args: argparse.Namespace) -> ExitCode:
    from kiosk.journal.reading import open_card

    is_doubtful = False
    with open_card(_path(args)) as card:
        if not args.json and not args.tokens:
            sys.stdout.write(
                f"# {card.dev} · what the collector said of its ledger, oldest first\n"
            )
        for row in card.checkpoints():
            is_doubtful = is_doubtful or bool(row.problem or row.strange)
            token = row.token.decode("ascii", "replace")
            if args.tokens:
                sys.stdout.write(token + "\n")
            elif args.json:
                fields = {name: getattr(row, name) for name in ("gen", "size", "root", "time")}
                fields |= {"refused": row.problem, "strange": row.strange, "token": token}
                sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")
            else:
                says = f"REFUSED: {row.problem}" if row.problem else "kept"
                says += f", IN DOUBT: {row.strange}" if row.strange else ""
                sys.stdout.write(f"{row.time:<24} {row.gen} {row.size:>9} {row.root} {says}\n")
    return ExitCode.FAILURE if is_doubtful else ExitCode.OK

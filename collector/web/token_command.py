"""`collector token`: tokens with which programs read the API."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from collector.commands.tables import write_json, write_line, write_table
from collector.errors import UsageError
from collector.office.audit import AuditTrail, Entry
from collector.office.database import Office
from collector.office.tokens import DEFAULT_DAYS, LONGEST_DAYS, Token, Tokens
from collector.sender import sender
from collector.web.token_groups import Group
from firmware_config.errors import ExitCode

if TYPE_CHECKING:
    from collector.settings import CollectorSettings

HALL_ONLY: Final = (Group.LEDGER, Group.METRICS)
"""Parts that no department manager may read, see `rights.toml`."""


def add_parser(subparsers: Any) -> None:
    """Add the command to the collector's command line."""
    token = subparsers.add_parser(
        "token",
        help="tokens of programs that read the API",
        description="Tokens with which programs read the dashboard's API. A token is printed once.",
    )
    actions = token.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="make a token and print it")
    add.add_argument("name", help="what it is for")
    add.add_argument(
        "--read",
        action="append",
        required=True,
        type=Group,
        choices=list(Group),
        metavar="PART",
        help=f"what it may read: {', '.join(Group)}; may be given several times",
    )
    add.add_argument(
        "--department",
        action="append",
        default=[],
        metavar="CODE",
        help="only this department; may be given several times; without it the whole hall",
    )
    add.add_argument(
        "--days",
        type=int,
        default=DEFAULT_DAYS,
        help=f"how long it holds, 1 to {LONGEST_DAYS} (default {DEFAULT_DAYS})",
    )
    add.set_defaults(run=run_add)
    listing = actions.add_parser("list", help="list the tokens")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=run_list)
    revoke = actions.add_parser("revoke", help="let a token end now")
    revoke.add_argument("name")
    revoke.set_defaults(run=run_revoke)


def run_add(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Make a token; it alone goes to standard output.

    Raises:
        InvalidToken, TokenExists: see `Tokens.add`.
        UsageError: a part that is only for the whole hall, for departments.
    """
    hall_only = [part.value for part in args.read if part in HALL_ONLY]
    if args.department and hall_only:
        raise UsageError(f"--read {', '.join(hall_only)}: only for the whole hall")
    office = _office(settings)
    token = Tokens(office).add(
        args.name,
        parts=[part.value for part in args.read],
        departments=args.department,
        days=args.days,
        by=sender(),
        now_ms=_now_ms(),
    )
    _note(
        office,
        "token.add",
        args.name,
        parts=sorted(part.value for part in args.read),
        departments=sorted(args.department),
        days=args.days,
    )
    write_line(token)
    return ExitCode.OK


def run_list(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """List the tokens, newest first."""
    now_ms = _now_ms()
    tokens = Tokens(_office(settings)).all()
    if args.json:
        write_json([_json(one, now_ms) for one in tokens])
        return ExitCode.OK
    write_table(
        ("name", "token", "reads", "of", "ends", "last used", "state"),
        [
            (
                one.name,
                f"{one.prefix}…",
                " ".join(sorted(one.parts)),
                " ".join(sorted(one.departments)) or "the whole hall",
                _time(one.expires_ms),
                _time(one.used_ms) or "never",
                _state(one, now_ms),
            )
            for one in tokens
        ],
    )
    return ExitCode.OK


def run_revoke(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Let a token end now.

    Raises:
        UnknownToken: there is none of that name.
    """
    office = _office(settings)
    Tokens(office).revoke(args.name, by=sender(), now_ms=_now_ms())
    _note(office, "token.revoke", args.name)
    write_line(f"token {args.name}: revoked")
    return ExitCode.OK


def _office(settings: CollectorSettings) -> Office:
    office = Office(settings.web.office)
    office.prepare()
    return office


def _note(office: Office, action: str, subject: str, **facts: Any) -> None:
    AuditTrail(office).add(
        Entry(
            made_ms=_now_ms(),
            account=f"unix:{sender()}",
            role="",
            address="",
            action=action,
            subject=subject,
            facts=facts,
        )
    )


def _state(token: Token, now_ms: int) -> str:
    if token.revoked_ms is not None:
        return "revoked"
    return "good" if token.holds(now_ms) else "expired"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _time(ms: int | None) -> str:
    if ms is None:
        return ""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json(token: Token, now_ms: int) -> dict[str, Any]:
    return {
        "name": token.name,
        "prefix": token.prefix,
        "reads": sorted(token.parts),
        "departments": sorted(token.departments),
        "created": _time(token.created_ms),
        "created_by": token.created_by,
        "expires": _time(token.expires_ms),
        "used": _time(token.used_ms) or None,
        "state": _state(token, now_ms),
    }

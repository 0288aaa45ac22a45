"""`collector audit`: list, verify, prune and ship the audit trail."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from collector.corrections.entries import UNIX
from collector.corrections.person import who
from collector.errors import UsageError
from collector.office.audit import Entry
from collector.office.audit_pruning import KEPT_DAYS, prune
from collector.office.audit_reading import Asked, AuditReader, KeptEntry
from collector.office.audit_shipping import Shipping
from collector.office.database import Office
from firmware_config.errors import ExitCode

if TYPE_CHECKING:
    from collector.settings import CollectorSettings

LISTED: Final = 50


def add_parser(subparsers: Any) -> None:
    """Add the command to the collector's command line."""
    audit = subparsers.add_parser(
        "audit",
        help="the dashboard's audit trail",
        description="Who saw or changed what on the dashboard.",
    )
    actions = audit.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list entries, newest first; times are UTC")
    listing.add_argument("--from", dest="from_on", type=_day, metavar="DAY", help="first UTC day")
    listing.add_argument("--to", dest="to_on", type=_day, metavar="DAY", help="last UTC day")
    listing.add_argument("--account", default="", help="of this account only")
    listing.add_argument(
        "--only", default="", metavar="ACTION", help="such as account, or page.read"
    )
    listing.add_argument("--limit", type=int, default=LISTED, help="how many (%(default)s)")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    listing.set_defaults(run=run_list)
    verify = actions.add_parser("verify", help="compute the chain of entries again")
    verify.set_defaults(run=run_verify)
    pruning = actions.add_parser(
        "prune", help=f"remove entries older than {KEPT_DAYS} days or more, leaving a mark"
    )
    pruning.add_argument("--older-than-days", type=int, required=True, metavar="DAYS")
    pruning.add_argument("--yes", action="store_true", help="do it")
    pruning.set_defaults(run=run_prune)
    ship = actions.add_parser("ship", help="send what `web.syslog` has not got yet")
    ship.set_defaults(run=run_ship)


def run_list(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """List entries."""
    asked = Asked(
        from_ms=_midnight_ms(args.from_on, 0),
        to_ms=_midnight_ms(args.to_on, 1),
        account=args.account,
        action=args.only,
    )
    for kept in AuditReader(_office(settings)).newest(asked, limit=max(0, args.limit)):
        _say(json.dumps(_entry_json(kept), ensure_ascii=False) if args.json else _line(kept))
    return ExitCode.OK


def run_verify(_args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Verify the chain; exit code 1 when it is broken."""
    found = AuditReader(_office(settings)).verify()
    span = ""
    if found.first_ms is not None and found.last_ms is not None:
        span = f" from {_time(found.first_ms)} to {_time(found.last_ms)}"
    _say(f"entries: {found.entries}{span}")
    _say(f"pruned before: {found.pruned}")
    _say(f"head: {found.head}")
    if found.broken_at is not None:
        _say(f"FAIL: the chain is broken at entry {found.broken_at}")
        return ExitCode.FAILURE
    _say("PASS: the chain holds")
    return ExitCode.OK


def run_prune(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Prune old entries.

    Raises:
        UsageError: `--yes` is missing, or entries would be too young.
    """
    if not args.yes:
        raise UsageError("audit prune: removes entries for good; say --yes")
    removed = prune(
        _office(settings), command_entry("audit.prune"), older_than_days=args.older_than_days
    )
    _say(f"audit: {removed} entries pruned")
    return ExitCode.OK


def run_ship(_args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Send entries to syslog.

    Raises:
        UsageError: `web.syslog` is not set.
        SyslogUnreachable: see there.
    """
    if not settings.web.syslog:
        raise UsageError("audit ship: expected web.syslog to be set, got nothing")
    sent = Shipping(_office(settings), settings.web.syslog).ship()
    _say(f"audit: {sent} entries sent to {settings.web.syslog}")
    return ExitCode.OK


def command_entry(action: str, subject: str = "", **facts: Any) -> Entry:
    """An entry about what somebody does on the server's command line."""
    return Entry(
        made_ms=int(datetime.now(UTC).timestamp() * 1000),
        account=_operator(),
        role="",
        address="",
        action=action,
        subject=subject,
        facts=facts,
    )


def _operator() -> str:
    """Who works here; the process's own user where nobody logged in, as in a timer."""
    try:
        return who()
    except UsageError:
        return f"{UNIX}uid-{os.geteuid()}"


def _office(settings: CollectorSettings) -> Office:
    office = Office(settings.web.office)
    office.prepare()
    return office


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected a day such as 2026-05-01, got {text!r}"
        ) from None


def _midnight_ms(on: date | None, plus_days: int) -> int | None:
    if on is None:
        return None
    at = datetime.combine(on, time(), UTC) + timedelta(days=plus_days)
    return int(at.timestamp() * 1000)


def _line(kept: KeptEntry) -> str:
    entry = kept.entry
    facts = json.dumps(entry.facts, ensure_ascii=False, sort_keys=True)
    who = entry.account or "-"
    cells = (str(kept.id), _time(entry.made_ms), who, entry.address or "-", entry.action)
    return "\t".join([*cells, entry.subject or "-", facts])


def _entry_json(kept: KeptEntry) -> dict[str, Any]:
    entry = kept.entry
    return {
        "id": kept.id,
        "time": _time(entry.made_ms),
        "account": entry.account,
        "role": entry.role,
        "address": entry.address,
        "action": entry.action,
        "subject": entry.subject,
        "facts": entry.facts,
        "digest": kept.digest.hex(),
    }


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")

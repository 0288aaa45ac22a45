"""`collector web` and `collector account`."""

from __future__ import annotations

import argparse
import getpass
import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.errors import UsageError
from collector.office.accounts import DEFAULT_ROLE, INITIAL_S, Account, Accounts
from collector.office.audit import AuditTrail
from collector.office.database import Office
from collector.office.passwords import made_up
from collector.office.roles import Role
from collector.office.setup import CODE_S, Setup
from collector.web.audit_command import command_entry
from firmware_config.errors import ExitCode

if TYPE_CHECKING:
    from collector.settings import CollectorSettings

logger = logging.getLogger(__name__)


def add_parser(subparsers: Any) -> None:
    """Add both commands to the collector's command line."""
    web = subparsers.add_parser(
        "web", help="serve the dashboard", description="Serve the dashboard until SIGTERM."
    )
    web.set_defaults(run=run_web)
    account = subparsers.add_parser(
        "account",
        help="accounts of the dashboard",
        description="Accounts that may sign in to the dashboard.",
    )
    actions = account.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="add an account")
    add.add_argument("name", help="what is typed at the sign-in")
    add.add_argument(
        "--password-file",
        type=Path,
        help="file with the password in its first line; without it the password is asked for, "
        "or made up and printed where nobody can be asked",
    )
    add.add_argument(
        "--role",
        type=Role,
        choices=list(Role),
        default=DEFAULT_ROLE,
        metavar="ROLE",
        help="director (default): reads everything, proposes corrections; supervisor: the same, "
        "and decides on corrections that others propose; department: reads its own departments, "
        "proposes for them; operator: devices; administrator: accounts and settings",
    )
    add.add_argument(
        "--department",
        action="append",
        default=[],
        metavar="CODE",
        help="a department of the role department; may be given several times",
    )
    add.set_defaults(run=run_add)
    listing = actions.add_parser("list", help="list the accounts")
    listing.add_argument("--json", action="store_true", help="as JSON")
    listing.set_defaults(run=run_list)
    disable = actions.add_parser("disable", help="disable an account and end its sessions")
    disable.add_argument("name")
    disable.set_defaults(run=run_disable)
    code = actions.add_parser(
        "setup-code", help="print a new code for the page /setup, while there is no account"
    )
    code.set_defaults(run=run_setup_code)


def run_web(_args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Serve the dashboard.

    Raises:
        OfficeError: `office.db` cannot be used.
        OSError: the address is taken, or a file cannot be made.
    """
    # here and not above: the other commands must not pay for the web framework
    from collector.corrections.report import limits_of
    from collector.due_dates import DayCount, Deadline
    from collector.export.plan import time_of
    from collector.web.app import create_app
    from collector.web.care.options import CareOptions
    from collector.web.dashboard import EXTENSION, WebOptions
    from collector.web.live import MAX_STREAMS, THREADS_FOR_PAGES
    from collector.web.serving import serve

    web = settings.web
    streams = max(1, min(MAX_STREAMS, web.threads - THREADS_FOR_PAGES))
    options = WebOptions(
        ledger=settings.ledger,
        office=web.office,
        corrections=settings.corrections_file,
        rules=settings.rules_file,
        reports=web.reports,
        secret=web.secret,
        is_https=web.https,
        minimum_base=web.minimum_base,
        idle_s=web.session_hours * 3600,
        absolute_s=web.session_days * 86_400,
        allowed_hosts=web.allowed_hosts,
        syslog=web.syslog,
        max_streams=streams,
        follows_records=web.today == "newest-record",
        limits=limits_of(settings.corrections),
        deadline=Deadline(days=web.follow_up_days, count=DayCount(web.follow_up_count)),
        care=CareOptions(
            exports=settings.export.folder,
            run_at=time_of(settings.export.run_at),
            reconcile=settings.reconcile.folder,
            backup=settings.backup.folder,
            sftp=settings.backup.sftp,
            metrics_open=web.metrics_open,
        ),
        wishes=settings.command.wishes,
        command_log=settings.command.log,
        shows_staff=web.staff,
    )
    app = create_app(options)
    setup = app.extensions[EXTENSION].setup
    if setup.is_open:
        logger.warning(
            "no account yet: open /setup setup_code=%s", setup.new_code(now_ms=_now_ms())
        )
    serve(app, host=web.host, port=web.port, threads=web.threads, proxy=web.trusted_proxy)
    return ExitCode.OK


def run_add(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Add an account.

    Raises:
        AccountExists, InvalidAccount: see `Accounts.add`.
        OSError: the password file cannot be read.
    """
    password, is_made_up = _password(args.password_file)
    office = _office(settings)
    with office.transaction():
        account = Accounts(office).add(
            args.name,
            password,
            now_ms=_now_ms(),
            role=args.role,
            departments=args.department,
            initial=is_made_up,
        )
        facts = {"role": account.role, "departments": sorted(account.departments)}
        AuditTrail(office).add(command_entry("account.add", account.name, **facts))
    _say(f"account {account.name}: added")
    if is_made_up:
        _say(f"password: {password}")
        _say(f"it holds for {INITIAL_S // 86_400} days and must be replaced at the first sign-in")
    return ExitCode.OK


def run_list(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """List the accounts."""
    accounts = Accounts(_office(settings)).all()
    if args.json:
        _say(json.dumps([_account_json(a) for a in accounts], ensure_ascii=False, indent=2))
        return ExitCode.OK
    for account in accounts:
        state = "active" if account.disabled_ms is None else "disabled"
        role = " ".join([account.role, *sorted(account.departments)])
        _say(f"{account.name}\t{role}\t{_time(account.created_ms)}\t{state}")
    return ExitCode.OK


def run_disable(args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Disable an account.

    Raises:
        UnknownAccount: there is none of that name.
    """
    office = _office(settings)
    with office.transaction():
        Accounts(office).disable(args.name, now_ms=_now_ms())
        AuditTrail(office).add(command_entry("account.disable", args.name))
    _say(f"account {args.name}: disabled")
    return ExitCode.OK


def run_setup_code(_args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Print a new set-up code; the one before opens nothing any more.

    Raises:
        NotTheFirst: there are accounts already.
    """
    office = _office(settings)
    code = Setup(office, Accounts(office)).new_code(now_ms=_now_ms())
    _say(f"{code}")
    logger.info("set-up code made: it holds for %d minutes, for the page /setup", CODE_S // 60)
    return ExitCode.OK


def _office(settings: CollectorSettings) -> Office:
    office = Office(settings.web.office)
    office.prepare()
    return office


def _password(path: Path | None) -> tuple[str, bool]:
    """The password, and whether it was made up here."""
    if path is not None:
        lines = path.read_text(encoding="utf-8").splitlines()
        if not lines or not lines[0]:
            raise UsageError(f"{path}: expected a password in the first line, got none")
        return lines[0], False
    if not sys.stdin.isatty():
        return made_up(), True
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise UsageError("the two passwords differ")
    return password, False


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _account_json(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "role": account.role,
        "departments": sorted(account.departments),
        "created": _time(account.created_ms),
        "disabled": None if account.disabled_ms is None else _time(account.disabled_ms),
    }

"""What the pages share: options, databases, clock, and the ledger connection of one request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import current_app, g

from collector.corrections.excluded import DEFAULT_LIMITS, Limits
from collector.corrections.file import CorrectionsFile
from collector.corrections.report import excluded_in
from collector.ledger.readers import LedgerReader, LedgerUnavailable
from collector.ledger.readers import fleet as fleet_reader
from collector.ledger.readers.fleet import DEFAULT_TIMEZONE, HallRow
from collector.office.accounts import Account, Accounts
from collector.office.database import Office
from collector.office.factors import Factors
from collector.office.roles import Role
from collector.office.sessions import ABSOLUTE_S, IDLE_S, Sessions
from collector.office.setup import Setup
from collector.periods import Period, local_day
from collector.rates import DEFAULT_RULE, Rule
from collector.web.alarms import AlarmWatch
from collector.web.audit_writer import AuditWriter
from collector.web.live import MAX_STREAMS, LedgerWatcher
from collector.web.page_time import newest_ms
from collector.web.view import WHOLE_HALL, Scope, View, inside

EXTENSION = "yiping"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """What a dashboard needs to know.

    Attributes:
        ledger: the ledger file, opened read-only.
        office: `office.db`, made when missing.
        corrections: `corrections.db`, made when missing.
        is_https: browsers reach it by HTTPS: cookies are then marked Secure.
        minimum_base: rates over fewer ratings are shown but not ranked.
        secret: file with the key that signs the preferences cookie; None: kept in `office.db`.
        idle_s: a session that was not used for so many seconds ends.
        absolute_s: a session ends so many seconds after its sign-in.
        allowed_hosts: names in the `Host` header that are answered; empty: any.
        syslog: where the audit trail is sent as well, see `audit_shipping`; empty: nowhere.
        max_streams: live streams at one time; each holds a thread of the server.
        follows_records: pages take the time of the newest record for now, see `page_time`.
        limits: when the excluded share of a month is an alarm.
    """

    ledger: Path
    office: Path
    corrections: Path
    is_https: bool = False
    minimum_base: int = 10
    secret: Path | None = None
    idle_s: int = IDLE_S
    absolute_s: int = ABSOLUTE_S
    allowed_hosts: tuple[str, ...] = ()
    syslog: str = ""
    max_streams: int = MAX_STREAMS
    follows_records: bool = False
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """The parts of a running dashboard. `clock` gives UTC milliseconds since 1970."""

    options: WebOptions
    office: Office
    corrections: CorrectionsFile
    alarms: AlarmWatch
    accounts: Accounts
    sessions: Sessions
    factors: Factors
    setup: Setup
    audit: AuditWriter
    watcher: LedgerWatcher
    clock: Callable[[], int]


def dashboard() -> Dashboard:
    """The dashboard of the current application."""
    found: Dashboard = current_app.extensions[EXTENSION]
    return found


def reader() -> LedgerReader:
    """This request's ledger connection; all its answers come from one snapshot.

    Raises:
        LedgerUnavailable: there is no ledger yet, or it cannot be read.
    """
    if "reader" not in g:
        g.reader = LedgerReader(dashboard().options.ledger).open()
    found: LedgerReader = g.reader
    return found


def hall() -> HallRow:
    """The hall of this request's ledger."""
    if "hall" not in g:
        g.hall = fleet_reader.hall(reader())
    found: HallRow = g.hall
    return found


def real_ms() -> int:
    """What time it is, UTC milliseconds: for sessions and sign-ins."""
    return dashboard().clock()


def now_ms() -> int:
    """The moment this request is answered for, UTC milliseconds; the same all through it."""
    if "now_ms" not in g:
        g.now_ms = real_ms()
        if dashboard().options.follows_records:
            with suppress(LedgerUnavailable):
                g.now_ms = newest_ms(reader(), g.now_ms)
    found: int = g.now_ms
    return found


def zone_of(row: HallRow) -> ZoneInfo:
    """The hall's time zone; the default where the ledger names none that is known here."""
    try:
        return ZoneInfo(row.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(DEFAULT_TIMEZONE)


def zone() -> ZoneInfo:
    """The hall's time zone."""
    return zone_of(hall())


def today() -> date:
    """The hall's local day of this request."""
    return local_day(now_ms(), zone())


def corrections() -> CorrectionsFile:
    """The hall's corrections."""
    return dashboard().corrections


def visitor() -> Account | None:
    """Who is signed in; None for nobody."""
    found: Account | None = g.get("account")
    return found


def scope() -> Scope:
    """The departments whose ratings the visitor may see; nothing for nobody."""
    if "scope" not in g:
        who = visitor()
        if who is None:
            g.scope = Scope(frozenset())
        elif who.role != Role.DEPARTMENT:
            g.scope = WHOLE_HALL
        else:
            rows = fleet_reader.departments(reader())
            g.scope = Scope(frozenset(row.id for row in rows if row.code in who.departments))
    found: Scope = g.scope
    return found


def rule_of(_period: Period) -> Rule:
    """The rule by which the rates of a period are computed."""
    return DEFAULT_RULE


def view_of(period: Period, seen: Scope | None = None) -> View:
    """What this request looks at in a period.

    Args:
        period: local days.
        seen: departments to narrow it to; None: all that the visitor may see.

    Raises:
        CorrectionsUnavailable: the corrections cannot be read.
    """
    seen = scope() if seen is None else seen
    return View(
        period=period,
        scope=seen,
        rule=rule_of(period),
        excluded=inside(excluded_in(reader().rows, corrections(), period), seen),
    )

"""What the pages share: options, databases, clock, and the ledger connection of one request."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import current_app, g, request
from flask_babel import gettext as _

from collector.corrections.excluded import DEFAULT_LIMITS, Limits
from collector.corrections.file import CorrectionsFile
from collector.corrections.report import excluded_in
from collector.due_dates import DEFAULT_DEADLINE, Deadline
from collector.ledger.readers import LedgerReader, LedgerUnavailable
from collector.ledger.readers import fleet as fleet_reader
from collector.ledger.readers.fleet import DEFAULT_TIMEZONE, HallRow
from collector.office.accounts import Account, Accounts
from collector.office.database import Office
from collector.office.factors import Factors
from collector.office.roles import Role
from collector.office.sessions import ABSOLUTE_S, IDLE_S, Sessions
from collector.office.setup import Setup
from collector.office.tokens import Tokens
from collector.periods import Period, local_day
from collector.rates import Rule
from collector.rules.book import RuleBook
from collector.rules.entries import UnknownRule, Version
from collector.web.alarms import AlarmWatch
from collector.web.asked import BadParameter, asked_number
from collector.web.audit_writer import AuditWriter
from collector.web.care.options import CareOptions
from collector.web.live import MAX_STREAMS, LedgerWatcher
from collector.web.page_time import newest_ms
from collector.web.shared_answers import SharedAnswers
from collector.web.view import WHOLE_HALL, Scope, View, inside

EXTENSION = "yiping"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebOptions:
    """What a dashboard needs to know.

    Attributes:
        ledger: the ledger file, opened read-only.
        office: `office.db`, made when missing.
        corrections: `corrections.db`, made when missing.
        rules: `rules.db`, made when missing; None: beside the corrections.
        reports: folder with the monthly summaries; None: there are none.
        is_https: browsers reach it by HTTPS: cookies are then marked Secure.
        minimum_base: what the first version of the rules says of rankings.
        secret: file with the key that signs the preferences cookie; None: kept in `office.db`.
        idle_s: a session that was not used for so many seconds ends.
        absolute_s: a session ends so many seconds after its sign-in.
        allowed_hosts: names in the `Host` header that are answered; empty: any.
        syslog: where the audit trail is sent as well, see `audit_shipping`; empty: nowhere.
        max_streams: live streams at one time; each holds a thread of the server.
        follows_records: pages take the time of the newest record for now, see `page_time`.
        limits: when the excluded share of a month is an alarm.
        deadline: by when a bad rating must be answered; the rules name the days off.
        care: where the nightly jobs leave what they make.
        wishes: folder by which devices are asked to blink; None: nobody is offered that.
        command_log: log of commands, shown where it can be read.
        shows_staff: whether single members of staff have figures here.
    """

    ledger: Path
    office: Path
    corrections: Path
    rules: Path | None = None
    reports: Path | None = None
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
    deadline: Deadline = DEFAULT_DEADLINE
    care: CareOptions = field(default_factory=CareOptions)
    wishes: Path | None = None
    command_log: Path | None = None
    shows_staff: bool = False

    @property
    def rules_file(self) -> Path:
        """`rules.db`."""
        return self.rules or self.corrections.with_name("rules.db")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """The parts of a running dashboard. `clock` gives UTC milliseconds since 1970."""

    options: WebOptions
    office: Office
    corrections: CorrectionsFile
    rules: RuleBook
    alarms: AlarmWatch
    accounts: Accounts
    sessions: Sessions
    tokens: Tokens
    factors: Factors
    setup: Setup
    audit: AuditWriter
    watcher: LedgerWatcher
    clock: Callable[[], int]
    shared: SharedAnswers = field(default_factory=SharedAnswers)


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


def version_of(period: Period) -> Version:
    """The version of the hall's rules by which this request computes the rates of a period.

    That is the one in force on the period's last day that is not in the future, or the one that
    `rule=NUMBER` asks for.

    Raises:
        BadParameter: the address asks for a version that there is not.
        RulesUnavailable: the rule book cannot be read.
    """
    book = dashboard().rules
    if "rule" in request.args:
        number = asked_number(request.args, "rule", default=0)
        try:
            version = book.number(number)
        except UnknownRule:
            raise BadParameter(
                _("“rule”: expected a version from 1 to %(last)s, got “%(number)s”.")
                % {"last": len(book.versions()), "number": number}
            ) from None
    else:
        version = book.of(period, today())
    g.version = version
    return version


def rule_of(period: Period) -> Rule:
    """The rule by which the rates of a period are computed; see `version_of`."""
    return version_of(period).rule


def ranked_from() -> int:
    """The smallest base that is ranked on this page, by the rule it used."""
    version: Version = g.get("version") or dashboard().rules.on(today())
    return version.rules.minimum_base


def view_of(period: Period, seen: Scope | None = None, *, rule: Rule | None = None) -> View:
    """What this request looks at in a period.

    Args:
        period: local days.
        seen: departments to narrow it to; None: all that the visitor may see.
        rule: to compute by, where a period is compared with another; None: its own.

    Raises:
        CorrectionsUnavailable: the corrections cannot be read.
    """
    seen = scope() if seen is None else seen
    return View(
        period=period,
        scope=seen,
        rule=rule or rule_of(period),
        excluded=inside(excluded_in(reader().rows, corrections(), period), seen),
    )

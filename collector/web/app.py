"""The application factory."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from argon2 import PasswordHasher
from flask import Flask, g
from flask.wrappers import Response

from collector.corrections.file import CorrectionsFile
from collector.ledger.readers import LedgerReader
from collector.office.accounts import Accounts
from collector.office.audit_shipping import Shipping
from collector.office.database import Office
from collector.office.factors import Factors
from collector.office.sessions import Sessions
from collector.office.setup import Setup
from collector.office.tokens import Tokens
from collector.rules.book import RuleBook
from collector.web import access, audit, follow_up, languages, place_words, problems, shown
from collector.web.account.views import blueprint as account_pages
from collector.web.alarms import AlarmWatch
from collector.web.api.left_out import refuse_empty
from collector.web.api.operations import check_query
from collector.web.api.views import blueprint as api_pages
from collector.web.asked import NumberInPath
from collector.web.audit_writer import AuditWriter
from collector.web.bad.views import blueprint as bad_pages
from collector.web.corrections.views import blueprint as correction_pages
from collector.web.dashboard import EXTENSION, Dashboard, WebOptions
from collector.web.departments.views import blueprint as department_pages
from collector.web.devices import shown as devices_shown
from collector.web.devices.identify import blueprint as identify_pages
from collector.web.devices.views import blueprint as device_pages
from collector.web.displays.views import blueprint as display_pages
from collector.web.exports.views import blueprint as export_pages
from collector.web.hall.events import LiveEvents
from collector.web.hall.views import blueprint as hall_pages
from collector.web.health.views import blueprint as health_pages
from collector.web.integrity.views import blueprint as integrity_pages
from collector.web.live import LedgerWatcher
from collector.web.me.views import blueprint as my_pages
from collector.web.metrics.requests import measure
from collector.web.metrics.views import blueprint as metric_pages
from collector.web.people.views import blueprint as people_pages
from collector.web.ratings.views import blueprint as rating_pages
from collector.web.records.views import blueprint as record_pages
from collector.web.reports.views import blueprint as report_pages
from collector.web.rules.views import blueprint as rule_pages
from collector.web.screen.views import blueprint as screen_pages
from collector.web.staff.views import blueprint as staff_pages
from collector.web.tokens.views import blueprint as token_pages
from collector.web.trail.views import blueprint as audit_pages
from collector.web.windows.views import blueprint as window_pages
from firmware_config.files import write_atomically

MAX_REQUEST_BYTES = 65_536
"""The largest form here is the sign-in."""


def wall_clock() -> int:
    """UTC milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def create_app(
    options: WebOptions,
    *,
    clock: Callable[[], int] = wall_clock,
    hasher: PasswordHasher | None = None,
) -> Flask:
    """Make the dashboard; its three databases are made or brought up to date.

    Live streams need `dashboard.watcher.start()`; without it pages ask every two seconds.

    Args:
        options: where things are.
        clock: UTC milliseconds since 1970.
        hasher: parameters of argon2id; None for the recommended ones.

    Raises:
        OfficeError: a newer program wrote `office.db`.
        CorrectionsUnavailable: the same of `corrections.db`, or it cannot be made.
        RulesUnavailable: the same of `rules.db`.
        OSError: `office.db` cannot be made.
    """
    office = Office(options.office)
    office.prepare()
    corrections = CorrectionsFile(options.corrections)
    corrections.prepare(was_made=office.has_made(options.corrections))
    rules = RuleBook(options.rules_file, minimum_base=options.minimum_base)
    rules.prepare(clock(), was_made=office.has_made(options.rules_file))
    for path in (options.corrections, options.rules_file):
        office.note_made(path)
    alarms = AlarmWatch(corrections, options.limits)
    accounts = Accounts(office, hasher)
    shipping = Shipping(office, options.syslog) if options.syslog else None
    app = Flask("collector.web")
    app.config.from_mapping(
        SECRET_KEY=_cookie_key(options, office),
        SESSION_COOKIE_NAME=access.cookie_name("yiping_preferences", options.is_https),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=options.is_https,
        PERMANENT_SESSION_LIFETIME=365 * 86_400,
        MAX_CONTENT_LENGTH=MAX_REQUEST_BYTES,
        WTF_CSRF_TIME_LIMIT=12 * 3600,
        BABEL_TRANSLATION_DIRECTORIES="translations",
        HIDDEN_PAGES=frozenset() if options.shows_staff else frozenset({"staff.index"}),
    )
    app.url_map.converters["int"] = NumberInPath
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.extensions[EXTENSION] = Dashboard(
        options=options,
        office=office,
        corrections=corrections,
        rules=rules,
        alarms=alarms,
        accounts=accounts,
        sessions=Sessions(office, idle_s=options.idle_s, absolute_s=options.absolute_s),
        tokens=Tokens(office),
        factors=Factors(office),
        setup=Setup(office, accounts),
        audit=AuditWriter(office, shipping),
        watcher=LedgerWatcher(
            options.ledger,
            LiveEvents(
                clock,
                alarms,
                minimum_base=options.minimum_base,
                follows_records=options.follows_records,
                rule_of=lambda day: rules.on(day.last_on).rule,
            ),
            beside=lambda: (corrections.version(), rules.mark()),
            max_streams=options.max_streams,
        ),
        clock=clock,
    )
    measure(app)
    languages.speak(app)
    access.protect(app)
    app.before_request(check_query)
    app.before_request(refuse_empty)
    audit.watch(app)
    problems.register(app)
    shown.register(app)
    devices_shown.register(app)
    place_words.register(app)
    follow_up.register(app)
    for pages in (
        account_pages,
        hall_pages,
        department_pages,
        window_pages,
        staff_pages,
        rating_pages,
        record_pages,
        correction_pages,
        integrity_pages,
        bad_pages,
        display_pages,
        screen_pages,
        api_pages,
        token_pages,
        export_pages,
        health_pages,
        metric_pages,
        device_pages,
        identify_pages,
        rule_pages,
        report_pages,
        my_pages,
        people_pages,
        audit_pages,
    ):
        app.register_blueprint(pages)
    app.after_request(_refuse_torn_answer)
    app.teardown_appcontext(_close_reader)
    return app


def _cookie_key(options: WebOptions, office: Office) -> str:
    """The key of the preferences cookie: from its file, made there when missing, or `office.db`."""
    if options.secret is None:
        return office.cookie_key()
    if not options.secret.exists():
        key = secrets.token_hex(32) + "\n"
        write_atomically(options.secret, key.encode("ascii"), mode=0o600)
    return options.secret.read_text(encoding="ascii").strip()


def _refuse_torn_answer(response: Response) -> Response:
    """A writer that started while we read the file as if nobody wrote it: ask again."""
    reader: LedgerReader | None = g.get("reader")
    if reader is None or reader.is_current or response.status_code >= 400:
        return response
    refused = Response(status=503)
    refused.headers["Retry-After"] = "1"
    refused.headers["Refresh"] = "1"
    return refused


def _close_reader(_error: BaseException | None) -> None:
    reader: LedgerReader | None = g.pop("reader", None)
    if reader is not None:
        reader.close()

"""`collector rates`: rates of a period, raw and net, each with numerator, base, participation."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from collector.commands.tables import add_format, write_csv, write_json, write_line, write_table
from collector.corrections.alarm_text import alarm_text, place_names
from collector.corrections.excluded import ExcludedRating, excluded_by
from collector.corrections.file import CorrectionsFile
from collector.corrections.report import alarms_in, excluded_in, limits_of
from collector.errors import UsageError
from collector.ledger.counts import (
    Group,
    Grouping,
    newest_day,
    read_counts,
    read_zone_name,
)
from collector.ledger.readers import LedgerReader
from collector.periods import FIRST_DAY, Period, PeriodName, between, named_period
from collector.rates import Counts, Rule, net_of, participation, percent, published, satisfaction
from collector.rules.book import RuleBook
from collector.settings import CollectorSettings
from firmware_config.command_line import a_date
from firmware_config.errors import ExitCode

_COLUMNS = (
    "id",
    "name",
    "rate",
    "numerator",
    "base",
    "excluded",
    "net",
    "net_numerator",
    "net_base",
    "participation",
    "invited",
    "level5",
    "level4",
    "level3",
    "level2",
    "level1",
    "unrated",
    "ignored",
    "repeats",
    "excluded5",
    "excluded4",
    "excluded3",
    "excluded2",
    "excluded1",
)
"""Levels are raw; net levels are these without `excluded5` … `excluded1`."""
_ONLY_WITH_EXCLUSIONS = ("net", "excluded5", "excluded4", "excluded3", "excluded2", "excluded1")
_NOTHING = Counts()


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "rates",
        help="satisfaction rates of a period",
        description="Satisfaction rates with numerator, base, rule and participation.",
    )
    when = parser.add_argument_group("period (local days; default: today)")
    when.add_argument(
        "--period",
        choices=[name.value for name in PeriodName],
        metavar="NAME",
        help="one of " + ", ".join(PeriodName),
    )
    when.add_argument(
        "--from",
        dest="from_on",
        type=a_date,
        metavar="DATE",
        help="first day, YYYY-MM-DD",
    )
    when.add_argument("--to", dest="to_on", type=a_date, metavar="DATE", help="last day, included")
    parser.add_argument(
        "--by",
        type=Grouping,
        choices=list(Grouping),
        default=Grouping.HALL,
        metavar="GROUP",
        help="hall (default), department or window",
    )
    parser.add_argument(
        "--rule",
        type=int,
        metavar="N",
        help="version of the hall's rules to compute with; without it the one in force on the "
        "period's last day, today at most",
    )
    add_format(parser)
    parser.set_defaults(run=run)


def run(
    args: argparse.Namespace,
    settings: CollectorSettings,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ExitCode:
    """Print the rates."""
    with LedgerReader(settings.ledger) as reader:
        connection = reader.connection
        zone = ZoneInfo(read_zone_name(connection))
        today = clock().astimezone(zone).date()
        if settings.web.today == "newest-record":  # as the dashboard of this ledger does
            today = min(newest_day(connection) or today, today)
        period = _period(args, today)
        groups = read_counts(connection, period, args.by)
        query = reader.rows
        file = CorrectionsFile(settings.corrections_file)
        these = excluded_in(query, file, period)
        alarms = alarms_in(query, file, period, limits_of(settings.corrections))
        names = place_names(query)
        reader.require_current()
    book = RuleBook(settings.rules_file, minimum_base=settings.web.minimum_base)
    version = book.of(period, today) if args.rule is None else book.number(args.rule)
    rule = version.rule
    out = excluded_by(these, _KEYS[args.by])
    rows = [_row(group, out.get(group.key, _NOTHING), rule) for group in groups]
    if args.json:
        write_json(
            [_document(group, out.get(group.key, _NOTHING), period, rule) for group in groups]
        )
    elif args.csv:
        write_csv(_COLUMNS, rows)
    else:
        write_line(
            f"{period.start_on} – {period.last_on} · rule {rule} · participation: rated ÷ invited"
        )
        shown = [
            at
            for at, name in enumerate(_COLUMNS)
            if these or not name.startswith(_ONLY_WITH_EXCLUSIONS)
        ]
        write_table([_COLUMNS[at] for at in shown], [[row[at] for at in shown] for row in rows])
    for alarm in alarms:
        sys.stderr.write(f"alarm: {alarm_text(alarm, names)}\n")
    return ExitCode.OK


def _period(args: argparse.Namespace, today: date) -> Period:
    if args.from_on is None and args.to_on is None:
        return named_period(PeriodName(args.period or PeriodName.TODAY), today)
    if args.period is not None:
        raise UsageError("expected --period or --from/--to, got both")
    try:
        return between(args.from_on or FIRST_DAY, args.to_on or today)
    except ValueError as error:
        raise UsageError(str(error)) from None


_KEYS: dict[Grouping, Callable[[ExcludedRating], int]] = {
    Grouping.HALL: lambda one: 0,
    Grouping.DEPARTMENT: lambda one: one.department,
    Grouping.WINDOW: lambda one: one.window,
}


def _row(group: Group, excluded: Counts, rule: Rule) -> tuple[Any, ...]:
    counts, rate = group.counts, satisfaction(group.counts, rule)
    net = satisfaction(net_of(counts, excluded), rule)
    return (
        group.code,
        group.name or "—",
        published(rate),
        rate.numerator,
        rate.base,
        excluded.rated,
        published(net),
        net.numerator,
        net.base,
        percent(participation(counts), 2),
        counts.invited,
        *counts.levels.values(),
        counts.unrated,
        counts.ignored,
        counts.repeats,
        *excluded.levels.values(),
    )


def _document(group: Group, excluded: Counts, period: Period, rule: Rule) -> dict[str, Any]:
    counts, rate = group.counts, satisfaction(group.counts, rule)
    net = satisfaction(net_of(counts, excluded), rule)
    taking_part = participation(counts)
    return {
        "id": group.code,
        "name": group.name,
        "name_en": group.name_en,
        "from": period.start_on.isoformat(),
        "to": period.last_on.isoformat(),
        "rule": str(rate.rule),
        "numerator": rate.numerator,
        "base": rate.base,
        "percent": published(rate) if rate.base else None,
        "participation": {
            "rule": str(taking_part.rule),
            "numerator": taking_part.numerator,
            "base": taking_part.base,
            "percent": percent(taking_part, 2) if taking_part.base else None,
        },
        "invited": counts.invited,
        "levels": {str(int(level)): number for level, number in counts.levels.items()},
        "unrated": counts.unrated,
        "ignored": counts.ignored,
        "repeats": counts.repeats,
        "excluded": {
            "ratings": excluded.rated,
            "levels": {str(int(level)): number for level, number in excluded.levels.items()},
        },
        "net": {
            "numerator": net.numerator,
            "base": net.base,
            "percent": published(net) if net.base else None,
        },
    }

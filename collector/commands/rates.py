"""`collector rates`: rates of a period, each with numerator, base and participation."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from collector.commands.tables import add_format, write_csv, write_json, write_line, write_table
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
from collector.rates import DEFAULT_RULE, participation, percent, satisfaction
from collector.settings import CollectorSettings
from firmware_config.command_line import a_date
from firmware_config.errors import ExitCode

_COLUMNS = (
    "id",
    "name",
    "rate",
    "numerator",
    "base",
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
)


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
        reader.require_current()
    if args.json:
        write_json([_document(group, period) for group in groups])
    elif args.csv:
        write_csv(_COLUMNS, [_row(group) for group in groups])
    else:
        write_line(
            f"{period.start_on} – {period.last_on} · rule {DEFAULT_RULE} · "
            "participation: rated ÷ invited"
        )
        write_table(_COLUMNS, [_row(group) for group in groups])
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


def _row(group: Group) -> tuple[Any, ...]:
    counts, rate = group.counts, satisfaction(group.counts)
    return (
        group.code,
        group.name or "—",
        percent(rate),
        rate.numerator,
        rate.base,
        percent(participation(counts), 2),
        counts.invited,
        *counts.levels.values(),
        counts.unrated,
        counts.ignored,
        counts.repeats,
    )


def _document(group: Group, period: Period) -> dict[str, Any]:
    counts, rate = group.counts, satisfaction(group.counts)
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
        "percent": percent(rate) if rate.base else None,
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
    }

"""`collector report`: the monthly summary, by hand or by its timer."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from collector.commands.tables import write_json, write_line
from collector.corrections.file import CorrectionsFile
from collector.errors import UsageError
from collector.ledger.counts import newest_day, read_zone_name
from collector.ledger.readers import LedgerReader
from collector.periods import Period, PeriodName, named_period
from collector.rules.book import RuleBook
from firmware_config.errors import ExitCode

if TYPE_CHECKING:
    from collector.settings import CollectorSettings

MAKER = "collector report"
logger = logging.getLogger(__name__)


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "report",
        help="make the summary of a month",
        description="Make the summary of a month that is over: Excel and CSV, by department and "
        "by window. The same figures again write nothing.",
    )
    parser.add_argument(
        "--month", metavar="YYYY-MM", help="a month that is over (default: last month)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="where to (default: web.reports)"
    )
    parser.add_argument(
        "--rule",
        type=int,
        metavar="N",
        help="version of the hall's rules; without it the one in force on the month's last day",
    )
    parser.add_argument(
        "--language", choices=("zh_CN", "en"), default="zh_CN", help="of the headings"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(run=run)


def run(
    args: argparse.Namespace,
    settings: CollectorSettings,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ExitCode:
    """Make it.

    Returns:
        FAILURE when the ledger has nothing of that month, which a hall that is open never has.

    Raises:
        UsageError: a month that is not over, a version that is not there, or no folder.
        SummaryUnwritable: the folder cannot be written.
        LedgerUnavailable, CorrectionsUnavailable, RulesUnavailable: see there.
    """
    # here and not above: the other commands must not pay for the web framework
    from collector.web.reports.making import make_report
    from collector.web.reports.model import By
    from collector.web.reports.summaries import write_summary
    from collector.web.reports.texts import speaking

    folder = args.output or settings.web.reports
    if folder is None:
        raise UsageError("expected --output FOLDER, or web.reports in the settings")
    now = clock()
    with LedgerReader(settings.ledger) as reader:
        zone = ZoneInfo(read_zone_name(reader.connection))
        today = now.astimezone(zone).date()
        if settings.web.today == "newest-record":  # as the dashboard of this ledger does
            today = min(newest_day(reader.connection) or today, today)
        period = _month(args.month, today)
        book = RuleBook(settings.rules_file, minimum_base=settings.web.minimum_base)
        version = book.of(period, today) if args.rule is None else book.number(args.rule)
        made_ms = int(now.timestamp() * 1000)
        reports = [
            make_report(
                reader,
                CorrectionsFile(settings.corrections_file),
                period,
                version,
                by=by,
                now_ms=made_ms,
                made_ms=made_ms,
                made_by=MAKER,
            )
            for by in (By.DEPARTMENT, By.WINDOW)
        ]
        reader.require_current()
    month = f"{period.start_on:%Y-%m}"
    with speaking(args.language):
        summary, is_new = write_summary(folder, month, *reports)
    counts = reports[0].total.figures.counts
    logger.info("report month=%s folder=%s rule=%s new=%s", month, folder, summary.rule, is_new)
    if args.json:
        write_json({"month": month, "new": is_new, "rule": summary.rule, "files": summary.files})
    else:
        write_line(f"{month}  {'made' if is_new else 'unchanged'}  {summary.rule}  {folder}")
    if not counts.rated and not counts.invited:
        logger.error("report of a month without records month=%s", month)
        return ExitCode.FAILURE
    return ExitCode.OK


def _month(text: str | None, today: date) -> Period:
    if text is None:
        return named_period(PeriodName.LAST_MONTH, today)
    try:
        first_on = date.fromisoformat(f"{text}-01") if len(text) == 7 else None
    except ValueError:
        first_on = None
    if first_on is None:
        raise UsageError(f"--month: expected a month such as 2026-10, got {text[:40]!r}")
    period = named_period(PeriodName.MONTH, first_on)
    if period.end_on > today:
        raise UsageError(f"--month: expected a month that is over, got {text}; today is {today}")
    return period

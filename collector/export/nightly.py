"""One run of the export: the snapshot, the lock, the days, in this order.

1. Take the folder's lock, so that what follows is decided on what is really there.
2. Open the ledger: one snapshot for the whole run.
3. Choose the days (`choosing`): those without an export, and those that may have changed.
4. Export them, oldest first; each is published before the next is built.
5. After a whole nightly run remember how far the ledger went.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from collector.corrections.file import CorrectionsFile
from collector.corrections.report import limits_of
from collector.corrections.verify import mark_problems
from collector.errors import LedgerMismatch
from collector.export.choosing import Request, choose, run_at
from collector.export.closes import JournalDay, read_journal_days
from collector.export.corrections_source import read_corrections
from collector.export.exporter import Action, DayResult, Exporter
from collector.export.folders import ExportFolder, FoundExport
from collector.export.plan import GRACE, due_days, last_due_on
from collector.export.ruled import rule_problems, ruled_anew
from collector.export.source import LedgerSource
from collector.ledger.readers import LedgerReader
from collector.rules.book import RuleBook
from collector.settings import CollectorSettings

Clock = Callable[[], datetime]
_log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class RunResult:
    """What a run did. `warnings` are findings about the ledger or the folder, for people."""

    days: list[DayResult] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Whether the exports are up to date.

    Attributes:
        first_on: first day of the ledger; None: nothing to export yet.
        due_on: last day that must be there.
        last_on: last day that is there; None for none.
        missing: days that are due and not there, or cannot be read; ascending.
        unbalanced: days whose last revision is marked as not balanced.
        exports: number of exports in the folder, revisions included.
    """

    first_on: date | None
    due_on: date
    last_on: date | None
    missing: list[date]
    unbalanced: list[date]
    exports: int

    @property
    def is_behind(self) -> bool:
        """Whether a day is missing."""
        return bool(self.missing)


def run_export(
    settings: CollectorSettings,
    request: Request,
    clock: Clock,
    on_day: Callable[[DayResult], None] = lambda result: None,
) -> RunResult:
    """Export what the request asks for.

    Args:
        settings: of the collector.
        request: which days.
        clock: UTC wall clock.
        on_day: called after each day.

    Raises:
        UsageError: a day asked for is not over, the ledger does not reach back to it, or its
            records are purged.
        ExportBusy: another export is running.
        ExportUnwritable: the folder cannot be written; days published before it stay.
        LedgerUnavailable: the ledger cannot be read.
        LedgerMismatch: the ledger is of another hall.
        CorrectionsUnavailable: the corrections are there and cannot be read.
        RulesUnavailable: the rule book is there and cannot be read.
    """
    folder = ExportFolder(settings.export.folder)
    with folder.locked(), LedgerReader(settings.ledger) as reader:
        source = _source(reader, settings)
        file = CorrectionsFile(settings.corrections_file)
        corrections = read_corrections(reader.rows, file, limits_of(settings.corrections))
        rules = RuleBook(settings.rules_file, minimum_base=settings.web.minimum_base)
        exporter = Exporter(
            source,
            corrections,
            folder,
            version_on=rules.on,
            has_bom=settings.export.csv_bom,
            clock=clock,
        )
        broken = mark_problems(file, exporter.marks.items())
        lost = list(rule_problems(rules, exporter.exported.values()))
        choice = choose(
            source,
            corrections,
            exporter,
            settings.export,
            request,
            now=clock(),
            is_chain_broken=bool(broken),
            ruled_anew=ruled_anew(rules, exporter.exported),
            is_book_broken=bool(lost),
        )
        days = choice.days
        result = RunResult(
            warnings=[*_ledger_warnings(source, exporter), *broken, *lost, *choice.warnings]
        )
        journals = read_journal_days(source, days[0]) if days else {}
        for on in days:
            day = exporter.export(on, journals.get(on.isoformat(), JournalDay()))
            if day.action is not Action.UNCHANGED:
                _log.info("export %s day=%s folder=%s", day.action, on, day.name)
            result.days.append(day)
            on_day(day)
        if not request.is_explicit:
            exporter.mark_checked()
    return result


def export_status(settings: CollectorSettings, clock: Clock) -> Status:
    """Compare the folder with what is due. Reads only; needs no lock.

    Raises:
        LedgerUnavailable, LedgerMismatch, ExportUnwritable: as `run_export`.
    """
    with LedgerReader(settings.ledger) as reader:
        source = _source(reader, settings)
        now = clock().astimezone(source.identity.zone)
        due_on = last_due_on(now, run_at(settings.export), is_now=False, grace=GRACE)
        due = due_days(source.day_totals(), source.first_received_on(), due_on)
    exports = ExportFolder(settings.export.folder).exports()
    last: dict[date, FoundExport] = {export.day: export for export in exports}
    readable = {on for on, export in last.items() if export.manifest is not None}
    return Status(
        first_on=due[0] if due else None,
        due_on=due_on,
        last_on=max(readable, default=None),
        missing=[on for on in due if on not in readable],
        unbalanced=sorted(
            on for on, export in last.items() if export.manifest and not export.manifest.balanced
        ),
        exports=len(exports),
    )


def _source(reader: LedgerReader, settings: CollectorSettings) -> LedgerSource:
    source = LedgerSource(reader)
    if source.identity.hall != settings.hall:
        raise LedgerMismatch(
            f"{settings.ledger}: expected the ledger of hall {settings.hall}, "
            f"got {source.identity.hall}"
        )
    return source


def _ledger_warnings(source: LedgerSource, exporter: Exporter) -> Iterator[str]:
    """A ledger that has become smaller or other than an export has said."""
    identity = source.identity
    for export in exporter.exported.values():
        if export.manifest is None:
            yield f"{export.name}: {export.problem}"
            continue
        mark = export.manifest.ledger
        if mark.gen != identity.gen:
            continue
        if mark.size > identity.size:
            yield (
                f"ledger: expected at least the {mark.size} records that {export.name} was made "
                f"of, got {identity.size}"
            )
        elif mark.size == identity.size and mark.root != identity.root:
            yield f"ledger: expected root {mark.root} as {export.name} says, got {identity.root}"

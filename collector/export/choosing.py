"""The days one run looks at: those that `plan` chooses, less those it must leave as they are.

- A day whose records a purge took has nothing left to be made of: its evidence would be missing.
- While the chain of corrections is not the one that earlier exports name, no exclusion is taken
  back or put in by a revision; while the rule book is not, no day gets another rule.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final

from collector.errors import UsageError
from collector.export.balance import counts_of
from collector.export.corrections import Corrections
from collector.export.exporter import Exporter
from collector.export.plan import choose_days, due_days, last_due_on, time_of
from collector.export.source import LedgerSource
from collector.rates import Counts
from collector.settings import ExportSettings

_DAY: Final = timedelta(days=1)
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a run shall export.

    Attributes:
        first_on: first day asked for; None: from the first day of the ledger.
        last_on: last day asked for; None: up to yesterday.
        is_explicit: days were asked for; else everything that is due.
        is_now: yesterday is due although `export.run_at` has not come.
    """

    first_on: date | None = None
    last_on: date | None = None
    is_explicit: bool = False
    is_now: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The days to build, ascending, and what people must know of those left out."""

    days: list[date]
    warnings: list[str] = field(default_factory=list)


def run_at(settings: ExportSettings) -> time:
    """Local time from which yesterday is due."""
    return time_of(settings.run_at)


def choose(
    source: LedgerSource,
    corrections: Corrections,
    exporter: Exporter,
    settings: ExportSettings,
    request: Request,
    *,
    now: datetime,
    is_chain_broken: bool,
    ruled_anew: Collection[date] = (),
    is_book_broken: bool = False,
) -> Choice:
    """The days of one run.

    Args:
        source: the snapshot.
        corrections: that hold now.
        exporter: knows what is exported.
        settings: of the export.
        request: which days are asked for.
        now: aware.
        is_chain_broken: the chain of corrections is not the one that earlier exports name.
        ruled_anew: exported days whose rule is another version now.
        is_book_broken: the rule book is not the one that earlier exports name.

    Raises:
        UsageError: a day asked for is not over, the ledger does not reach back to it, or its
            records are purged.
    """
    now = now.astimezone(source.identity.zone)
    totals, first_received_on = source.day_totals(), source.first_received_on()
    purged = source.purged_days()
    exported: dict[date, Counts | None] = {
        on: None if export.manifest is None else counts_of(_numbers(export.manifest.counts))
        for on, export in exporter.exported.items()
    }
    corrected = {
        on
        for on, export in exporter.exported.items()
        if export.manifest is not None
        and export.manifest.corrections.in_day != corrections.entry(on).in_day
    }
    if request.is_explicit:
        due = due_days(totals, first_received_on, now.date() - _DAY)
        days = changed = _asked_for(due, request, now.date())
        if all(on in purged for on in days):
            raise UsageError(f"{_listed(days)}: {_purge_text(source)}")
    else:
        last_on = last_due_on(now, run_at(settings), is_now=request.is_now, grace=timedelta())
        due = due_days(totals, first_received_on, last_on)
        recheck_from = _recheck_from(source, exporter, last_on, settings.recheck_days)
        if purged and first_received_on is not None:
            # what is left of days around the cut says less than their exports
            recheck_from = max(recheck_from, first_received_on + _DAY)
        corrected |= exporter.fallen | set(ruled_anew)
        days = choose_days(due, exported, totals, recheck_from, corrected)
        changed = choose_days(due, exported, totals, date.max, corrected)
    warnings = []
    if gone := [on for on in changed if on in purged]:
        warnings.append(f"{_listed(gone)}: {_purge_text(source)}")
    days = [on for on in days if on not in purged]
    if is_chain_broken and (kept := _touched_by_corrections(days, corrections, exporter)):
        if told := [on for on in changed if on in kept]:
            warnings.append(
                f"{_listed(told)}: left as exported until the corrections are again those that "
                "earlier exports name (see above)"
            )
        days = [on for on in days if on not in kept]
    if is_book_broken and (held := [on for on in days if on in ruled_anew]):
        warnings.append(
            f"{_listed(held)}: left as exported until the rules are again those that earlier "
            "exports name (see above)"
        )
        days = [on for on in days if on not in ruled_anew]
    return Choice(days=days, warnings=warnings)


def _recheck_from(
    source: LedgerSource, exporter: Exporter, last_on: date, recheck_days: int
) -> date:
    state, identity = exporter.state, source.identity
    if state.gen != identity.gen or state.checked > identity.size:
        return date.min
    known = set(state.assignments)  # one that begins in the past moved stored ratings
    begins = [on for line, on in source.assignments().items() if line not in known]
    return min([last_on - timedelta(days=recheck_days - 1), *begins])


def _touched_by_corrections(
    days: Iterable[date], corrections: Corrections, exporter: Exporter
) -> set[date]:
    """Days whose revision could take an exclusion back, or put one in."""
    touched = set()
    for on in days:
        export = exporter.exported.get(on)
        if export is None:
            continue
        said = export.manifest.corrections.in_day if export.manifest else None
        if said is None or said or corrections.entry(on).in_day or on in exporter.fallen:
            touched.add(on)
    return touched


def _purge_text(source: LedgerSource) -> str:
    return (
        f"cannot be exported anew, {source.last_purge()} took records of it; exports made before "
        "stay as they are, and a backup from before the purge can be restored elsewhere for others"
    )


def _listed(days: list[date]) -> str:
    if len(days) > _SHOWN:
        return f"{days[0]} to {days[-1]} ({len(days)} days)"
    return ", ".join(map(str, days))


def _numbers(entry: object) -> Mapping[str, int]:
    return {name: getattr(entry, name) for name in entry.__struct_fields__}  # type: ignore[attr-defined]


def _asked_for(due: list[date], request: Request, today: date) -> list[date]:
    """The days asked for; a day that is not over, or before the ledger's first, is an error."""
    last_on = request.last_on or today - _DAY
    if last_on >= today:
        raise UsageError(f"{last_on}: expected a day that is over, today is {today}")
    first_on = request.first_on or date.min
    days = [on for on in due if first_on <= on <= last_on]
    if not days:
        asked = str(last_on) if first_on == last_on else f"{request.first_on or ''}..{last_on}"
        reach = f"{due[0]} to {due[-1]}" if due else "no day yet"
        raise UsageError(f"{asked}: expected days the ledger has, which are {reach}")
    return days

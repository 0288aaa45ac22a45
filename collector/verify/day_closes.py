"""The devices' own counts of their days (DAYCLOSE records) against the ledger's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from collector.errors import LedgerMismatch
from collector.export.balance import compare_day_closes
from collector.export.closes import read_journal_days
from collector.export.source import LedgerSource
from collector.ledger.readers import LedgerReader
from collector.periods import FIRST_DAY
from collector.verify.facts import LedgerFacts
from collector.verify.findings import Check, Finding, Level

_MAX_NAMED: Final = 5


def check_day_closes(facts: LedgerFacts, since: date | None) -> list[Finding]:
    """Compare every closed day from `since` on (None: all), and tell days that nobody closed.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
    """
    with LedgerReader(facts.path) as reader:
        try:
            source = LedgerSource(reader)
        except LedgerMismatch as error:
            what = "day-closes: no hall or time zone"
            return [_told(Level.NOTE, Check.NOT_CHECKED, what, got=str(error))]
        first_on = since or _first_on(source)
        if first_on is None:
            return []
        if facts.purged_to:  # of the day of the cut a part is gone
            begin_on = _first_on(source) or first_on
            first_on = max(first_on, begin_on + timedelta(days=1))
        findings: list[Finding] = []
        with_gap = {
            (journal.code, journal.epoch)
            for row, journal in facts.journals.items()
            if facts.epochs[row].head > facts.epochs[row].stored
        }
        try:
            days = read_journal_days(source, first_on)
            closed = {on: day.closed for on, day in days.items()}
        except (ValueError, OverflowError) as error:
            return [_told(Level.FAIL, Check.DAY_CLOSE, "cannot be counted", got=str(error))]
        for on in sorted(on for on in closed if on >= first_on.isoformat()):
            for day in closed[on]:
                for difference in compare_day_closes([day], []).mismatches:
                    has_gap = (day.device, day.epoch) in with_gap
                    name = difference.what.rpartition(": ")[2]
                    what = "the device counted other than the ledger has"
                    findings.append(
                        Finding(
                            level=Level.NOTE if has_gap else Level.FAIL,
                            check=Check.DAY_CLOSE,
                            what=what + (" (a gap is open)" if has_gap else ""),
                            device=day.device,
                            epoch=day.epoch,
                            first_on=on,
                            last_on=on,
                            where=name,
                            expected=str(difference.found["device"]),
                            got=str(difference.found["ledger"]),
                        )
                    )
        told = {(day.device, on) for on, days in closed.items() for day in days}
        findings += _not_closed(reader, first_on, told)
    return findings


def _not_closed(
    reader: LedgerReader, first_on: date, told: set[tuple[str, str]]
) -> Iterable[Finding]:
    """Days with outcomes that their device never closed, but for the newest day there is."""
    missing: dict[str, list[str]] = {}
    days = reader.rows(
        "SELECT DISTINCT d.code, o.on_date FROM outcomes o JOIN devices d ON d.id = o.device"
        " WHERE o.on_date >= ? AND o.on_date < (SELECT max(on_date) FROM outcomes)"
        " ORDER BY 2, 1",
        first_on.isoformat(),
    )
    for device, on in days:
        if (device, on) not in told:
            missing.setdefault(on, []).append(device)
    if not missing:
        return
    number = sum(map(len, missing.values()))
    last_on = max(missing)
    named = ", ".join(missing[last_on][:_MAX_NAMED])
    more = len(missing[last_on]) - _MAX_NAMED
    yield Finding(
        level=Level.NOTE,
        check=Check.DAY_CLOSE,
        what="a device has outcomes and did not close the day",
        first_on=min(missing),
        last_on=last_on,
        got=f"last {last_on}: {named}" + (f" and {more} more" if more > 0 else ""),
        count=number,
    )


def _first_on(source: LedgerSource) -> date | None:
    try:
        return source.first_received_on()
    except (ValueError, OverflowError):  # a time of reception beyond the calendar, told elsewhere
        return FIRST_DAY


def _told(level: Level, check: Check, what: str, *, got: str) -> Finding:
    return Finding(level=level, check=check, what=what, got=got)

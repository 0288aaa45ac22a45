"""Makes a report from the ledger."""

from __future__ import annotations

from collector.corrections.file import CorrectionsFile
from collector.corrections.report import excluded_in
from collector.ledger.checkpoints import newest_checkpoint
from collector.ledger.readers import LedgerReader, fleet, integrity
from collector.periods import Period
from collector.rules.entries import Version
from collector.web.places import places
from collector.web.reports.model import By, LedgerMark, Report, by_rank, rows_of
from collector.web.view import WHOLE_HALL, Scope, View, inside


def make_report(
    reader: LedgerReader,
    corrections: CorrectionsFile,
    period: Period,
    version: Version,
    *,
    by: By,
    department: str = "",
    window: str = "",
    scope: Scope = WHOLE_HALL,
    is_by_rank: bool = False,
    now_ms: int,
    made_ms: int,
    made_by: str,
) -> Report:
    """Everything a report says, of one snapshot of the ledger.

    Args:
        reader: the ledger.
        corrections: which ratings the net figures leave out.
        period: local days.
        version: of the rules.
        by: what the rows are.
        department: code to narrow it to; empty: all.
        window: the same.
        scope: the departments its reader may see.
        is_by_rank: rows best first; else in the fleet's order.
        now_ms: decides which department a window is shown under.
        made_ms: what time it is, UTC milliseconds.
        made_by: account, or the program.

    Raises:
        NoSuchPlace: there is no such department or window in the scope.
        LedgerUnavailable, CorrectionsUnavailable: see there.
    """
    hall = fleet.hall(reader)
    seen = scope
    if department:
        found = next((d for d in fleet.departments(reader) if d.code == department), None)
        seen = scope.narrowed(found.id) if found else Scope(frozenset())
    view = View(
        period=period,
        scope=seen,
        rule=version.rule,
        excluded=inside(excluded_in(reader.rows, corrections, period), seen),
    )
    rows, total, narrowed = rows_of(
        places(reader, view, now_ms), hall, by, department=department, window=window
    )
    state = integrity.ledger_state(reader)
    checkpoint = newest_checkpoint(reader.rows, state.gen)
    return Report(
        hall=hall,
        period=period,
        by=by,
        scope=narrowed,
        is_whole_hall=scope == WHOLE_HALL,
        version=version,
        total=total,
        rows=by_rank(rows) if is_by_rank else rows,
        ledger=LedgerMark(
            gen=state.gen,
            size=state.size,
            root=state.root,
            checkpoint_on=checkpoint.on_date if checkpoint else "",
            checkpoint_size=checkpoint.size if checkpoint else 0,
        ),
        made_ms=made_ms,
        made_by=made_by,
    )

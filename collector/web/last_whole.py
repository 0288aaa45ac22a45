"""The month or quarter that a page begins with: the last whole one, or one that has records."""

from __future__ import annotations

from datetime import date

from collector.ledger.readers import LedgerReader
from collector.ledger.readers.counts import days_with_records
from collector.periods import RUNNING, Period, PeriodName, named_period


def last_whole(reader: LedgerReader, name: PeriodName, today: date) -> Period:
    """The last whole period; the running one in a hall whose records begin in it.

    Args:
        reader: the ledger.
        name: one of `RUNNING`, e.g. `PeriodName.LAST_MONTH`.
        today: the hall's local day.

    Raises:
        LedgerUnavailable: it cannot be read.
    """
    whole = named_period(name, today)
    known = days_with_records(reader)
    if known is None or date.fromisoformat(known[0]) < whole.end_on:
        return whole
    return named_period(RUNNING[name], today)

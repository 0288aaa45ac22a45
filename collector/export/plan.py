"""Which days an export run makes, and which it looks at again. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from typing import Final

from collector.periods import Period
from collector.rates import Counts

_DAY: Final = timedelta(days=1)
GRACE: Final = timedelta(hours=1)
"""How long after `export.run_at` the status may still say "up to date" without last night's
export. Source: our choice; a night takes seconds, a year caught up about a minute."""
EARLIEST_BEFORE: Final = timedelta(days=400)
"""How long before the ledger's first reception a rating may have been given and still begin the
row of days without gaps. Source: a device keeps 400 days; a date before that comes from a clock
that was never set, and must not call for thousands of empty days."""


def time_of(text: str) -> time:
    """The local time that `export.run_at` says, from which yesterday is due."""
    return time.fromisoformat(text)


def last_due_on(now: datetime, run_at: time, *, is_now: bool, grace: timedelta) -> date:
    """The last day that must have been exported at a local time.

    Args:
        now: aware, in the hall's zone.
        run_at: local time from which yesterday is due.
        is_now: yesterday is due at once.
        grace: added to `run_at`.
    """
    since_midnight = timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)
    wait = timedelta(hours=run_at.hour, minutes=run_at.minute) + grace
    is_due = is_now or since_midnight >= min(wait, timedelta(hours=23, minutes=59))
    return now.date() - (_DAY if is_due else 2 * _DAY)


def due_days(totals: Collection[date], first_received_on: date | None, last_on: date) -> list[date]:
    """Every day that must have an export, ascending.

    All days from the ledger's first one up to `last_on`, with or without ratings; and days before
    that which have counts.

    Args:
        totals: days that have counts.
        first_received_on: day the first record was received; None for an empty ledger.
        last_on: last day that is due.
    """
    if first_received_on is None:
        return []
    earliest = first_received_on - EARLIEST_BEFORE
    first_on = min((on for on in totals if on >= earliest), default=first_received_on)
    first_on = min(first_on, first_received_on)
    days = set(Period(first_on, last_on + _DAY)) if first_on <= last_on else set()
    return sorted(days | {on for on in totals if on < first_on and on <= last_on})


def choose_days(
    due: list[date],
    exported: Mapping[date, Counts | None],
    totals: Mapping[date, Counts],
    recheck_from: date,
    corrected: Collection[date] = (),
) -> list[date]:
    """The days to build: those without an export, and those that may have changed since.

    Args:
        due: from `due_days`.
        exported: day → the hall's counts in its last export; None when that cannot be read.
        totals: day → the hall's counts now.
        recheck_from: from this day on every day is built and compared.
        corrected: days whose last export names other corrections than hold now.
    """
    return [
        on
        for on in due
        if on not in exported
        or on >= recheck_from
        or on in corrected
        or exported[on] != totals.get(on, Counts())
    ]

"""The outcomes behind a figure: filtered, newest first, in pages by position in time.

The rollups say on which day and at which window something fits, and how much of it; only those
outcomes are read. So a page costs what it shows, and a look for what is rare costs rollup rows and
not outcomes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

from collector.ledger.readers.connection import LedgerReader
from collector.ledger.readers.counts import by_window_and_department
from collector.ledger.readers.departments import OF_DEPARTMENTS, listed
from collector.ledger.readers.outcomes import (
    OUTCOME_COLUMNS,
    OUTCOME_JOINS,
    OutcomeRow,
    outcome_of,
)
from collector.ledger.readers.staff import by_staff
from collector.ledger.readers.week_hours import by_week_hour, by_week_hour_of_window
from collector.periods import Period
from collector.rates import Counts

_FIRST_SPAN: Final = 2
_SPAN_GROWS: Final = 4
_LONGEST_SPAN: Final = 732
"""Days whose rollups are looked through at once: few at first, more while nothing is found."""
_RATED: Final = ("level5", "level4", "level3", "level2", "level1")


class Outcome(StrEnum):
    """How a session ended."""

    RATED = "rated"
    """By a rating that counts."""
    UNRATED = "unrated"
    REPEAT = "repeat"
    """By a rating of a case that had one already; in no figure."""


class Mark(NamedTuple):
    """Where a page ends: press time (UTC milliseconds) and position of its last outcome."""

    pressed_ms: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which outcomes.

    Attributes:
        period: local days.
        departments: ids at press time; None: all, also no department.
        window: id; None: any.
        staff_no: None: anybody.
        outcome: None: any.
        levels: of counted ratings; empty: any.
        hour: local, 0..23; None: any.
        weekday: ISO, 1 Monday … 7 Sunday; None: any.
        trigger: what opened the session; None: anything.
    """

    period: Period
    departments: Sequence[int] | None = None
    window: int | None = None
    staff_no: str | None = None
    outcome: Outcome | None = None
    levels: frozenset[int] = frozenset()
    hour: int | None = None
    weekday: int | None = None
    trigger: str | None = None

    @property
    def is_countable(self) -> bool:
        """Whether rollups alone say how many there are."""
        by_time = self.hour is not None or self.weekday is not None
        return self.trigger is None and not (self.staff_no is not None and by_time)

    @property
    def fields(self) -> list[str]:
        """The counts that these outcomes are in."""
        if self.levels:
            return [f"level{level}" for level in sorted(self.levels, reverse=True)]
        of = {
            Outcome.RATED: [*_RATED],
            Outcome.UNRATED: ["unrated"],
            Outcome.REPEAT: ["repeats"],
            None: [*_RATED, "unrated", "repeats"],
        }
        return of[self.outcome]


def number_of(reader: LedgerReader, wanted: Wanted) -> int:
    """How many outcomes are wanted; from rollups, or from the rows where these cannot say."""
    if not wanted.is_countable:
        where, values = _conditions(wanted)
        row = reader.row(
            f"SELECT count(*) FROM outcomes o WHERE o.on_date >= ? AND o.on_date < ? AND {where}",
            wanted.period.start_on.isoformat(),
            wanted.period.end_on.isoformat(),
            *values,
        )
        return int(row[0]) if row else 0
    counts = sum(_counts(reader, wanted), Counts())
    return sum(getattr(counts, field) for field in wanted.fields)


def _counts(reader: LedgerReader, wanted: Wanted) -> Iterator[Counts]:
    """The rollups' counts of the places and times that are wanted."""
    ids = wanted.departments
    if wanted.hour is not None or wanted.weekday is not None:
        if wanted.window is None:
            found = by_week_hour(reader, wanted.period, departments=ids)
        else:
            found = by_week_hour_of_window(
                reader, wanted.period, window=wanted.window, departments=ids
            )
        for (weekday, hour), counts in found.items():
            if wanted.weekday in (None, weekday) and wanted.hour in (None, hour):
                yield counts
    elif wanted.staff_no is not None:
        of_staff = by_staff(reader, wanted.period, staff_no=wanted.staff_no, departments=ids)
        for key, counts in of_staff.items():
            if wanted.window in (None, key.window):
                yield counts
    else:
        for (window, department), counts in by_window_and_department(reader, wanted.period).items():
            if wanted.window in (None, window) and (ids is None or department in ids):
                yield counts


def outcomes_before(
    reader: LedgerReader, wanted: Wanted, *, before: Mark | None, limit: int
) -> list[OutcomeRow]:
    """The next outcomes, newest press first; of one press time, the later stored first.

    What is stored while somebody pages comes before the mark, or at its own place after it: no
    page leaves out an outcome that was there, and none shows one twice.

    Args:
        reader: the ledger.
        wanted: which.
        before: the last outcome of the page before; None: the first page.
        limit: at most so many.
    """
    found: list[OutcomeRow] = []
    for pairs in _places_in_turn(reader, wanted, before, limit):
        missing = limit - len(found)
        found += _outcomes_at(reader, wanted, pairs, before, missing)
        if len(found) >= limit:
            break
    return found


def _places_in_turn(
    reader: LedgerReader, wanted: Wanted, before: Mark | None, limit: int
) -> Iterator[list[tuple[str, int]]]:
    """Days and windows to look at, newest first, in parts that hold about a page's outcomes."""
    last_on = wanted.period.last_on
    if before is not None:
        row = reader.row("SELECT on_date FROM outcomes WHERE position = ?", before.position)
        if row is not None:
            last_on = min(last_on, date.fromisoformat(row[0]))
    # by ordinals: a period may begin with the calendar's first day
    start, end = wanted.period.start_on.toordinal(), last_on.toordinal()
    span = _FIRST_SPAN
    part: list[tuple[str, int]] = []
    number, day = 0, ""
    while end >= start:
        begin = max(start, end - span + 1)
        days = (date.fromordinal(begin), date.fromordinal(end))
        for on_date, window, there in _places(reader, wanted, *days):
            # whole days only: what follows must be older than all of the part
            if number >= limit and on_date != day:
                yield part
                part, number = [], 0
            part.append((on_date, window))
            number, day = number + there, on_date
        end = begin - 1
        span = min(span * _SPAN_GROWS, _LONGEST_SPAN)
    if part:
        yield part


def _places(
    reader: LedgerReader, wanted: Wanted, first_on: date, last_on: date
) -> list[tuple[str, int, int]]:
    """(Day, window, at most how many are there), newest day first."""
    table = "day_rollups" if wanted.hour is None or wanted.staff_no is not None else "hour_rollups"
    conditions = [OF_DEPARTMENTS]
    values: list[object] = [*listed(wanted.departments)]
    if wanted.staff_no is not None:
        conditions.append("staff_no = ?")
        values.append(wanted.staff_no)
    elif wanted.hour is not None:
        conditions.append("hour = ?")
        values.append(wanted.hour)
    if wanted.weekday is not None:
        conditions.append("(strftime('%w', on_date) + 6) % 7 + 1 = ?")
        values.append(wanted.weekday)
    if wanted.window is not None:
        conditions.append("window = ?")
        values.append(wanted.window)
    return reader.rows(
        f"SELECT on_date, window, sum({' + '.join(wanted.fields)}) AS number FROM {table}"
        f" WHERE on_date >= ? AND on_date <= ? AND {' AND '.join(conditions)}"
        " GROUP BY on_date, window HAVING number > 0 ORDER BY on_date DESC, window",
        first_on.isoformat(),
        last_on.isoformat(),
        *values,
    )


def _conditions(wanted: Wanted) -> tuple[str, list[object]]:
    """What an outcome `o` must be, as SQL with its parameters; the period left out."""
    conditions = [OF_DEPARTMENTS]
    values: list[object] = [*listed(wanted.departments)]
    for column, value in (
        ("o.staff_no", wanted.staff_no),
        ("o.hour", wanted.hour),
        ("o.trigger", wanted.trigger),
        ("coalesce(o.window, 0)", wanted.window),
        ("(strftime('%w', o.on_date) + 6) % 7 + 1", wanted.weekday),
    ):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if wanted.levels:
        conditions.append("o.level IN (SELECT value FROM json_each(?)) AND o.is_repeat = 0")
        values.append(json.dumps(sorted(wanted.levels)))
    elif wanted.outcome is Outcome.RATED:
        conditions.append("o.level IS NOT NULL AND o.is_repeat = 0")
    elif wanted.outcome is Outcome.UNRATED:
        conditions.append("o.level IS NULL")
    elif wanted.outcome is Outcome.REPEAT:
        conditions.append("o.is_repeat = 1")
    return " AND ".join(conditions), values


def _outcomes_at(
    reader: LedgerReader,
    wanted: Wanted,
    places: Sequence[tuple[str, int]],
    before: Mark | None,
    limit: int,
) -> list[OutcomeRow]:
    where, values = _conditions(wanted)
    if before is not None:
        where += " AND (o.pressed_ms, o.position) < (?, ?)"
        values += before
    rows = reader.rows(
        f"SELECT {OUTCOME_COLUMNS} FROM (SELECT o.position AS at FROM json_each(?) p"
        " CROSS JOIN outcomes o ON o.on_date = p.value ->> 0"
        f" AND o.window IS nullif(p.value ->> 1, 0) WHERE {where}"
        " ORDER BY o.pressed_ms DESC, o.position DESC LIMIT ?) found"
        f" CROSS JOIN outcomes o ON o.position = found.at {OUTCOME_JOINS}"
        " ORDER BY o.pressed_ms DESC, o.position DESC",
        json.dumps(places),
        *values,
        limit,
    )
    return [outcome_of(row) for row in rows]

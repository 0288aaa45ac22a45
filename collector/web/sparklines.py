"""Small trends in tables: the rate of every row in a few steps, from one question for all rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from collector.corrections.excluded import ExcludedRating, level_counts
from collector.ledger.readers import LedgerReader
from collector.ledger.readers.buckets import Buckets, by_bucket
from collector.periods import Period
from collector.rates import Counts, Rate, Rule, net_of, satisfaction
from collector.web.comparison import elapsed
from collector.web.trend import MOST_POINTS
from collector.web.view import View

MOST_STEPS: Final = 16
"""Points of a small trend."""
SHORT_DAYS: Final = 7
LONGER_DAYS: Final = 30
"""A period shorter than a week shows the 30 days that end with it: two points are no trend."""
WIDTH: Final = 96
HEIGHT: Final = 22
_PAD: Final = 3


@dataclass(frozen=True, slots=True)
class Sparkline:
    """One row's trend as SVG shapes.

    Attributes:
        lines: points of its polylines; a gap is where nothing was rated.
        last: place of the last point; None where nothing was rated.
        first: the first rate, for who does not see the line; `latest` the last; None: none.
    """

    lines: list[str]
    last: tuple[str, str] | None
    first: Rate | None
    latest: Rate | None


@dataclass(frozen=True, slots=True)
class Sparklines:
    """The trends of a table's rows, drawn to one scale from `floor` to 100 percent."""

    period: Period
    floor: int
    of: Mapping[int | str, Sparkline]


def trend_period(period: Period, today: date) -> Period:
    """What small trends show of a period: what has passed of it, or the 30 days to its end."""
    past = elapsed(period, today)
    if past is None:
        return Period(period.start_on, period.start_on)
    if past.days >= SHORT_DAYS:
        return past
    return Period(max(date(1970, 1, 1), past.end_on - timedelta(days=LONGER_DAYS)), past.end_on)


def sparklines(
    reader: LedgerReader,
    view: View,
    *,
    of: str,
    key_of: Callable[[ExcludedRating], int | str],
) -> Sparklines:
    """The trend of every row of a table.

    Args:
        reader: the ledger.
        view: its period is drawn, see `trend_period`; its scope and rule are kept.
        of: `window`, `department` or `staff_no`: what a row is.
        key_of: the row an excluded rating belongs to.
    """
    period = view.period
    by_month = period.days > MOST_POINTS
    if not period.days:
        return Sparklines(period, 0, {})
    length = 1 + bucket_of(period, period.last_on, 1, by_month)
    step = -(-length // MOST_STEPS)
    found = by_bucket(
        reader, period, of=of, step=step, by_month=by_month, departments=view.scope.ids
    )
    out: dict[tuple[int | str, int], Counts] = {}
    for one in view.excluded:
        bucket = bucket_of(period, date.fromisoformat(one.on_date), step, by_month)
        key = (key_of(one), bucket)
        out[key] = out.get(key, Counts()) + level_counts({one.level: 1})
    rates = _rates(found, out, view.rule)
    number = 1 + bucket_of(period, period.last_on, step, by_month)
    floor = _floor(value for row in rates.values() for value in row.values())
    return Sparklines(
        period, floor, {key: _drawn(row, number, floor) for key, row in rates.items()}
    )


def bucket_of(period: Period, on: date, step: int, by_month: bool) -> int:
    """The step of a trend that a day is in, from 0; `step` days or months long."""
    if by_month:
        months = (on.year - period.start_on.year) * 12 + on.month - period.start_on.month
        return months // step
    return (on - period.start_on).days // step


def _rates(
    found: Buckets, out: Mapping[tuple[int | str, int], Counts], rule: Rule
) -> dict[int | str, dict[int, Rate]]:
    rates: dict[int | str, dict[int, Rate]] = defaultdict(dict)
    for (key, bucket), counts in found.items():
        excluded = out.get((key, bucket))
        net = counts if excluded is None else net_of(counts, excluded)
        rate = satisfaction(net, rule)
        if rate.base:
            rates[key][bucket] = rate
    return rates


def _floor(rates: Iterable[Rate]) -> int:
    """Percent at the bottom of the scale: a tenth of the points may lie below it."""
    ordered = sorted(100 * rate.numerator // rate.base for rate in rates)
    return min(95, ordered[len(ordered) // 10] // 5 * 5) if ordered else 0


def _drawn(row: Mapping[int, Rate], number: int, floor: int) -> Sparkline:
    def place(bucket: int) -> tuple[str, str]:
        x = _PAD + (WIDTH - 2 * _PAD) * (bucket / (number - 1) if number > 1 else 0.5)
        percent = 100 * row[bucket].numerator / row[bucket].base
        share = max(0.0, (percent - floor) / (100 - floor))
        return f"{x:.1f}", f"{HEIGHT - _PAD - share * (HEIGHT - 2 * _PAD):.1f}"

    lines: list[list[str]] = []
    before = None
    for bucket in sorted(row):
        if before is None or bucket != before + 1:
            lines.append([])
        lines[-1].append(",".join(place(bucket)))
        before = bucket
    drawn = [" ".join(line if len(line) > 1 else line * 2) for line in lines]
    if before is None:
        return Sparkline([], None, None, None)
    return Sparkline(drawn, place(before), row[min(row)], row[before])

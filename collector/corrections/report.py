"""What reports ask of corrections: the excluded ratings of a period, and the alarms of its months.

Everything that shows a figure asks here, so that pages, command line and export agree.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Final

from collector.corrections.excluded import (
    ExcludedRating,
    ExclusionAlarm,
    Limits,
    exclusion_alarms,
)
from collector.corrections.file import CorrectionsFile
from collector.corrections.reading import exclusions
from collector.ledger.readers.ratings import Query, excluded_ratings, rated_by_month
from collector.periods import Period, between
from collector.settings_care import CorrectionSettings

_EPOCH_ON: Final = date(1970, 1, 1)
_DAY_MS: Final = 86_400_000


def limits_of(settings: CorrectionSettings) -> Limits:
    """When the excluded share of a month is an alarm, by the settings."""
    return Limits(percent=settings.alarm_percent, at_least=settings.alarm_at_least)


def excluded_in(query: Query, file: CorrectionsFile, period: Period) -> list[ExcludedRating]:
    """Excluded ratings whose outcome lies in a period of local days, by number of the correction.

    Raises:
        CorrectionsUnavailable: the corrections are there and cannot be read.
    """
    start, end = period.start_on.isoformat(), period.end_on.isoformat()
    # as if in UTC: the slack of the search is wider than any zone's offset
    bounds = [(on - _EPOCH_ON).days * _DAY_MS for on in (period.start_on, period.end_on)]
    these = exclusions(file, *bounds)
    return [one for one in excluded_ratings(query, these) if start <= one.on_date < end]


def whole_months_around(period: Period) -> Period:
    """From the first day of the period's first month to the last day of its last month."""
    first_on, last_on = period.start_on.replace(day=1), period.last_on
    if (last_on.year, last_on.month) == (date.max.year, date.max.month):
        return Period(first_on, period.end_on)
    year, month = divmod(last_on.year * 12 + last_on.month, 12)
    return Period(first_on, date(year, month + 1, 1))


def month_of(on: date) -> Period:
    """The calendar month of a day."""
    return whole_months_around(between(on, on))


def last_two_months(today: date) -> Period:
    """Today's month and the one before: whose alarms the pages show."""
    year, month = divmod(today.year * 12 + today.month - 2, 12)
    return between(date(year, month + 1, 1), today)


def alarms_in(
    query: Query, file: CorrectionsFile, period: Period, limits: Limits
) -> list[ExclusionAlarm]:
    """Alarms of every calendar month that a period touches, each month in full.

    Raises:
        CorrectionsUnavailable: the corrections are there and cannot be read.
    """
    these = excluded_in(query, file, whole_months_around(period))
    return alarms_of(query, these, limits)


def alarms_of(query: Query, these: list[ExcludedRating], limits: Limits) -> list[ExclusionAlarm]:
    """Alarms of the months of these excluded ratings, which must be all of those months."""
    numbers = Counter(one.on_date[:7] for one in these)
    months = [month for month, number in sorted(numbers.items()) if number >= limits.at_least]
    if not months:
        return []
    return exclusion_alarms(
        [one for one in these if one.on_date[:7] in months], rated_by_month(query, months), limits
    )

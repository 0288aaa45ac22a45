"""Reads what an export run needs of the corrections, once, beside its snapshot of the ledger."""

from __future__ import annotations

from collector.corrections.alarm_text import alarm_text, place_names
from collector.corrections.excluded import ExcludedRating, Limits
from collector.corrections.file import CorrectionsFile
from collector.corrections.reading import chain_mark, exclusions
from collector.corrections.report import alarms_of
from collector.export.corrections import Corrections
from collector.ledger.readers.ratings import Query, excluded_ratings


def read_corrections(query: Query, file: CorrectionsFile, limits: Limits) -> Corrections:
    """All exclusions that hold, by the day their ratings count on, and the alarms of every month.

    Raises:
        CorrectionsUnavailable: the corrections are there and cannot be read.
    """
    mark, held = chain_mark(file), exclusions(file)
    while (now := chain_mark(file)) != mark:  # a decision meanwhile: both must be of one moment
        mark, held = now, exclusions(file)
    these = excluded_ratings(query, held)
    by_day: dict[str, list[ExcludedRating]] = {}
    for one in these:
        by_day.setdefault(one.on_date, []).append(one)
    alarms: dict[str, list[str]] = {}
    codes = place_names(query) if these else {}
    for alarm in alarms_of(query, these, limits):
        alarms.setdefault(alarm.on_month, []).append(alarm_text(alarm, codes))
    return Corrections(mark=mark, by_day=by_day, alarms=alarms)

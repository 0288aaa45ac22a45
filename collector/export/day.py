"""The content of one day's export, before it has a place in the chain of exports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from collector.corrections.excluded import ExcludedRating
from collector.export.balance import (
    OUTCOME_FIELDS,
    at_most,
    compare_day_closes,
    count_differences,
    date_differences,
    detail_counts,
    record_differences,
    summary_counts,
    total,
)
from collector.export.closes import JournalDay
from collector.export.corrections import (
    Record,
    corrections_table,
    excluded_counts,
    summary_excluded,
)
from collector.export.csv_format import parse_csv, render_csv
from collector.export.evidence import (
    KEYS_NAME,
    RECORDS_NAME,
    gap_differences,
    render_keys,
    render_records,
    stretches,
)
from collector.export.facts import facts_digest
from collector.export.manifest import DayCloses, Difference, FileEntry, Stretch, file_entry
from collector.export.source import LedgerSource
from collector.export.tables import Names, departments_table, detail_table, windows_table
from collector.periods import period_ms, single_day
from collector.rates import COUNT_FIELDS, Counts, Rule
from firmware_config.chain import split_token


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltDay:
    """What is said of a day.

    Attributes:
        files: the tables; `entries` what the manifest says of them.
        counts: of the hall; `excluded` those that the net figures leave out.
        evidence: the records that `evidence_of` is to gather.
        facts: digest by which a later run sees that the day has changed.
    """

    files: dict[str, bytes]
    entries: dict[str, FileEntry]
    counts: Counts
    excluded: Counts
    differences: list[Difference]
    day_closes: DayCloses
    evidence: list[Stretch]
    facts: str


def build_day(
    source: LedgerSource,
    names: Names,
    on: date,
    journals: JournalDay,
    corrections: Mapping[Record, ExcludedRating],
    *,
    rule: Rule,
    has_bom: bool,
) -> BuiltDay:
    """Make the tables of a day and compare who counted what.

    Args:
        source: the snapshot.
        names: of windows and departments.
        on: a local day that is over.
        journals: what they hold of it.
        corrections: which of its ratings are excluded.
        rule: of the satisfaction rate.
        has_bom: whether CSV files begin with a byte order mark.
    """
    data, zone = source.day(on), source.identity.zone
    places = {place: Counts() for place in data.places} | data.day_counts
    excluded = excluded_counts(data.outcomes, corrections)
    numbers = {record: one.correction for record, one in corrections.items()}
    tables = (
        detail_table(on, data.outcomes, names, zone, numbers),
        windows_table(on, places, excluded, names, rule),
        departments_table(on, places, excluded, names, rule),
        corrections_table(on, data.outcomes, corrections),
    )
    files = {f"{t.name}.csv": render_csv(t, has_bom=has_bom) for t in tables}
    # counted from the files as a receiver will read them, not from what they were made of
    read = [parse_csv(t.name, files[f"{t.name}.csv"]) for t in tables]
    detail, windows, _departments, _corrections = read
    differences = count_differences(
        {
            "detail": detail_counts(detail),
            "outcomes": data.outcome_counts,
            "day_rollups": summary_counts(windows),
            "hour_rollups": data.hour_counts,
        },
        OUTCOME_FIELDS,
    )
    differences += count_differences(
        {"day_rollups": summary_counts(windows), "hour_rollups": data.hour_counts},
        [field for field in COUNT_FIELDS if field not in OUTCOME_FIELDS],
    )
    differences += record_differences(data.outcomes)
    differences += date_differences(data.outcomes, *period_ms(single_day(on), zone))
    touched = {journal: list(seqs) for journal, seqs in journals.seqs.items()}
    for outcome in data.outcomes:
        touched.setdefault((outcome.device, outcome.epoch), []).append(outcome.seq)
    evidence = stretches(touched)
    for stretch in evidence:
        differences += gap_differences(stretch, source.held_seqs(stretch))
    differences = at_most(differences)
    compared = compare_day_closes(journals.closed, data.devices)
    return BuiltDay(
        files=files,
        entries={f"{t.name}.csv": file_entry(files[f"{t.name}.csv"], len(t.rows)) for t in tables},
        counts=total(summary_counts(windows)),
        excluded=total(summary_excluded(windows)),
        differences=differences,
        day_closes=compared,
        evidence=evidence,
        facts=facts_digest(read, differences, compared.mismatches),
    )


def evidence_of(
    source: LedgerSource, evidence: list[Stretch], checkpoint: str | None
) -> dict[str, tuple[bytes, int]]:
    """The signed tokens of a day and the public keys that signed them.

    Args:
        source: the snapshot.
        evidence: which records.
        checkpoint: token of the newest checkpoint; its signer's key id is named.

    Returns:
        File name → content, and how many tokens or keys are in it.
    """
    kids: set[str] = set()
    tokens: list[bytes] = []
    for stretch in evidence:
        for kid, token in source.tokens(stretch):
            kids.add(kid)
            tokens.append(token)
    registered = source.device_keys()
    keys = [(registered[kid][0], kid, registered[kid][1]) for kid in kids]
    collector_kid = split_token(checkpoint.encode("ascii")).kid if checkpoint else ""
    return {
        RECORDS_NAME: (render_records(tokens), len(tokens)),
        KEYS_NAME: (render_keys(keys, collector_kid), len(keys)),
    }

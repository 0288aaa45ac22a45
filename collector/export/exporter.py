"""One day from the ledger into the folder, if it is new or has changed.

1. Build the tables and compare who counted what.
2. Digest the facts; the same facts as in the day's last export: nothing is written.
3. Otherwise number it, link it to the export made before, and publish it as one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import msgspec

from collector.errors import LedgerMismatch
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
from collector.export.closes import ClosedDay
from collector.export.corrections import (
    Corrections,
    corrections_table,
    excluded_counts,
    summary_excluded,
)
from collector.export.csv_format import GUARD, parse_csv, render_csv
from collector.export.facts import facts_digest
from collector.export.folders import ExportFolder, ExportState, FoundExport, folder_name
from collector.export.manifest import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST_NAME,
    CsvDialect,
    DayCloses,
    Difference,
    FileEntry,
    LedgerMark,
    Link,
    Manifest,
    counts_entry,
    encode_manifest,
    file_entry,
    rule_entry,
    sha256,
)
from collector.export.source import DayData, LedgerSource
from collector.export.tables import (
    Names,
    departments_table,
    detail_table,
    utc_text,
    windows_table,
)
from collector.ledger.readers import LedgerUnavailable
from collector.periods import period_ms, single_day
from collector.rates import COUNT_FIELDS, Counts, Rule
from firmware_config.contract import CONTRACT_VERSION


class Action(StrEnum):
    """What became of one day."""

    MADE = "made"
    REVISED = "revised"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """One day after an export run; `name` is the folder that speaks for it now."""

    on: date
    action: Action
    name: str
    manifest: Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class _BuiltDay:
    """A day's content before it has a place in the chain of exports."""

    files: dict[str, bytes]
    entries: dict[str, FileEntry]
    counts: Counts
    excluded: Counts
    differences: list[Difference]
    day_closes: DayCloses
    facts: str


class Exporter:
    """Exports days of one ledger snapshot into one locked folder.

    Args:
        source: the snapshot.
        corrections: which ratings the net figures leave out.
        folder: where to; the caller holds its lock.
        rule: of the satisfaction rate.
        has_bom: whether CSV files begin with a byte order mark.
        clock: UTC wall clock, for `made_at`.
    """

    def __init__(
        self,
        source: LedgerSource,
        corrections: Corrections,
        folder: ExportFolder,
        *,
        rule: Rule,
        has_bom: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._corrections = corrections
        self._folder = folder
        self._rule = rule
        self._has_bom = has_bom
        self._clock = clock
        self._names: Names = source.names()
        found = folder.exports()
        self._exports: dict[date, FoundExport] = {export.day: export for export in found}
        self._state = _resumed(folder.state(), found)
        for export in found:
            if export.manifest is not None and export.manifest.hall != source.identity.hall:
                raise LedgerMismatch(
                    f"{folder.root}: expected exports of hall {source.identity.hall}, "
                    f"got {export.name} of {export.manifest.hall}"
                )

    @property
    def exported(self) -> Mapping[date, FoundExport]:
        """Day → its last revision."""
        return self._exports

    @property
    def state(self) -> ExportState:
        """What is remembered of all exports."""
        return self._state

    def export(self, on: date, closed: Iterable[ClosedDay]) -> DayResult:
        """Export one day, unless its last export says the same.

        Args:
            on: a local day that is over.
            closed: the journals that closed that day, from `read_closed_days`.

        Raises:
            LedgerUnavailable: the ledger cannot be read, or a writer started on a ledger that was
                opened as if nobody wrote it; nothing was written for this day.
            ExportUnwritable: the folder cannot be written.
        """
        built = self._build(on, self._source.day(on), closed)
        self._require_current()
        last = self._exports.get(on)
        if (
            last is not None
            and last.manifest is not None
            and last.manifest.facts_sha256 == built.facts
        ):
            return DayResult(on=on, action=Action.UNCHANGED, name=last.name, manifest=last.manifest)
        revision = last.revision + 1 if last else 1
        replaces = last.link if last else None
        manifest = self._manifest(on, built, revision, replaces)
        content = encode_manifest(manifest)
        name = folder_name(on, revision)
        self._folder.publish(name, {**built.files, MANIFEST_NAME: content})
        self._exports[on] = FoundExport(
            name=name,
            day=on,
            revision=revision,
            manifest=manifest,
            sha256=sha256(content),
            problem="",
        )
        self._remember(number=manifest.number, head=self._exports[on].link)
        action = Action.MADE if last is None else Action.REVISED
        return DayResult(on=on, action=action, name=name, manifest=manifest)

    def mark_checked(self) -> None:
        """Remember that every exported day agrees with this snapshot."""
        self._require_current()
        identity = self._source.identity
        self._remember(
            gen=identity.gen, checked=identity.size, assignments=list(self._source.assignments())
        )

    def _require_current(self) -> None:
        if not self._source.is_current:
            raise LedgerUnavailable("ledger: a writer started while it was read; run again")

    def _remember(self, **changes: object) -> None:
        state = msgspec.structs.replace(self._state, **changes)
        if state != self._state:
            self._folder.remember(state)
            self._state = state

    def _build(self, on: date, data: DayData, closed: Iterable[ClosedDay]) -> _BuiltDay:
        identity, names, rule = self._source.identity, self._names, self._rule
        places = {place: Counts() for place in data.places} | data.day_counts
        out = self._corrections.of(on)
        excluded = excluded_counts(data.outcomes, out)
        numbers = {record: one.correction for record, one in out.items()}
        tables = (
            detail_table(on, data.outcomes, names, identity.zone, numbers),
            windows_table(on, places, excluded, names, rule),
            departments_table(on, places, excluded, names, rule),
            corrections_table(on, data.outcomes, out),
        )
        files = {f"{t.name}.csv": render_csv(t, has_bom=self._has_bom) for t in tables}
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
        differences += date_differences(data.outcomes, *period_ms(single_day(on), identity.zone))
        differences = at_most(differences)
        compared = compare_day_closes(closed, data.devices)
        return _BuiltDay(
            files=files,
            entries={
                f"{t.name}.csv": file_entry(files[f"{t.name}.csv"], len(t.rows)) for t in tables
            },
            counts=total(summary_counts(windows)),
            excluded=total(summary_excluded(windows)),
            differences=differences,
            day_closes=compared,
            facts=facts_digest(read, differences, compared.mismatches),
        )

    def _manifest(
        self, on: date, built: _BuiltDay, revision: int, replaces: Link | None
    ) -> Manifest:
        identity = self._source.identity
        start_ms, end_ms = period_ms(single_day(on), identity.zone)
        return Manifest(
            format=FORMAT,
            format_version=FORMAT_VERSION,
            contract_version=CONTRACT_VERSION,
            number=self._state.number + 1,
            previous=self._state.head,
            hall=identity.hall,
            hall_name=identity.hall_name,
            day=on.isoformat(),
            timezone=identity.zone.key,
            day_start=utc_text(start_ms),
            day_end=utc_text(end_ms),
            revision=revision,
            replaces=replaces,
            made_at=_utc_seconds(self._clock()),
            ledger=LedgerMark(gen=identity.gen, size=identity.size, root=identity.root),
            rule=rule_entry(self._rule),
            counts=counts_entry(built.counts, self._rule, built.excluded),
            corrections=self._corrections.entry(on),
            balanced=not built.differences and not built.day_closes.mismatches,
            differences=built.differences,
            day_closes=built.day_closes,
            csv=CsvDialect(encoding="utf-8", bom=self._has_bom, line_end="CRLF", guard=GUARD),
            files=built.entries,
            facts_sha256=built.facts,
        )


def _resumed(state: ExportState, found: Iterable[FoundExport]) -> ExportState:
    """The state, brought forward to the highest number found, if a kill left it behind."""
    for export in found:
        if export.manifest is not None and export.manifest.number > state.number:
            state = msgspec.structs.replace(state, number=export.manifest.number, head=export.link)
    return state


def _utc_seconds(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")

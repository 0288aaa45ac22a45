"""One day from the ledger into the folder, if it is new or has changed.

1. Build the tables and compare who counted what.
2. Digest the facts; the same facts as in the day's last export: nothing is written.
3. Otherwise gather the signed records of the day, number the export, link it to the one made
   before, and publish it as one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import msgspec

from collector.corrections.entries import ChainMark
from collector.errors import LedgerMismatch
from collector.export.closes import JournalDay
from collector.export.corrections import Corrections
from collector.export.csv_format import GUARD
from collector.export.day import BuiltDay, build_day, evidence_of
from collector.export.folders import ExportFolder, ExportState, FoundExport, folder_name
from collector.export.manifest import (
    FORMAT,
    FORMAT_VERSION,
    MANIFEST_NAME,
    CsvDialect,
    LedgerMark,
    Link,
    Manifest,
    counts_entry,
    encode_manifest,
    file_entry,
    sha256,
)
from collector.export.rule_entry import rule_entry
from collector.export.source import LedgerSource
from collector.export.tables import Names, utc_text
from collector.periods import period_ms, single_day
from collector.rules.entries import Version
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


class Exporter:
    """Exports days of one ledger snapshot into one locked folder.

    Args:
        source: the snapshot.
        corrections: which ratings the net figures leave out.
        folder: where to; the caller holds its lock.
        version_on: the version of the hall's rules that is the rule of a local day.
        has_bom: whether CSV files begin with a byte order mark.
        clock: UTC wall clock, for `made_at`.
    """

    def __init__(
        self,
        source: LedgerSource,
        corrections: Corrections,
        folder: ExportFolder,
        *,
        version_on: Callable[[date], Version],
        has_bom: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._source = source
        self._corrections = corrections
        self._folder = folder
        self._version_on = version_on
        self._has_bom = has_bom
        self._clock = clock
        self._names: Names = source.names()
        found = folder.exports()
        self._exports: dict[date, FoundExport] = {export.day: export for export in found}
        self._marks = marks_of(found)
        self._fallen = fallen_days(found, corrections.mark)
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
    def marks(self) -> Mapping[str, ChainMark]:
        """How far the chain of corrections went: each mark once, by the export that has it."""
        return self._marks

    @property
    def fallen(self) -> frozenset[date]:
        """Days exported with a shorter chain of corrections than exports before them, which can
        be made again with the whole one."""
        return self._fallen

    @property
    def state(self) -> ExportState:
        """What is remembered of all exports."""
        return self._state

    def export(self, on: date, journals: JournalDay) -> DayResult:
        """Export one day, unless its last export says the same.

        Args:
            on: a local day that is over.
            journals: what they hold of that day, from `read_journal_days`.

        Raises:
            LedgerUnavailable: the ledger cannot be read, or a writer started on a ledger that was
                opened as if nobody wrote it; nothing was written for this day.
            ExportUnwritable: the folder cannot be written.
        """
        built = build_day(
            self._source,
            self._names,
            on,
            journals,
            self._corrections.of(on),
            rule=self._version_on(on).rule,
            has_bom=self._has_bom,
        )
        self._require_current()
        last = self._exports.get(on)
        if (
            last is not None
            and last.manifest is not None
            and last.manifest.facts_sha256 == built.facts
            and on not in self._fallen
        ):
            return DayResult(on=on, action=Action.UNCHANGED, name=last.name, manifest=last.manifest)
        revision = last.revision + 1 if last else 1
        replaces = last.link if last else None
        checkpoint = self._source.checkpoint()
        evidence = evidence_of(self._source, built.evidence, checkpoint)
        self._require_current()
        manifest = self._manifest(on, built, revision, replaces, evidence, checkpoint)
        content = encode_manifest(manifest)
        name = folder_name(on, revision)
        files = {file_name: content for file_name, (content, _) in evidence.items()}
        self._folder.publish(name, {**built.files, **files, MANIFEST_NAME: content})
        self._exports[on] = FoundExport(
            name=name,
            day=on,
            revision=revision,
            manifest=manifest,
            sha256=sha256(content),
            problem="",
        )
        self._fallen -= {on}
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
        self._source.require_current()

    def _remember(self, **changes: object) -> None:
        state = msgspec.structs.replace(self._state, **changes)
        if state != self._state:
            self._folder.remember(state)
            self._state = state

    def _manifest(
        self,
        on: date,
        built: BuiltDay,
        revision: int,
        replaces: Link | None,
        evidence: Mapping[str, tuple[bytes, int]],
        checkpoint: str | None,
    ) -> Manifest:
        identity = self._source.identity
        version = self._version_on(on)
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
            rule=rule_entry(version),
            counts=counts_entry(built.counts, version.rule, built.excluded),
            corrections=self._corrections.entry(on),
            balanced=not built.differences and not built.day_closes.mismatches,
            differences=built.differences,
            day_closes=built.day_closes,
            csv=CsvDialect(encoding="utf-8", bom=self._has_bom, line_end="CRLF", guard=GUARD),
            evidence=built.evidence,
            checkpoint=checkpoint,
            files={
                **built.entries,
                **{name: file_entry(content, rows) for name, (content, rows) in evidence.items()},
            },
            facts_sha256=built.facts,
        )


def marks_of(found: Iterable[FoundExport]) -> dict[str, ChainMark]:
    """Name of an export → how far the chain of corrections went then; the same mark only once."""
    names: dict[ChainMark, str] = {}
    for export in found:
        if export.manifest is not None:
            said = export.manifest.corrections
            names.setdefault(ChainMark(entries=said.entries, head=said.head), export.name)
    return {f"corrections: {name}": mark for mark, name in names.items()}


def fallen_days(found: Iterable[FoundExport], mark: ChainMark) -> frozenset[date]:
    """Days whose last export has fewer entries of corrections than one made before it.

    Args:
        found: all exports, by day and revision.
        mark: the chain now; none can be made again while it is itself too short.
    """
    manifests = sorted(
        ((one.manifest, one.day) for one in found if one.manifest), key=lambda one: one[0].number
    )
    longest, fallen = 0, dict[date, tuple[int, bool]]()
    for manifest, day in manifests:
        entries = manifest.corrections.entries
        if manifest.revision >= fallen.get(day, (0, False))[0]:
            fallen[day] = (manifest.revision, entries < longest)
        longest = max(longest, entries)
    if mark.entries < longest:
        return frozenset()
    return frozenset(day for day, (_revision, is_fallen) in fallen.items() if is_fallen)


def _resumed(state: ExportState, found: Iterable[FoundExport]) -> ExportState:
    """The state, brought forward to the highest number found, if a kill left it behind."""
    for export in found:
        if export.manifest is not None and export.manifest.number > state.number:
            state = msgspec.structs.replace(state, number=export.manifest.number, head=export.link)
    return state


def _utc_seconds(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")

"""Checking exports without the ledger: what a receiver can find out with the folder alone.

Every hash, every count from the detail upwards, every rate by the named rule, and the chain of
manifests. Nothing is taken from a manifest that the files can tell by themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from collector.export.balance import (
    OUTCOME_FIELDS,
    count_differences,
    detail_counts,
    summary_counts,
    total,
)
from collector.export.corrections import CORRECTIONS_COLUMNS, correction_problems, summary_excluded
from collector.export.csv_format import NotCsv, parse_csv
from collector.export.facts import facts_digest
from collector.export.figures import figures
from collector.export.folders import ExportFolder, FoundExport, parse_folder_name, read_export
from collector.export.manifest import MANIFEST_NAME, Link, Manifest, counts_entry, rule_of, sha256
from collector.export.tables import (
    CORRECTIONS,
    DEPARTMENTS,
    DEPARTMENTS_COLUMNS,
    DETAIL,
    DETAIL_COLUMNS,
    TABLE_NAMES,
    WINDOWS,
    WINDOWS_COLUMNS,
    Place,
    Table,
    utc_text,
)
from collector.periods import period_ms, single_day
from collector.rates import Counts, Rule

_COLUMNS: Final = {
    DETAIL: DETAIL_COLUMNS,
    WINDOWS: WINDOWS_COLUMNS,
    DEPARTMENTS: DEPARTMENTS_COLUMNS,
    CORRECTIONS: CORRECTIONS_COLUMNS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found about one export; no `problems`: it passes.

    Attributes:
        name: of its folder, or of what is wrong in the folder around it.
        problems: what is wrong, one line each.
        notes: what a reader should know although it is not wrong.
    """

    name: str
    problems: list[str]
    notes: list[str]


def verify(folder: Path) -> list[Finding]:
    """Check an export, or all exports in a folder and the chain between them.

    Args:
        folder: the folder of one day, or the folder of all days.

    Returns:
        One finding for each export, in order of day and revision; empty when there is none.
    """
    if parse_folder_name(folder.resolve().name) is not None:
        export = read_export(folder.resolve())
        assert export is not None
        note = "one export alone: the chain to its neighbours was not checked"
        return [Finding(name=export.name, problems=_problems(folder, export), notes=[note])]
    exports = ExportFolder(folder).exports()
    chain = _chain_problems(exports)
    findings = []
    for export in exports:
        problems = _problems(folder / export.name, export) + chain.pop(export.name, [])
        findings.append(Finding(name=export.name, problems=problems, notes=_notes(export)))
    return findings + [Finding(name=n, problems=p, notes=[]) for n, p in sorted(chain.items())]


def _notes(export: FoundExport) -> list[str]:
    manifest = export.manifest
    if manifest is None:
        return []
    notes = []
    if not manifest.balanced:
        number = len(manifest.differences) + len(manifest.day_closes.mismatches)
        notes.append(f"marked as not balanced: {number} differences")
    notes += [f"alarm: {alarm}" for alarm in manifest.corrections.alarms]
    if manifest.day_closes.missing:
        notes.append(f"{len(manifest.day_closes.missing)} devices had not closed the day")
    return notes


def _chain_problems(exports: list[FoundExport]) -> dict[str, list[str]]:
    """Folder name → what is wrong with its links to other exports."""
    found: dict[str, list[str]] = {}
    readable = {e.name: e for e in exports if e.manifest is not None}
    numbers: dict[int, list[FoundExport]] = {}
    for export in readable.values():
        assert export.manifest is not None
        numbers.setdefault(export.manifest.number, []).append(export)
    first = min(numbers, default=0)
    for number, bearers in sorted(numbers.items()):
        for export in bearers:
            problems = found.setdefault(export.name, [])
            if len(bearers) > 1:
                others = ", ".join(e.name for e in bearers if e is not export)
                problems.append(f"number {number} is borne by {others} too")
            manifest = export.manifest
            assert manifest is not None
            if (number == 1) != (manifest.previous is None):
                problems.append("previous: expected none for number 1 and one for any other")
            if number > first and manifest.previous is not None:
                problems += _link_problems("previous", manifest.previous, readable)
                if number - 1 not in numbers:
                    problems.append(f"number {number - 1}, made before it, is not in the folder")
                elif manifest.previous.folder not in {e.name for e in numbers[number - 1]}:
                    problems.append(
                        f"previous: expected number {number - 1}, got {manifest.previous.folder}"
                    )
            for before in numbers.get(number - 1, [])[:1]:
                assert before.manifest is not None
                if before.manifest.hall != manifest.hall:
                    problems.append(f"hall: {before.manifest.hall} in {before.name}, then other")
                was, now = before.manifest.ledger, manifest.ledger
                if was.gen == now.gen and was.size > now.size:
                    problems.append(f"ledger: {was.size} records in {before.name}, then {now.size}")
            if manifest.replaces is not None:
                problems += _link_problems("replaces", manifest.replaces, readable)
    return {name: problems for name, problems in found.items() if problems}


def _link_problems(field: str, link: Link, readable: dict[str, FoundExport]) -> list[str]:
    folder, digest = link.folder, link.sha256
    if folder not in readable:
        return [f"{field}: {folder} is not in the folder, or cannot be read"]
    if readable[folder].sha256 != digest:
        return [
            f"{field}: SHA-256 of {folder}/{MANIFEST_NAME}: "
            f"expected {digest}, got {readable[folder].sha256}"
        ]
    return []


def _problems(folder: Path, export: FoundExport) -> list[str]:
    manifest = export.manifest
    if manifest is None:
        return [export.problem]
    problems = list(_limit_problems(manifest))
    if manifest.day != export.day.isoformat() or manifest.revision != export.revision:
        problems.append(
            f"{MANIFEST_NAME}: expected day {export.day} revision {export.revision} by the "
            f"folder's name, got {manifest.day} revision {manifest.revision}"
        )
    if (manifest.revision == 1) != (manifest.replaces is None):
        problems.append("replaces: expected none for revision 1 and one for any other")
    contents: dict[str, bytes] = {}
    try:
        present = {entry.name for entry in folder.iterdir()}
        for name in sorted(present & set(manifest.files)):
            contents[name] = (folder / name).read_bytes()
    except OSError as error:
        return [*problems, f"{folder}: {error.strerror}"]
    expected = {f"{name}.csv" for name in TABLE_NAMES}
    problems += [f"{name}: not in the manifest" for name in sorted(expected - set(manifest.files))]
    problems += [f"{name}: missing" for name in sorted(set(manifest.files) - present)]
    strangers = present - set(manifest.files) - {MANIFEST_NAME}
    problems += [f"{name}: not in the manifest" for name in sorted(strangers)]
    for name, content in contents.items():
        entry = manifest.files[name]
        if len(content) != entry.bytes:
            problems.append(f"{name}: expected {entry.bytes} bytes, got {len(content)}")
        if sha256(content) != entry.sha256:
            problems.append(f"{name}: SHA-256: expected {entry.sha256}, got {sha256(content)}")
    if not expected <= set(contents):
        return problems
    try:
        tables = {name: parse_csv(name, contents[f"{name}.csv"]) for name in TABLE_NAMES}
        problems += _table_problems(tables, manifest)
    except (NotCsv, ValueError) as error:
        problems.append(str(error))
    return problems


def _limit_problems(manifest: Manifest) -> Iterator[str]:
    try:
        limits = period_ms(
            single_day(date.fromisoformat(manifest.day)), ZoneInfo(manifest.timezone)
        )
    except (ValueError, KeyError, OSError) as error:
        yield f"{MANIFEST_NAME}: day and time zone: {error}"
        return
    expected = [utc_text(ms) for ms in limits]
    if [manifest.day_start, manifest.day_end] != expected:
        yield f"{MANIFEST_NAME}: day_start, day_end: expected {', '.join(expected)}"


def _table_problems(tables: dict[str, Table], manifest: Manifest) -> list[str]:
    problems = []
    for name, table in tables.items():
        if table.columns != _COLUMNS[name]:
            return [f"{name}.csv: expected the columns {', '.join(_COLUMNS[name])}"]
        rows = manifest.files[f"{name}.csv"].rows
        if len(table.rows) != rows:
            problems.append(f"{name}.csv: expected {rows} rows, got {len(table.rows)}")
        if any(row["day"] != manifest.day for row in table.dicts()):
            problems.append(f"{name}.csv: has rows of another day")
    rule = rule_of(manifest.rule)
    windows, departments = summary_counts(tables[WINDOWS]), summary_counts(tables[DEPARTMENTS])
    hall = total(windows)
    excluded = total(summary_excluded(tables[WINDOWS]))
    if counts_entry(hall, rule, excluded) != manifest.counts:
        problems.append("windows.csv: its sums are not the manifest's counts")
    if not manifest.differences:  # where there are some, the manifest says so itself
        sources = {"detail.csv": detail_counts(tables[DETAIL]), "windows.csv": windows}
        problems += [
            f"{difference.what}: "
            + ", ".join(f"{name} {number}" for name, number in difference.found.items())
            for difference in count_differences(sources, OUTCOME_FIELDS)
        ]
    by_department: dict[Place, Counts] = {}
    for (_window, department), counts in windows.items():
        by_department["", department] = by_department.get(("", department), Counts()) + counts
    if by_department != departments:
        problems.append("departments.csv: not the sums of windows.csv by department")
    problems += list(correction_problems(tables, manifest))
    problems += list(_figure_problems(tables, rule))
    problems += list(_detail_problems(tables[DETAIL], manifest))
    is_balanced = not manifest.differences and not manifest.day_closes.mismatches
    if manifest.balanced != is_balanced:
        problems.append(f"{MANIFEST_NAME}: balanced: expected {is_balanced}")
    ordered = (tables[name] for name in TABLE_NAMES)
    facts = facts_digest(ordered, manifest.differences, manifest.day_closes.mismatches)
    if facts != manifest.facts_sha256:
        problems.append(f"facts: expected {manifest.facts_sha256}, got {facts}")
    return problems


def _figure_problems(tables: dict[str, Table], rule: Rule) -> Iterator[str]:
    for name in (WINDOWS, DEPARTMENTS):
        table = tables[name]
        first = table.columns.index("invited")
        for number, row in enumerate(table.rows, start=2):
            one = Table(name, table.columns, [row])
            excluded = total(summary_excluded(one))
            if row[first:] != figures(total(summary_counts(one)), rule, excluded):
                yield f"{name}.csv: row {number}: its rates do not follow from its counts"


def _detail_problems(detail: Table, manifest: Manifest) -> Iterator[str]:
    keys = Counter((row["device"], row["epoch"], row["seq"]) for row in detail.dicts())
    for (device, epoch, seq), times in keys.items():
        if times > 1:
            yield f"detail.csv: record {device}/{epoch}/{seq} stands there {times} times"
    if manifest.differences:  # an outcome dated to another day is one of them
        return
    for number, row in enumerate(detail.dicts(), start=2):
        local = datetime.fromisoformat(row["pressed_local"])
        if local.date().isoformat() != manifest.day:
            yield f"detail.csv: row {number}: {row['pressed_local']} is not on {manifest.day}"
        if local != datetime.fromisoformat(row["pressed_utc"]):
            yield f"detail.csv: row {number}: {row['pressed_local']} is not {row['pressed_utc']}"

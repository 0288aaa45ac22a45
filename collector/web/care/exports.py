"""The nightly exports as they lie in their folder: which days are there, what each one says.

Names are read for the whole folder, manifests only of the days that are shown: the cost of a page
does not grow with the years.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from collector.export.folders import FoundExport, parse_folder_name, read_export
from collector.export.manifest import MANIFEST_NAME, sha256
from collector.export.plan import GRACE, due_days, last_due_on
from collector.periods import Period

LOOKED_AT_DAYS: Final = 31
"""How many of the last exported days are looked at for one that does not balance. Our choice: as
many as the export itself looks back (`export.recheck_days`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportState:
    """How the exports stand.

    Attributes:
        is_readable: whether the folder can be read; one that is not there yet is empty.
        due_on: last day that must be there; None: nothing to export yet.
        last_on: last day that is there; None: none.
        missing: days that are due and not there, ascending.
        next_at: when the next nightly run begins, the hall's time.
        exports: number of exports, revisions included.
    """

    is_readable: bool
    due_on: date | None
    last_on: date | None
    missing: list[date]
    next_at: datetime
    exports: int


class ExportChanged(ValueError):
    """A file is not what the manifest of its export says."""


def names_by_day(root: Path) -> dict[date, list[str]]:
    """Day → names of its exports by revision, ascending; empty where there is no folder yet.

    Raises:
        OSError: it cannot be read.
    """
    found: dict[date, list[tuple[int, str]]] = {}
    try:
        entries = os.listdir(root)
    except FileNotFoundError:
        return {}
    for name in entries:
        parsed = parse_folder_name(name)
        if parsed is not None:
            found.setdefault(parsed[0], []).append((parsed[1], name))
    return {on: [name for _, name in sorted(found[on])] for on in sorted(found)}


def export_state(
    exported: Mapping[date, object] | None,
    counted: Collection[date],
    first_received_on: date | None,
    *,
    now: datetime,
    run_at: time,
) -> ExportState:
    """How the exports stand.

    Args:
        exported: days that are there → anything; None: the folder cannot be read.
        counted: days of the ledger that have counts.
        first_received_on: day the ledger's first record was received; None: it is empty.
        now: aware, in the hall's zone.
        run_at: local time of the nightly run.
    """
    due_on = last_due_on(now, run_at, is_now=False, grace=GRACE)
    due = due_days(counted, first_received_on, due_on)
    there = exported or {}
    next_on = now.date() if now.time() < run_at else now.date() + timedelta(days=1)
    return ExportState(
        is_readable=exported is not None,
        due_on=due_on if due else None,
        last_on=max(there, default=None),
        missing=[on for on in due if on not in there] if exported is not None else [],
        next_at=datetime.combine(next_on, run_at, now.tzinfo),
        exports=len(there),
    )


def exports_in(root: Path, names: Mapping[date, list[str]], period: Period) -> list[FoundExport]:
    """Every export of a period, newest day and revision first."""
    found = [
        read_export(root / name)
        for on, of_day in names.items()
        if period.start_on <= on < period.end_on
        for name in of_day
    ]
    return [one for one in reversed(found) if one is not None]


def unbalanced_days(root: Path, names: Mapping[date, list[str]]) -> list[date]:
    """Of the last exported days those whose newest revision does not balance, ascending."""
    last = {on: names[on][-1] for on in sorted(names)[-LOOKED_AT_DAYS:]}
    found = {on: read_export(root / name) for on, name in last.items()}
    return [on for on, one in found.items() if one and one.manifest and not one.manifest.balanced]


def export_file(root: Path, name: str, file: str) -> bytes | None:
    """The content of one file of an export; None: there is no such export or file.

    Only names that the manifest lists are ever opened, and nothing outside the export's folder.

    Raises:
        ExportChanged: it is not what the manifest says.
        OSError: it cannot be read.
    """
    if parse_folder_name(name) is None:
        return None
    folder = root / name
    found = read_export(folder) if folder.is_dir() else None
    if found is None or found.manifest is None:
        return None
    entry = found.manifest.files.get(file)
    if (entry is None and file != MANIFEST_NAME) or Path(file).name != file:
        return None
    path = folder / file
    if path.is_symlink() or folder.is_symlink():
        return None
    content = path.read_bytes()
    expected = found.sha256 if entry is None else entry.sha256
    if sha256(content) != expected:
        raise ExportChanged(f"{name}/{file}: expected SHA-256 {expected}, got {sha256(content)}")
    return content

"""What the API answers about the nightly exports."""

from __future__ import annotations

from datetime import date

from collector.export.folders import FoundExport
from collector.web.answers import Answer, Count, Month
from collector.web.care.exports import ExportState


class ExportFileAnswer(Answer):
    """One file: data rows (the header not counted), bytes, SHA-256 in hex."""

    name: str
    rows: Count
    bytes: Count
    sha256: str


class ExportAnswer(Answer):
    """One export of one local day.

    Attributes:
        number: of all exports of this hall, in the order they were made.
        sha256: of the manifest, hex.
        problem: why there is nothing to tell of it; then the other fields are null or empty.
    """

    folder: str
    day: date
    revision: int
    sha256: str
    problem: str
    number: int | None = None
    made: str | None = None
    balanced: bool | None = None
    rated: Count | None = None
    unrated: Count | None = None
    excluded: Count | None = None
    files: tuple[ExportFileAnswer, ...] = ()


class ExportsAnswer(Answer):
    """How the exports stand, and those of a month, newest first.

    Attributes:
        readable: whether the folder can be read from here.
        due: last day that must be there; null: none yet.
        next: when the next nightly run begins, the hall's time.
        missing: days that are due and not there.
        unbalanced: of the last weeks, days whose newest revision does not balance.
    """

    readable: bool
    due: date | None
    last: date | None
    next: str
    missing: list[date]
    unbalanced: list[date]
    exports: Count
    month: Month
    of_month: list[ExportAnswer]


def export_answer(found: FoundExport) -> ExportAnswer:
    """One export for machines."""
    manifest = found.manifest
    if manifest is None:
        return ExportAnswer(
            folder=found.name,
            day=found.day,
            revision=found.revision,
            sha256=found.sha256,
            problem=found.problem,
        )
    return ExportAnswer(
        folder=found.name,
        day=found.day,
        revision=found.revision,
        sha256=found.sha256,
        problem="",
        number=manifest.number,
        made=manifest.made_at,
        balanced=manifest.balanced,
        rated=manifest.counts.rated,
        unrated=manifest.counts.unrated,
        excluded=manifest.counts.excluded,
        files=tuple(
            ExportFileAnswer(name=name, rows=file.rows, bytes=file.bytes, sha256=file.sha256)
            for name, file in manifest.files.items()
        ),
    )


def exports_answer(
    state: ExportState, unbalanced: list[date], month: str, found: list[FoundExport]
) -> ExportsAnswer:
    """The page for machines."""
    return ExportsAnswer(
        readable=state.is_readable,
        due=state.due_on,
        last=state.last_on,
        next=state.next_at.isoformat(timespec="seconds"),
        missing=state.missing,
        unbalanced=unbalanced,
        exports=state.exports,
        month=month,
        of_month=[export_answer(one) for one in found],
    )

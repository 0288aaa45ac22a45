"""Monthly summaries in a folder: made once, replaced as a whole, listed with what is wrong.

A month is three files and `MONTH.json`, which names their SHA-256 and is written last: a summary
whose files are not those is incomplete, and the next run makes it again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from collector.chained import chained_digest
from collector.errors import CollectorError
from collector.rules.entries import version_digest
from collector.web.reports.columns import cells, columns_of
from collector.web.reports.files import report_csv, report_xlsx
from collector.web.reports.model import Report
from firmware_config.chain import b64url
from firmware_config.errors import ExitCode
from firmware_config.files import write_atomically

FILE_MODE: Final = 0o640
MONTH: Final = re.compile(r"20\d\d-(0[1-9]|1[0-2])")
KINDS: Final = (".xlsx", "-departments.csv", "-windows.csv")
"""Ends of the files of a month."""


class SummaryUnwritable(CollectorError, OSError):
    """The folder cannot be written; what was there stays."""

    exit_code = ExitCode.IO


class Summary(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `MONTH.json` says.

    Attributes:
        month: e.g. `2026-10`.
        rule: name and version of the rules, with `rule_digest` over all of that version.
        ledger_size: records it was computed from, with `ledger_root` over them (base64url).
        facts: SHA-256 over all figures and the rule: the same figures make no new summary.
        made_ms: UTC milliseconds.
        files: name → SHA-256 in hex.
    """

    month: str
    rule: str
    rule_digest: str
    ledger_gen: str
    ledger_size: int
    ledger_root: str
    facts: str
    made_ms: int
    files: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSummary:
    """A summary in the folder; `problem` empty: its files are those it names."""

    month: str
    summary: Summary | None
    problem: str


def _facts_of(reports: Mapping[str, Report]) -> str:
    told = {
        name: [
            [None if cell is None else str(cell) for cell in cells(row, columns_of(report.by))]
            for row in report.all_rows
        ]
        for name, report in reports.items()
    }
    version = next(iter(reports.values())).version
    return chained_digest({**told, "rule": version_digest(version)}).hex()


def write_summary(
    folder: Path, month: str, departments: Report, windows: Report
) -> tuple[Summary, bool]:
    """Write a month's summary, unless the one that is there says the same.

    Args:
        folder: made when missing.
        month: e.g. `2026-10`.
        departments: its report by department.
        windows: its report by window.

    Returns:
        The summary that speaks for the month now, and whether it was written.

    Raises:
        SummaryUnwritable: see there.
    """
    facts = _facts_of({"departments": departments, "windows": windows})
    known = found_summary(folder, month)
    if known.summary is not None and not known.problem and known.summary.facts == facts:
        return known.summary, False
    contents = dict(
        zip(
            [f"{month}{end}" for end in KINDS],
            [
                report_xlsx([departments, windows]),
                report_csv(departments, has_bom=True),
                report_csv(windows, has_bom=True),
            ],
            strict=True,
        )
    )
    ledger = departments.ledger
    summary = Summary(
        month=month,
        rule=str(departments.version.rule),
        rule_digest=_text(version_digest(departments.version)),
        ledger_gen=ledger.gen,
        ledger_size=ledger.size,
        ledger_root=_text(ledger.root),
        facts=facts,
        made_ms=departments.made_ms,
        files={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    )
    try:
        for name, content in contents.items():
            write_atomically(folder / name, content, mode=FILE_MODE)
        body = msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n"
        write_atomically(folder / f"{month}.json", body, mode=FILE_MODE)
    except OSError as error:
        raise SummaryUnwritable(f"{folder}: {error.strerror or error}") from error
    return summary, True


def _text(raw: bytes) -> str:
    return b64url(raw).decode("ascii")


def found_summary(folder: Path, month: str) -> FoundSummary:
    """One month as it is in the folder."""
    try:
        summary = msgspec.json.decode((folder / f"{month}.json").read_bytes(), type=Summary)
        for name, digest in summary.files.items():
            if name not in [f"{month}{end}" for end in KINDS]:
                raise ValueError(f"{name}: expected a file of this month")
            if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
                raise ValueError(f"{name}: is not the file that was made")
    except (OSError, ValueError, msgspec.DecodeError) as error:
        return FoundSummary(month=month, summary=None, problem=str(error))
    return FoundSummary(month=month, summary=summary, problem="")


def summaries_in(folder: Path) -> list[FoundSummary]:
    """All months of a folder, newest first; none where it cannot be read."""
    try:
        names = [path.name for path in folder.glob("20*.json")]
    except OSError:
        return []
    months = sorted((name[:-5] for name in names if MONTH.fullmatch(name[:-5])), reverse=True)
    return [found_summary(folder, month) for month in months]

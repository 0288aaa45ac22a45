"""What an export says of corrections (误评): its table, and what must follow from it. Pure.

A row of `detail.csv` names the correction that leaves it out; `corrections.csv` says of each who
proposed and who approved it. Notes stay in the hall: they may speak of people.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from collector.corrections.entries import EMPTY_CHAIN, ChainMark
from collector.corrections.excluded import ExcludedRating, level_counts
from collector.export.manifest import CorrectionsEntry, Manifest
from collector.export.tables import (
    CORRECTIONS,
    DEPARTMENTS,
    DETAIL,
    WINDOWS,
    Outcome,
    Place,
    Table,
    utc_text,
)
from collector.rates import Counts
from firmware_config.chain import b64url
from firmware_config.levels import LEVELS

CORRECTIONS_COLUMNS: Final = (
    "day",
    "correction",
    "device",
    "epoch",
    "seq",
    "digest",
    "window",
    "department",
    "level",
    "reason",
    "author",
    "proposed_utc",
    "approver",
    "approved_utc",
)

Record = tuple[str, str, int]
"""Device, epoch, seq."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrections:
    """The corrections at one moment, as far as an export needs them.

    Attributes:
        mark: how far their chain went.
        by_day: ISO local day → its excluded ratings, by number of the correction.
        alarms: ISO month → its alarms, a line each.
    """

    mark: ChainMark = EMPTY_CHAIN
    by_day: Mapping[str, Sequence[ExcludedRating]] = field(default_factory=dict)
    alarms: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def of(self, on: date) -> dict[Record, ExcludedRating]:
        """The excluded ratings of a day by their records."""
        these = self.by_day.get(on.isoformat(), ())
        return {(one.device, one.epoch, one.seq): one for one in these}

    def entry(self, on: date) -> CorrectionsEntry:
        """What the manifest of a day says of them."""
        text = on.isoformat()
        return CorrectionsEntry(
            entries=self.mark.entries,
            head=self.mark.head,
            in_day=[one.correction for one in self.by_day.get(text, ())],
            alarms=list(self.alarms.get(text[:7], ())),
        )


def corrections_table(
    on: date, outcomes: Iterable[Outcome], excluded: Mapping[Record, ExcludedRating]
) -> Table:
    """The approved exclusions of a day, ordered by number."""
    rows = []
    for outcome in outcomes:
        one = excluded.get((outcome.device, outcome.epoch, outcome.seq))
        if one is not None:
            rows.append(
                (
                    one.correction,
                    (
                        on.isoformat(),
                        str(one.correction),
                        one.device,
                        one.epoch,
                        str(one.seq),
                        b64url(one.digest).decode("ascii"),
                        outcome.window,
                        outcome.department,
                        str(outcome.level),
                        one.reason,
                        one.author,
                        utc_text(one.proposed_ms),
                        one.approver,
                        utc_text(one.approved_ms),
                    ),
                )
            )
    return Table(CORRECTIONS, CORRECTIONS_COLUMNS, [row for _number, row in sorted(rows)])


def excluded_counts(
    outcomes: Iterable[Outcome], excluded: Mapping[Record, ExcludedRating]
) -> dict[Place, Counts]:
    """Excluded ratings by level, by window and department."""
    found: dict[Place, Counter[int]] = {}
    for outcome in outcomes:
        if (outcome.device, outcome.epoch, outcome.seq) in excluded:
            here = found.setdefault((outcome.window, outcome.department), Counter())
            here[outcome.level or 0] += 1
    return {place: level_counts(levels) for place, levels in found.items()}


def summary_excluded(summary: Table) -> dict[Place, Counts]:
    """Excluded ratings by window and department as a windows or departments table states them.

    Raises:
        ValueError: a count is not a whole number.
    """
    found: dict[Place, Counts] = {}
    for row in summary.dicts():
        place = (row.get("window", ""), row["department"])
        levels = level_counts({level: int(row[f"excluded{level}"]) for level in LEVELS})
        found[place] = found.get(place, Counts()) + levels
    return {place: counts for place, counts in found.items() if counts.rated}


def correction_problems(tables: Mapping[str, Table], manifest: Manifest) -> Iterator[str]:
    """What does not agree between the corrections, the detail, the sums and the manifest.

    Raises:
        ValueError: a number is not one.
    """
    detail, stated = tables[DETAIL], tables[CORRECTIONS]
    rows = {(row["device"], row["epoch"], row["seq"]): row for row in detail.dicts()}
    marked = {key: row["excluded"] for key, row in rows.items() if row["excluded"]}
    told = {(row["device"], row["epoch"], row["seq"]): row for row in stated.dicts()}
    if marked != {key: row["correction"] for key, row in told.items()}:
        yield "corrections.csv: expected one row for each excluded row of detail.csv"
        return
    by_place: dict[Place, Counter[int]] = {}
    for key, correction in told.items():
        row = rows[key]
        name = f"corrections.csv: correction {correction['correction']}"
        for column in ("window", "department", "level", "digest"):
            if correction[column] != row[column]:
                yield f"{name}: {column}: expected {row[column]!r}, got {correction[column]!r}"
        if row["kind"] != "RATED" or row["is_repeat"] != "0":
            yield f"{name}: excludes what is no counted rating"
            return
        if correction["author"] == correction["approver"]:
            yield f"{name}: author and approver are one person"
        by_place.setdefault((row["window"], row["department"]), Counter())[int(row["level"])] += 1
    expected = {place: level_counts(levels) for place, levels in by_place.items()}
    if summary_excluded(tables[WINDOWS]) != expected:
        yield "windows.csv: its excluded ratings are not those of detail.csv"
    sums: dict[Place, Counts] = {}
    for (_window, department), counts in expected.items():
        sums["", department] = sums.get(("", department), Counts()) + counts
    if summary_excluded(tables[DEPARTMENTS]) != sums:
        yield "departments.csv: its excluded ratings are not those of detail.csv"
    if manifest.corrections.in_day != [int(row["correction"]) for row in stated.dicts()]:
        yield "corrections: in_day: expected the numbers of corrections.csv"

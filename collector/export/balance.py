"""Whether a day balances: the same counts, told by everyone who counted. Pure.

Invariant I8: exported counts = ledger counts = day-closes. Nothing is corrected here; whatever
does not agree is named, and the export of that day says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from collector.export.closes import ClosedDay
from collector.export.manifest import DayCloses, Difference
from collector.export.tables import Outcome, Place, Table
from collector.rates import COUNT_FIELDS, Counts
from firmware_config import chain
from firmware_config.contract import Kind, Rated, Unrated, decode_record
from firmware_config.errors import ContractError

OUTCOME_FIELDS: Final = tuple(
    field for field in COUNT_FIELDS if field not in ("invited", "ignored")
)
"""The counts that can be told from outcomes alone."""
MAX_DIFFERENCES: Final = 200
"""More than these are told by their number only: a manifest is read by people."""


def detail_counts(detail: Table) -> dict[Place, Counts]:
    """Counts of `OUTCOME_FIELDS` by window and department, recounted from the detail table."""
    found: dict[Place, Counter[str]] = {}
    for row in detail.dicts():
        here = found.setdefault((row["window"], row["department"]), Counter())
        if row["kind"] == Kind.UNRATED:
            here["unrated"] += 1
        elif row["is_repeat"] == "1":
            here["repeats"] += 1
        else:
            here[f"level{row['level']}"] += 1
    return {place: counts_of(numbers) for place, numbers in found.items()}


def summary_counts(summary: Table) -> dict[Place, Counts]:
    """Counts by window and department as a windows or departments table states them.

    Raises:
        ValueError: a count is not a whole number.
    """
    found: dict[Place, Counts] = {}
    for row in summary.dicts():
        place = (row.get("window", ""), row["department"])
        numbers = {field: int(row[field]) for field in COUNT_FIELDS}
        found[place] = found.get(place, Counts()) + counts_of(numbers)
    return found


def counts_of(numbers: Mapping[str, int]) -> Counts:
    """Counts from a mapping; a name that is no field of them is left out."""
    return Counts(**{field: numbers.get(field, 0) for field in COUNT_FIELDS})


def total(counts: Mapping[Any, Counts]) -> Counts:
    """The sum over all places."""
    return sum(counts.values(), Counts())


def count_differences(
    sources: Mapping[str, Mapping[Place, Counts]], fields: Sequence[str]
) -> list[Difference]:
    """Where the sources disagree, one entry for each place and field.

    Args:
        sources: name of a source → what it counted by window and department; a place it does not
            have counts as zeros.
        fields: which counts to compare.
    """
    differences = []
    for window, department in sorted({place for counts in sources.values() for place in counts}):
        for field in fields:
            found: dict[str, int | str] = {
                name: getattr(counts.get((window, department), Counts()), field)
                for name, counts in sources.items()
            }
            if len(set(found.values())) > 1:
                place = f"window {window or '-'}, department {department or '-'}"
                differences.append(Difference(what=f"{place}: {field}", found=found))
    return differences


def record_differences(outcomes: Iterable[Outcome]) -> list[Difference]:
    """Where the derived rows disagree with the signed records they were derived from."""
    return [difference for outcome in outcomes for difference in _record_differences(outcome)]


def _record_differences(outcome: Outcome) -> Iterable[Difference]:
    name = f"record {outcome.device}/{outcome.epoch}/{outcome.seq}"
    token = chain.rebuild_token(outcome.kid, outcome.payload, outcome.signature)
    try:
        record = decode_record(outcome.payload)
    except ContractError as error:
        yield Difference(what=f"{name}: payload", found={"record": str(error)})
        return
    if not isinstance(record, Rated | Unrated):
        yield Difference(what=f"{name}: kind", found={"record": type(record).__name__.upper()})
        return
    kind, level, reason = (
        (Kind.RATED, record.level, "")
        if isinstance(record, Rated)
        else (Kind.UNRATED, 0, record.reason.value)
    )
    told: dict[str, tuple[int | str, int | str]] = {
        "device": (outcome.device, record.dev),
        "epoch": (outcome.epoch, record.epoch),
        "seq": (outcome.seq, record.seq),
        "kind": (outcome.kind, kind.value),
        "session": (outcome.session, record.session),
        "level": (outcome.level or 0, level),
        "reason": (outcome.reason, reason),
        "trigger": (outcome.trigger, record.trigger.value),
        "case_no": (outcome.case_no, record.case_no),
        "service_no": (outcome.service_no, record.service_no),
        "item": (outcome.item, record.item),
        "staff_no": (
            "" if outcome.staff_from == "assignment" else outcome.staff_no,
            record.staff_no,
        ),
        "digest": (outcome.digest.hex(), chain.digest(token).hex()),
    }
    for field, (derived, signed) in told.items():
        if derived != signed:
            yield Difference(what=f"{name}: {field}", found={"outcome": derived, "record": signed})


def date_differences(outcomes: Iterable[Outcome], start_ms: int, end_ms: int) -> list[Difference]:
    """Outcomes whose press time is not in their day `[start_ms, end_ms)`, UTC milliseconds."""
    return [
        Difference(
            what=f"record {outcome.device}/{outcome.epoch}/{outcome.seq}: press time",
            found={"pressed_ms": outcome.pressed_ms, "start": start_ms, "end": end_ms},
        )
        for outcome in outcomes
        if not start_ms <= outcome.pressed_ms < end_ms
    ]


def compare_day_closes(closed: Iterable[ClosedDay], expected: Iterable[str]) -> DayCloses:
    """The devices' counts of the day beside the ledger's, for every kind of record and level.

    Args:
        closed: the journals that closed this day.
        expected: devices that stood at a window.
    """
    ordered = sorted(closed, key=lambda day: (day.device, day.epoch))
    mismatches = [
        Difference(
            what=f"device {day.device}, epoch {day.epoch}: {name}",
            found={"device": number, "ledger": day.held.get(name, 0)},
        )
        for day in ordered
        for name, number in sorted(day.told.items())
        if number != day.held.get(name, 0)
    ]
    return DayCloses(
        compared=len(ordered),
        missing=sorted(set(expected) - {day.device for day in ordered}),
        mismatches=at_most(mismatches),
    )


def at_most(differences: list[Difference]) -> list[Difference]:
    """The first `MAX_DIFFERENCES`, and one entry with the number of the others."""
    more = len(differences) - MAX_DIFFERENCES
    if more <= 0:
        return differences
    rest = Difference(what="more differences, not listed", found={"number": more})
    return [*differences[:MAX_DIFFERENCES], rest]

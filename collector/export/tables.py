"""What an export says: its tables. Pure. Cells are text, the same in every format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from collector.export.figures import FIGURE_COLUMNS, figures
from collector.rates import Counts, Rule
from firmware_config.chain import b64url
from firmware_config.contract import Kind
from firmware_config.levels import LEVEL_NAMES

DETAIL: Final = "detail"
WINDOWS: Final = "windows"
DEPARTMENTS: Final = "departments"
CORRECTIONS: Final = "corrections"
TABLE_NAMES: Final = (DETAIL, WINDOWS, DEPARTMENTS, CORRECTIONS)

DETAIL_COLUMNS: Final = (
    "day",
    "device",
    "epoch",
    "seq",
    "session",
    "window",
    "window_name",
    "department",
    "department_name",
    "kind",
    "level",
    "level_name",
    "reason",
    "trigger",
    "case_no",
    "service_no",
    "item",
    "staff_no",
    "staff_from",
    "pressed_local",
    "pressed_utc",
    "answer_ms",
    "time_quality",
    "is_repeat",
    "digest",
    "excluded",
)
WINDOWS_COLUMNS: Final = (
    "day",
    "window",
    "window_name",
    "department",
    "department_name",
    *FIGURE_COLUMNS,
)
DEPARTMENTS_COLUMNS: Final = ("day", "department", "department_name", *FIGURE_COLUMNS)

Place = tuple[str, str]
"""Codes of a window and a department; an empty code: none was assigned."""
_LEVEL_NAMES: Final[dict[int | None, str]] = {
    int(level): name.zh for level, name in LEVEL_NAMES.items()
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under column names, in a fixed order."""

    name: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def dicts(self) -> Iterable[dict[str, str]]:
        """The rows as column → cell."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One RATED or UNRATED record as the ledger derived it, with the signed record itself.

    Attributes:
        window: code; empty when the device stood at no window. `department` alike.
        level: 5 … 1; None for an unrated session.
        reason: why it stayed unrated; empty for a rating.
        pressed_ms: UTC milliseconds since 1970.
        answer_ms: from the invitation to the press or the time-out.
        digest: SHA-256 of the token, as the ledger keeps it.
        kid: key id, with payload and signature the whole token.
    """

    device: str
    epoch: str
    seq: int
    session: int
    window: str
    department: str
    level: int | None
    reason: str
    trigger: str
    case_no: str
    service_no: int
    item: str
    staff_no: str
    staff_from: str
    pressed_ms: int
    answer_ms: int
    time_quality: str
    is_repeat: bool
    digest: bytes
    kind: str
    kid: str
    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names by code, of windows and of departments."""

    windows: Mapping[str, str]
    departments: Mapping[str, str]


def utc_text(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, from milliseconds since 1970."""
    return local_text(ms, UTC).replace("+00:00", "Z")


def local_text(ms: int, zone: tzinfo) -> str:
    """RFC 3339 with milliseconds and the zone's offset; empty for a time no calendar has."""
    try:
        instant = (_EPOCH + timedelta(milliseconds=ms)).astimezone(zone)
    except OverflowError:  # a ledger that was tampered with still gets its export, marked so
        return ""
    return instant.isoformat(timespec="milliseconds")


def detail_table(
    on: date,
    outcomes: Sequence[Outcome],
    names: Names,
    zone: tzinfo,
    corrections: Mapping[tuple[str, str, int], int],
) -> Table:
    """Every outcome of the day, ordered by device, epoch and seq: the order of the presses.

    Args:
        on: the local day.
        outcomes: in any order.
        names: of windows and departments.
        zone: the hall's zone, for the local time.
        corrections: device, epoch and seq → number of the correction that leaves the rating out.
    """
    day = on.isoformat()
    ordered = sorted(outcomes, key=lambda outcome: (outcome.device, outcome.epoch, outcome.seq))
    rows = [
        (
            day,
            outcome.device,
            outcome.epoch,
            str(outcome.seq),
            str(outcome.session),
            outcome.window,
            names.windows.get(outcome.window, ""),
            outcome.department,
            names.departments.get(outcome.department, ""),
            (Kind.UNRATED if outcome.level is None else Kind.RATED).value,
            "" if outcome.level is None else str(outcome.level),
            _LEVEL_NAMES.get(outcome.level, ""),
            outcome.reason,
            outcome.trigger,
            outcome.case_no,
            str(outcome.service_no),
            outcome.item,
            outcome.staff_no,
            outcome.staff_from,
            local_text(outcome.pressed_ms, zone),
            utc_text(outcome.pressed_ms),
            str(outcome.answer_ms),
            outcome.time_quality,
            "1" if outcome.is_repeat else "0",
            b64url(outcome.digest).decode("ascii"),
            str(corrections.get((outcome.device, outcome.epoch, outcome.seq), "")),
        )
        for outcome in ordered
    ]
    return Table(DETAIL, DETAIL_COLUMNS, rows)


def windows_table(
    on: date,
    counts: Mapping[Place, Counts],
    excluded: Mapping[Place, Counts],
    names: Names,
    rule: Rule,
) -> Table:
    """The figures of each window and department, ordered by their codes.

    Args:
        on: the local day.
        counts: one entry for each row, also where every count is zero.
        excluded: ratings among them that approved corrections leave out, by level.
        names: of windows and departments.
        rule: the rule of the satisfaction rate.
    """
    rows = [
        (
            on.isoformat(),
            window,
            names.windows.get(window, ""),
            department,
            names.departments.get(department, ""),
            *figures(counts[window, department], rule, excluded.get((window, department))),
        )
        for window, department in sorted(counts)
    ]
    return Table(WINDOWS, WINDOWS_COLUMNS, rows)


def departments_table(
    on: date,
    counts: Mapping[Place, Counts],
    excluded: Mapping[Place, Counts],
    names: Names,
    rule: Rule,
) -> Table:
    """The figures of each department, summed over its windows; arguments as `windows_table`."""
    sums: dict[str, Counts] = {}
    out: dict[str, Counts] = {}
    for places, into in ((counts, sums), (excluded, out)):
        for (_window, department), here in places.items():
            into[department] = into.get(department, Counts()) + here
    rows = [
        (
            on.isoformat(),
            department,
            names.departments.get(department, ""),
            *figures(sums[department], rule, out.get(department)),
        )
        for department in sorted(sums)
    ]
    return Table(DEPARTMENTS, DEPARTMENTS_COLUMNS, rows)

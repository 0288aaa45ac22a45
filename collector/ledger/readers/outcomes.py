"""The latest outcomes of sessions, by index."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from collector.ledger.readers.connection import LedgerReader, Row
from collector.ledger.readers.departments import OF_DEPARTMENTS, listed

LOOK_BACK: Final = 20_000
"""How many ledger rows the search for the latest ratings goes back, at most."""

OUTCOME_COLUMNS: Final = (
    "o.position, o.window, o.department, o.level, o.reason, o.trigger, o.case_no, o.service_no, "
    "o.item, o.staff_no, o.pressed_ms, o.answer_ms, o.time_quality, o.is_repeat, o.staff_from, "
    "b.earliest_ms - b.offset_ms, b.latest_ms - b.offset_ms, d.code, e.epoch, "
    "coalesce(r.seq, o.seq)"
)
OUTCOME_JOINS: Final = (
    "LEFT JOIN records r ON r.position = o.position "
    "JOIN epochs e ON e.id = o.epoch JOIN devices d ON d.id = o.device "
    "LEFT JOIN boots b ON b.epoch = o.epoch AND b.boot = o.boot"
)
"""What `outcome_of` needs beside `outcomes o`."""
_OUTCOMES: Final = f"SELECT {OUTCOME_COLUMNS} FROM outcomes o {OUTCOME_JOINS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    """How one session ended.

    Attributes:
        position: its row in the ledger, 1, 2, 3 …
        window: id of the window at press time; None when the device stood at none.
        department: id of the window's department at press time; None for none.
        level: 5 … 1; None for a session that was not rated.
        reason: why it was not rated; empty for a rating.
        trigger: what opened the session: `clerk`, `case`, `walkup`.
        case_no: empty when not known.
        pressed_ms: press or time-out, UTC milliseconds.
        answer_ms: from invitation to press or time-out, milliseconds.
        time_quality: `synced`, `offset` or `bounded`.
        is_repeat: whether the case had a rating already, so that this one is not counted.
        staff_from: whence `staff_no` is known: `record`, `assignment`, or empty.
        earliest_ms: it cannot have been before this, UTC milliseconds; None: nothing says so, or
            the device's own clock tells the time.
        latest_ms: … nor after this; None: the device's own clock tells the time.
        device: its id; with `epoch` and `seq` the record's identity for ever.
    """

    position: int
    window: int | None
    department: int | None
    level: int | None
    reason: str
    trigger: str
    case_no: str
    service_no: int
    item: str
    staff_no: str
    pressed_ms: int
    answer_ms: int
    time_quality: str
    is_repeat: bool
    staff_from: str
    earliest_ms: int | None
    latest_ms: int | None
    device: str
    epoch: str
    seq: int


def outcome_of(row: Row) -> OutcomeRow:
    """The outcome of a row of `OUTCOME_COLUMNS`."""
    return OutcomeRow(
        position=row[0],
        window=row[1],
        department=row[2],
        level=row[3],
        reason=row[4] or "",
        trigger=row[5],
        case_no=row[6],
        service_no=row[7],
        item=row[8],
        staff_no=row[9],
        pressed_ms=row[10],
        answer_ms=row[11],
        time_quality=row[12],
        is_repeat=bool(row[13]),
        staff_from=row[14],
        earliest_ms=None if row[15] is None else row[10] + row[15],
        latest_ms=None if row[16] is None else row[10] + row[16],
        device=row[17],
        epoch=row[18],
        seq=row[19],
    )


def last_position(reader: LedgerReader) -> int:
    """Position of the newest row of the ledger; 0 when it is empty."""
    row = reader.row("SELECT max(position) FROM records")
    return int(row[0] or 0) if row else 0


def latest_ratings(
    reader: LedgerReader, *, after: int, limit: int, departments: Sequence[int] | None = None
) -> list[OutcomeRow]:
    """Counted ratings stored after position `after`, newest first, at most `limit`.

    Of some departments at press time, or of all.
    """
    lowest = max(after, last_position(reader) - LOOK_BACK)
    rows = reader.rows(
        f"{_OUTCOMES} WHERE o.position > ? AND o.level IS NOT NULL "
        f"AND o.is_repeat = 0 AND {OF_DEPARTMENTS} ORDER BY o.position DESC LIMIT ?",
        lowest,
        *listed(departments),
        limit,
    )
    return [outcome_of(row) for row in rows]


def latest_of_window(
    reader: LedgerReader, window: int, *, limit: int, departments: Sequence[int] | None = None
) -> list[OutcomeRow]:
    """The last outcomes of one window by press time, newest first, unrated ones included.

    Of some departments at press time, or of all.
    """
    rows = reader.rows(
        f"{_OUTCOMES} WHERE o.window = ? AND {OF_DEPARTMENTS} ORDER BY o.pressed_ms DESC LIMIT ?",
        window,
        *listed(departments),
        limit,
    )
    return [outcome_of(row) for row in rows]


def outcomes_at(reader: LedgerReader, positions: Sequence[int]) -> list[OutcomeRow]:
    """The outcomes at these places of the ledger, in this order; what is no outcome is left out."""
    rows = reader.rows(
        f"{_OUTCOMES} WHERE o.position IN (SELECT value FROM json_each(?))",
        json.dumps(list(positions)),
    )
    found = {row[0]: outcome_of(row) for row in rows}
    return [found[position] for position in positions if position in found]


def outcome_at(reader: LedgerReader, position: int) -> OutcomeRow | None:
    """The outcome of the record at a place of the ledger; None: it ended no session."""
    return next(iter(outcomes_at(reader, [position])), None)

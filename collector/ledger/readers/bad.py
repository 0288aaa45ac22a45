"""Bad ratings (levels 2 and 1) by their time, from the index `outcomes_bad`.

A question costs what its period holds of bad ratings, whatever the ledger's size.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from collector.ledger.readers.connection import LedgerReader
from collector.ledger.readers.departments import OF_DEPARTMENTS, listed

_BAD: Final = (
    "o.level <= 2 AND o.is_repeat = 0 AND o.pressed_ms >= ? AND o.pressed_ms < ?"
    f" AND {OF_DEPARTMENTS} AND (? IS NULL OR o.window = ?) AND (? IS NULL OR o.level = ?)"
)
_AMONG: Final = "o.position IN (SELECT value FROM json_each(?))"


class BadOrder(StrEnum):
    """By what a list is ordered; among equals by press time, then by place in the ledger."""

    PRESSED = "pressed"
    LEVEL = "level"
    WINDOW = "window"


_KEYS: Final = {
    BadOrder.PRESSED: "0",
    BadOrder.LEVEL: "o.level",
    BadOrder.WINDOW: "coalesce((SELECT w.ordinal FROM windows w WHERE w.id = o.window), -1)",
}

PageKey = tuple[int, int, int]
"""Where a page of a list ends: the order's own value, press time, position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadFilter:
    """Which bad ratings are asked for.

    Attributes:
        start_ms: of the press, UTC milliseconds; up to, not including, `end_ms`.
        departments: row ids of departments at press time; None: all, also none.
        window: row id; None: all.
        level: 2 or 1; None: both.
    """

    start_ms: int
    end_ms: int
    departments: Sequence[int] | None = None
    window: int | None = None
    level: int | None = None

    @property
    def values(self) -> tuple[object, ...]:
        """The parameters of `_BAD`."""
        return (
            *(self.start_ms, self.end_ms),
            *listed(self.departments),
            *(self.window, self.window, self.level, self.level),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRating:
    """A counted rating found by its record's name, as the ledger has it now."""

    record: tuple[str, str, int]
    position: int
    window: int | None
    department: int | None
    level: int
    pressed_ms: int


def bad_count(
    reader: LedgerReader,
    asked: BadFilter,
    *,
    before_ms: int | None = None,
    without: Collection[int] = (),
) -> int:
    """Number of bad ratings.

    Args:
        reader: the ledger.
        asked: which.
        before_ms: only those pressed before, UTC milliseconds; None: all.
        without: positions to leave out.
    """
    row = reader.row(
        f"SELECT count(*) FROM outcomes o WHERE {_BAD} AND (? IS NULL OR o.pressed_ms < ?)"
        f" AND NOT {_AMONG}",
        *asked.values,
        *(before_ms, before_ms, json.dumps(sorted(without))),
    )
    return int(row[0]) if row else 0


def bad_page(
    reader: LedgerReader,
    asked: BadFilter,
    *,
    order: BadOrder,
    is_descending: bool,
    limit: int,
    after: PageKey | None = None,
    only: Collection[int] | None = None,
    without: Collection[int] = (),
) -> list[PageKey]:
    """One page of a list, as keys whose last part is the position.

    Args:
        reader: the ledger.
        asked: which.
        order: by what.
        is_descending: largest first.
        limit: rows at most.
        after: key of the last row of the page before; None: the first page.
        only: positions to choose from; None: all.
        without: positions to leave out.
    """
    way, beyond = ("DESC", "<") if is_descending else ("ASC", ">")
    key = _KEYS[order]
    first = f"{key}, " if order is not BadOrder.PRESSED else ""
    place = f"({first}o.pressed_ms, o.position)"
    parameters: list[object] = [*asked.values, json.dumps(sorted(without))]
    conditions = f"{_BAD} AND NOT {_AMONG}"
    if only is not None:
        conditions += f" AND {_AMONG}"
        parameters.append(json.dumps(sorted(only)))
    if after is not None:
        marks = ", ".join("?" * (3 if first else 2))
        conditions += f" AND {place} {beyond} ({marks})"
        parameters += after if first else after[1:]
    ordered = ", ".join(
        f"{part} {way}" for part in ([key] if first else []) + ["o.pressed_ms", "o.position"]
    )
    rows = reader.rows(
        f"SELECT {key}, o.pressed_ms, o.position FROM outcomes o WHERE {conditions}"
        f" ORDER BY {ordered} LIMIT ?",
        *parameters,
        limit,
    )
    return [(row[0], row[1], row[2]) for row in rows]


_NAMED: Final = (
    "WITH asked(device, epoch, seq) AS (SELECT value ->> 0, value ->> 1, value ->> 2 FROM"
    " json_each(?)), found(device, epoch, seq, journal) AS (SELECT a.device, a.epoch, a.seq, e.id"
    " FROM asked a CROSS JOIN devices d ON d.code = a.device"
    " CROSS JOIN epochs e ON e.device = d.id AND e.epoch = a.epoch)"
    " SELECT f.device, f.epoch, f.seq, o.position, o.window, o.department, o.level, o.pressed_ms"
    " FROM found f CROSS JOIN records r ON r.epoch = f.journal AND r.seq = f.seq"
    " CROSS JOIN outcomes o ON o.position = r.position WHERE o.level IS NOT NULL"
    " AND o.is_repeat = 0 UNION"
    " SELECT f.device, f.epoch, f.seq, o.position, o.window, o.department, o.level, o.pressed_ms"
    " FROM found f CROSS JOIN outcomes o ON o.epoch = f.journal AND o.seq = f.seq"
    " WHERE o.seq IS NOT NULL AND o.level IS NOT NULL AND o.is_repeat = 0"
)
"""The second part finds ratings whose records were purged."""


def named_ratings(
    reader: LedgerReader, records: Collection[tuple[str, str, int]]
) -> list[NamedRating]:
    """The counted ratings that these records are, in order of position."""
    if not records:
        return []
    rows = reader.rows(_NAMED, json.dumps([list(record) for record in records]))
    return sorted(
        (
            NamedRating(
                record=(row[0], row[1], row[2]),
                position=row[3],
                window=row[4],
                department=row[5],
                level=row[6],
                pressed_ms=row[7],
            )
            for row in rows
        ),
        key=lambda one: one.position,
    )

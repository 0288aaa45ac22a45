"""What is known of every boot's clock; when it changes, stored records are timed anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from collector.boot_times import BootFacts, BootTime, boot_times, own_time
from collector.ledger.bulk import BulkInsert
from collector.ledger.derive import Batch, BootKey, Placed
from collector.press_time import TimeQuality, believed_wall_ms
from firmware_config.contract import decode_record

_FACTS: Final = ("first_seq", "last_mono_ms", "not_after_ms", "met_ms")
_TIME: Final = ("offset_ms", "earliest_ms", "latest_ms", "time_quality")
_COLUMNS: Final = ", ".join(("boot", *_FACTS, *_TIME))
_SAVE = BulkInsert(
    "boots",
    ("epoch", "boot", *_FACTS, *_TIME),
    "ON CONFLICT (epoch, boot) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in (*_FACTS, *_TIME)),
)
# from the last boot that met before a seq: what is later cannot change what is before it
_FROM = (
    f"SELECT {_COLUMNS} FROM boots WHERE epoch = ?1 AND first_seq >= coalesce((SELECT"
    " max(first_seq) FROM boots WHERE epoch = ?1 AND first_seq < ?2 AND met_ms IS NOT NULL), 0)"
    " ORDER BY first_seq"
)
_SOME_DID_NOT_MEET = "SELECT EXISTS (SELECT 1 FROM boots WHERE epoch = ? AND met_ms IS NULL)"
_NEWEST = "SELECT max(first_seq) FROM boots WHERE epoch = ?"


@dataclass(slots=True)
class _Boot:
    """One boot. `was`: its facts before this group; None: not touched by it."""

    facts: BootFacts
    is_new: bool
    was: BootFacts | None = None


_Change = tuple[BootKey, BootFacts, BootFacts | None]
"""A boot, what its records say now, and what they said before; None: it is new."""


class Boots:
    """Boots by (journal row, boot id); read from the ledger when first asked for.

    Attributes:
        times: when each boot began, of those that records were taken of; true after `save`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.times: dict[BootKey, BootTime] = {}
        self._boots: dict[BootKey, _Boot] = {}
        self._touched: list[BootKey] = []
        self._all_met: dict[int, bool] = {}  # journal -> whether each of its boots met

    def take(self, records: Iterable[Placed]) -> None:
        """Take in what records say about their boots."""
        facts, of = BootFacts(), (0, "")  # of no boot
        for _, epoch, _, received_ms, believed_ms, record in records:
            if record.boot != of[1] or epoch != of[0]:
                of = (epoch, record.boot)
                facts = self._touch(of)
            facts.take(record, believed_ms, received_ms)

    def begin_with(self, known: Mapping[BootKey, BootFacts]) -> None:
        """Take what records said that are no longer there; before any record of a rebuild."""
        for key, facts in known.items():
            self._boots[key] = _Boot(facts, is_new=True, was=facts.copy())
            self._touched.append(key)

    def load(self, records: Iterable[Placed]) -> None:
        """Have the `times` of the boots that stored records are of."""
        for placed in records:
            key = (placed.epoch, placed.record.boot)
            if key not in self.times:
                self._boots[key] = self._read(key)

    def save(self, batch: Batch) -> None:
        """Write what changed in this group and time the stored records of those boots anew."""
        before: dict[BootKey, BootTime] = {}
        changes: dict[int, list[_Change]] = {}
        for key in self._touched:
            boot = self._boots[key]
            facts, was, boot.was = boot.facts, boot.was, None
            if boot.is_new:
                was, boot.is_new = None, False
                self.times[key] = own_time(facts)
            elif facts == was:
                continue
            elif facts.met_ms is not None:
                before[key], self.times[key] = self.times[key], own_time(facts)
            changes.setdefault(key[0], []).append((key, facts, was))
        self._touched.clear()
        self._save_rows([(key, facts) for each in changes.values() for key, facts, _ in each])
        for epoch, of_journal in changes.items():
            if not self._have_all_met(epoch, of_journal):
                self._place_anew(epoch, of_journal, before)
        for key, was_time in before.items():
            now = self.times[key]
            if (was_time.offset_ms, was_time.quality) != (now.offset_ms, now.quality):
                self._move_stored(key, was_time, now, batch)

    def _place_anew(
        self, epoch: int, changes: list[_Change], before: dict[BootKey, BootTime]
    ) -> None:
        """Time the boots that did not meet anew; `before` gets the former times of those."""
        newest = self._connection.execute(_NEWEST, (epoch,)).fetchone()[0]
        if not any(_tells_neighbours(facts, was, newest) for _, facts, was in changes):
            return
        lowest = min((was or facts).first_seq for _, facts, was in changes)
        lowest = min(lowest, *(facts.first_seq for _, facts, _ in changes))
        rows = self._connection.execute(_FROM, (epoch, lowest)).fetchall()
        boots = [BootFacts(*row[1:5]) for row in rows]
        placed: list[tuple[BootKey, BootFacts]] = []
        for row, facts, now in zip(rows, boots, boot_times(boots), strict=True):
            key, was_time = (epoch, row[0]), _time(row[5:])
            if facts.met_ms is None and was_time != now:
                before[key], self.times[key] = was_time, now
                placed.append((key, facts))
        self._save_rows(placed)

    def _save_rows(self, boots: list[tuple[BootKey, BootFacts]]) -> None:
        _SAVE.run(
            self._connection,
            [
                (
                    *key,
                    facts.first_seq,
                    facts.last_mono_ms,
                    facts.not_after_ms,
                    facts.met_ms,
                    *self.times[key],
                )
                for key, facts in boots
            ],
        )

    def _have_all_met(self, epoch: int, changes: list[_Change]) -> bool:
        if self._all_met.get(epoch) and all(facts.met_ms is not None for _, facts, _ in changes):
            return True
        row = self._connection.execute(_SOME_DID_NOT_MEET, (epoch,)).fetchone()
        have = self._all_met[epoch] = not row[0]
        return have

    def _touch(self, key: BootKey) -> BootFacts:
        boot = self._boots.get(key)
        if boot is None:
            boot = self._boots[key] = self._read(key)
        if boot.was is None:
            boot.was = boot.facts.copy()
            self._touched.append(key)
        return boot.facts

    def _read(self, key: BootKey) -> _Boot:
        row = self._connection.execute(
            f"SELECT {_COLUMNS} FROM boots WHERE epoch = ? AND boot = ?", key
        ).fetchone()
        if row is None:
            return _Boot(BootFacts(), is_new=True)
        self.times[key] = _time(row[5:])
        return _Boot(BootFacts(*row[1:5]), is_new=False)

    def _move_stored(self, key: BootKey, was: BootTime, now: BootTime, batch: Batch) -> None:
        rows = self._connection.execute(
            "SELECT r.position, r.epoch, e.device, r.received_ms, r.payload, o.is_repeat"
            " FROM offset_times t JOIN records r ON r.position = t.position"
            " JOIN epochs e ON e.id = r.epoch LEFT JOIN outcomes o ON o.position = t.position"
            " WHERE t.epoch = ? AND t.boot = ? ORDER BY t.position",
            key,
        ).fetchall()
        moved = [
            batch.move(placed, was, now, bool(row[5]))
            for row, placed in zip(rows, read_placed(iter(rows)), strict=True)
        ]
        self._connection.executemany(
            "UPDATE outcomes SET window = ?, department = ?, staff_no = ?, staff_from = ?,"
            " pressed_ms = ?, on_date = ?, hour = ?, time_quality = ?, boot = ?"
            " WHERE position = ?",
            moved,
        )


def _time(columns: Sequence[Any]) -> BootTime:
    offset_ms, earliest_ms, latest_ms, quality = columns
    return BootTime(offset_ms, earliest_ms, latest_ms, TimeQuality(quality))


def _tells_neighbours(facts: BootFacts, was: BootFacts | None, newest: int) -> bool:
    """Whether a change of one boot can move others of its journal, or itself between them."""
    if was is None or facts.first_seq != newest:
        return True
    return (facts.first_seq, facts.not_after_ms, facts.met_ms) != (
        was.first_seq,
        was.not_after_ms,
        was.met_ms,
    )


_CHUNK: Final = 5000
_STORED: Final = (
    "SELECT r.position, r.epoch, e.device, r.received_ms, r.payload FROM records r"
    " JOIN epochs e ON e.id = r.epoch WHERE r.position > ? AND r.position <= ?"
    " ORDER BY r.position LIMIT ?"
)


def stored_in_chunks(
    connection: sqlite3.Connection, after: int = 0, up_to: int = 2**63 - 1
) -> Iterator[list[Placed]]:
    """The records from position `after + 1` to `up_to`, some thousand at a time; none is empty."""
    while rows := connection.execute(_STORED, (after, up_to, _CHUNK)).fetchall():
        yield list(read_placed(iter(rows)))
        after = rows[-1][0]


def read_placed(rows: Iterator[tuple[int, int, int, int, bytes]]) -> Iterator[Placed]:
    """Records from rows of (position, epoch, device, received_ms, payload, …)."""
    for position, epoch, device, received_ms, payload, *_ in rows:
        record = decode_record(payload)
        believed_ms = believed_wall_ms(record.wall, record.synced, received_ms)
        yield Placed(position, epoch, device, received_ms, believed_ms, record)

"""The tightest clock offset of every boot; when it tightens, stored records are timed anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from collector.ledger.bulk import BulkInsert
from collector.ledger.derive import Batch, BootKey, Placed
from collector.press_time import believed_wall_ms
from firmware_config.contract import decode_record

_SAVE = BulkInsert(
    "boots",
    ("epoch", "boot", "offset_ms"),
    "ON CONFLICT (epoch, boot) DO UPDATE SET offset_ms = excluded.offset_ms",
)


class Boots:
    """Offsets by (journal row, boot id), in ms; read from the ledger when first asked for."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.offsets: dict[BootKey, int] = {}
        self._before: dict[BootKey, int | None] = {}  # changed in this group -> value before it

    def tighten(self, key: BootKey, bound_ms: int) -> None:
        """Take the bound that one record sets; see `collector.press_time.offset_bound_ms`."""
        offset_ms = self.offsets.get(key)
        if offset_ms is None:
            offset_ms = self._read(key)
        if offset_ms is None or bound_ms < offset_ms:
            self._before.setdefault(key, offset_ms)
            self.offsets[key] = bound_ms

    def save(self, batch: Batch) -> None:
        """Write what changed in this group and time the stored records of those boots anew."""
        if not self._before:
            return
        rows = [(*key, self.offsets[key]) for key in self._before]
        _SAVE.run(self._connection, rows)
        for key, before_ms in self._before.items():
            if before_ms is not None:
                self._move_stored(key, before_ms, batch)
        self._before.clear()

    def _read(self, key: BootKey) -> int | None:
        row = self._connection.execute(
            "SELECT offset_ms FROM boots WHERE epoch = ? AND boot = ?", key
        ).fetchone()
        if row is None:
            return None
        self.offsets[key] = row[0]
        return int(row[0])

    def _move_stored(self, key: BootKey, before_ms: int, batch: Batch) -> None:
        rows = self._connection.execute(
            "SELECT r.position, r.epoch, e.device, r.received_ms, r.payload, o.is_repeat"
            " FROM offset_times t JOIN records r ON r.position = t.position"
            " JOIN epochs e ON e.id = r.epoch LEFT JOIN outcomes o ON o.position = t.position"
            " WHERE t.epoch = ? AND t.boot = ? ORDER BY t.position",
            key,
        ).fetchall()
        moved = [
            batch.move(placed, before_ms, self.offsets[key], bool(row[5]))
            for row, placed in zip(rows, read_placed(iter(rows)), strict=True)
        ]
        self._connection.executemany(
            "UPDATE outcomes SET window = ?, department = ?, staff_no = ?, staff_from = ?,"
            " pressed_ms = ?, on_date = ?, hour = ?, time_quality = ? WHERE position = ?",
            moved,
        )


def read_placed(rows: Iterator[tuple[int, int, int, int, bytes]]) -> Iterator[Placed]:
    """Records from rows of (position, epoch, device, received_ms, payload, …)."""
    for position, epoch, device, received_ms, payload, *_ in rows:
        record = decode_record(payload)
        believed_ms = believed_wall_ms(record.wall, record.synced, received_ms)
        yield Placed(position, epoch, device, received_ms, believed_ms, record)

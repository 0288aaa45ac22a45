"""What the export reads from the ledger: one read-only connection, one snapshot for a whole run.

The only module here that speaks SQL. Nothing it does can write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from collector.errors import LedgerMismatch
from collector.export.manifest import Stretch
from collector.export.tables import Names, Outcome, Place
from collector.ledger.readers import LedgerReader
from collector.periods import local_day, period_ms, single_day
from collector.rates import COUNT_FIELDS, Counts
from firmware_config.chain import b64url, rebuild_token

_SUMS: Final = ", ".join(f"sum({field})" for field in COUNT_FIELDS)
_OUTCOMES: Final = """
    SELECT d.code, e.epoch, r.seq, o.session, coalesce(w.code, ''), coalesce(p.code, ''),
        o.level, coalesce(o.reason, ''), o.trigger, o.case_no, o.service_no, o.item, o.staff_no,
        o.staff_from, o.pressed_ms, o.answer_ms, o.time_quality, o.is_repeat,
        r.digest, r.kind, k.kid, r.payload, r.signature
    FROM outcomes o
    JOIN records r ON r.position = o.position
    JOIN epochs e ON e.id = r.epoch
    JOIN devices d ON d.id = o.device
    JOIN device_keys k ON k.id = r.key
    LEFT JOIN windows w ON w.id = o.window
    LEFT JOIN departments p ON p.id = o.department
    WHERE o.on_date = ?"""
_OUTCOME_COUNTS: Final = """
    SELECT coalesce(w.code, ''), coalesce(p.code, ''), 0,
        sum(o.level IS 5 AND NOT o.is_repeat), sum(o.level IS 4 AND NOT o.is_repeat),
        sum(o.level IS 3 AND NOT o.is_repeat), sum(o.level IS 2 AND NOT o.is_repeat),
        sum(o.level IS 1 AND NOT o.is_repeat), sum(o.level IS NULL), 0,
        sum(o.level IS NOT NULL AND o.is_repeat)
    FROM outcomes o
    LEFT JOIN windows w ON w.id = o.window
    LEFT JOIN departments p ON p.id = o.department
    WHERE o.on_date = ? GROUP BY 1, 2"""
_ROLLUPS: Final = """
    SELECT coalesce(w.code, ''), coalesce(p.code, ''), {sums}
    FROM {table} o
    LEFT JOIN windows w ON w.id = o.window
    LEFT JOIN departments p ON p.id = o.department
    WHERE o.on_date = ? GROUP BY 1, 2"""
# a loose index scan: one seek for each day, not one step for each outcome
_DAYS: Final = """
    WITH RECURSIVE days(on_date) AS (
        SELECT min(on_date) FROM {table}
        UNION ALL
        SELECT (SELECT min(o.on_date) FROM {table} o WHERE o.on_date > days.on_date)
        FROM days WHERE days.on_date IS NOT NULL)
    SELECT on_date FROM days WHERE on_date IS NOT NULL"""


_RECORDS: Final = """
    SELECT d.code, e.epoch, r.seq, r.kind, r.received_ms, r.payload
    FROM records r JOIN epochs e ON e.id = r.epoch JOIN devices d ON d.id = e.device
    WHERE r.position >= ? AND r.position < ?"""
_STRETCH: Final = """
    FROM records r WHERE r.seq BETWEEN ? AND ? AND r.epoch = (SELECT e.id
        FROM epochs e JOIN devices d ON d.id = e.device WHERE d.code = ? AND e.epoch = ?)"""
_CHUNK: Final = 20_000
"""Records held in memory at once, about 15 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerIdentity:
    """Which ledger this is, and how far it goes.

    Attributes:
        gen: id of the database.
        hall: its code; `hall_name` as people read it.
        zone: the hall's time zone.
        size: rows of `records`.
        root: RFC 9162 Merkle root over them, base64url.
    """

    gen: str
    hall: str
    hall_name: str
    zone: ZoneInfo
    size: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayData:
    """Everything the ledger has of one local day.

    Attributes:
        outcomes: RATED and UNRATED, in no particular order.
        outcome_counts: the same, counted by the database.
        day_counts: from `day_rollups`; `hour_counts` from `hour_rollups`.
        places: windows and their departments as assigned at the end of the day.
        devices: devices that stood at a window then.
    """

    outcomes: list[Outcome]
    outcome_counts: dict[Place, Counts]
    day_counts: dict[Place, Counts]
    hour_counts: dict[Place, Counts]
    places: list[Place]
    devices: list[str]


class LedgerSource:
    """Questions of the export to one open `LedgerReader`."""

    def __init__(self, reader: LedgerReader) -> None:
        self._reader = reader
        self.identity = self._identity()

    def _identity(self) -> LedgerIdentity:
        meta: dict[str, str] = dict(self._reader.rows("SELECT key, value FROM meta"))
        state = self._reader.row("SELECT size, root FROM ledger_state WHERE id = 1")
        try:
            return LedgerIdentity(
                gen=meta["gen"],
                hall=meta["hall"],
                hall_name=meta.get("hall_name", ""),
                zone=ZoneInfo(meta["timezone"]),
                size=state[0] if state else 0,
                root=b64url(state[1]).decode("ascii") if state else "",
            )
        except (KeyError, ValueError) as error:  # ZoneInfoNotFoundError is a KeyError
            raise LedgerMismatch(
                f"{self._reader.path}: expected a ledger with a fleet in it, got no {error}"
            ) from error

    def require_current(self) -> None:
        """See `LedgerReader.require_current`."""
        self._reader.require_current()

    def first_received_on(self) -> date | None:
        """Local day the ledger's first record was received on; None for an empty ledger."""
        row = self._reader.row("SELECT received_ms FROM records ORDER BY position LIMIT 1")
        return local_day(row[0], self.identity.zone) if row else None

    def day_totals(self) -> dict[date, Counts]:
        """Every local day that has counts or outcomes → the hall's counts by the rollups."""
        totals = {on: Counts() for on in self._days("outcomes")}
        for row in self._reader.rows(
            f"SELECT on_date, {_SUMS} FROM day_rollups GROUP BY on_date ORDER BY on_date"
        ):
            totals[self._date(row[0])] = Counts(*row[1:])
        return totals

    def purged_days(self) -> set[date]:
        """Local days that purged records had counted in; the ledger cannot show them any more."""
        return set(self._days("purged_day_rollups"))

    def last_purge(self) -> str:
        """The last purge of records, for people; empty: there was none."""
        row = self._reader.row(
            "SELECT id, made_ms, up_to FROM purges WHERE rule = 'records' ORDER BY id DESC"
        )
        if row is None:
            return ""
        return f"purge {row[0]} of {local_day(row[1], self.identity.zone)} (up to record {row[2]})"

    def _days(self, table: str) -> list[date]:
        return [self._date(row[0]) for row in self._reader.rows(_DAYS.format(table=table))]

    def _date(self, text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise LedgerMismatch(f"{self._reader.path}: on_date: {error}") from error

    def assignments(self) -> dict[str, date]:
        """Every dated assignment as a line of text → the local day it begins on."""
        rows = self._reader.rows(
            "SELECT 'device ' || d.code, a.from_ms, coalesce(w.code, '-') FROM device_windows a"
            " JOIN devices d ON d.id = a.device LEFT JOIN windows w ON w.id = a.window"
            " UNION ALL SELECT 'window ' || w.code, a.from_ms, coalesce(p.code, '-')"
            " FROM window_departments a JOIN windows w ON w.id = a.window"
            " LEFT JOIN departments p ON p.id = a.department"
            " UNION ALL SELECT 'staff ' || s.staff_no, a.from_ms, coalesce(w.code, '-')"
            " FROM staff_windows a JOIN staff s ON s.id = a.staff"
            " LEFT JOIN windows w ON w.id = a.window ORDER BY 1, 2"
        )
        zone = self.identity.zone
        return {f"{who} from {ms} {where}": local_day(ms, zone) for who, ms, where in rows}

    def names(self) -> Names:
        """Names of all windows and departments."""
        return Names(
            windows=dict(self._reader.rows("SELECT code, name FROM windows")),
            departments=dict(self._reader.rows("SELECT code, name FROM departments")),
        )

    def day(self, on: date) -> DayData:
        """Everything of one local day."""
        text = on.isoformat()
        _start_ms, end_ms = period_ms(single_day(on), self.identity.zone)
        return DayData(
            outcomes=[_outcome(row) for row in self._reader.rows(_OUTCOMES, text)],
            outcome_counts=self._counts(_OUTCOME_COUNTS, text),
            day_counts=self._counts(_ROLLUPS.format(sums=_SUMS, table="day_rollups"), text),
            hour_counts=self._counts(_ROLLUPS.format(sums=_SUMS, table="hour_rollups"), text),
            places=[
                (row[0], row[1])
                for row in self._reader.rows(
                    "SELECT w.code, p.code FROM window_departments a"
                    " JOIN windows w ON w.id = a.window JOIN departments p ON p.id = a.department"
                    " WHERE a.from_ms = (SELECT max(b.from_ms) FROM window_departments b"
                    "  WHERE b.window = a.window AND b.from_ms < ?)",
                    end_ms,
                )
            ],
            devices=self.devices_at_windows(end_ms),
        )

    def devices_at_windows(self, before_ms: int) -> list[str]:
        """Devices that stood at a window just before an instant, UTC milliseconds."""
        rows = self._reader.rows(
            "SELECT d.code FROM device_windows a JOIN devices d ON d.id = a.device"
            " WHERE a.window IS NOT NULL AND a.from_ms = (SELECT max(b.from_ms)"
            "  FROM device_windows b WHERE b.device = a.device AND b.from_ms < ?)",
            before_ms,
        )
        return [row[0] for row in rows]

    def _counts(self, sql: str, on: str) -> dict[Place, Counts]:
        return {(row[0], row[1]): Counts(*row[2:]) for row in self._reader.rows(sql, on)}

    def records_from(self, position: int) -> Iterator[tuple[Any, ...]]:
        """Records from a position on, in order of position.

        Yields:
            Device, epoch, seq, kind, received_ms, payload.
        """
        for start in range(position, self.identity.size + 1, _CHUNK):
            yield from self._reader.rows(_RECORDS, start, start + _CHUNK)

    def held_seqs(self, stretch: Stretch) -> list[int]:
        """Seqs of a stretch that are in the ledger, ascending."""
        where = (stretch.first, stretch.last, stretch.device, stretch.epoch)
        sql = f"SELECT r.seq {_STRETCH} ORDER BY r.seq"
        return [row[0] for row in self._reader.rows(sql, *where)]

    def tokens(self, stretch: Stretch) -> Iterator[tuple[str, bytes]]:
        """Key id and token of every record of a stretch, by seq."""
        where = (stretch.first, stretch.last, stretch.device, stretch.epoch)
        sql = (
            "SELECT (SELECT kid FROM device_keys k WHERE k.id = r.key), r.payload, r.signature"
            f" {_STRETCH} ORDER BY r.seq"
        )
        for kid, payload, signature in self._reader.rows(sql, *where):
            yield kid, rebuild_token(kid, payload, signature)

    def device_keys(self) -> dict[str, tuple[str, str]]:
        """Key id → device and public key (base64url), of every key ever registered."""
        return {
            kid: (device, x)
            for kid, device, x in self._reader.rows(
                "SELECT k.kid, d.code, k.x FROM device_keys k JOIN devices d ON d.id = k.device"
            )
        }

    def checkpoint(self) -> str | None:
        """The newest checkpoint that was signed, as a token; None: none yet."""
        row = self._reader.row("SELECT token FROM checkpoints ORDER BY id DESC LIMIT 1")
        return bytes(row[0]).decode("ascii") if row else None

    def boot_offsets(self) -> dict[tuple[str, str, str], int]:
        """Device, epoch and boot id → what turns that boot's clock into wall time, in ms."""
        rows = self._reader.rows(
            "SELECT d.code, e.epoch, b.boot, b.offset_ms FROM boots b"
            " JOIN epochs e ON e.id = b.epoch JOIN devices d ON d.id = e.device"
        )
        return {(device, epoch, boot): offset_ms for device, epoch, boot, offset_ms in rows}

    def received_ms(self, position: int) -> int:
        """When the record at a position was received; 0 when there is none."""
        row = self._reader.row("SELECT received_ms FROM records WHERE position = ?", position)
        return int(row[0]) if row else 0


def _outcome(row: tuple[object, ...]) -> Outcome:
    fields = dict(zip(Outcome.__slots__, row, strict=True))
    fields["is_repeat"] = bool(fields["is_repeat"])
    return Outcome(**fields)  # type: ignore[arg-type]

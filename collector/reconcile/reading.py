"""What a reconciliation reads: one snapshot of the ledger, nothing written."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from collector.export.closes import JournalDay, read_journal_days
from collector.export.source import LedgerSource
from collector.ledger.readers import LedgerReader, fleet
from collector.ledger.view import ISLANDS_ABOVE
from collector.periods import local_day, period_ms, single_day
from collector.press_time import wall_ms
from collector.reconcile.model import (
    DayState,
    DeviceState,
    JournalState,
    Reconciliation,
    gaps_between,
    judge_day,
)
from firmware_config.contract import decode_health, decode_record, decode_status
from firmware_config.errors import ContractError

_JOURNALS = (
    "SELECT d.code, e.id, e.epoch, e.stored, e.head FROM epochs e"
    " JOIN devices d ON d.id = e.device ORDER BY d.code, e.id"
)
_WORDS = "SELECT d.code, s.status, s.health FROM device_status s JOIN devices d ON d.id = s.device"
_CONFLICTS = (
    "SELECT d.code, count(*) FROM conflicts c JOIN epochs e ON e.id = c.epoch"
    " JOIN devices d ON d.id = e.device GROUP BY d.code"
)


def read_reconciliation(ledger: Path, days: Sequence[date], now_ms: int) -> Reconciliation:
    """Compare what devices told with what the ledger holds.

    Args:
        ledger: its file.
        days: local days that are over, oldest first.
        now_ms: wall clock, UTC milliseconds since 1970.

    Raises:
        LedgerUnavailable: the ledger cannot be read.
        LedgerMismatch: it has no fleet.
    """
    with LedgerReader(ledger) as reader:
        source = LedgerSource(reader)
        rows = {row.code: row for row in fleet.devices(reader, now_ms)}
        windows = {row.id: row.code for row in fleet.windows(reader, now_ms)}
        heard = {code: row.heard_ms for code, row in rows.items()}
        days_of = _days(source, days, heard, _begun_on(reader, source.identity.zone))
        journals = _journals(reader)
        conflicts: dict[str, int] = dict(reader.rows(_CONFLICTS))
        devices = [
            DeviceState(
                device=code,
                window=windows.get(row.window or 0, ""),
                heard_ms=row.heard_ms,
                days=tuple(days_of.get(code, ())),
                journals=tuple(journals.get(code, ())),
                conflicts=conflicts.get(code, 0),
            )
            for code, row in rows.items()
            if code in days_of or code in journals or code in conflicts
        ]
        return Reconciliation(
            hall=source.identity.hall,
            gen=source.identity.gen,
            size=source.identity.size,
            made_ms=now_ms,
            days=tuple(days),
            devices=tuple(devices),
        )


def _begun_on(reader: LedgerReader, zone: ZoneInfo) -> dict[str, date]:
    """Device → the local day of its first record, by its own clock, right or wrong."""
    begun: dict[str, date] = {}
    for code, payload in reader.rows(
        "SELECT d.code, (SELECT r.payload FROM records r WHERE r.epoch = e.id ORDER BY r.seq"
        " LIMIT 1) FROM epochs e JOIN devices d ON d.id = e.device ORDER BY e.id"
    ):
        if code not in begun and payload is not None:
            with suppress(ContractError, OverflowError, ValueError):
                begun[code] = local_day(wall_ms(decode_record(payload).wall) or 0, zone)
    return begun


def _days(
    source: LedgerSource,
    days: Sequence[date],
    heard: dict[str, int | None],
    begun_on: dict[str, date],
) -> dict[str, list[DayState]]:
    """Device → its days, oldest first; of devices that stood at a window or closed the day.

    Nobody is asked about days before the first record of a device: it was not there yet.
    """
    journal_days = read_journal_days(source, days[0]) if days else {}
    found: dict[str, list[DayState]] = {}
    for on in days:
        _start_ms, end_ms = period_ms(single_day(on), source.identity.zone)
        told = journal_days.get(on.isoformat(), JournalDay()).closed
        at_windows = source.devices_at_windows(end_ms)
        there = {code for code in at_windows if begun_on.get(code, date.min) <= on}
        expected = there.union(day.device for day in told)
        for device in sorted(expected):
            pairs = [(day.told, day.held) for day in told if day.device == device]
            state = judge_day(on, end_ms, heard.get(device), pairs)
            found.setdefault(device, []).append(state)
    return found


def _journals(reader: LedgerReader) -> dict[str, list[JournalState]]:
    """Device → those of its journals of which something is missing."""
    told = _told_heads(reader)
    newest: dict[str, str] = {}
    known: dict[tuple[str, str], tuple[int, int, int]] = {}
    for code, row, epoch, stored, head in reader.rows(_JOURNALS):
        newest[code] = epoch
        known[code, epoch] = (row, stored, head)
    for code, (epoch, _head) in told.items():
        if epoch:  # the device has said which journal it writes
            newest[code] = epoch
            known.setdefault((code, epoch), (0, 0, 0))
    found: dict[str, list[JournalState]] = {}
    for (code, epoch), (row, stored, head) in sorted(known.items()):
        is_current = newest[code] == epoch
        islands = reader.rows(ISLANDS_ABOVE, row, stored) if head > stored else []
        state = JournalState(
            epoch=epoch,
            is_current=is_current,
            stored=stored,
            head=head,
            told_head=told[code][1] if is_current and code in told else 0,
            missing=gaps_between([(first, last) for first, last in islands], stored),
        )
        if state.missing_records:
            found.setdefault(code, []).append(state)
    return found


def _told_heads(reader: LedgerReader) -> dict[str, tuple[str, int]]:
    """Device → (epoch it last named, or empty; highest seq it last spoke of).

    What a device says outside its records is not signed: it may make us ask, never believe.
    """
    told: dict[str, tuple[str, int]] = {}
    for code, status, health in reader.rows(_WORDS):
        epoch, head = "", 0
        with suppress(ContractError):  # no status yet: health came first
            word = decode_status(status)
            epoch, head = word.epoch, word.head
        with suppress(ContractError):
            head = max(head, decode_health(health).head) if health else head
        told[code] = (epoch, head)
    return told

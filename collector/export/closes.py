"""The devices' DAYCLOSE records, and the ledger's own count of the same records.

A device counts the records it wrote on a local day by its wall clock, right or wrong. The ledger
keeps that raw wall time, so it can count alike: what is missing here is missing in the ledger.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import msgspec

from collector.export.source import LedgerSource
from collector.periods import LocalCalendar, day_start_ms, local_day
from collector.press_time import wall_ms
from firmware_config.contract import DayClose, Kind, decode_record
from firmware_config.errors import ContractError

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedDay:
    """One journal's day: what the device counted and what the ledger holds.

    Attributes:
        told: name (`INVITED` …, `RATED.5` …) → the device's count.
        held: the same names → records in the ledger that were written before the DAYCLOSE.
    """

    device: str
    epoch: str
    told: dict[str, int]
    held: dict[str, int]


class _Raw(msgspec.Struct):
    wall: str
    level: int = 0


_raw = msgspec.json.Decoder(_Raw)


def read_closed_days(source: LedgerSource, first_on: date) -> dict[str, list[ClosedDay]]:
    """Local day (ISO) → its closed journals, for `first_on` and later days.

    Reads the records received since then in one pass, and those of one day more: the collector's
    clock may have been set back. Of several DAYCLOSE records of one journal and day the last is
    meant. One of a day that had not begun when it was received comes from a clock set ahead, and
    is left out, as is one whose payload cannot be read.
    """
    zone = source.identity.zone
    calendar = LocalCalendar(zone)
    since_ms = day_start_ms(first_on - _DAY, zone)
    positions = range(1, source.identity.size + 1)
    first = bisect_left(positions, since_ms, key=source.received_ms) + 1
    # (journal, day) -> name -> seqs; arrays, because a verification reads ten years at once
    written: dict[tuple[int, str], dict[str, array[int]]] = {}
    last: dict[tuple[int, str], tuple[str, str, DayClose]] = {}
    for journal, device, epoch, seq, kind, received_ms, payload in source.records_from(first):
        try:
            raw = _raw.decode(payload)
            record = decode_record(payload) if kind == Kind.DAYCLOSE else None
        except (msgspec.DecodeError, ContractError):
            continue
        at_ms = wall_ms(raw.wall)
        if at_ms is not None:
            try:
                on_date, _ = calendar.day_and_hour(at_ms)
            except (OverflowError, ValueError):  # a clock at the end of the calendar
                continue
            names = written.setdefault((journal, on_date), {})
            names.setdefault(kind, array("q")).append(seq)
            if kind == Kind.RATED:
                names.setdefault(f"{kind}.{raw.level}", array("q")).append(seq)
        if isinstance(record, DayClose) and record.on <= local_day(received_ms, zone).isoformat():
            key = (journal, record.on)
            if key not in last or last[key][2].seq < seq:
                last[key] = (device, epoch, record)
    closed: dict[str, list[ClosedDay]] = {}
    for (journal, on), (device, epoch, record) in last.items():
        names = written.get((journal, on), {})
        held = {name: _before(record.seq, names.get(name, ())) for name in record.counts}
        day = ClosedDay(device=device, epoch=epoch, told=dict(record.counts), held=held)
        closed.setdefault(on, []).append(day)
    return closed


def _before(end: int, seqs: Iterable[int]) -> int:
    return sum(seq < end for seq in seqs)

"""What the journals hold of each local day: their records, and the devices' DAYCLOSE of them.

A device counts the records it wrote on a local day by its wall clock, right or wrong. The ledger
keeps that raw wall time, so it can count alike: what is missing here is missing in the ledger.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import msgspec

from collector.export.evidence import Journal
from collector.export.source import LedgerSource
from collector.periods import LocalCalendar, day_start_ms, local_day
from collector.press_time import believed_wall_ms, own_or_received_ms, wall_ms
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


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalDay:
    """What the journals hold of one local day.

    Attributes:
        closed: the journals that closed it.
        seqs: journal → its records of that day by its own wall clock, those without a believed
            one that the ledger dates to it, and the DAYCLOSE of it; in no order.
    """

    closed: list[ClosedDay] = field(default_factory=list)
    seqs: dict[Journal, list[int]] = field(default_factory=dict)


class _Raw(msgspec.Struct):
    wall: str
    synced: bool
    boot: str
    mono_ms: int
    level: int = 0


_raw = msgspec.json.Decoder(_Raw)


def read_journal_days(source: LedgerSource, first_on: date) -> dict[str, JournalDay]:
    """Local day (ISO) → what the journals hold of it, for `first_on` and later days.

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
    offsets = source.boot_offsets()
    # (journal, day) -> name -> seqs; arrays, because a verification reads ten years at once
    written: dict[tuple[Journal, str], dict[str, array[int]]] = {}
    dated: dict[tuple[Journal, str], list[int]] = {}
    last: dict[tuple[Journal, str], DayClose] = {}

    def day_of(ms: int | None) -> str | None:
        try:
            return None if ms is None else calendar.day_and_hour(ms)[0]
        except (OverflowError, ValueError):  # a clock at the end of the calendar
            return None

    for device, epoch, seq, kind, received_ms, payload in source.records_from(first):
        journal = (device, epoch)
        try:
            raw = _raw.decode(payload)
            record = decode_record(payload) if kind == Kind.DAYCLOSE else None
        except (msgspec.DecodeError, ContractError):
            continue
        on_date = day_of(wall_ms(raw.wall))
        if on_date is not None:
            names = written.setdefault((journal, on_date), {})
            names.setdefault(kind, array("q")).append(seq)
            if kind == Kind.RATED:
                names.setdefault(f"{kind}.{raw.level}", array("q")).append(seq)
        offset_ms = offsets.get((device, epoch, raw.boot))
        if (
            offset_ms is not None
            and believed_wall_ms(raw.wall, raw.synced, received_ms) is None
            and (on_date := day_of(own_or_received_ms(raw.mono_ms, received_ms, offset_ms)))
        ):
            dated.setdefault((journal, on_date), []).append(seq)
        if isinstance(record, DayClose) and record.on <= local_day(received_ms, zone).isoformat():
            key = (journal, record.on)
            if key not in last or last[key].seq < seq:
                last[key] = record
    days: dict[str, JournalDay] = {}
    for (journal, on), names in written.items():
        seqs = [seq for kind in Kind for seq in names.get(kind, ())]
        days.setdefault(on, JournalDay()).seqs[journal] = seqs
    for (journal, on), seqs in dated.items():
        days.setdefault(on, JournalDay()).seqs.setdefault(journal, []).extend(seqs)
    for (journal, on), record in last.items():
        names = written.get((journal, on), {})
        held = {name: _before(record.seq, names.get(name, ())) for name in record.counts}
        day = days.setdefault(on, JournalDay())
        device, epoch = journal
        day.closed.append(
            ClosedDay(device=device, epoch=epoch, told=dict(record.counts), held=held)
        )
        day.seqs.setdefault(journal, []).append(record.seq)
    return days


def _before(end: int, seqs: Iterable[int]) -> int:
    return sum(seq < end for seq in seqs)

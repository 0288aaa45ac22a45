"""When the boots of one journal began, as far as its records tell. Pure.

A boot's *offset* is when it began: wall time of a record = its mono_ms + offset. Four things bound
it, in milliseconds:

1. *Not after.* A record received at R happened before R, so the offset is at most R - mono_ms. A
   synchronised wall clock gives it: wall - mono_ms.
2. *Met.* A CLOCK record with the time T of a receipt: the collector said T before the device heard
   it, so the offset is at least T - mono_ms. A receipt is heard at once or never, so it is not much
   more either. A synchronised wall clock gives this bound, too.
3. A boot begins after the last record of the boot before it in the journal,
4. and ends before the next one begins.

A boot that *met* (2) is told by its own records alone (`offset`). One that did not lies between its
neighbours (`bounded`): records of days in which the network was down come with a later boot, and
only the order of boots says when they were. Boots in a row share the time that is left evenly, so
that devices which are switched on every morning and off every evening get their own days.

The result depends on the facts alone, never on the order in which they came.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from collector.press_time import TimeQuality, believed_ms
from firmware_config.contract import AnyRecord, Clock

CLOSE_MS: Final = 10_000
"""A first reception so soon after the meeting tells the time best: it moves no more. Our choice:
the retry wait of a device (uplink.resend_s), and no report asks for seconds."""
HEARD_WITHIN_MS: Final = 120_000
"""A live receipt is heard within this. Our choice: four times the silence (1.5 times the keep-alive
of 20 s) after which a broker gives up a client, for which it keeps nothing."""
_FAR_MS: Final = 2**55
"""Clocks that claim more are cut here, so that sums of them still fit into the database."""


@dataclass(slots=True)
class BootFacts:
    """What the stored records of one boot say; made without any, it says nothing yet.

    Attributes:
        first_seq: lowest seq: boots stand in this order.
        last_mono_ms: highest time since boot.
        not_after_ms: the smallest upper bound of the offset.
        met_ms: the largest lower bound by the boot's own records; None: it did not meet.
    """

    first_seq: int = 2**63 - 1
    last_mono_ms: int = 0
    not_after_ms: int = 2**63 - 1
    met_ms: int | None = None

    def copy(self) -> BootFacts:
        """The same, to compare with later; `copy.copy` takes ten times as long."""
        return BootFacts(self.first_seq, self.last_mono_ms, self.not_after_ms, self.met_ms)

    def take(self, record: AnyRecord, believed_wall_ms: int | None, received_ms: int) -> None:
        """Add what one record says.

        Args:
            record: of this boot.
            believed_wall_ms: its wall clock, where that is believed (collector.press_time).
            received_ms: when the collector received it.
        """
        seq, mono_ms = record.seq, record.mono_ms
        if seq < self.first_seq:
            self.first_seq = seq
        if mono_ms > self.last_mono_ms:
            self.last_mono_ms = mono_ms
        not_after_ms = received_ms - mono_ms
        if believed_wall_ms is not None:
            told_ms = believed_wall_ms - mono_ms
            not_after_ms = min(told_ms, not_after_ms)
            self._has_met(told_ms)
        elif isinstance(record, Clock) and record.server_time:
            server_ms = believed_ms(record.server_time, received_ms)
            if server_ms is not None:
                self._has_met(server_ms - mono_ms)
        if not_after_ms < self.not_after_ms:
            self.not_after_ms = not_after_ms

    def _has_met(self, begun_ms: int) -> None:
        if self.met_ms is None or begun_ms > self.met_ms:
            self.met_ms = begun_ms


class BootTime(NamedTuple):
    """When a boot began, UTC milliseconds since 1970.

    Attributes:
        offset_ms: the best estimate; never above `not_after_ms`, so no press is later than it came.
        earliest_ms: not before this; None: nothing says so.
        latest_ms: not after this. Where clocks contradict each other the two hold both claims.
        quality: `offset` or `bounded`.
    """

    offset_ms: int
    earliest_ms: int | None
    latest_ms: int
    quality: TimeQuality


def own_time(facts: BootFacts) -> BootTime:
    """When a boot began by its own records alone."""
    not_after_ms, met_ms = facts.not_after_ms, facts.met_ms
    if met_ms is None:
        return BootTime(not_after_ms, None, not_after_ms, TimeQuality.BOUNDED)
    if not_after_ms - met_ms <= CLOSE_MS:
        low_ms, high_ms = min(met_ms, not_after_ms), max(met_ms, not_after_ms)
        return BootTime(not_after_ms, low_ms, high_ms, TimeQuality.OFFSET)
    latest_ms = min(not_after_ms, met_ms + HEARD_WITHIN_MS)
    return BootTime(met_ms, met_ms, latest_ms, TimeQuality.OFFSET)


def boot_times(boots: Sequence[BootFacts]) -> list[BootTime]:
    """When each boot began.

    Args:
        boots: of one journal, in order of `first_seq`, up to its newest boot. They may begin later
            than the journal does, with any boot that met.

    Returns:
        One time for each, in the same order.
    """
    times = [own_time(boot) for boot in boots]
    begin = 0
    while begin < len(boots):
        if boots[begin].met_ms is not None:
            begin += 1
            continue
        end = begin
        while end < len(boots) and boots[end].met_ms is None:
            end += 1
        before = begin - 1 if begin else None
        after = end if end < len(boots) else None
        times[begin:end] = _between(boots, times, range(begin, end), before, after)
        begin = end
    return times


def _between(
    boots: Sequence[BootFacts],
    times: Sequence[BootTime],
    run: range,
    before: int | None,
    after: int | None,
) -> list[BootTime]:
    """The boots of `run` met nobody; those at `before` and `after`, where there are any, did."""
    lengths = [boots[at].last_mono_ms for at in run]
    latest: list[int] = []
    # the newest boot goes on: that it has ended bounds only those that were followed by another
    end_ms = _FAR_MS + lengths[-1] if after is None else times[after].latest_ms
    for at in reversed(run):
        end_ms = _cut(min(boots[at].not_after_ms, end_ms - boots[at].last_mono_ms))
        latest.append(end_ms)
    latest.reverse()
    if before is None:  # nothing says how early: as late as can be, as if received live
        return [BootTime(ms, None, ms, TimeQuality.BOUNDED) for ms in latest]
    ended_ms = times[before].earliest_ms
    assert ended_ms is not None
    earliest_ms = _cut(ended_ms + boots[before].last_mono_ms)
    free_ms = _cut(times[before].offset_ms + boots[before].last_mono_ms)
    if after is not None:
        until_ms, gaps = times[after].offset_ms, len(run) + 1
    else:  # the newest boot brought its own records, so it began as late as they allow
        until_ms, gaps = latest[-1] + lengths[-1], len(run)
    told: list[BootTime] = []
    left_ms = sum(lengths)
    for latest_ms, length_ms in zip(latest, lengths, strict=True):
        gap_ms = max(0, until_ms - free_ms - left_ms) // gaps
        offset_ms = min(max(free_ms + gap_ms, earliest_ms), latest_ms)
        low_ms, high_ms = min(earliest_ms, latest_ms), max(earliest_ms, latest_ms)
        told.append(BootTime(offset_ms, low_ms, high_ms, TimeQuality.BOUNDED))
        left_ms -= length_ms
        gaps = max(1, gaps - 1)
        free_ms = _cut(offset_ms + length_ms)
        earliest_ms = _cut(earliest_ms + length_ms)
    return told


def _cut(ms: int) -> int:
    return max(-_FAR_MS, min(ms, _FAR_MS))

"""What a reconciliation finds, device by device. Pure.

Three things are compared for each device: its day-closes with the ledger's own count of the same
records; its journal's numbers with what the ledger holds of it; and the head it last spoke of with
the ledger's. Nothing is corrected here. What is missing can be asked for again; counts that differ
although nothing is missing need a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

CLOSING_GRACE_MS: Final = 10 * 60 * 1000
"""A device that is heard of so long after a day's end has had time to close it. Our choice: it
closes a day seconds after midnight, and within one health message of its start."""


class DayVerdict(StrEnum):
    """How one day of a device stands."""

    BALANCED = "balanced"
    DIFFERS = "differs"
    WAITING = "waiting"
    """Not closed, and the device has not been heard of since the day ended."""
    OPEN = "open"
    """Not closed although the device has been heard of since."""


class Ask(StrEnum):
    """What became of what was missing."""

    NOTHING = "nothing"
    """Nothing was missing."""
    NOT_ASKED = "not-asked"
    FILLED = "filled"
    """Asked for, and it came."""
    ASKED = "asked"
    """Asked for; the device answered, but not everything is here yet."""
    UNREACHED = "unreached"
    """Asked for; no answer, or a refusal."""
    LOST_JOURNAL = "lost-journal"
    """Of a journal that the device no longer writes: only its card can tell."""


@dataclass(frozen=True, slots=True)
class CountDifference:
    """One count (`INVITED`, `RATED.5` …) that a device and the ledger tell differently."""

    name: str
    device: int
    ledger: int


@dataclass(frozen=True, slots=True)
class DayState:
    """One local day of one device."""

    on: date
    verdict: DayVerdict
    differences: tuple[CountDifference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalState:
    """What the ledger lacks of one journal.

    Attributes:
        epoch: the journal.
        is_current: the device writes it now, as far as is known.
        stored: every seq up to this one is here.
        head: highest seq that is here.
        told_head: highest seq the device has spoken of; 0: it has not spoken of this journal.
        missing: ranges (first, last) below `head` that are not here, lowest first.
    """

    epoch: str
    is_current: bool
    stored: int
    head: int
    told_head: int = 0
    missing: tuple[tuple[int, int], ...] = ()

    @property
    def missing_records(self) -> int:
        """How many records are known to exist and are not here."""
        within = sum(last - first + 1 for first, last in self.missing)
        return within + max(self.told_head - self.head, 0)

    @property
    def ask_from(self) -> int:
        """The first seq to ask for."""
        return self.stored + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceState:
    """One device.

    Attributes:
        window: id of its window now; empty for none.
        heard_ms: when it was last heard of, UTC milliseconds; None: never.
        days: oldest first.
        journals: those of which something is missing.
        conflicts: second tokens under its name: a fork or a cloned card.
        ask: what became of what was missing.
        detail: for people: the device's refusal, why it could not be asked.
    """

    device: str
    window: str
    heard_ms: int | None
    days: tuple[DayState, ...]
    journals: tuple[JournalState, ...] = ()
    conflicts: int = 0
    ask: Ask = Ask.NOTHING
    detail: str = ""

    @property
    def missing_records(self) -> int:
        """Records that are known to exist and are not here."""
        return sum(journal.missing_records for journal in self.journals)

    @property
    def is_good(self) -> bool:
        """Nothing a person must look at: what merely waits for a device that is off is good."""
        return (
            not self.missing_records
            and not self.conflicts
            and all(day.verdict in _GOOD_DAYS for day in self.days)
        )


_GOOD_DAYS: Final = frozenset({DayVerdict.BALANCED, DayVerdict.WAITING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """The whole hall.

    Attributes:
        gen, size: the ledger that was read, and its rows.
        made_ms: when, UTC milliseconds.
        days: the local days looked at, oldest first.
        devices: every device that stood at a window on one of them, or of which something is
            missing.
    """

    hall: str
    gen: str
    size: int
    made_ms: int
    days: tuple[date, ...]
    devices: tuple[DeviceState, ...]

    @property
    def is_good(self) -> bool:
        """Whether every device is good."""
        return all(device.is_good for device in self.devices)


def judge_day(
    on: date,
    end_ms: int,
    heard_ms: int | None,
    closed: Iterable[tuple[Mapping[str, int], Mapping[str, int]]],
) -> DayState:
    """How a day of a device stands.

    Args:
        on: the local day.
        end_ms: when it ended, UTC milliseconds.
        heard_ms: when the device was last heard of; None: never.
        closed: for each of its journals that closed the day: what it told and what the ledger
            holds, by name.
    """
    pairs = list(closed)
    if not pairs:
        is_heard = heard_ms is not None and heard_ms > end_ms + CLOSING_GRACE_MS
        return DayState(on, DayVerdict.OPEN if is_heard else DayVerdict.WAITING)
    differences = tuple(
        CountDifference(name, number, held.get(name, 0))
        for told, held in pairs
        for name, number in sorted(told.items())
        if number != held.get(name, 0)
    )
    return DayState(on, DayVerdict.DIFFERS if differences else DayVerdict.BALANCED, differences)


def gaps_between(islands: Sequence[tuple[int, int]], stored: int) -> tuple[tuple[int, int], ...]:
    """What is missing above `stored` between ranges that are there, lowest first."""
    missing = []
    after = stored
    for first, last in islands:
        if first > after + 1:
            missing.append((after + 1, first - 1))
        after = last
    return tuple(missing)

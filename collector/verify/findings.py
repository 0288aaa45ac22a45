"""What a verification found: where, what was expected, what is there. Pure.

Findings of one kind at records that follow each other become one with a range: a ledger signed
anew has a million bad records, and a person reads one line for each journal.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

MAX_RANGES: Final = 20
"""Most separate ranges told of one kind of finding in one place; the rest is counted."""


class Level(StrEnum):
    """How bad it is. `fail`: something is not what it must be. `note`: for a person to know."""

    FAIL = "fail"
    NOTE = "note"


class Check(StrEnum):
    """What was checked; the value is the stable word in tables and JSON."""

    SCHEMA = "schema"
    INTEGRITY = "integrity"
    POSITIONS = "positions"
    RECORD = "record"
    DIGEST = "digest"
    SIGNATURE = "signature"
    KEY = "key"
    CHAIN = "chain"
    GAP = "gap"
    JOURNAL = "journal"
    RECEIVED = "received"
    ROOT = "root"
    NODES = "nodes"
    GENS = "gens"
    PURGE = "purge"
    CHECKPOINT = "checkpoint"
    KEPT = "kept"
    EXPORT = "export"
    OUTCOMES = "outcomes"
    REPEATS = "repeats"
    ROLLUPS = "rollups"
    CLOCKS = "clocks"
    DAY_CLOSE = "day-close"
    FLEET = "fleet"
    CONFLICT = "conflict"
    QUARANTINE = "quarantine"
    NOT_CHECKED = "not-checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding, or a run of the same one.

    Attributes:
        what: in words, the same for every one of a run.
        device: its id; empty when it is about no single device. `epoch` likewise.
        first_on: first local day (ISO); empty for unknown. `last_on`: last one, included.
        first_seq: 0 when it is about no single record. `last_seq`: included.
        first_position: place in the ledger; 0 for none. `last_position`: included.
        where: what else names the place: a window, a checkpoint, a file.
        expected: of the first of a run; `got` likewise. Empty when there is nothing to compare.
        count: how many there are.
    """

    level: Level
    check: Check
    what: str
    device: str = ""
    epoch: str = ""
    first_on: str = ""
    last_on: str = ""
    first_seq: int = 0
    last_seq: int = 0
    first_position: int = 0
    last_position: int = 0
    where: str = ""
    expected: str = ""
    got: str = ""
    count: int = 1

    def covers(self, device: str, epoch: str, seq: int) -> bool:
        """Whether it names this record."""
        return (self.device, self.epoch) == (
            device,
            epoch,
        ) and self.first_seq <= seq <= self.last_seq


_Key = tuple[Level, Check, str, str, str, str]


class Findings:
    """Collects findings and tells them in order: failures first, by place."""

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._runs: dict[_Key, list[Finding]] = {}
        self.extend(findings)

    def add(self, finding: Finding) -> None:
        """Take one in; it joins the last of its kind when it follows on it."""
        one = finding
        key = (one.level, one.check, one.what, one.device, one.epoch, one.where)
        runs = self._runs.setdefault(key, [])
        if runs and _touches(runs[-1], one):
            runs[-1] = _joined(runs[-1], one)
        else:
            runs.append(one)

    def extend(self, findings: Iterable[Finding]) -> None:
        """Take several in."""
        for finding in findings:
            self.add(finding)

    def all(self) -> list[Finding]:
        """Every finding, failures first, then by check, device, epoch, seq and position."""
        told: list[Finding] = []
        for runs in self._runs.values():
            ordered = sorted(runs, key=lambda one: (one.first_seq, one.first_position))
            joined: list[Finding] = []
            for one in ordered:
                if joined and (_touches(joined[-1], one) or len(joined) >= MAX_RANGES):
                    joined[-1] = _joined(joined[-1], one)
                else:
                    joined.append(one)
            told += joined
        order = {check: at for at, check in enumerate(Check)}
        return sorted(
            told,
            key=lambda one: (
                one.level is Level.NOTE,
                order[one.check],
                one.device,
                one.epoch,
                one.first_seq,
                one.first_position,
                one.first_on,
                one.where,
            ),
        )


def _touches(before: Finding, after: Finding) -> bool:
    if after.check is Check.RECEIVED and after.level is Level.NOTE:
        return True  # one for each place: a clock set back an hour is as many rows as came since
    if after.first_seq:
        return before.first_seq <= after.first_seq <= before.last_seq + 1
    return bool(
        after.first_position
        and before.first_position <= after.first_position <= before.last_position + 1
    )


def _joined(before: Finding, after: Finding) -> Finding:
    days = [day for one in (before, after) for day in (one.first_on, one.last_on) if day]
    positions = [p for p in (before.first_position, after.first_position) if p]
    return replace(
        before,
        first_on=min(days, default=""),
        last_on=max(days, default=""),
        last_seq=max(before.last_seq, after.last_seq),
        first_position=min(positions, default=0),
        last_position=max(before.last_position, after.last_position),
        count=before.count + after.count,
    )

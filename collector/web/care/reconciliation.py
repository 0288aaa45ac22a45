"""The last report of the nightly reconciliation, and what in it needs a person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from collector.reconcile.model import DayVerdict

_NAME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\.json")
_FOR_PEOPLE: Final = (DayVerdict.DIFFERS, DayVerdict.OPEN)


class _Day(msgspec.Struct):
    day: date
    verdict: DayVerdict


class _Device(msgspec.Struct):
    device: str
    window: str | None
    good: bool
    days: list[_Day]
    missing: int
    conflicts: int
    asked: str
    detail: str


class _Report(msgspec.Struct):
    made_at: str
    days: list[date]
    good: bool
    devices: list[_Device]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A device that a person must look at; `days`: those that differ or were not closed."""

    device: str
    window: str | None
    days: tuple[tuple[date, DayVerdict], ...]
    missing: int
    conflicts: int
    asked: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastReconciliation:
    """The newest report. `made_at`: UTC, RFC 3339."""

    made_at: str
    first_on: date
    last_on: date
    is_good: bool
    devices: int
    findings: list[Finding]


def last_reconciliation(folder: Path | None) -> LastReconciliation | None:
    """The newest report in a folder; None: there is none, or none that we can read."""
    if folder is None:
        return None
    try:
        newest = max((one for one in folder.iterdir() if _NAME.fullmatch(one.name)), default=None)
        if newest is None:
            return None
        report = msgspec.json.decode(newest.read_bytes(), type=_Report)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not report.days:
        return None
    return LastReconciliation(
        made_at=report.made_at,
        first_on=report.days[0],
        last_on=report.days[-1],
        is_good=report.good,
        devices=len(report.devices),
        findings=[_finding(device) for device in report.devices if not device.good],
    )


def _finding(device: _Device) -> Finding:
    return Finding(
        device=device.device,
        window=device.window,
        days=tuple((one.day, one.verdict) for one in device.days if one.verdict in _FOR_PEOPLE),
        missing=device.missing,
        conflicts=device.conflicts,
        asked=device.asked,
        detail=device.detail,
    )

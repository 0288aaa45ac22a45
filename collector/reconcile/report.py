"""A reconciliation for people and for machines. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from collector.press_time import wall_text
from collector.reconcile.model import Ask, DayState, DayVerdict, DeviceState, Reconciliation

_MARKS: Final = {
    DayVerdict.BALANCED: "ok",
    DayVerdict.DIFFERS: "DIFFERS",
    DayVerdict.WAITING: "waiting",
    DayVerdict.OPEN: "OPEN",
}
_ASKS: Final = {
    Ask.NOTHING: "",
    Ask.NOT_ASKED: "not asked for",
    Ask.FILLED: "asked for: came",
    Ask.ASKED: "asked for: on its way",
    Ask.UNREACHED: "asked for: no success",
    Ask.LOST_JOURNAL: "cannot be asked for",
}
HEADER: Final = ("device", "window", "days", "missing", "conflicts", "asked")


def summary_line(found: Reconciliation) -> str:
    """One line that says how it stands, e.g. `GOOD  2026-11-23  135 devices, …`."""
    days = [day for device in found.devices for day in device.days]
    counts = {verdict: sum(day.verdict is verdict for day in days) for verdict in DayVerdict}
    bad = [device for device in found.devices if not device.is_good]
    span = f"{found.days[0]} to {found.days[-1]}" if len(found.days) > 1 else f"{found.days[0]}"
    told = ", ".join(f"{number} {verdict.value}" for verdict, number in counts.items() if number)
    missing = sum(device.missing_records for device in found.devices)
    return (
        f"{'GOOD' if found.is_good else 'NOT GOOD'}  {span}: {len(found.devices)} devices, "
        f"days {told or 'none'}; {missing} records missing"
        + ("" if found.is_good else f"; look at {len(bad)} devices")
    )


def rows(found: Reconciliation, *, is_whole: bool = False) -> list[tuple[Any, ...]]:
    """Rows under `HEADER`: devices a person must look at, or all."""
    return [
        (
            device.device,
            device.window or "-",
            _days(device.days),
            device.missing_records,
            device.conflicts,
            " ".join(part for part in (_ASKS[device.ask], device.detail) if part) or "-",
        )
        for device in found.devices
        if is_whole or not device.is_good or device.ask is not Ask.NOTHING
    ]


def details(found: Reconciliation) -> Iterator[str]:
    """One line for each difference and gap."""
    for device in found.devices:
        for day in device.days:
            for one in day.differences:
                yield (
                    f"{device.device} {day.on}: {one.name}: device {one.device}, "
                    f"ledger {one.ledger}"
                )
        for journal in device.journals:
            ranges = [f"{first}-{last}" for first, last in journal.missing]
            if journal.told_head > journal.head:
                ranges.append(f"{journal.head + 1}-{journal.told_head}")
            yield f"{device.device} {journal.epoch}: missing seq {', '.join(ranges)}"


def document(found: Reconciliation) -> dict[str, Any]:
    """Everything, for JSON."""
    return {
        "hall": found.hall,
        "gen": found.gen,
        "size": found.size,
        "made_at": wall_text(found.made_ms),
        "days": [day.isoformat() for day in found.days],
        "good": found.is_good,
        "devices": [_device(device) for device in found.devices],
    }


def text(found: Reconciliation) -> str:
    """The report as a file for people; times are UTC."""
    lines = [f"{wall_text(found.made_ms)}  hall {found.hall}  ledger {found.gen} ({found.size})"]
    lines.append(summary_line(found))
    lines += ["  ".join(str(cell) for cell in row) for row in rows(found)]
    lines += list(details(found))
    return "\n".join(lines) + "\n"


def _days(days: tuple[DayState, ...]) -> str:
    verdicts = {day.verdict for day in days}
    if len(verdicts) == 1 and days:
        return _MARKS[days[0].verdict]
    return ", ".join(
        f"{day.on:%m-%d} {_MARKS[day.verdict]}"
        for day in days
        if day.verdict is not DayVerdict.BALANCED
    )


def _device(device: DeviceState) -> dict[str, Any]:
    return {
        "device": device.device,
        "window": device.window or None,
        "heard_at": wall_text(device.heard_ms) if device.heard_ms is not None else None,
        "good": device.is_good,
        "days": [
            {
                "day": day.on.isoformat(),
                "verdict": day.verdict.value,
                "differences": [
                    {"count": one.name, "device": one.device, "ledger": one.ledger}
                    for one in day.differences
                ],
            }
            for day in device.days
        ],
        "journals": [
            {
                "epoch": journal.epoch,
                "current": journal.is_current,
                "stored": journal.stored,
                "head": journal.head,
                "told_head": journal.told_head,
                "missing": [list(one) for one in journal.missing],
            }
            for journal in device.journals
        ],
        "missing": device.missing_records,
        "conflicts": device.conflicts,
        "asked": device.ask.value,
        "detail": device.detail,
    }

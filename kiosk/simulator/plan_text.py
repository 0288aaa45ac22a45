"""A planned day as text: a table of what to expect, every step as CSV, or both as JSON.

The same plan gives the same bytes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from kiosk.simulator.day import Due, local_time
from kiosk.simulator.expectation import expected_counts, expected_entries
from kiosk.simulator.scenario import Fault

COLUMNS: Final = (
    "window",
    "device",
    "time",
    "doing",
    "level",
    "case_no",
    "item",
    "staff_no",
    "trouble",
)
SHOWN: Final = (
    ("INVITED", "invited"),
    ("RATED", "rated"),
    ("UNRATED", "unrated"),
    ("IGNORED", "ignored"),
    ("FAULT", "faults"),
    ("BOOT", "boots"),
    ("CLOCK", "clock"),
)
"""Kind of record → heading in the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPlan:
    """One window's planned day.

    Attributes:
        steps: in order of time.
        levels: those its panel has a key for.
        troubles: what goes wrong there.
    """

    window: str
    device: str
    steps: Sequence[Due]
    levels: frozenset[int]
    troubles: tuple[Fault, ...] = ()

    def counts(self) -> dict[str, int]:
        """The records its device must write, by `Entry.count_key`."""
        return expected_counts(expected_entries(self.steps, levels=self.levels))


def plan_table(plans: Sequence[WindowPlan]) -> str:
    """What to expect of each window, for people; the last line is the whole hall."""
    lines = ["window    steps " + " ".join(f"{heading:>8}" for _, heading in SHOWN)]
    lines[0] += "  trouble"
    sums = [0] * (1 + len(SHOWN))
    for plan in plans:
        counts = plan.counts()
        row = [len(plan.steps)]
        for kind, _ in SHOWN:
            row.append(sum(n for key, n in counts.items() if key.split(".")[0] == kind))
        sums = [before + more for before, more in zip(sums, row, strict=True)]
        lines.append(f"{_line(plan.window, row)}  {_troubles(plan.troubles)}".rstrip())
    return "\n".join([*lines, _line("all", sums), ""])


def plan_csv(plans: Sequence[WindowPlan], zone: ZoneInfo) -> str:
    """Every step, by window and time; local time of day with milliseconds."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for plan in plans:
        for due in plan.steps:
            writer.writerow({"window": plan.window, "device": plan.device} | _fields(due, zone))
    return text.getvalue()


def plan_json(plans: Sequence[WindowPlan], zone: ZoneInfo, on: date, scenario: str) -> str:
    """Steps and expected counts of each window.

    Args:
        scenario: its file's name; empty: an ordinary day without one.
    """
    document = {
        "scenario": scenario,
        "on": on.isoformat(),
        "windows": [
            {
                "window": plan.window,
                "device": plan.device,
                "expected": plan.counts(),
                "steps": [
                    {name: value for name, value in _fields(due, zone).items() if value}
                    for due in plan.steps
                ],
            }
            for plan in plans
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _fields(due: Due, zone: ZoneInfo) -> dict[str, Any]:
    step = due.step
    return {
        "time": local_time(due.at_ms, zone).strftime("%H:%M:%S") + f".{due.at_ms % 1000:03}",
        "doing": step.doing.value,
        "level": step.level or "",
        "case_no": step.case_no,
        "item": step.item,
        "staff_no": step.staff_no,
        "trouble": step.fault.what if step.fault is not None else "",
    }


def _troubles(troubles: Sequence[Fault]) -> str:
    return ", ".join(f"{one.what} {one.at}-{one.until}" for one in troubles)


def _line(name: str, row: Sequence[int]) -> str:
    return f"{name:<8} {row[0]:>6} " + " ".join(f"{number:>8}" for number in row[1:])

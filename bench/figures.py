"""What a benchmark returns, and how the results are kept."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

RESULTS: Final = Path(__file__).parent / "results"
_SHOWN_PACKAGES: Final = ("paho-mqtt", "gpiozero", "sqlite-utils", "flask", "cryptography", "amqtt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value.

    Attributes:
        name: what was measured.
        value: the figure.
        unit: `ratio`, `1/s`, `ms`, `MB` …
        goal: what the issue aims for, as text; empty for a figure without goal.
        is_met: whether the goal is met; None without goal.
        note: against what, with how many runs.
    """

    name: str
    value: float
    unit: str
    goal: str = ""
    is_met: bool | None = None
    note: str = ""


def at_least(name: str, value: float, goal: float, note: str, unit: str = "ratio") -> Figure:
    """A figure that should be `goal` or more."""
    return Figure(
        name=name, value=value, unit=unit, goal=f"≥ {goal:g}", is_met=value >= goal, note=note
    )


def at_most(name: str, value: float, goal: float, note: str, unit: str = "ratio") -> Figure:
    """A figure that should be `goal` or less."""
    return Figure(
        name=name, value=value, unit=unit, goal=f"≤ {goal:g}", is_met=value <= goal, note=note
    )


def machine() -> dict[str, Any]:
    """What the figures were measured on: processor, memory, load average of the last minute,
    whether the benchmark went before the other programs (`chrt -r 5`), versions, date."""
    cpu = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load": round(os.getloadavg()[0], 1),
        "priority": "normal" if os.sched_getscheduler(0) == os.SCHED_OTHER else "real-time",
        "kernel": platform.release(),
        "python": sys.version.split()[0],
        "sqlite": sqlite3.sqlite_version,
        "packages": {name: version(name) for name in _SHOWN_PACKAGES},
    }


def table(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = ["| what | figure | goal | | note |", "|---|---:|---|---|---|"]
    for figure in figures:
        shown = f"{figure.value:,.3g}" if abs(figure.value) < 1000 else f"{figure.value:,.0f}"
        mark = {True: "met", False: "**missed**", None: ""}[figure.is_met]
        unit = "" if figure.unit == "ratio" else f" {figure.unit}"
        name = figure.name.replace("|", "\\|")
        lines.append(f"| {name} | {shown}{unit} | {figure.goal} | {mark} | {figure.note} |")
    return "\n".join(lines)


def save(name: str, figures: list[Figure], *, keep: bool = True) -> str:
    """The figures with the machine as Markdown; with `keep` also in `results/`, with a JSON."""
    about = machine()
    packages = ", ".join(f"{key} {value}" for key, value in about["packages"].items())
    markdown = (
        f"# {name}\n\n{about['date']} · {about['cpu']}, {about['cores']} cores, "
        f"{about['memory_gib']} GiB, load {about['load']}, {about['priority']} priority · "
        f"Linux {about['kernel']} · Python {about['python']}, "
        f"SQLite {about['sqlite']}, {packages}\n\n"
        f"`python -m bench {name}`\n\n{table(figures)}\n"
    )
    if keep:
        document = {"machine": about, "figures": [asdict(figure) for figure in figures]}
        text = json.dumps(document, indent=1, ensure_ascii=False)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        (RESULTS / f"{name}.md").write_text(markdown, encoding="utf-8")
    return markdown

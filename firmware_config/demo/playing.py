"""What the demo plays and what time it is there, asked of the simulator, which alone knows.

The simulator is another program (`kiosk simulate`): it is asked as a person would ask it.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from typing import Final

from firmware_config.demo.ports import LOOPBACK
from firmware_config.demo.stage import child_environment
from firmware_config.errors import ExitCode, InvalidSettings

ORDINARY: Final = "平常的日子 ordinary days"
_ASK_S: Final = 5.0
_PREFIX: Final = "kiosk: error: "


def resolved(scenario: str) -> str:
    """A file by its absolute path, because the simulator may run elsewhere; else the name."""
    return str(Path(scenario).resolve()) if scenario.endswith(".toml") else scenario


def title_of(scenario: str) -> str:
    """The title of a scenario; empty name: ordinary days.

    Raises:
        InvalidSettings: there is no such scenario, or its file has problems.
    """
    if not scenario:
        return ORDINARY
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "simulate", f"--describe={scenario}"],
        env=child_environment() | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode == ExitCode.OK:
        return done.stdout.splitlines()[0]
    raise InvalidSettings([line.removeprefix(_PREFIX) for line in done.stderr.splitlines()])


def hall_time(press_port: int) -> str:
    """Day and time in the hall, such as `2026-03-02 09:30`, from the press page; `–`: no answer."""
    connection = http.client.HTTPConnection(LOOPBACK, press_port, timeout=_ASK_S)
    try:
        connection.request("GET", "/api/hall")
        hall = json.loads(connection.getresponse().read())
        return f"{hall['on']} {hall['time']}"
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return "–"  # only a line of the greeting; whether the page lives is watched elsewhere
    finally:
        connection.close()

"""The order in which the demo's processes start, are watched and stop."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_config.demo.children import Child, ChildDied
from firmware_config.demo.ports import LOOPBACK
from firmware_config.demo.prepare import DemoFolder, Login, Ports, logins
from firmware_config.errors import ConfigError, ExitCode
from firmware_config.fleet import load_fleet

READY_S: Final = 60.0
"""Longest start of one process. It takes a second or two; a small computer may need more."""
_FOREIGN_PREFIXES: Final = ("KIOSK_", "COLLECTOR_", "NOTIFY_SOCKET", "WATCHDOG_")


class AccountFailed(ConfigError, RuntimeError):
    """The ready-made login could not be made."""

    exit_code = ExitCode.FAILURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What the demo plays. See `kiosk simulate --help` for all but the first.

    Attributes:
        scenario: name or file; empty: ordinary days.
        seed: in place of the scenario's; empty: its own.
    """

    fleet: Path
    speed: float
    history_days: int
    start_days_back: int
    scenario: str = ""
    seed: str = ""


class Stage:
    """The processes of one demo.

    Args:
        folder: prepared by `prepare`.
        report: called with a process's name and the seconds since its start, when it is ready.
        stopping: breaks off a start.
    """

    def __init__(
        self,
        folder: DemoFolder,
        ports: Ports,
        play: Play,
        report: Callable[[str, float], None],
        stopping: threading.Event,
    ) -> None:
        self._stopping = stopping
        self._play = play
        self._folder = folder
        self._ports = ports
        self._report = report
        self._environment = child_environment()
        config = str(folder.collector_config)
        self.broker = self._child("broker", "firmware_config.demo.broker", folder.broker_config)
        self.ingest = self._child("ingest", "collector", "--config", config, "ingest")
        self.wishes = self._child("wishes", "collector", "--config", config, "command", "serve")
        self.web = self._child("web", "collector", "--config", config, "web")
        self.kiosks = self._child(
            "kiosks",
            "kiosk",
            "simulate",
            *("--fleet", play.fleet),
            *("--devices", folder.devices),
            *("--hall-time", folder.hall_time),
            *("--speed", play.speed),
            *("--history-days", play.history_days),
            *("--start-days-back", play.start_days_back),
            *("--port", ports.press),
            *("--dashboard", f"http://{LOOPBACK}:{ports.dashboard}"),
            *(("--scenario", play.scenario) if play.scenario else ()),
            *(("--seed", play.seed) if play.seed else ()),
        )
        self._started: list[Child] = []

    @property
    def children(self) -> tuple[Child, ...]:
        """Those that run, in the order they were started."""
        return tuple(self._started)

    def start(self) -> None:
        """Start everything and wait until it is ready, or until told to stop.

        Raises:
            ChildDied: a process ended or did not get ready.
            AccountFailed: the login could not be made.
        """
        self._start(self.broker)
        self._wait(self.broker)
        self._start(self.ingest)
        self._start(self.wishes)
        self._wait(self.ingest)  # makes the ledger that the dashboard reads
        self._wait(self.wishes)
        # all of it before the kiosks, with which the hall's time begins to run
        if not self._folder.logins_made.exists():
            self._add_logins()
        self._start(self.kiosks)
        self._start(self.web)
        self._wait(self.web)
        self._wait(self.kiosks)
        self.check()

    def check(self) -> None:
        """Raises ChildDied when a process has ended by itself."""
        for child in self._started:
            child.check()

    def stop(self) -> None:
        """Stop everything: kiosks, then dashboard, commands, ingest, broker, each in turn."""
        for child in (self.kiosks, self.web, self.wishes, self.ingest, self.broker):
            if child in self._started:
                child.stop()
                self._started.remove(child)

    def _start(self, child: Child) -> None:
        if not self._stopping.is_set():
            child.start()
            self._started.append(child)

    def _wait(self, child: Child) -> None:
        give_up_at = child.started_at + READY_S
        while not self._stopping.is_set():
            if child.is_ready(wait_s=0.1):
                self._report(child.name, time.monotonic() - child.started_at)
                return
            self.check()
            if time.monotonic() > give_up_at:
                raise ChildDied(child, f"not ready after {READY_S:.0f} s")

    def _add_logins(self) -> None:
        """Add the ready-made logins; those of an earlier run stay as they are."""
        first, *others = logins(load_fleet(self._play.fleet))
        self._add_login(first)  # alone: it makes the file
        with ThreadPoolExecutor(len(others)) as pool:
            list(pool.map(self._add_login, others))
        if not self._stopping.is_set():
            self._folder.logins_made.touch()

    def _add_login(self, login: Login) -> None:
        if self._stopping.is_set():
            return
        command = [sys.executable, "-m", "collector", "--config"]
        command += [str(self._folder.collector_config), "account", "add", login.name]
        command += ["--role", login.role]
        command += ["--password-file", str(self._folder.password_of(login.name))]
        for code in login.departments:
            command += ["--department", code]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode and "exists already" not in done.stderr:
            raise AccountFailed(f"collector account add: {done.stderr.strip() or done.stdout}")

    def _child(self, name: str, module: str, *arguments: object) -> Child:
        command = [sys.executable, "-m", module, *map(str, arguments)]
        return Child(name, command, self._folder.log / f"{name}.log", self._environment)


def child_environment() -> dict[str, str]:
    """This environment without settings of other installations, for small processes."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN_PREFIXES)
    }
    # memory pools of malloc's own for each of 280 threads would never be given back
    return environment | {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}

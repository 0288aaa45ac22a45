"""The demo's processes: started, waited for, watched, stopped in order.

Each says that it is ready the way systemd's services do (`READY=1` on the socket that
`NOTIFY_SOCKET` names), so nothing is guessed from open ports or log lines.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from firmware_config.errors import ConfigError, ExitCode

STOP_S: Final = 20.0
"""How long a process may take to stop before it is killed."""
LOG_LINES: Final = 15
_PR_SET_PDEATHSIG: Final = 1
"""Source: prctl(2). Without it `kill -9` of the demo would leave its processes on their ports."""
_libc = ctypes.CDLL(None, use_errno=True)


class ChildDied(ConfigError, RuntimeError):
    """A process of the demo ended by itself.

    Attributes:
        lines: the end of its log.
    """

    exit_code = ExitCode.FAILURE

    def __init__(self, child: Child, reason: str) -> None:
        super().__init__(f"{child.name}: {reason}; its log: {child.log}")
        self.lines = child.last_lines()


class Child:
    """One process. Its output goes to its log file.

    Args:
        name: for people.
        command: what to run.
        log: log file; begun anew at every start.
        environment: of the process.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        self._command = list(command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._notices: socket.socket | None = None
        self.started_at = 0.0  # time.monotonic()
        self._file: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None before `start()`."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start it; returns at once."""
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._notices.bind("")  # the kernel gives it an unused abstract name
        name: bytes = self._notices.getsockname()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.log.open("wb")
        self.started_at = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            env=self._environment | {"NOTIFY_SOCKET": "@" + name[1:].decode("ascii")},
            start_new_session=True,  # Ctrl-C is for us: we stop them in order
            preexec_fn=_end_with_parent,
        )

    def is_ready(self, *, wait_s: float) -> bool:
        """Whether it has said `READY=1`; waits for that a moment."""
        if self._notices is None:
            return self._process is not None
        self._notices.settimeout(wait_s)
        with contextlib.suppress(TimeoutError):
            while b"READY=1" not in self._notices.recv(4096).split(b"\n"):
                pass
            # closed, because a socket that nobody empties would make its sender wait for ever
            self._notices.close()
            self._notices = None
            return True
        return False

    def check(self) -> None:
        """Raises ChildDied when it has ended."""
        code = self._process.poll() if self._process is not None else None
        if code is not None:
            raise ChildDied(self, f"ended with {_status(code)}")

    def stop(self) -> int | None:
        """Ask it to stop, wait, and kill it when it will not; idempotent. Returns its status."""
        process, self._process = self._process, None
        code = None
        if process is not None:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
        for open_one in (self._notices, self._file):
            if open_one is not None:
                open_one.close()
        self._notices = self._file = None
        return code

    def last_lines(self) -> list[str]:
        """The end of its log."""
        try:
            text = self.log.read_text("utf-8", errors="replace")
        except OSError:
            return []
        return text.splitlines()[-LOG_LINES:]


def _status(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _end_with_parent() -> None:
    """In the new process: get SIGTERM when the demo itself is killed."""
    parent = os.getppid()
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)

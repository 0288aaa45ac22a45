"""A real `collector web` process over a made ledger, and visitors who are signed in to it."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode

from bench.add_corrections import add_corrections, last_ratings
from bench.ledgers import UNTIL
from collector.corrections.file import CorrectionsFile
from collector.office.roles import Role
from firmware_config.fleet import sample_fleet_path

ROOT: Final = Path(__file__).resolve().parent.parent
ROLES: Final = tuple(role.value for role in Role if role is not Role.DEPARTMENT)
"""Who asks; the first of them, the director, sees all figures. The accounts are named so."""
PASSWORD: Final = "for this benchmark only"
CORRECTIONS: Final = "corrections.db"
CORRECTED: Final = 5
READY_S: Final = 60.0
REQUEST_S: Final = 60.0


def prepare(folder: Path, ledger: Path) -> Path:
    """Everything that a dashboard of a made ledger needs, in a folder; gives its settings.

    Some ratings of one window have corrections, so that pages have something to leave out.
    """
    folder.mkdir(exist_ok=True)
    config = write_settings(folder, ledger)
    add_accounts(config)
    file = CorrectionsFile(folder / CORRECTIONS)
    ratings = last_ratings(ledger, "a01", CORRECTED)
    add_corrections(file, ratings, now_ms=int(UNTIL.timestamp() * 1000))
    return config


def write_settings(folder: Path, ledger: Path) -> Path:
    """Settings of a collector in that folder, as by default but for port and staff figures.

    Its pages take the time of the newest record for now: made ledgers end in the past.
    """
    values = {
        "hall": "yunze",
        "fleet": str(sample_fleet_path()),
        "device_keys": "keys",
        "key": "collector.jwk",
        "ledger": str(ledger),
        "broker.host": "127.0.0.1",
        "web.port": 0,
        "web.today": "newest-record",
        "web.staff": True,
        "web.office": str(folder / "office.db"),
        "corrections.file": str(folder / CORRECTIONS),
    }
    path = folder / "collector.toml"
    lines = (f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    path.write_text("".join(lines), encoding="utf-8")
    return path


def add_accounts(config: Path) -> None:
    """Add an account of each role that is not bound to departments, as an operator would.

    Raises:
        CalledProcessError: one could not be added.
    """
    password = config.with_name("password")
    password.write_text(PASSWORD + "\n", encoding="utf-8")
    for role in ROLES:
        subprocess.run(
            [
                *(sys.executable, "-m", "collector", "account", "add", role, "--role", role),
                *("--password-file", str(password), "--config", str(config)),
            ],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )


def sign_in_form(page: str, role: str) -> dict[str, str]:
    """What to send to `/login` for the account of a role, from the sign-in page."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    return {"csrf_token": token[1], "name": role, "password": PASSWORD}


class Visitor:
    """One browser's connection, kept open between requests.

    Args:
        port: of a server on the loopback.
        cookies: sent with every request.
    """

    def __init__(self, port: int, cookies: Mapping[str, str] | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_S)
        self.cookies = dict(cookies or {})

    def get(self, address: str) -> tuple[int, bytes]:
        """Status and the whole body of a page."""
        return self._ask("GET", address)

    def sign_in(self, role: str) -> Self:
        """Sign in with the account of a role; returns the visitor."""
        form = sign_in_form(self.get("/login")[1].decode(), role)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        status, body = self._ask("POST", "/login", urlencode(form), headers)
        assert status == http.HTTPStatus.FOUND, (status, body[:500])
        return self

    def _ask(
        self,
        method: str,
        address: str,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        sent = {"Cookie": cookie_header(self.cookies), **(headers or {})}
        self._connection.request(method, address, body, sent)
        answer = self._connection.getresponse()
        text = answer.read()
        for line in answer.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer.status, text

    def close(self) -> None:
        """Close; idempotent."""
        self._connection.close()


def cookie_header(cookies: Mapping[str, str]) -> str:
    """The value of the header `Cookie`."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


class ServerProcess:
    """A server of this house that tells systemd when it is ready and logs its address.

    Use it as a context manager.

    Args:
        command: after the interpreter.
        folder: takes its log.
    """

    def __init__(self, command: list[str], folder: Path) -> None:
        self._command = command
        self._log = folder / "server.log"
        self._notify = folder / "notify"
        self.port = 0
        self.pid = 0

    def __enter__(self) -> Self:
        """Start it and wait until it is ready."""
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        told.bind(str(self._notify))
        told.settimeout(READY_S)
        with self._log.open("w") as log, told:
            self._process = subprocess.Popen(
                [sys.executable, *self._command],
                cwd=ROOT,
                stderr=log,
                stdout=log,
                env=os.environ | {"NOTIFY_SOCKET": str(self._notify)},
            )
            self.pid = self._process.pid
            try:
                while b"READY=1" not in told.recv(4096):
                    pass
            except TimeoutError:
                self.__exit__(None, None, None)
                raise TimeoutError(self._log.read_text()) from None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self._log.read_text())
        assert found is not None, self._log.read_text()
        self.port = int(found[1])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._notify.unlink(missing_ok=True)

    def memory_mb(self) -> tuple[float, float]:
        """Resident and proportional megabytes. Source: proc(5), smaps_rollup."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text(encoding="ascii")
        found = {key: int(kib) / 1024 for key, kib in re.findall(r"(\w+):\s+(\d+) kB", text)}
        return found["Rss"], found["Pss"]

    def processor_s(self) -> tuple[float, float]:
        """Seconds its threads have run on a processor, and have waited for one that was taken.

        Source: the kernel's sched-stats, /proc/PID/task/TID/schedstat. Threads that have ended are
        not in it; the server's live as long as it does.
        """
        ran = waited = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            on_ns, wait_ns, _ = (task / "schedstat").read_text(encoding="ascii").split()
            ran, waited = ran + int(on_ns), waited + int(wait_ns)
        return ran / 1e9, waited / 1e9


def web_process(folder: Path, config: Path) -> ServerProcess:
    """`collector web` with those settings."""
    return ServerProcess(["-m", "collector", "web", "--config", str(config)], folder)

"""`collector account` and `collector web`, as an operator types them."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.add_session import add_session
from firmware_config.fleet import sample_fleet_path

ROOT = Path(__file__).resolve().parents[3]
Runner = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def config(tmp_path: Path, ledger: Path) -> Path:
    """Settings of a collector with that ledger."""
    values = {
        "hall": "yunze",
        "fleet": str(sample_fleet_path()),
        "device_keys": "keys",
        "key": "collector.jwk",
        "ledger": str(ledger),
        "broker.host": "127.0.0.1",
        "web.port": 0,
        "web.office": str(tmp_path / "office.db"),
    }
    path = tmp_path / "collector.toml"
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))
    return path


@pytest.fixture
def runner(config: Path) -> Runner:
    """Runs the collector's command line to its end."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "collector", *arguments, "--config", str(config)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )

    return run


def test_accounts_are_added_listed_and_disabled(runner: Runner, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("long enough\nand a second line\n")
    assert runner("account", "add", "zhang", "--password-file", str(password)).returncode == 0
    twice = runner("account", "add", "zhang", "--password-file", str(password))
    assert twice.returncode == 2
    assert "exists" in twice.stderr
    assert runner("account", "disable", "zhang").returncode == 0
    (listed,) = json.loads(runner("account", "list", "--json").stdout)
    assert listed["name"] == "zhang"
    assert listed["disabled"] is not None
    assert "disabled" in runner("account", "list").stdout
    assert runner("account", "disable", "nobody").returncode == 2


def test_a_password_is_made_up_where_nobody_can_be_asked(runner: Runner) -> None:
    told = runner("account", "add", "li").stdout
    found = re.search(r"^password: (\S{12,})$", told, re.MULTILINE)
    assert found is not None


@pytest.mark.parametrize("content", ["", "\n", "short\n"])
def test_a_useless_password_file_is_refused(runner: Runner, tmp_path: Path, content: str) -> None:
    password = tmp_path / "password"
    password.write_text(content)
    refused = runner("account", "add", "zhang", "--password-file", str(password))
    assert refused.returncode != 0
    assert "Traceback" not in refused.stderr
    assert "password" in refused.stderr


class Served:
    """A running `collector web` that tells systemd when it is ready."""

    def __init__(self, config: Path, folder: Path) -> None:
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(folder / "notify"))
        self.notify.settimeout(30)
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "collector", "web", "--config", str(config)],
                cwd=ROOT,
                stderr=log,
                env={"NOTIFY_SOCKET": str(folder / "notify"), "PATH": "/usr/bin:/bin"},
            )
        self.first_word = self.notify.recv(100)
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self.log.read_text())
        assert found is not None, self.log.read_text()
        self.port = int(found[1])

    def connect(self) -> http.client.HTTPConnection:
        """A new connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)


@pytest.fixture
def served(config: Path, tmp_path: Path, runner: Runner) -> Iterator[Served]:
    password = tmp_path / "password"
    password.write_text("long enough\n")
    for name in ("zhang", "li"):
        assert runner("account", "add", name, "--password-file", str(password)).returncode == 0
    running = Served(config, tmp_path)
    yield running
    if running.process.poll() is None:
        running.process.kill()
    running.process.wait()
    running.notify.close()


def cookies_of(answer: http.client.HTTPResponse) -> str:
    """What a browser would send back."""
    found = [
        cookie.split(";")[0]
        for cookie in answer.headers.get_all("Set-Cookie") or []
        if "Max-Age=0" not in cookie
    ]
    return "; ".join(found)


def signed_in(served: Served, name: str = "zhang") -> str:
    """The cookies of a session."""
    connection = served.connect()
    connection.request("GET", "/login")
    answer = connection.getresponse()
    token = re.search(rb'name="csrf_token" value="([^"]+)"', answer.read())
    assert token is not None
    form = f"csrf_token={token[1].decode()}&name={name}&password=long+enough"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": cookies_of(answer),
    }
    connection.request("POST", "/login", form, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == 302
    return cookies_of(answer)


@pytest.mark.system
def test_a_body_that_is_too_large_is_refused_before_it_is_taken_in(served: Served) -> None:
    connection = served.connect()
    connection.putrequest("POST", "/login")
    connection.putheader("Content-Length", "900000000")
    connection.endheaders(b"a" * 1000)  # the rest never comes
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.system
def test_it_tells_systemd_and_ends_at_sigterm_with_streams_open(served: Served) -> None:
    assert served.first_word == b"READY=1"
    cookie = signed_in(served)
    connection = served.connect()
    connection.request("GET", "/api/v1/live/stream", headers={"Cookie": cookie})
    stream = connection.getresponse()
    assert stream.readline() == b"retry: 2000\n"
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(timeout=10) == 0
    assert served.notify.recv(100) == b"STOPPING=1"
    assert "Traceback" not in served.log.read_text()
    connection.close()


@pytest.mark.system
def test_forty_live_pages_leave_room_for_others_and_all_hear_of_a_rating(
    served: Served, ledger: Path
) -> None:
    cookies = [signed_in(served, name) for name in ("zhang", "li")]  # one person has half at most
    heard = threading.Semaphore(0)
    connections = []
    readers = []
    position = [0]

    def listen(response: http.client.HTTPResponse) -> None:
        for line in response:
            if line == f"id: {position[0]}\n".encode():
                heard.release()
                return

    for number in range(40):
        connection = served.connect()
        connection.request("GET", "/api/v1/live/stream", headers={"Cookie": cookies[number % 2]})
        response = connection.getresponse()
        assert response.status == 200
        for line in response:  # the first event
            if line.startswith(b"data:"):
                break
        connections.append(connection)
        readers.append(threading.Thread(target=listen, args=(response,), daemon=True))
    page = served.connect()
    page.request("GET", "/departments?period=year", headers={"Cookie": cookies[0]})
    assert page.getresponse().status == 200
    size_before = add_session(ledger, window="a01", level=5, at_ms=time.time_ns() // 1_000_000)
    position[0] = size_before + 2
    for reader in readers:
        reader.start()
    add_session(ledger, window="a01", level=4, at_ms=time.time_ns() // 1_000_000)
    assert all(heard.acquire(timeout=30) for _ in readers)
    for connection in [*connections, page]:
        connection.close()


@pytest.mark.system
def test_a_taken_port_is_an_error_and_not_a_traceback(served: Served, runner: Runner) -> None:
    refused = runner("web", "--set", f"web.port={served.port}")
    assert refused.returncode == 4
    assert "Traceback" not in refused.stderr


def test_the_set_up_code_is_printed_while_there_is_no_account(runner: Runner) -> None:
    first, second = (runner("account", "setup-code").stdout for _ in range(2))
    assert re.fullmatch(r"[A-Z2-7]{6}(-[A-Z2-7]{6}){3}\n", first)
    assert first != second
    assert runner("account", "add", "li", "--role", "administrator").returncode == 0
    refused = runner("account", "setup-code")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "there are accounts already" in refused.stderr


def test_the_audit_trail_is_listed_verified_and_not_pruned_too_early(
    runner: Runner, tmp_path: Path
) -> None:
    assert runner("account", "add", "li").returncode == 0
    (line,) = runner("audit", "list", "--json", "--only", "account").stdout.splitlines()
    entry = json.loads(line)
    assert (entry["action"], entry["subject"]) == ("account.add", "li")
    assert entry["account"].startswith("unix:")
    assert "\taccount.add\tli\t" in runner("audit", "list").stdout
    assert runner("audit", "verify").stdout.endswith("PASS: the chain holds\n")
    assert runner("audit", "prune", "--older-than-days", "184").returncode == 2
    young = runner("audit", "prune", "--older-than-days", "30", "--yes")
    assert young.returncode == 2
    assert "184" in young.stderr
    assert runner("audit", "prune", "--older-than-days", "184", "--yes").returncode == 0
    assert runner("audit", "ship").returncode == 2
    away = runner("audit", "ship", "--set", f"web.syslog={tmp_path}/nowhere")
    assert away.returncode == 4
    assert "Traceback" not in away.stderr
    database = sqlite3.connect(tmp_path / "office.db")
    database.execute("DROP TRIGGER audit_is_never_changed")
    database.execute("UPDATE audit SET subject = 'wang'")
    database.commit()
    database.close()
    broken = runner("audit", "verify")
    assert broken.returncode == 1
    assert "FAIL: the chain is broken at entry 1" in broken.stdout


@pytest.mark.system
def test_a_kill_loses_at_most_the_last_second_of_page_reads_and_no_sign_in(
    served: Served, tmp_path: Path
) -> None:
    cookie = signed_in(served)
    connection = served.connect()
    connection.request("GET", "/windows", headers={"Cookie": cookie})
    connection.getresponse().read()
    time.sleep(1.0)
    connection.request("GET", "/departments", headers={"Cookie": cookie})
    connection.getresponse().read()
    connection.close()
    served.process.kill()
    served.process.wait()
    database = sqlite3.connect(tmp_path / "office.db")
    kept = {row[0] for row in database.execute("SELECT action || ' ' || subject FROM audit")}
    database.close()
    assert {"session.start zhang", "page.read /windows"} <= kept


@pytest.mark.system
@pytest.mark.parametrize(("proxy", "address"), [("", "127.0.0.1"), ("127.0.0.1", "10.1.2.3")])
def test_only_the_trusted_proxy_says_who_the_visitor_is(
    config: Path, tmp_path: Path, runner: Runner, proxy: str, address: str
) -> None:
    config.write_text(config.read_text() + f'web.trusted_proxy = "{proxy}"\n')
    password = tmp_path / "password"
    password.write_text("long enough\n")
    assert runner("account", "add", "zhang", "--password-file", str(password)).returncode == 0
    running = Served(config, tmp_path)
    try:
        connection = running.connect()
        headers = {"X-Forwarded-For": "10.1.2.3"}
        connection.request("POST", "/login", "", headers)  # without its token: noted as refused
        assert connection.getresponse().status == 400
        connection.close()
    finally:
        running.process.terminate()
        running.process.wait()
        running.notify.close()
    listed = runner("audit", "list", "--json", "--only", "form.refused").stdout
    assert json.loads(listed)["address"] == address


@pytest.mark.system
def test_more_connections_than_select_can_watch_do_not_end_it(served: Served) -> None:
    cookie = signed_in(served)
    held: list[socket.socket] = []
    try:
        for _ in range(24):  # each holds a thread, which keeps files of its own open
            stream = socket.create_connection(("127.0.0.1", served.port), timeout=30)
            held.append(stream)
            asked = f"GET /api/v1/live/stream HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n"
            stream.sendall(asked.encode())
            assert stream.recv(12) == b"HTTP/1.1 200"
        for _ in range(1000):
            held.append(socket.create_connection(("127.0.0.1", served.port), timeout=30))
        files = Path(f"/proc/{served.process.pid}/fd")
        end_s = time.monotonic() + 20
        while served.process.poll() is None and len(list(files.iterdir())) <= 1024:
            assert time.monotonic() < end_s, "not all were taken"
            time.sleep(0.05)
    finally:
        for one in held:
            one.close()
    page = served.connect()
    page.request("GET", "/login")
    assert page.getresponse().status == 200
    page.close()
    assert served.process.poll() is None

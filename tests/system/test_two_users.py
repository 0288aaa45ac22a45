"""Two Unix users: ingest's owns the ledger; the readers' read it at any time and write nothing.

Users, groups, modes and masks are those of the units in `systemd/` and of docs/installation.md; the
programs are real and run as those users, under numbers that own nothing else on this machine.
"""

from __future__ import annotations

import hashlib
import http.cookiejar
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bench.stream import device_key, packed, signed_ratings
from firmware_config.contract import Channel, topic
from firmware_config.fleet import sample_fleet_path
from firmware_config.keys import save_verify_key
from firmware_config.mqtt_link import BrokerAddress, Connected, Link, Publication

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "systemd"
IDS = {
    "yiping-ledger": 61_100,
    "yiping-ingest": 61_101,
    "yiping-web": 61_102,
    "yiping-export": 61_103,
}
HALL, DAY = "yunze", "2025-10-09"
DEVICES = ("w-a01", "w-a02", "w-b01")
ROUND = 8
"""Ratings of one device in one round."""

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become other users"),
]


class Account:
    """Who a unit runs as, and with which rights; read from the unit."""

    def __init__(self, unit: str) -> None:
        text = (UNITS / f"{unit}.service").read_text(encoding="utf-8")
        self.options = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
        self.uid, self.gid = IDS[self.options["User"]], IDS[self.options["Group"]]
        groups = self.options.get("SupplementaryGroups", "").split()
        self.groups = [IDS[name] for name in groups]
        self.umask = self.options["UMask"]

    def make_state_folder(self, parent: Path) -> None:
        """As systemd does before it starts the unit."""
        folder = parent / self.options["StateDirectory"]
        folder.mkdir(exist_ok=True)
        os.chown(folder, self.uid, self.gid)
        folder.chmod(int(self.options["StateDirectoryMode"], 8))

    def command(self, module: str, *arguments: object) -> list[str]:
        groups = ",".join(str(one) for one in self.groups)
        who = (self.uid, self.gid, groups, self.umask)
        driver = Path(__file__).with_name("as_user.py")
        return [sys.executable, str(driver), *(str(one) for one in (*who, module, *arguments))]


class InstalledHall:
    """The sample hall as docs/installation.md sets it up, below a folder instead of `/`."""

    def __init__(self, root: Path, broker_port: int, web_port: int) -> None:
        self.root, self.broker_port, self.web_port = root, broker_port, web_port
        self.ingest_user = Account("collector-ingest")
        self.web_user = Account("collector-web")
        self.export_user = Account("collector-export")
        root.chmod(0o755)
        self.etc, state = root / "etc", root / "lib"
        for folder in (self.etc, self.etc / "device-keys", state):
            folder.mkdir()
            folder.chmod(0o755)
        for user in (self.ingest_user, self.web_user, self.export_user):
            user.make_state_folder(state)
        corrections = state / "yiping-corrections"  # as docs/installation.md makes it
        corrections.mkdir()
        os.chown(corrections, self.web_user.uid, IDS["yiping-ledger"])
        corrections.chmod(0o2750)
        self.ledger = state / "yiping-ingest" / "ledger.db"
        self.config = self.etc / "collector.toml"
        self.fleet = self.etc / "fleet.toml"
        shutil.copyfile(sample_fleet_path(), self.fleet)
        for device in DEVICES:
            save_verify_key(self.etc / "device-keys" / f"{device}.jwk", device_key(device).public)
        self.config.write_text(
            f'hall = "{HALL}"\nfleet = "fleet.toml"\ndevice_keys = "device-keys"\n'
            f'key = "{self.ledger.with_name("collector.jwk")}"\nledger = "{self.ledger}"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {broker_port}\n'
            f'[web]\nport = {web_port}\ntoday = "newest-record"\n'
            f'office = "{state / "yiping-web" / "office.db"}"\n'
            f'[corrections]\nfile = "{corrections / "corrections.db"}"\n'
            f'[export]\nfolder = "{state / "yiping-export" / "days"}"\n',
            encoding="utf-8",
        )
        for path in (self.config, self.fleet, *(self.etc / "device-keys").iterdir()):
            path.chmod(0o644)
        self.running: list[subprocess.Popen[bytes]] = []
        self.log = root / "log"
        self.browser = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )
        self.tokens = signed_ratings(DEVICES, ROUND * 6)
        self.rounds = 0

    def start(self, user: Account, *arguments: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                user.command("collector", *arguments, "--config", self.config),
                stdout=log,
                stderr=log,
                cwd="/",
            )
        self.running.append(process)
        return process

    def run(
        self, user: Account, module: str, *arguments: object
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            user.command(module, *arguments),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd="/",
        )

    def collector(self, user: Account, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(user, "collector", *arguments, "--config", self.config)

    def wait(self, is_true: Callable[[], object], what: str) -> None:
        end = time.monotonic() + 60
        while not is_true():
            if time.monotonic() > end:
                pytest.fail(f"waited 60 s for {what}\n{self.log.read_text()[-4000:]}")
            time.sleep(0.02)

    def start_ingest(self) -> subprocess.Popen[bytes]:
        starts = self.log.read_text().count("connected protocol=") if self.log.exists() else 0
        process = self.start(self.ingest_user, "ingest")
        self.wait(
            lambda: self.log.read_text().count("connected protocol=") > starts,
            "ingest to subscribe",
        )
        return process

    def rate(self) -> int:
        """One more round of ratings of every device; returns how many there are by now."""
        events: list[object] = []
        address = BrokerAddress(host="127.0.0.1", port=self.broker_port, username="p", password="")
        link = Link(address, client_id="player", subscriptions=(), on_event=events.append)
        link.start()
        self.wait(lambda: any(isinstance(one, Connected) for one in events), "the player")
        begin, self.rounds = self.rounds * ROUND, self.rounds + 1
        for device in DEVICES:
            name = topic(HALL, device, Channel.JOURNAL)
            for payload in packed(self.tokens[device][begin : begin + ROUND]):
                assert link.publish(Publication(name, payload))
        total = self.rounds * ROUND * len(DEVICES)
        self.wait(lambda: self.rates() == total, f"{total} ratings in the ledger")
        link.stop()
        return total

    def rates(self, user: Account | None = None) -> int:
        """Counted ratings, by `collector rates` of a user who may only read."""
        done = self.collector(user or self.web_user, "rates", "--period", "all", "--json")
        if done.returncode:
            assert "found no file" in done.stderr or "no fleet loaded" in done.stderr, done.stderr
            return 0
        return int(json.loads(done.stdout)[0]["base"])

    def sign_in(self) -> None:
        password = self.etc / "password"
        password.write_text("a very long password\n")
        password.chmod(0o644)
        added = self.collector(
            self.web_user, "account", "add", "director", "--password-file", str(password)
        )
        assert added.returncode == 0, added.stderr
        page = self.get("/login")
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token, page
        form = {"csrf_token": token[1], "name": "director", "password": "a very long password"}
        self.browser.open(
            f"http://127.0.0.1:{self.web_port}/login",
            urllib.parse.urlencode(form).encode(),
            timeout=20,
        ).close()

    def get(self, path: str) -> str:
        with self.browser.open(f"http://127.0.0.1:{self.web_port}{path}", timeout=20) as answer:
            return str(answer.read().decode())

    def shown(self) -> int:
        """Counted ratings, by the dashboard."""
        hall = json.loads(self.get("/api/v1/hall"))
        return int(hall["figures"]["rate"]["base"])

    def exported(self) -> int:
        """Counted ratings, by the export of the day."""
        done = self.collector(self.export_user, "export", "--day", DAY)
        assert done.returncode == 0, done.stderr
        folder = self.root / "lib" / "yiping-export" / "days"
        newest = max(folder.glob(f"{DAY}*/manifest.json"), key=lambda one: one.stat().st_mtime_ns)
        return int(json.loads(newest.read_text())["counts"]["rated"])

    def expect_everybody_reads(self, total: int) -> None:
        assert self.rates(self.web_user) == total
        self.wait(lambda: self.shown() == total, f"{total} ratings on the dashboard")
        assert self.exported() == total

    def state(self) -> dict[str, tuple[str, int, int, int]]:
        """Name → SHA-256, mode, owner and group of everything in the ledger's folder."""
        folder = self.ledger.parent
        found = {}
        for path in (folder, *sorted(folder.iterdir())):
            stat = path.stat()
            content = path.read_bytes() if path.is_file() else b""
            digest = hashlib.sha256(content).hexdigest()
            found[path.name] = (digest, stat.st_mode, stat.st_uid, stat.st_gid)
        return found

    def stop(self) -> None:
        for process in self.running:
            with suppress(ProcessLookupError):
                process.kill()
            process.wait()


@pytest.fixture
def installed(open_broker: Any, free_port: Callable[[], int]) -> Iterator[InstalledHall]:
    folder = Path(tempfile.mkdtemp(prefix="yiping-two-users-"))  # not below root's own folder
    hall = InstalledHall(folder, open_broker.port, free_port())
    try:
        yield hall
    finally:
        hall.stop()
        shutil.rmtree(folder)


def start_web(hall: InstalledHall) -> subprocess.Popen[bytes]:
    process = hall.start(hall.web_user, "web")

    def answers() -> bool:
        with suppress(OSError):
            return "csrf_token" in hall.get("/login")
        return False

    hall.wait(answers, "the dashboard")
    return process


def expect_nothing_can_be_written(hall: InstalledHall) -> None:
    text = hall.fleet.read_text(encoding="utf-8")
    hall.fleet.write_text(text.replace("大厅", "大厅新"), encoding="utf-8")  # something to load
    before = hall.state()
    for user in (hall.web_user, hall.export_user):
        done = hall.run(user, "tests.system.write_attempts", hall.ledger)
        assert done.returncode == 0, done.stderr
        attempts = json.loads(done.stdout)
        assert len(attempts) > 90
        assert {name: came for name, came in attempts.items() if "refused: " not in came} == {}
    for arguments in (
        ("db", "rebuild-rollups", "--yes"),
        ("db", "renew-gen", "--yes"),
        ("fleet", "load", "--yes"),
        ("ingest",),
    ):
        done = hall.collector(hall.web_user, *arguments)
        assert done.returncode == 5, (arguments, done)
        assert "Traceback" not in done.stderr
        assert "ledger.db" in done.stderr
        assert "user number 61102 may not write it, only read" in done.stderr
        assert "belongs to number 61101" in done.stderr
    assert hall.state() == before


@pytest.mark.parametrize("open_broker", ["mosquitto"], indirect=True)
def test_readers_read_at_any_time_and_cannot_write_one_byte(installed: InstalledHall) -> None:
    hall = installed
    ingest = hall.start_ingest()
    start_web(hall)
    hall.sign_in()

    # while ingest runs
    hall.expect_everybody_reads(hall.rate())
    expect_nothing_can_be_written(hall)

    # after it stopped, with the dashboard looking on
    total = hall.rate()
    ingest.send_signal(signal.SIGTERM)
    assert ingest.wait(30) == 0
    log = Path(f"{hall.ledger}-wal")  # kept by the dashboard, but nothing is in it
    assert not log.exists() or log.stat().st_size == 0
    hall.expect_everybody_reads(total)
    expect_nothing_can_be_written(hall)
    hall.expect_everybody_reads(total)

    # after a kill, with a log left behind
    ingest = hall.start_ingest()
    total = hall.rate()
    ingest.kill()
    ingest.wait()
    assert Path(f"{hall.ledger}-wal").stat().st_size > 0
    hall.expect_everybody_reads(total)
    expect_nothing_can_be_written(hall)
    hall.expect_everybody_reads(total)

    # and when it starts again beside them, also with a fleet file that nobody can read
    hall.fleet.write_text("no TOML", encoding="utf-8")
    ingest = hall.start_ingest()
    hall.expect_everybody_reads(hall.rate())
    assert "going on with the fleet the ledger knows: fleet.toml: " in hall.log.read_text()
    ingest.send_signal(signal.SIGTERM)
    assert ingest.wait(30) == 0


@pytest.mark.parametrize("open_broker", ["mosquitto"], indirect=True)
def test_what_root_does_with_the_ledger_leaves_it_to_ingest(installed: InstalledHall) -> None:
    """Commands are typed as root: before the first start, while it is stopped, after a kill."""
    hall = installed
    as_root = [sys.executable, "-m", "collector"]

    def root(*arguments: str) -> None:
        done = subprocess.run(
            [*as_root, *arguments, "--config", str(hall.config)],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stderr
        owners = {name: uid for name, (_, _, uid, _) in hall.state().items()}
        assert set(owners.values()) == {hall.ingest_user.uid}, owners

    root("fleet", "load", "--yes")
    ingest = hall.start_ingest()
    total = hall.rate()
    ingest.send_signal(signal.SIGTERM)
    assert ingest.wait(30) == 0
    root("rates")
    assert hall.rates() == total
    ingest = hall.start_ingest()
    total = hall.rate()
    ingest.kill()
    ingest.wait()
    root("db")
    root("db", "rebuild-rollups", "--yes")
    assert hall.rates() == total
    hall.start_ingest()
    hall.rate()


@pytest.mark.parametrize("open_broker", ["mosquitto"], indirect=True)
def test_a_log_without_its_index_is_told_with_what_to_do(installed: InstalledHall) -> None:
    """As after copying the ledger by hand; only a writer can read such a log."""
    hall = installed
    ingest = hall.start_ingest()
    total = hall.rate()
    ingest.kill()
    ingest.wait()
    Path(f"{hall.ledger}-shm").unlink()
    done = hall.collector(hall.web_user, "rates")
    assert done.returncode == 5
    assert "Traceback" not in done.stderr
    assert (
        "ledger.db-wal was left by a writer that was killed: start collector ingest" in done.stderr
    )
    hall.start_ingest()
    assert hall.rates() == total

"""The demo, as a newcomer meets it: real processes, HTTP only."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEVICE = "w-c07"
SMALL_HALL = """
hall.id = "small"
hall.name = "小厅"
hall.name_en = "Small hall"
hall.timezone = "Asia/Shanghai"
hall.opens.mon-sun = ["09:00-17:00"]
departments = [{ id = "tax", name = "税务局", name_en = "Tax" }]
windows = [{ id = "a01", name = "A01", department = "tax", device = "w-a01", from = 2024-01-02 }]
devices = [{ id = "w-a01" }]
"""
READY_S = 90.0

pytestmark = pytest.mark.system


class RunningDemo:
    """One run of the demo in a folder, and a visitor with a browser."""

    def __init__(
        self,
        folder: Path,
        free_port: Callable[[], int],
        *,
        speed: str = "2",
        fleet: Path | None = None,
        scenario: str = "",
    ) -> None:
        # below the system's own: a hundred kiosks that connect would take one before it is used
        ports = [str(free_port()) for _ in range(3)]
        self.folder = folder
        self.output = folder.parent / "demo.out"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "firmware_config.demo"),
                    *("--folder", str(folder), "--history-days", "0"),
                    *("--dashboard-port", ports[0], "--press-port", ports[1]),
                    *("--broker-port", ports[2]),
                    *(("--fleet", str(fleet)) if fleet else ()),
                ],
                cwd=ROOT,
                env=os.environ | {"SPEED": speed, "SCENARIO": scenario},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        jar = http.cookiejar.CookieJar()
        self._browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))

    @property
    def text(self) -> str:
        return self.output.read_text()

    def wait_ready(self) -> None:
        end = time.monotonic() + READY_S
        while "Ctrl-C" not in self.text:
            assert self.process.poll() is None, self.text
            assert time.monotonic() < end, self.text
            time.sleep(0.05)
        self.dashboard, self.press_page = re.findall(r"http://127\.0\.0\.1:\d+", self.text)

    def get(self, address: str) -> str:
        with self._browser.open(address, timeout=20) as answer:
            return str(answer.read().decode("utf-8"))

    def sign_in(self) -> None:
        """Through the form, with what the demo printed."""
        page = self.get(f"{self.dashboard}/login")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token is not None
        login = re.search(r"^ +(demo) +(\S+) ", self.text, re.MULTILINE)
        assert login is not None, self.text
        name, password = login.groups()
        form = {"name": name, "password": password, "csrf_token": token[1]}
        request = urllib.request.Request(
            f"{self.dashboard}/login",
            urllib.parse.urlencode(form).encode(),
            headers={"Referer": f"{self.dashboard}/login"},
        )
        self._browser.open(request, timeout=20).close()

    def figures(self) -> dict[str, Any]:
        return dict(json.loads(self.get(f"{self.dashboard}/api/v1/hall"))["figures"])

    def device(self) -> dict[str, Any]:
        return dict(json.loads(self.get(f"{self.press_page}/api/device/{DEVICE}")))

    def turn(self, key: str, *, down: bool, token: str) -> None:
        request = urllib.request.Request(
            f"{self.press_page}/api/key",
            json.dumps({"device": DEVICE, "key": key, "down": down}).encode(),
            headers={"Content-Type": "application/json", "X-Yiping-Token": token},
        )
        self._browser.open(request, timeout=20).close()

    def tap(self, key: str) -> None:
        """Press a key and let go after a tenth of a second, as a finger does."""
        found = re.search(r'name="token" content="([^"]+)"', self.get(self.press_page))
        assert found is not None
        self.turn(key, down=True, token=found[1])
        time.sleep(0.1)  # a key that is let go within the debounce time was not pressed
        self.turn(key, down=False, token=found[1])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)

    def children(self) -> list[int]:
        done = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return [int(pid) for pid in done.stdout.split()]


@pytest.fixture
def start(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., RunningDemo]]:
    """Start a demo in this test's folder; what still runs at the end is stopped."""
    running: list[RunningDemo] = []

    def begin(**options: Any) -> RunningDemo:
        demo = RunningDemo(tmp_path / "demo", free_port, **options)
        running.append(demo)
        demo.wait_ready()
        return demo

    yield begin
    for demo in running:
        if demo.process.poll() is None:
            demo.stop()


@pytest.fixture
def small_hall(tmp_path: Path) -> Path:
    """A fleet of one window."""
    path = tmp_path / "fleet.toml"
    path.write_text(SMALL_HALL, encoding="utf-8")
    return path


def key_of_level(demo: RunningDemo, level: int) -> str:
    page = demo.get(demo.press_page)
    hall = json.loads(re.search(r'id="hall">(.*?)</script>', page, re.DOTALL)[1])  # type: ignore[index]
    return next(str(key["name"]) for key in hall["panels"]["five-key"] if key["level"] == level)


def test_a_press_on_the_page_is_thanked_and_counted_within_a_second_and_outlives_a_restart(
    start: Callable[..., RunningDemo], wait_until: Callable[..., None]
) -> None:
    demo = start()
    demo.sign_in()
    worst = key_of_level(demo, 1)
    before = demo.figures()["levels"]["1"]

    demo.tap("clerk")
    wait_until(lambda: demo.device()["state"] == "open")
    demo.tap(worst)
    wait_until(lambda: demo.device()["lights"][worst] and demo.device()["state"] == "thanks")
    thanked_at = time.monotonic()
    wait_until(lambda: demo.figures()["levels"]["1"] > before)
    followed_s = time.monotonic() - thanked_at
    wait_until(lambda: demo.device()["stored"] == demo.device()["head"])
    head = demo.device()["head"]
    ratings = demo.figures()["rated"]

    assert demo.stop() == 0, demo.text
    assert followed_s < 5, "the dashboard should follow within a second; bench/ measures it"

    again = start()
    again.sign_in()
    assert again.figures()["rated"] >= ratings
    assert again.figures()["levels"]["1"] > before
    assert again.device()["head"] > head  # its journal went on: BOOT
    assert again.stop(signal.SIGINT) == 0, again.text


def test_when_a_part_dies_the_demo_says_which_and_stops_everything(
    start: Callable[..., RunningDemo], small_hall: Path
) -> None:
    demo = start(fleet=small_hall)
    children = demo.children()
    ingest = next(pid for pid in children if b"ingest" in Path(f"/proc/{pid}/cmdline").read_bytes())

    os.kill(ingest, signal.SIGKILL)

    assert demo.process.wait(60) == 1
    assert "ingest: ended with signal SIGKILL" in demo.text
    assert "ingest started" in demo.text  # the end of its log
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_killing_the_demo_itself_leaves_no_process_behind(
    start: Callable[..., RunningDemo], wait_until: Callable[..., None], small_hall: Path
) -> None:
    demo = start(fleet=small_hall)
    children = demo.children()
    assert len(children) == 5

    demo.process.kill()
    demo.process.wait()

    def is_gone(pid: int) -> bool:
        stat = Path(f"/proc/{pid}/stat")
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"

    wait_until(lambda: all(is_gone(pid) for pid in children), within_s=30)


def test_a_second_demo_in_the_same_folder_is_refused(
    start: Callable[..., RunningDemo], small_hall: Path
) -> None:
    demo = start(fleet=small_hall)

    done = subprocess.run(
        [sys.executable, "-m", "firmware_config.demo", "--folder", str(demo.folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert "runs with this folder already" in done.stderr
    assert "--folder var/demo-2" in done.stderr
    assert demo.stop() == 0


def test_a_scenario_of_ones_own_is_played_and_outlives_a_restart_in_the_middle_of_its_trouble(
    start: Callable[..., RunningDemo],
    small_hall: Path,
    tmp_path: Path,
    wait_until: Callable[..., None],
) -> None:
    scenario = tmp_path / "dark.toml"
    scenario.write_text(
        'title = "t"\nabout = "a"\n[[fault]]\nwhat = "unplugged"\nat = "07:30"\nuntil = "09:30"\n'
    )

    def device(demo: RunningDemo) -> dict[str, Any]:
        return dict(json.loads(demo.get(f"{demo.press_page}/api/device/w-a01")))

    demo = start(fleet=small_hall, speed="120", scenario=str(scenario))
    wait_until(lambda: device(demo)["state"] == "off", within_s=60)
    head = device(demo)["head"]
    assert not device(demo)["connected"]
    assert re.search(r"场景 Scenario t · 大厅时间 Hall time \d{4}-\d\d-\d\d \d\d:\d\d", demo.text)
    assert demo.stop() == 0, demo.text

    again = start(fleet=small_hall, speed="120", scenario=str(scenario))
    wait_until(lambda: device(again)["state"] == "off")
    wait_until(lambda: device(again)["state"] != "off" and device(again)["connected"], within_s=60)
    assert device(again)["head"] >= head + 2  # a BOOT at this start, another at 09:30
    assert again.stop() == 0, again.text


def test_make_passes_the_scenario_on() -> None:
    done = subprocess.run(
        ["make", "-n", "demo", "SCENARIO=network-cut"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "SCENARIO=network-cut exec" in done.stdout


def test_a_scenario_that_is_not_shipped_is_refused_before_anything_starts(
    tmp_path: Path, small_hall: Path, free_port: Callable[[], int]
) -> None:
    demo = RunningDemo(tmp_path / "demo", free_port, fleet=small_hall, scenario="flood")

    assert demo.process.wait(60) == 3
    assert "expected a .toml file or one of" in demo.text
    assert not demo.folder.exists()


def test_a_scenario_that_does_not_fit_the_hall_ends_the_demo_with_its_reason(
    tmp_path: Path, small_hall: Path, free_port: Callable[[], int]
) -> None:
    demo = RunningDemo(tmp_path / "demo", free_port, fleet=small_hall, scenario="training")

    assert demo.process.wait(60) == 1
    assert "kiosks: ended with exit code 3" in demo.text
    assert "expected a hall of that size" in demo.text

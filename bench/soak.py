"""Twenty-four busy hours of one window: does anything grow?

One real kiosk service on mock pins behind a cable, with a real mosquitto and a real `collector
ingest`. A case comes every 30 simulated seconds; people answer, press twice, press unasked; keys
bounce, children hammer, clerks change, the network is cut every hour and the clock is set wrong
twice. Time stands between two steps, so the hours take as long as the device needs for them.

Memory, objects, threads and descriptors are read when nothing is in flight: the queue is empty, the
connection stands, the collector has receipted every record.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from socket import create_server

from bench.figures import Figure, at_most
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.kiosk_settings import KioskSettings, StorageSettings
from firmware_config.settings_broker import BrokerSettings
from kiosk.clock import Clock
from kiosk.simulator.cable import Cables
from kiosk.simulator.device import VirtualKiosk
from kiosk.simulator.people import Doing, Step
from kiosk.simulator.scenario import Fault

ROOT = Path(__file__).resolve().parent.parent
CASE_S = 30
GIVE_UP_S = 300.0
HEAD_START = timedelta(hours=26)
"""The soaked day lies behind us: the collector does not believe a clock ahead of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one look at the process found. `hour`: simulated, since the start."""

    hour: float
    rss_mb: float
    objects: int
    threads: int
    descriptors: int
    records: int


class BusyWindow:
    """One window, played hour after hour.

    Args:
        folder: takes key and journal; holds `collector-public.jwk`.
        port: of a broker on the loopback.
        is_receipted: a collector is there too, so that `read` can wait for its receipts.
    """

    def __init__(self, folder: Path, port: int, *, is_receipted: bool) -> None:
        self._rng = Random("soak")
        self._cables = Cables()
        self._is_receipted = is_receipted
        self._begun_ms = int((datetime.now(UTC) - HEAD_START).timestamp() * 1000)
        self._played_s = 0.0
        self._cases = 0
        self.kiosk = VirtualKiosk(
            KioskSettings(
                hall=load_fleet(sample_fleet_path()).hall.id,
                device="w-a01",
                journal=folder / "journal.db",
                key=folder / "device.jwk",
                collector_key=folder / "collector-public.jwk",
                broker=BrokerSettings(host="127.0.0.1", port=port),
                storage=StorageSettings(allow_volatile=True),
            ),
            password="",
            wall_ms=self._begun_ms,
            system=Clock(),
            cables=self._cables,
            is_standing=True,
        )

    def start(self) -> None:
        """Switch it on and wait for the broker."""
        self.kiosk.start()
        self._wait(lambda: self.kiosk.service.snapshot().is_connected, "the broker")

    def stop(self) -> None:
        """Switch it off; idempotent."""
        self.kiosk.stop()
        self._cables.stop()

    def play(self, hours: float) -> None:
        """So many busy hours."""
        until_s = self._played_s + hours * 3600
        while self._played_s < until_s:
            self._cases += 1
            if self._cases % 480 == 1:
                self._do(0, Doing.SIGN_IN, staff_no=f"{1000 + self._cases // 480}")
            number = self._cases % 120  # an hour has 120 cases
            if number == 30:
                self._trouble("network-cut", 40, every=self._case)
            elif number == 75:
                self._trouble("bouncing-key", 10, every=self._case)
            elif number == 90:
                self._hammer()
            elif self._cases % 1440 == 100:  # twice in a day
                self._trouble("clock-step", 1, every=self._case)
            else:
                self._case()

    def read(self) -> Reading:
        """Look at the process once all is quiet."""
        self.kiosk.wait_settled(10)
        self._wait(lambda: self.kiosk.service.snapshot().is_connected, "a connection")
        if self._is_receipted:
            self._wait(self._is_drained, "the last receipt")
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return Reading(
            hour=self._played_s / 3600,
            rss_mb=pages * os.sysconf("SC_PAGE_SIZE") / 2**20,
            objects=len(gc.get_objects()),
            threads=threading.active_count(),
            descriptors=len(os.listdir("/proc/self/fd")),
            records=self.kiosk.service.snapshot().head,
        )

    def _is_drained(self) -> bool:
        snapshot = self.kiosk.service.snapshot()
        return snapshot.stored == snapshot.head

    def _case(self) -> None:
        """A case, and what its citizen does."""
        begin_s, draw = self._played_s, self._rng.random()
        if draw < 0.7:
            self._do(1, Doing.CASE_INVITES, case_no=f"S-{self._cases:06}", item="soak")
        else:
            self._do(1, Doing.CLERK_INVITES)
        if draw < 0.65 or draw > 0.9:
            self._do(5, Doing.PRESS, level=self._rng.choice((5, 5, 5, 4, 3, 2, 1)))
        if self._rng.random() < 0.1:
            self._do(1, Doing.PRESS, level=5)
        self._played_s = begin_s + CASE_S

    def _hammer(self) -> None:
        """A child, for a case's time."""
        begin_s = self._played_s
        for _ in range(40):
            self._do(0.5, Doing.PRESS, level=self._rng.randint(1, 5))
        self._played_s = begin_s + CASE_S

    def _trouble(self, what: str, cases: int, *, every: Callable[[], None]) -> None:
        fault = Fault(what=what, at="09:00", step_s=-3600)
        self._do(1, Doing.BREAK, fault=fault)
        for _ in range(cases):
            every()
            self._cases += 1
        self._do(1, Doing.REPAIR, fault=fault)

    def _do(self, after_s: float, doing: Doing, **fields: object) -> None:
        self._played_s += after_s
        step = Step(at_s=self._played_s, doing=doing, **fields)  # type: ignore[arg-type]
        self.kiosk.perform(step, self._begun_ms + round(self._played_s * 1000))
        self.kiosk.wait_settled(10)

    @staticmethod
    def _wait(is_true: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + GIVE_UP_S
        while not is_true():
            if time.monotonic() > end:
                raise TimeoutError(f"waited {GIVE_UP_S:.0f} s for {what}")
            time.sleep(0.01)


@contextmanager
def collector(folder: Path, port: int) -> Iterator[None]:
    """A broker without accounts and a collector that knows the window's device."""
    signing = load_or_create_signing_key(folder / "collector.jwk")
    save_verify_key(folder / "collector-public.jwk", signing.public)
    device = load_or_create_signing_key(folder / "device.jwk")
    save_verify_key(folder / "device_keys" / "w-a01.jwk", device.public)
    fleet = sample_fleet_path()
    (folder / "broker.conf").write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
    )
    (folder / "collector.toml").write_text(
        f'hall = "{load_fleet(fleet).hall.id}"\nfleet = "{fleet}"\ndevice_keys = "device_keys"\n'
        'key = "collector.jwk"\nledger = "ledger.db"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {port}\n'
    )
    ingest = [sys.executable, "-m", "collector", "ingest", "--config", folder / "collector.toml"]
    with (
        subprocess.Popen(["mosquitto", "-c", folder / "broker.conf"], stderr=-3) as broker,
        subprocess.Popen(ingest, cwd=ROOT, stderr=-3) as ingesting,
    ):
        try:
            yield
        finally:
            ingesting.terminate()
            broker.terminate()


def readings(hours: int) -> list[Reading]:
    """Play so many hours; a reading after the first half hour, then after each hour's end."""
    with create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name, collector(Path(name), port):
        window = BusyWindow(Path(name), port, is_receipted=True)
        try:
            window.start()
            window.play(1)
            found = [window.read()]
            for _ in range(1, hours):
                window.play(1)
                found.append(window.read())
                print(found[-1], file=sys.stderr)
            return found
        finally:
            window.stop()


def run(*, quick: bool) -> list[Figure]:
    """A day, or three hours."""
    begun_s = time.monotonic()
    found = readings(3 if quick else 24)
    taken_s = time.monotonic() - begun_s
    first, middle, last = found[0], found[len(found) // 2], found[-1]
    note = f"after hour {last.hour:.0f} ÷ after hour {first.hour:.0f}"
    figures = [
        at_most("objects, end ÷ start", last.objects / first.objects, 1.02, note),
        at_most("resident memory, end ÷ start", last.rss_mb / first.rss_mb, 1.10, note),
        at_most("threads, end ÷ start", last.threads / first.threads, 1, note),
        at_most("descriptors, end ÷ start", last.descriptors / first.descriptors, 1, note),
    ]
    for label, reading in (("start", first), ("middle", middle), ("end", last)):
        at = f"{label}, hour {reading.hour:.0f}"
        figures += [
            Figure(name=f"resident memory, {at}", value=reading.rss_mb, unit="MB"),
            Figure(name=f"objects, {at}", value=reading.objects, unit=""),
            Figure(name=f"threads, {at}", value=reading.threads, unit=""),
            Figure(name=f"descriptors, {at}", value=reading.descriptors, unit=""),
            Figure(name=f"records, {at}", value=reading.records, unit=""),
        ]
    figures.append(
        Figure(name="simulated hours ÷ real ones", value=last.hour * 3600 / taken_s, unit="ratio")
    )
    return figures

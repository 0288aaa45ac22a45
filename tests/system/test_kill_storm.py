"""Every process killed again and again, with a whole hall under load and a network that breaks.

135 devices: most in a few processes that press and note what was thanked, some as `kiosk run`.
Between them and the broker, and between broker and ingest, a proxy that cuts, stalls, resets, slows
and half-opens connections. The broker keeps nothing, so each of its kills also wipes its state.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.conftest import HallUnderTest, Program
from tests.system.proxy import Fault, Proxy, Weather
from tests.system.thanked import DRIVER, check_every_thanked_press, check_ledger, said

DRIVERS = 6
RUN_BY_THEMSELVES = 3
PAUSE_S = 0.06
"""Of the one person of each driver after each press: about 70 presses a second in the hall."""
QUICK = {
    "panel.debounce_ms": "1",
    "uplink.resend_s": "1",
    "uplink.resend_max_s": "4",
    "broker.keep_alive_s": "5",
}
AT_WORK = {
    "broker": "New client connected",
    "press": "thanked",
    "ingest": "connected protocol=",
    "kiosk": "kiosk serves",
}
"""By what a program shows that it has come to work; then it may be killed."""
EARLY = 0.02
"""How often one that is drawn is killed although it has not, in the middle of its start."""
DRAIN_S = 240

pytestmark = pytest.mark.system


class Storm:
    """The hall in its weather."""

    def __init__(self, hall: HallUnderTest, web_port: int) -> None:
        self.hall = hall
        self.proxy = Proxy()
        hall.start_broker()
        self.to_devices = self.proxy.way_to(hall.port)
        self.to_ingest = self.proxy.way_to(hall.port)
        hall.render_devices(hall.devices, **QUICK, **{"broker.port": str(self.to_devices.port)})
        hall.ingest.command += ["--set", f"broker.port={self.to_ingest.port}"]
        hall.ingest.command += ["--set", "broker.keep_alive_s=5"]
        alone, pressed = hall.devices[:RUN_BY_THEMSELVES], hall.devices[RUN_BY_THEMSELVES:]
        self.drivers = [
            hall.program(
                f"press-{number}",
                *(str(DRIVER), "--pause", str(PAUSE_S)),
                *(str(hall.folder), *pressed[number::DRIVERS]),
            )
            for number in range(DRIVERS)
        ]
        self.kiosks = [
            hall.program(
                f"kiosk-{device}",
                *("-m", "kiosk", "run", "--config"),
                str(hall.folder / "devices" / device / "kiosk.toml"),
                GPIOZERO_PIN_FACTORY="mock",
            )
            for device in alone
        ]
        web = ("-m", "collector", "web", "--config", str(hall.config))
        self.web = hall.program("web", *web, "--set", f"web.port={web_port}")

    def start(self) -> None:
        self.hall.start_ingest()
        for program in (*self.drivers, *self.kiosks, self.web):
            program.start()
        self.hall.wait(lambda: self.hall.size() > 500, "the first records", 120)

    def rage(self, kills: int, *, gap_s: float, seed: int) -> Counter[str]:
        """Kill and start again; returns how often each was killed while it ran."""
        draw = random.Random(seed)
        weather = Weather([self.to_devices, self.to_ingest], seed, calm_s=2, lasting_s=1)
        weather.start()
        victims = [
            *(self.drivers * 2),
            *([self.hall.broker] * 5),
            *([self.hall.ingest] * 5),
            *self.kiosks,
            self.web,
        ]
        killed: Counter[str] = Counter()
        down: list[tuple[float, Program]] = []
        while killed.total() < kills:
            due_s = time.monotonic() + draw.uniform(0, 2 * gap_s)
            while time.monotonic() < due_s:
                self._raise_again(down)
                time.sleep(0.01)  # the moment of the next kill is what is drawn
            victim = draw.choice(victims)
            if victim.process is None or not (self._is_at_work(victim) or draw.random() < EARLY):
                continue
            assert victim.is_running, f"{victim.name} ended by itself:\n{victim.tail()}"
            victim.kill()
            killed[victim.name.partition("-")[0]] += 1
            down.append((time.monotonic() + draw.uniform(0, 0.4), victim))
        weather.clear()
        self._raise_again([(0.0, victim) for _, victim in down])
        return killed

    def stop(self) -> None:
        self.hall.stop()
        self.proxy.stop()

    @staticmethod
    def _raise_again(down: list[tuple[float, Program]]) -> None:
        for entry in list(down):
            at_s, victim = entry
            if time.monotonic() >= at_s:
                victim.start()
                down.remove(entry)

    @staticmethod
    def _is_at_work(program: Program) -> bool:
        word = AT_WORK.get(program.name.partition("-")[0])
        return word is None or program.has_said(word)

    def drain(self) -> float:
        """No more presses; returns the seconds until every journal is in the ledger."""
        for driver in self.drivers:
            process = driver.process
            assert process is not None
            self.hall.wait(lambda d=driver: d.has_said("thanked"), "a press", 120)
            process.send_signal(signal.SIGUSR1)
        begun_s = time.monotonic()
        self.hall.wait(self._is_drained, "all journals in the ledger", DRAIN_S, every_s=0.5)
        return time.monotonic() - begun_s

    def _is_drained(self) -> bool:
        held = set(self.hall.ledger_records())
        return all(self.hall.journal(device) <= held for device in self.hall.devices)


@pytest.fixture
def storm(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Storm]:
    hall = HallUnderTest(tmp_path, "mosquitto", free_port())
    made = Storm(hall, free_port())
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.mark.parametrize(
    ("kills", "gap_s"), [(200, 0.3), pytest.param(10_000, 0.12, marks=pytest.mark.lab)]
)
def test_nothing_is_lost_or_doubled_in_a_storm_of_kills(
    storm: Storm,
    kills: int,
    gap_s: float,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    """I1–I3 and I6: faults over ⇒ everything drained in bounded time."""
    begun_s, before = time.monotonic(), storm.hall.size()
    killed = storm.rage(kills, gap_s=gap_s, seed=4)
    raged_s, stored = time.monotonic() - begun_s, storm.hall.size() - before
    drained_s = storm.drain()

    check_every_thanked_press(storm.hall, storm.hall.devices, storm.drivers)
    check_ledger(storm.hall)
    assert killed.total() == kills
    assert {"press", "broker", "ingest", "kiosk", "web"} == killed.keys()
    assert stored > kills / 4  # it did go on between the kills, also on a loaded machine
    faults = {f.name: storm.to_devices.faults[f] + storm.to_ingest.faults[f] for f in Fault}
    assert all(faults.values())
    for name, value in (
        *(("kills", dict(killed)), ("network faults", faults), ("raged, s", raged_s)),
        *(("stored in the storm", stored), ("drained after it, s", drained_s)),
        *(("thanked", len(said(storm.drivers, "thanked"))), ("records", storm.hall.size())),
    ):
        record_testsuite_property(f"storm: {name}", value)

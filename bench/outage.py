"""After a day without a broker: how fast a hall's backlog drains, and what live presses notice.

135 real kiosk services in a few processes, each with its share of 20,000 records in its journal,
mosquitto and `collector ingest`. Devices and ingest have run without a broker until their
reconnection waits are at their longest; then the broker comes back. People press all the time.

A press is visible when another process can read its record from the ledger; its moment is the
record's own press time (this machine's clock, whole milliseconds), so debouncing, COMMIT, light,
network, judging and the ledger's COMMIT are all in it. The same is measured when all is quiet, at
100 records a second.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from bench.figures import Figure, at_most
from firmware_config.contract import Kind, Trigger
from kiosk.clock import Clock
from kiosk.drafts import Draft, Session
from kiosk.journal import open_journal
from tests.conftest import free_port
from tests.system.conftest import HallUnderTest, Program

RECORDS: Final = 20_000
DRIVERS: Final = 3
PRESSES_A_S: Final = 50
"""In the hall: an invitation and a rating each, so 100 records a second."""
LOOK_S: Final = 0.002
GIVE_UP_S: Final = 300.0
_BACKLOG: Final = "outage-"
_DRIVER: Final = Path(__file__).parent.parent / "tests" / "system" / "press_driver.py"


class _Rating(msgspec.Struct):
    dev: str
    wall: str
    case_no: str = ""


class Onlooker:
    """Another process's view of the ledger.

    Args:
        each: ratings of the outage in every device's journal.

    Attributes:
        waiting: device → ratings of the outage that are not visible yet; none: drained.
        free_ms: from press to visible, of live presses at devices that had drained before.
        behind_ms: of the others: their device had to send its own backlog first.
    """

    def __init__(self, hall: HallUnderTest, each: int) -> None:
        self._db = sqlite3.connect(f"file:{hall.ledger}?mode=ro", uri=True, timeout=10)
        self._position = 0
        self._decode = msgspec.json.Decoder(_Rating).decode
        self._drained_ms: dict[str, float] = {}
        self.waiting = dict.fromkeys(hall.devices, each)
        self.free_ms: list[float] = []
        self.behind_ms: list[float] = []

    def look(self) -> None:
        """See what is new."""
        rows = self._db.execute(
            "SELECT position, kind, payload FROM records WHERE position > ? ORDER BY position",
            (self._position,),
        ).fetchall()
        now_ms = time.time() * 1000
        for position, kind, payload in rows:
            self._position = position
            if kind == Kind.RATED:
                self._note(self._decode(payload), now_ms)

    def _note(self, rating: _Rating, now_ms: float) -> None:
        if rating.case_no.startswith(_BACKLOG):
            self.waiting[rating.dev] -= 1
            if not self.waiting[rating.dev]:
                del self.waiting[rating.dev]
                self._drained_ms[rating.dev] = now_ms
            return
        pressed_ms = datetime.fromisoformat(rating.wall).timestamp() * 1000
        is_free = self._drained_ms.get(rating.dev, now_ms) < pressed_ms
        (self.free_ms if is_free else self.behind_ms).append(now_ms - pressed_ms)

    def watch(self, is_over: Callable[[], bool]) -> float:
        """Look again and again; returns the seconds until it was over."""
        begun_s = time.monotonic()
        while not is_over():
            if time.monotonic() - begun_s > GIVE_UP_S:
                raise TimeoutError(f"not over within {GIVE_UP_S:.0f} s: {self.waiting}")
            self.look()
            time.sleep(LOOK_S)
        return time.monotonic() - begun_s

    def close(self) -> None:
        self._db.close()


def fill(hall: HallUnderTest, records: int) -> int:
    """Give every device its share of an outage; returns how many ratings that is for each."""
    clock, zone = Clock(), ZoneInfo(hall.fleet.hall.timezone)
    each = -(-records // (2 * len(hall.devices)))
    for device in hall.devices:
        path = hall.folder / "devices" / device / "journal.db"
        drafts = []
        for number in range(1, each + 1):
            session = Session(
                number=number,
                trigger=Trigger.CASE,
                invited_ms=clock.mono_ms(),
                case_no=f"{_BACKLOG}{device}-{number}",
            )
            rated = session.fields() | {"level": 1 + number % 5, "button": "key"}
            drafts.append(Draft(Kind.INVITED, clock.mono_ms(), session.fields()))
            drafts.append(Draft(Kind.RATED, clock.mono_ms(), rated))
        journal = open_journal(
            path, key=hall.keys[device], device=device, zone=zone, wall_ms=clock.wall_ms()
        )
        with closing(journal):
            journal.append(drafts, clock.stamp())
    return each


def _drivers(hall: HallUnderTest) -> list[Program]:
    pause = str(DRIVERS / PRESSES_A_S)
    return [
        hall.program(
            f"press-{number}",
            *(str(_DRIVER), "--pause", pause, str(hall.folder), *hall.devices[number::DRIVERS]),
        )
        for number in range(DRIVERS)
    ]


def run(*, quick: bool) -> list[Figure]:
    """One outage, then quiet."""
    records, offline_s, quiet_s = (4_000, 10, 10) if quick else (RECORDS, 75, 60)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:  # a real disk, not a tmpfs
        hall = HallUnderTest(Path(name), "mosquitto", free_port())
        try:
            hall.render_devices(hall.devices, **{"panel.debounce_ms": "1"})
            each = fill(hall, records)
            drivers = _drivers(hall)
            hall.ingest.start()
            for driver in drivers:
                driver.start()
            hall.wait(lambda: all(d.has_said("thanked") for d in drivers), "presses", 120)
            hall.wait(lambda: hall.query("SELECT size FROM ledger_state"), "the ledger", 60)
            with closing(Onlooker(hall, each)) as onlooker:
                _wait(onlooker, offline_s)
                hall.start_broker()
                drained_s = onlooker.watch(lambda: not onlooker.waiting)
                during, behind = onlooker.free_ms.copy(), onlooker.behind_ms.copy()
                _wait(onlooker, 5)  # whatever was behind something has come
                onlooker.free_ms.clear()
                _wait(onlooker, quiet_s)
                quiet = onlooker.free_ms
        finally:
            hall.stop()
    note = f"{each * 2 * 135:,} records, 135 devices; reconnecting included"
    return [
        at_most("outage drained", drained_s, 60, note, "s"),
        *_delays("press → visible, others still drain", during),
        *_delays("press → visible, behind the device's own backlog", behind),
        *_delays(f"press → visible, quiet, {2 * PRESSES_A_S} records/s", quiet, goal_ms=50),
        Figure(
            name="press → visible, others still drain ÷ quiet, median",
            value=statistics.median(during) / statistics.median(quiet),
            unit="ratio",
            note="the same run",
        ),
    ]


def _wait(onlooker: Onlooker, seconds: float) -> None:
    end_s = time.monotonic() + seconds
    onlooker.watch(lambda: time.monotonic() > end_s)


def _delays(name: str, delays_ms: list[float], *, goal_ms: float | None = None) -> list[Figure]:
    p99 = statistics.quantiles(delays_ms, n=100)[98]
    note = f"{len(delays_ms):,} presses"
    median = Figure(
        name=f"{name}, median", value=statistics.median(delays_ms), unit="ms", note=note
    )
    if goal_ms is None:
        return [median, Figure(name=f"{name}, p99", value=p99, unit="ms", note=note)]
    return [median, at_most(f"{name}, p99", p99, goal_ms, note, "ms")]

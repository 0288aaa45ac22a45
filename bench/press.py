"""Press → journal COMMIT → light, against one bare FULL commit of the same row.

The real service on mock pins: from the moment the press has settled (debouncing is a wait on
purpose) to the moment its light is the only one on. From the edge itself, debounce time and the
rounding to whole milliseconds included, is given in milliseconds too. The yardstick commits the
same row into a table of the same shape, in turn with the presses, so both meet the same disk.
"""

from __future__ import annotations

import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from gpiozero.pins.mock import MockFactory, MockPin

from bench.figures import Figure, at_most
from firmware_config.keys import SigningKey, save_verify_key
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.settings import load_settings
from kiosk.clock import Clock
from kiosk.device import Device
from kiosk.events import CaseOpened, Event, Press
from kiosk.journal.schema import INSERT_RECORD, SCHEMA_0001
from kiosk.service import KioskService

DEBOUNCE_MS: Final = 1


class TimedPin(MockPin):
    """A mock pin that notes when it was last switched off."""

    switched_off_s = 0.0

    def _set_state(self, value: Any) -> None:
        super()._set_state(value)
        if not value:
            self.switched_off_s = time.perf_counter()


class Settled:
    """When the device was last handed a press that had settled."""

    at_s = 0.0


def _note_settled_presses() -> None:
    handle = Device.handle

    def timed(self: Device, event: Event) -> Any:
        if isinstance(event, Press):
            Settled.at_s = time.perf_counter()
        return handle(self, event)

    Device.handle = timed  # type: ignore[method-assign]


def _service(folder: Path) -> tuple[KioskService, Any]:
    public = folder / "collector.jwk"
    save_verify_key(public, SigningKey.from_seed(bytes(32)).public)
    config = folder / "kiosk.toml"
    config.write_text(
        'hall = "bench"\ndevice = "bench"\njournal = "journal.db"\nkey = "device.jwk"\n'
        f'collector_key = "collector.jwk"\n[broker]\nhost = "127.0.0.1"\nport = 9\n'
        f"[panel]\ndebounce_ms = {DEBOUNCE_MS}\n[storage]\nallow_volatile = true\n"
    )
    settings = load_settings(KioskSettings, program="kiosk", path=config, environ={}, overrides={})
    pins: Any = MockFactory(pin_class=TimedPin)
    return KioskService(settings, pin_factory=pins, clock=Clock(), password=""), pins


def _bare_journal(folder: Path) -> sqlite3.Connection:
    db = sqlite3.connect(folder / "bare.db", isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.executescript(SCHEMA_0001)
    return db


def run(*, quick: bool) -> list[Figure]:
    """Presses and bare commits in turn."""
    presses = 300 if quick else 3000
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:  # a real disk, not a tmpfs
        folder = Path(name)
        _note_settled_presses()
        service, pins = _service(folder)
        service.start()
        bare = _bare_journal(folder)
        mine, edge, yardstick = _measure(service, pins, bare, folder / "journal.db", presses)
        service.stop()
        bare.close()

    def p99(values: list[float]) -> float:
        return statistics.quantiles(values, n=100)[98]

    note = f"{presses} presses in turn with {presses} bare commits, from the settled press"
    median, tail = statistics.median(mine), p99(mine)
    return [
        at_most(
            "press → COMMIT → light ÷ bare commit, median",
            median / statistics.median(yardstick),
            1.5,
            note,
        ),
        at_most("press → COMMIT → light ÷ bare commit, p99", tail / p99(yardstick), 1.5, note),
        Figure(name="press → COMMIT → light, median", value=median * 1000, unit="ms"),
        Figure(name="press → COMMIT → light, p99", value=tail * 1000, unit="ms"),
        Figure(
            name=f"edge → light with {DEBOUNCE_MS} ms debounce, median",
            value=statistics.median(edge) * 1000,
            unit="ms",
        ),
        Figure(
            name="bare FULL commit, median", value=statistics.median(yardstick) * 1000, unit="ms"
        ),
        Figure(name="bare FULL commit, p99", value=p99(yardstick) * 1000, unit="ms"),
    ]


def _measure(
    service: KioskService, pins: Any, bare: sqlite3.Connection, journal: Path, presses: int
) -> tuple[list[float], list[float], list[float]]:
    profile = service.panel.profile
    leds = {button.name: pins.pin(button.led_gpio) for button in profile.buttons}
    read = sqlite3.connect(f"file:{journal}?mode=ro", uri=True)
    mine, edge, yardstick = [], [], []
    for number in range(presses):
        button = profile.buttons[number % len(profile.buttons)]
        service.post(CaseOpened(at_ms=service.clock.mono_ms(), case_no=f"case-{number}"))
        while not all(led.state for led in leds.values()):
            time.sleep(0.0002)
        time.sleep(0.004)  # the work thread is idle again, as it is when a citizen presses
        pin = pins.pin(button.gpio)
        edge_s = time.perf_counter()
        pin.drive_low()
        others = [led for name, led in leds.items() if name != button.name]
        while any(led.state for led in others):
            time.sleep(0.0002)
        light_s = max(led.switched_off_s for led in others)
        mine.append(light_s - Settled.at_s)
        edge.append(light_s - edge_s)
        pin.drive_high()
        time.sleep(0.004)
        row = read.execute(
            "SELECT seq, kind, session, level, day, closed_on, digest, token"
            " FROM records ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        begun_s = time.perf_counter()
        bare.execute("BEGIN IMMEDIATE")
        bare.execute(INSERT_RECORD, (number + 1, *row[1:]))
        bare.execute("COMMIT")
        yardstick.append(time.perf_counter() - begun_s)
    read.close()
    return mine, edge, yardstick

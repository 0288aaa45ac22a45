"""Kiosks under load in one process: the real service on mock pins, pressed as fast as it answers.

`python tests/system/press_driver.py FOLDER DEVICE …` reads `FOLDER/devices/<device>/kiosk.toml`.
With `--pause S` one person goes from window to window and rests so many seconds after each.
After SIGUSR1 nobody presses any more; the kiosks go on sending.
Prints `tried CASE LEVEL` before each press and `thanked CASE LEVEL` once exactly that key's light
is on, one line per write, so that what was printed survives a kill.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory

from firmware_config.kiosk_settings import KioskSettings
from firmware_config.pins import load_pin_profile
from firmware_config.settings import load_settings
from kiosk.clock import Clock
from kiosk.events import CaseOpened
from kiosk.service import KioskService


def say(line: str) -> None:
    os.write(1, line.encode() + b"\n")


class Window:
    """One device, its citizens and its clerk."""

    def __init__(self, folder: Path, device: str) -> None:
        home = folder / "devices" / device
        self.settings = load_settings(
            KioskSettings, program="kiosk", path=home / "kiosk.toml", environ={}, overrides={}
        )
        self.profile = load_pin_profile(self.settings.panel.profile)
        self.pins: Any = MockFactory()
        assert self.settings.broker.password_file is not None
        self.clock = Clock()
        self.service = KioskService(
            self.settings,
            pin_factory=self.pins,
            clock=self.clock,
            password=self.settings.broker.password_file.read_text().strip(),
        )

    def lights(self) -> set[str]:
        return {
            button.name
            for button in self.profile.buttons
            if button.led_gpio is not None and self.pins.pin(button.led_gpio).state
        }

    def until(self, names: set[str]) -> None:
        while self.lights() != names:
            if self.service.failure is not None:
                raise self.service.failure
            time.sleep(0.001)

    def run(self, is_over: threading.Event) -> None:
        for number in count():
            if is_over.is_set():
                return
            self.rate(number)

    def rate(self, number: int) -> None:
        """One case, rated."""
        button = random.choice(self.profile.buttons)
        case = f"{self.settings.device}-{os.getpid()}-{number}"
        self.service.post(CaseOpened(at_ms=self.clock.mono_ms(), case_no=case))
        self.until({button.name for button in self.profile.buttons})
        say(f"tried {case} {int(button.level)}")
        pin = self.pins.pin(button.gpio)
        pin.drive_low()
        self.until({button.name})
        say(f"thanked {case} {int(button.level)}")
        pin.drive_high()


def walk(windows: list[Window], pause_s: float, is_over: threading.Event) -> None:
    """One person at all windows."""
    for number in count():
        for window in windows:
            if is_over.wait(random.uniform(0, 2 * pause_s)):
                return
            window.rate(number)


def main(folder: Path, devices: list[str], pause_s: float | None) -> None:
    is_over = threading.Event()
    signal.signal(signal.SIGUSR1, lambda *_: is_over.set())
    windows = [Window(folder, device) for device in devices]
    for window in windows:
        window.service.start()
    if pause_s is not None:
        walk(windows, pause_s, is_over)
    else:
        for window in windows:
            threading.Thread(target=window.run, args=(is_over,), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--pause", type=float)
    parser.add_argument("folder", type=Path)
    parser.add_argument("devices", nargs="+")
    given = parser.parse_args()
    main(given.folder, given.devices, given.pause)

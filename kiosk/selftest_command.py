"""`kiosk selftest`: the device tests itself and asks for every key, at the terminal.

It is the very device that `kiosk run` is, without a network: the same pins, machine and journal.
What is pressed is written as TEST records and sent when `kiosk run` starts again. The service must
be stopped for it, because one process owns pins and journal; with the service running, hold the
clerk's key for 10 s instead.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Any, Final

from firmware_config.keys import load_or_create_signing_key
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.levels import LEVEL_NAMES
from firmware_config.pins import load_pin_profile
from kiosk import health, storage
from kiosk.clock import Clock
from kiosk.device import Device
from kiosk.errors import JournalError
from kiosk.events import Edge, SelfTestAsked
from kiosk.panel import Panel
from kiosk.selftest import KEY_MS, LIGHT_MS, SINGLE_LIGHTS
from kiosk.situation import SelfTest, State

POLL_S: Final = 0.5
PASSED: Final = "ok    "
FAILED: Final = "FAILED"
TOLD: Final = "      "


class SelfTestAtTerminal:
    """One run of the self-test.

    Args:
        pin_factory: a gpiozero factory; None: this machine's own pins.
        say: takes each line for the person at the terminal.
    """

    def __init__(
        self,
        settings: KioskSettings,
        *,
        clock: Clock,
        say: Callable[[str], None],
        pin_factory: Any = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._say = say
        self._edges: queue.SimpleQueue[Edge] = queue.SimpleQueue()
        self._panel = Panel(
            load_pin_profile(settings.panel.profile),
            pin_factory=pin_factory,
            on_edge=lambda name, is_down: self._edges.put(
                Edge(
                    at_ms=clock.mono_ms() - self._panel.age_ms(name),
                    button=name,
                    is_pressed=is_down,
                )
            ),
        )
        self._names = {
            button.name: f"{button.name} ({int(button.level)} {LEVEL_NAMES[button.level].zh})"
            for button in self._panel.profile.buttons
        }

    def run(self) -> bool:
        """Do it all; returns whether everything passed.

        Raises:
            JournalError: also when the service is running.
            PanelError, ConfigError: pins or settings are wrong.
        """
        key = load_or_create_signing_key(self._settings.key)
        try:
            device = Device(self._settings, panel=self._panel, key=key, clock=self._clock)
        except JournalError as error:
            if "in use" not in str(error):
                raise
            raise JournalError(
                f"{error}: stop the service first (systemctl stop kiosk), or hold the clerk's "
                "key for 10 s"
            ) from error
        try:
            is_sound = self._machine(device)
            return self._keys(device) and is_sound
        finally:
            device.close()

    def _machine(self, device: Device) -> bool:
        settings, is_sound = self._settings, True
        device.poll()
        place = storage.file_system_type(settings.journal)
        may_thank = device.situation.may_thank and not device.housekeeping.alarms
        free = device.housekeeping.free_bytes
        is_sound &= self._tell(may_thank, f"journal on {place}, {(free or 0) // 2**20} MiB free")
        records = device.journal.head
        self._tell(None, f"journal epoch {device.journal.epoch}, {records} records")
        self._tell(None, f"clock {'synchronised' if device.is_synced else 'not synchronised'}")
        temperature, power = health.cpu_temp_c(), health.power_flags()
        if temperature is not None:
            self._tell(None, f"processor {temperature:.0f} °C")
        if power is not None:
            is_sound &= self._tell(not power, f"power supply: {', '.join(power) or 'good'}")
        return is_sound

    def _keys(self, device: Device) -> bool:
        lights = (*self._names, *SINGLE_LIGHTS)
        self._tell(None, f"lights in turn, {LIGHT_MS / 1000:g} s each: {', '.join(lights)}")
        device.handle(SelfTestAsked(at_ms=self._clock.mono_ms()))
        told: SelfTest | None = device.situation.test
        poll_due_s = 0.0
        while device.situation.state is State.TESTING or not device.edges.is_quiet:
            self._take(device, poll_due_s)
            if time.monotonic() >= poll_due_s:
                device.poll()
                poll_due_s = time.monotonic() + POLL_S
            device.turn()
            told = self._tell_progress(told, device.situation.test)
        test = device.situation.test
        passed = len(test.passed) if test is not None else 0
        is_passed = passed == len(self._names)
        self._tell(is_passed, f"{passed} of {len(self._names)} keys")
        return is_passed

    def _take(self, device: Device, poll_due_s: float) -> None:
        waits = [max(0.0, poll_due_s - time.monotonic())]
        if (due_s := device.wait_s()) is not None:
            waits.append(max(0.0, due_s))
        try:
            device.edges.push(self._edges.get(timeout=min(waits) or 0.001))
            while True:
                device.edges.push(self._edges.get_nowait())
        except queue.Empty:
            return

    def _tell_progress(self, told: SelfTest | None, test: SelfTest | None) -> SelfTest | None:
        if test is None or test is told:
            return told
        for name in test.passed[len(told.passed) if told else 0 :]:
            self._tell(True, f"key {self._names[name]}")
        for name in test.missed[len(told.missed) if told else 0 :]:
            self._tell(False, f"key {self._names[name]}: not pressed within {KEY_MS // 1000} s")
        if test.asked and (told is None or test.asked != told.asked):
            self._tell(None, f"press the lit key: {self._names[test.asked]}")
        return test

    def _tell(self, is_passed: bool | None, line: str) -> bool:
        mark = TOLD if is_passed is None else PASSED if is_passed else FAILED
        self._say(f"{mark} {line}")
        return bool(is_passed)

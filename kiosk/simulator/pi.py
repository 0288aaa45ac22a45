"""The computer of one virtual kiosk: power, clock, pins, cable, and the service that runs on it.

A power cut ends the service, and the next power-on starts another one, with pins and a clock of its
own and a new boot id. What is wrong with the keys outlives that.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from firmware_config.kiosk_settings import KioskSettings
from firmware_config.pins import PinProfile
from kiosk.clock import Clock
from kiosk.edges import CLERK
from kiosk.service import KioskService
from kiosk.simulator import power_cut
from kiosk.simulator.cable import LOOPBACK, Cable, Cables
from kiosk.simulator.clock import SimulatedClock
from kiosk.simulator.hands import Hands, Keys, new_pins
from kiosk.simulator.scenario import Fault, Manner, What

SETTLE_S: Final = 5.0
"""Longest wait for the device where time stands."""
MORE_THAN_ANY_DISK: Final = 2**62
"""Bytes that must be free, for a device that is to find its disk short."""


class VirtualPi:
    """A Raspberry Pi with a panel.

    Args:
        settings: as a Pi's.
        password: for the broker.
        hall_ms: hall time at the start, UTC milliseconds since 1970.
        system: real time.
        cables: lays it a cable that can be cut; None: it is connected for good.
        is_standing: see `SimulatedClock`.

    Attributes:
        service: of this boot; so are `clock` and `pins`.
        is_off: it has no power.
    """

    def __init__(
        self,
        settings: KioskSettings,
        *,
        password: str,
        hall_ms: int,
        system: Clock,
        cables: Cables | None,
        is_standing: bool,
    ) -> None:
        self.is_off = False
        self._settings = settings
        self._password = password
        self._system = system
        self._cables = cables
        self._cable: Cable | None = None
        self._is_standing = is_standing
        self.clock: SimulatedClock
        self.pins: Any
        self.service: KioskService
        self._make_ready(hall_ms)
        profile = self.service.panel.profile
        self.gpios = {button.name: button.gpio for button in profile.buttons}
        self.gpios[CLERK] = profile.clerk_gpio
        names = {str(int(button.level)): button.name for button in profile.buttons}
        self._keys = Keys(names | {CLERK: CLERK})

    def start(self) -> None:
        """Lay its cable, switch it on.

        Raises:
            KioskError, ConfigError, OSError: it cannot start.
        """
        if self._cables is not None:
            broker = self._settings.broker
            self._cable = self._cables.lay(broker.host, broker.port)
            near = replace(broker, host=LOOPBACK, port=self._cable.port)
            self._settings = replace(self._settings, broker=near)
            self._make_ready(self.clock.hall_ms())
        self.service.start()

    @property
    def hands(self) -> Hands:
        """What presses its keys."""
        return Hands(self.pins, self.gpios, self._keys, self.clock, self.let_settle)

    def trouble(self, fault: Fault, at_ms: int, *, is_begin: bool) -> None:
        """Something goes wrong, or is right again, at `at_ms` (hall time), or later if it is."""
        at_ms = max(at_ms, self.clock.hall_ms())
        match fault.what:
            case What.UNPLUGGED if is_begin:
                self._cut_power()
            case What.UNPLUGGED:
                self._switch_on(at_ms)
            case What.WRONG_CLOCK if is_begin:
                reads = datetime.fromisoformat(fault.reads)
                self._cut_power()
                self._switch_on(at_ms, reads_ms=int(reads.timestamp() * 1000), is_synced=False)
            case What.WRONG_CLOCK:
                self.clock.synchronise()
                self._let_look()
            case What.CLOCK_STEP:
                step_s = fault.step_s or 0
                self.clock.step((step_s if is_begin else -step_s) * 1000)
                self._let_look()
            case What.NETWORK_CUT if self._cable is not None:
                if is_begin:
                    self._cable.cut(Manner(fault.manner))
                else:
                    self._cable.mend()
            case What.DISK_SHORT:
                self._cut_power()
                self._switch_on(at_ms, min_free_bytes=MORE_THAN_ANY_DISK if is_begin else None)
                self._let_look(anew=True)
            case _:
                self.hands.trouble(fault, is_begin=is_begin)

    def _cut_power(self) -> None:
        """As a power cut: the cable is dead first, and what the end tidied up has not happened."""
        if self._cable is not None:
            self._cable.cut()
        journal = self._settings.journal
        files = power_cut.picture(journal)
        self.service.stop()
        power_cut.put_back(journal, files)
        self.is_off = True

    def _switch_on(
        self,
        hall_ms: int,
        *,
        reads_ms: int | None = None,
        is_synced: bool = True,
        min_free_bytes: int | None = None,
    ) -> None:
        self._make_ready(
            hall_ms, reads_ms=reads_ms, is_synced=is_synced, min_free_bytes=min_free_bytes
        )
        if self._cable is not None:
            self._cable.mend()
        self.service.start()
        self.is_off = False

    def _make_ready(
        self,
        hall_ms: int,
        *,
        reads_ms: int | None = None,
        is_synced: bool = True,
        min_free_bytes: int | None = None,
    ) -> None:
        """Clock, pins and service of a new boot."""
        settings = self._settings
        if min_free_bytes is not None:
            storage = replace(
                settings.storage, min_free_bytes=min_free_bytes, warn_free_bytes=min_free_bytes
            )
            settings = replace(settings, storage=storage)
        self.clock = SimulatedClock(
            hall_ms,
            self._system,
            reads_ms=reads_ms,
            is_synced=is_synced,
            is_standing=self._is_standing,
        )
        pins = new_pins()
        self.service = KioskService(
            settings, pin_factory=pins, clock=self.clock, password=self._password
        )
        for gpio in _gpios_of(self.service.panel.profile):
            pins.pin(gpio)  # a factory makes pins on demand; a page that asks meanwhile makes none
        self.pins = pins

    def let_settle(self) -> None:
        """Where time stands, wait for the device after each movement: it may be just between
        reading the time and reading its pins."""
        if self._is_standing:
            self.service.settle(SETTLE_S)

    def _let_look(self, *, anew: bool = False) -> None:
        """Where time stands, wait until the device has looked at clock and disk."""
        if self._is_standing:
            self.clock.wait_noticed(SETTLE_S, anew=anew)
            self.service.settle(SETTLE_S)


def _gpios_of(profile: PinProfile) -> set[int]:
    """Every pin of a panel."""
    gpios = {profile.clerk_gpio, profile.status_gpio, profile.error_gpio, profile.buzzer_gpio}
    for button in profile.buttons:
        gpios |= {button.gpio, button.led_gpio}
    return {gpio for gpio in gpios if gpio is not None}

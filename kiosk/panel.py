"""The buttons and lights on GPIO, through gpiozero; the only importer of gpiozero.

Callbacks do nothing but hand over (key, level, time), inside a `try`, because an exception in one
ends the thread that serves all pins. Debouncing is not done here (`kiosk.edges`): the mock pins
have none, and lgpio's own loses short presses and delays the rest. `DigitalInputDevice` is what
gpiozero's `Button` adds a thread per key to; holding is decided in `kiosk.edges`, so it is used
bare.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

from firmware_config.pins import PinProfile
from kiosk.edges import CLERK
from kiosk.errors import PanelError
from kiosk.patterns import BUZZER, ERROR, STATUS

AGE_MAX_S: Final = 5.0
"""An edge older than this is not believed to be: the clocks would differ. Our choice."""


class Panel:
    """All keys and lights of one device.

    Args:
        profile: which pin is what.
        pin_factory: a gpiozero factory; None: lgpio on this machine's own pins.
        on_edge: called with the key's name and whether it went down, in gpiozero's thread; must
            only queue.

    Attributes:
        profile: as given.
        lit: names of the outputs that are on.
    """

    def __init__(
        self, profile: PinProfile, *, pin_factory: Any, on_edge: Callable[[str, bool], None]
    ) -> None:
        self.profile = profile
        self.lit: frozenset[str] = frozenset()
        self._pin_factory = pin_factory
        self._on_edge = on_edge
        self._keys: dict[str, Any] = {}
        self._lights: dict[str, Any] = {}
        self._is_own_factory = pin_factory is None
        self.callback_failures = 0

    def open(self) -> frozenset[str]:
        """Claim the pins, all lights off; returns the keys that are down.

        Raises:
            PanelError: no such chip or pin, busy, or not permitted.
        """
        # without this a failing lgpio is replaced, with a mere warning, by factories that swallow
        # presses and do not know a Pi 5
        os.environ.setdefault("GPIOZERO_PIN_FACTORY", "lgpio")
        from gpiozero import Device, DigitalInputDevice, DigitalOutputDevice, GPIOZeroError

        try:
            if self._pin_factory is None:
                Device.ensure_pin_factory()
                self._pin_factory = Device.pin_factory
            for name, gpio in self._outputs():
                self._lights[name] = DigitalOutputDevice(gpio, pin_factory=self._pin_factory)
            for name, gpio in self._inputs():
                key = DigitalInputDevice(gpio, pull_up=True, pin_factory=self._pin_factory)
                self._keys[name] = key
                key.when_activated = self._callback(name, True)
                key.when_deactivated = self._callback(name, False)
        except (GPIOZeroError, OSError, ImportError, ValueError) as error:
            self.close()
            raise PanelError(f"pin profile {self.profile.name}: {error}") from error
        except Exception as error:
            self.close()
            # lgpio's error class derives from Exception alone
            if type(error).__module__ == "lgpio":
                raise PanelError(f"pin profile {self.profile.name}: {error}") from error
            raise
        return self.pressed()

    def pressed(self) -> frozenset[str]:
        """The keys that are down now, read from the pins themselves."""
        return frozenset(name for name, key in self._keys.items() if key.is_active)

    def is_down(self, name: str) -> bool:
        """Whether one key is down now, read from the pin itself; True while it is not open."""
        key = self._keys.get(name)
        return key is None or bool(key.is_active)

    def age_ms(self, name: str) -> int:
        """Whole milliseconds since a key's last change, for use in `on_edge`; 0: not known.

        By the kernel's time of the edge, which lgpio hands on and gpiozero tells as the time a key
        has been active or inactive for: on a busy processor the callback itself comes late.
        """
        key = self._keys.get(name)
        if key is None or not self._is_own_factory:
            return 0
        since_s = key.active_time if key.active_time is not None else key.inactive_time
        return int(since_s * 1000) if since_s is not None and 0 <= since_s < AGE_MAX_S else 0

    def show(self, lit: frozenset[str]) -> None:
        """Switch the lights so that exactly `lit` are on; names the panel lacks are skipped."""
        if lit == self.lit:
            return
        for name in self.lit - lit:
            if name in self._lights:
                self._lights[name].off()
        for name in lit - self.lit:
            if name in self._lights:
                self._lights[name].on()
        self.lit = lit

    def is_alive(self) -> bool:
        """Whether presses still reach us: lgpio's notification thread runs, where lgpio is used."""
        if not self._is_own_factory:
            return True
        lgpio = sys.modules.get("lgpio")
        thread = getattr(lgpio, "_notify_thread", None)
        return thread is None or bool(thread.is_alive())

    def close(self) -> None:
        """Lights off, pins released; idempotent. One that fails does not keep the others."""
        devices = (*self._lights.values(), *self._keys.values())
        self._lights.clear()
        self._keys.clear()
        self.lit = frozenset()
        with ExitStack() as closing:
            for device in devices:
                closing.callback(device.close)

    def _callback(self, name: str, is_down: bool) -> Callable[[], None]:
        def on_change() -> None:
            try:
                self._on_edge(name, is_down)
            except Exception:  # noqa: BLE001 - it would end gpiozero's thread: every key dead
                self.callback_failures += 1

        return on_change

    def _inputs(self) -> list[tuple[str, int]]:
        keys = [(button.name, button.gpio) for button in self.profile.buttons]
        return [*keys, (CLERK, self.profile.clerk_gpio)]

    def _outputs(self) -> list[tuple[str, int]]:
        lights = [(button.name, button.led_gpio) for button in self.profile.buttons]
        singles = (
            (STATUS, self.profile.status_gpio),
            (ERROR, self.profile.error_gpio),
            (BUZZER, self.profile.buzzer_gpio),
        )
        return lights + [(name, gpio) for name, gpio in singles if gpio is not None]

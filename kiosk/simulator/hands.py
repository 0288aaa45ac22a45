"""People's hands on the keys of one virtual kiosk, and what is wrong with those keys.

Everything here ends at a mock pin that is driven low or high; nothing else is known to the device.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin

from kiosk.simulator.clock import SimulatedClock
from kiosk.simulator.scenario import Fault, What
from kiosk.simulator.troubles import HOLD_MS, RELEASED_MS, press_edges


class ForgetfulPin(MockPin):  # type: ignore[misc]
    """A mock pin without its history of states, which grows with every edge for ever."""

    def _change_state(self, value: bool) -> bool:
        has_changed = bool(super()._change_state(value))
        del self.states[:-1]
        return has_changed


def new_pins() -> Any:
    """The pins of one virtual kiosk."""
    return MockFactory(pin_class=ForgetfulPin)


class Keys:
    """What is wrong with the keys of one kiosk; it outlives a restart of the device.

    Args:
        names: level or `clerk` → the key's name in the pin profile.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)
        self.dead: set[str] = set()
        self.stuck: set[str] = set()
        self.bounces: dict[str, int] = {}

    def of(self, fault: Fault) -> list[str]:
        """Names of the keys a fault is about, as far as the panel has them."""
        wanted = [fault.key] if fault.key is not None else list(self._names)
        return [self._names[key] for key in wanted if key in self._names]


class Hands:
    """Presses keys.

    Args:
        pins: the kiosk's.
        gpios: name of each key → its pin.
        clock: the kiosk's; it is moved by what a gesture takes.
        settle: waits until the device has taken what was done; only where time stands.
    """

    def __init__(
        self,
        pins: Any,
        gpios: Mapping[str, int],
        keys: Keys,
        clock: SimulatedClock,
        settle: Callable[[], object],
    ) -> None:
        self._pins = pins
        self._gpios = dict(gpios)
        self._keys = keys
        self._clock = clock
        self._settle = settle

    def tap(self, key: str, hold_ms: int = HOLD_MS) -> None:
        """Press a key, hold it, let go; the clock moves on by as much."""
        if key in self._keys.dead or key in self._keys.stuck:
            self._clock.move_by(hold_ms + RELEASED_MS)  # no contact, or contact all the time
            return
        self._drive(key, is_down=True)
        self._clock.move_by(hold_ms)
        self._settle()
        self._drive(key, is_down=False)
        self._clock.move_by(RELEASED_MS)

    def turn(self, key: str, *, is_down: bool) -> None:
        """Press or let go in real time. Raises KeyError: no such key."""
        gpio = self._gpios[key]
        if key in self._keys.dead or key in self._keys.stuck:
            return
        pin = self._pins.pin(gpio)
        for _, is_closed in press_edges(self._keys.bounces.get(key, 0)):
            _drive(pin, is_low=is_closed is is_down)

    def trouble(self, fault: Fault, *, is_begin: bool) -> None:
        """A key breaks, or is repaired."""
        keys = self._keys.of(fault)
        match fault.what:
            case What.DEAD_KEY:
                (self._keys.dead.update if is_begin else self._keys.dead.difference_update)(keys)
            case What.BOUNCING_KEY:
                for key in keys:
                    self._keys.bounces[key] = fault.bounces if is_begin else 0
            case What.STUCK_KEY:
                for key in keys:
                    self._keys.stuck.discard(key)
                    pin = self._pins.pin(self._gpios[key])
                    _drive(pin, is_low=is_begin)
                    self._clock.move_by(RELEASED_MS)
                (self._keys.stuck.update if is_begin else self._keys.stuck.difference_update)(keys)

    def _drive(self, key: str, *, is_down: bool) -> None:
        pin = self._pins.pin(self._gpios[key])
        for after_ms, is_closed in press_edges(self._keys.bounces.get(key, 0)):
            if after_ms:
                self._clock.move_by(after_ms)
            _drive(pin, is_low=is_closed is is_down)


def _drive(pin: Any, *, is_low: bool) -> None:
    if is_low:
        pin.drive_low()
    else:
        pin.drive_high()

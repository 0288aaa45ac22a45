"""Resistors and currents of the panel, computed rather than copied.

Limits of a Raspberry Pi's pins, in mA. Source: Raspberry Pi documentation,
computers/raspberry-pi/power-supplies.adoc (16 for one pin, 50 for all together) and
gpio-pad-controls.adoc (the 3.3 V supply was designed for about 3 for each pin).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware_config.pins import PinProfile

GPIO_ONE_MA: Final = 16.0
GPIO_ALL_MA: Final = 50.0
GPIO_DESIGN_MA: Final = 3.0
LOGIC_V: Final = 3.3
E12: Final = (10, 12, 15, 18, 22, 27, 33, 39, 47, 56, 68, 82)
ULN_DROP_V: Final = 0.9
"""ULN2803, on at some 100 mA, typical of a Darlington pair; see the data sheet of the make."""
ULN_INPUT_V: Final = 1.35
"""About what its input drops behind the built-in resistor: two base-emitter junctions."""
ULN_INPUT_OHM: Final = 2700
"""Source: TI ULN2003A (the same stage), product description: 2.7 kΩ base resistor, for TTL and
CMOS of 5 V or 3.3 V; TI SLRS076B (ULN2803C), table 8-1: GPIO voltage 3.3 or 5 V."""
PULL_UP_OHM: Final = 2200
SERIES_OHM: Final = 1000
FILTER_NF: Final = 100
BUZZER_MA: Final = 30.0
"""An active 5 V buzzer of 12 mm; typical, see the data sheet of the one bought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    """One light: what it is wired to, and what flows.

    Attributes:
        resistor_ohm: the next E12 value that keeps the current at or below what was wanted.
        led_ma: through the light.
        gpio_ma: out of the pin.
    """

    name: str
    supply_v: float
    drop_v: float
    forward_v: float
    resistor_ohm: int
    led_ma: float
    gpio_ma: float


def next_e12(ohm: float) -> int:
    """The smallest E12 value that is not below `ohm`, 10 Ω to 82 kΩ."""
    values = [value * scale for scale in (1, 10, 100, 1000) for value in E12]
    return next(value for value in values if value >= ohm)


def lamp(
    name: str, *, supply_v: float, forward_v: float, wanted_ma: float, with_driver: bool
) -> Lamp:
    """Choose a resistor: R = (supply − drop of the driver − forward voltage) / current."""
    drop_v = ULN_DROP_V if with_driver else 0.0
    room_v = supply_v - drop_v - forward_v
    ohm = next_e12(room_v / wanted_ma * 1000)
    led_ma = room_v / ohm * 1000
    gpio_ma = (LOGIC_V - ULN_INPUT_V) / ULN_INPUT_OHM * 1000 if with_driver else led_ma
    return Lamp(
        name=name,
        supply_v=supply_v,
        drop_v=drop_v,
        forward_v=forward_v,
        resistor_ohm=ohm,
        led_ma=led_ma,
        gpio_ma=gpio_ma,
    )


LIGHT_5V: Final = lamp(
    "5 V, white, green or blue, ULN2803", supply_v=5, forward_v=3.0, wanted_ma=10, with_driver=True
)
LIGHT_12V: Final = lamp(
    "12 V, white, green or blue, ULN2803",
    supply_v=12,
    forward_v=3.0,
    wanted_ma=15,
    with_driver=True,
)
SMALL_LED: Final = lamp(
    "3.3 V, red or yellow, straight from the pin",
    supply_v=LOGIC_V,
    forward_v=1.9,
    wanted_ma=GPIO_DESIGN_MA,
    with_driver=False,
)
LAMPS: Final = (LIGHT_5V, LIGHT_12V, SMALL_LED)


def outputs_of(profile: PinProfile) -> int:
    """How many lights and buzzers a panel has."""
    return sum(use.is_output for use in profile.uses().values())


def keys_of(profile: PinProfile) -> int:
    """How many keys, the clerk's among them."""
    return sum(not use.is_output for use in profile.uses().values())


def currents_table(profile: PinProfile) -> str:
    """Resistors, and the sum of all pins with everything on at once, as Markdown."""
    count = outputs_of(profile)
    keys_ma = keys_of(profile) * LOGIC_V / PULL_UP_OHM * 1000
    lines = [
        "| light | resistor | through the light | out of one pin | all "
        f"{count} outputs on | of {GPIO_ALL_MA:g} mA |",
        "|---|---|---|---|---|---|",
    ]
    for one in LAMPS:
        total_ma = count * one.gpio_ma
        lines.append(
            f"| {one.name} | ({one.supply_v:g} − {one.drop_v:g} − {one.forward_v:g}) V → "
            f"{one.resistor_ohm} Ω | {one.led_ma:.1f} mA | {one.gpio_ma:.1f} mA | "
            f"{total_ma:.1f} mA | {total_ma / GPIO_ALL_MA:.0%} |"
        )
    high_s = (PULL_UP_OHM + SERIES_OHM) * FILTER_NF * 1e-9
    low_s = SERIES_OHM * FILTER_NF * 1e-9
    lines += [
        "",
        f"Keys: {LOGIC_V} V / {PULL_UP_OHM / 1000:g} kΩ = {LOGIC_V / PULL_UP_OHM * 1000:.1f} mA "
        f"through a closed contact, {keys_ma:.1f} mA from the 3.3 V pin with all "
        f"{keys_of(profile)} down. Time constants of the filter: "
        f"{low_s * 1000:.2f} ms at the press, {high_s * 1000:.2f} ms at the release, far below "
        "the 15 ms of `panel.debounce_ms`.",
    ]
    return "\n".join(lines)

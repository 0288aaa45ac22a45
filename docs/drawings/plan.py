"""What is connected to what: the wires of a pin profile, with the colours we suggest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firmware_config.header import HEADER_PINS
from firmware_config.levels import LEVEL_NAMES
from firmware_config.pins import PinProfile

KEY, LIGHT, BUZZER, POWER = "key", "light", "buzzer", "power"


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """Colour of a wire: names, and how it is drawn."""

    zh: str
    en: str
    hex: str


BROWN: Final = Colour(zh="棕", en="brown", hex="#8a5a33")
ORANGE: Final = Colour(zh="橙", en="orange", hex="#e8832a")
YELLOW: Final = Colour(zh="黄", en="yellow", hex="#e2bb1f")
GREEN: Final = Colour(zh="绿", en="green", hex="#3c9a52")
BLUE: Final = Colour(zh="蓝", en="blue", hex="#2f6fb5")
VIOLET: Final = Colour(zh="紫", en="violet", hex="#7d56a5")
GREY: Final = Colour(zh="灰", en="grey", hex="#8c9392")
WHITE: Final = Colour(zh="白", en="white", hex="#f3f1ea")
RED: Final = Colour(zh="红", en="red", hex="#c8372d")
BLACK: Final = Colour(zh="黑", en="black", hex="#26302e")
LEVEL_COLOURS: Final = {5: BROWN, 4: ORANGE, 3: YELLOW, 2: GREEN, 1: BLUE}
"""Level → colour of its wire, in the cable of the keys and in that of the lights: our choice, in
the order of a ribbon cable. Red and black stay what everybody takes them for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One wire from the header.

    Attributes:
        kind: KEY, LIGHT, BUZZER or POWER.
        gpio: BCM number; None: power or ground.
        header_pin: position on the header.
        zh: what hangs there, in Chinese; `en` in English.
        cable: which of the two cables it runs in.
    """

    kind: str
    gpio: int | None
    header_pin: int
    zh: str
    en: str
    colour: Colour
    cable: str


def wires_of(profile: PinProfile) -> list[Wire]:
    """All wires of a panel: keys from the best level down, lights, then power."""
    wires = []
    for button in profile.buttons:
        name, level = LEVEL_NAMES[button.level], int(button.level)
        colour = LEVEL_COLOURS[level]
        wires.append(_wire(KEY, button.gpio, f"键 {level} {name.zh}", f"key {level}", colour))
    wires.append(_wire(KEY, profile.clerk_gpio, "工作人员键", "clerk's key", VIOLET))
    for button in profile.buttons:
        name, level = LEVEL_NAMES[button.level], int(button.level)
        colour = LEVEL_COLOURS[level]
        wires.append(
            _wire(LIGHT, button.led_gpio, f"灯 {level} {name.zh}", f"light {level}", colour)
        )
    if profile.status_gpio is not None:
        wires.append(_wire(LIGHT, profile.status_gpio, "状态灯", "status light", VIOLET))
    if profile.error_gpio is not None:
        wires.append(_wire(LIGHT, profile.error_gpio, "故障灯", "error light", GREY))
    if profile.buzzer_gpio is not None:
        wires.append(_wire(BUZZER, profile.buzzer_gpio, "蜂鸣器", "buzzer", WHITE))
    return [
        *wires,
        _power(17, "3.3 V 上拉", "3.3 V for the pull-ups", RED, "K"),
        _power(39, "地（按键）", "ground of the keys", BLACK, "K"),
        _power(2, "5 V 灯电源", "5 V for the lights", RED, "L"),
        _power(6, "地（灯）", "ground of the lights", BLACK, "L"),
    ]


def _wire(kind: str, gpio: int, zh: str, en: str, colour: Colour) -> Wire:
    cable = "K" if kind == KEY else "L"
    pin = HEADER_PINS[gpio]
    return Wire(kind=kind, gpio=gpio, header_pin=pin, zh=zh, en=en, colour=colour, cable=cable)


def _power(pin: int, zh: str, en: str, colour: Colour, cable: str) -> Wire:
    return Wire(kind=POWER, gpio=None, header_pin=pin, zh=zh, en=en, colour=colour, cable=cable)


def wiring_table(profile: PinProfile) -> str:
    """The wires as Markdown."""
    lines = [
        "| 接什么 | what | GPIO (BCM) | 排针 header pin | 线缆 cable | 线色 wire colour |",
        "|---|---|---|---|---|---|",
    ]
    for wire in wires_of(profile):
        gpio = "—" if wire.gpio is None else str(wire.gpio)
        colour = f"{wire.colour.zh} {wire.colour.en}"
        lines.append(
            f"| {wire.zh} | {wire.en} | {gpio} | {wire.header_pin} | {wire.cable} | {colour} |"
        )
    return "\n".join(lines)

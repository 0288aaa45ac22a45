"""What to buy: the parts of one panel and of a hall."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Final

from docs.drawings.currents import (
    FILTER_NF,
    LIGHT_5V,
    PULL_UP_OHM,
    SERIES_OHM,
    keys_of,
    outputs_of,
)
from firmware_config.boards import load_boards
from firmware_config.pins import PinProfile

HALL: Final = 135
"""Windows of the first user's hall. Source: domain facts."""
SPARE_RATE: Final = 0.05
"""Devices kept as spares: our choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One line of the bill of materials; `count` is for one device."""

    zh: str
    en: str
    count: int


def parts_of(profile: PinProfile) -> list[Part]:
    """The parts of one device, without options."""
    buttons, keys = len(profile.buttons), keys_of(profile)
    bare_lights = sum(gpio is not None for gpio in (profile.status_gpio, profile.error_gpio))
    buzzers = int(profile.buzzer_gpio is not None)
    k_ohm = f"{PULL_UP_OHM / 1000:g} kΩ"
    return [
        Part(
            zh="树莓派", en="Raspberry Pi, one of the boards below, with its header pins", count=1
        ),
        Part(zh="microSD 卡", en="microSD card, 16 GB or more, high-endurance type", count=1),
        Part(zh="电源", en="power supply as the board needs it, with a fixed cable", count=1),
        Part(
            zh="带灯按键",
            en="push button, closes when pressed, gold-plated contact, cap 25 mm or more, lamp 5 V "
            "with its resistor",
            count=buttons,
        ),
        Part(zh="工作人员键", en="push button without a lamp, for the clerk's side", count=1),
        Part(zh="指示灯", en="LED 5 mm with a holder: status, error", count=bare_lights),
        Part(zh="有源蜂鸣器", en="active buzzer 5 V, 30 mA or less", count=buzzers),
        Part(
            zh="驱动芯片",
            en="ULN2803 (A or C), DIP-18, with socket",
            count=ceil(outputs_of(profile) / 8),
        ),
        Part(zh="电阻 上拉", en=f"resistor {k_ohm}, pull-up", count=keys),
        Part(zh="电阻 串联", en=f"resistor {SERIES_OHM // 1000} kΩ, in series", count=keys),
        Part(
            zh="电阻 指示灯",
            en=f"resistor {LIGHT_5V.resistor_ohm} Ω, for the two LEDs (and for each button whose "
            "lamp has none)",
            count=bare_lights,
        ),
        Part(
            zh="电容",
            en=f"capacitor {FILTER_NF} nF, ceramic: keys, and one at the driver",
            count=keys + 1,
        ),
        Part(zh="TVS 管", en="protection diode, 3.3 V or 5 V working voltage", count=keys),
        Part(
            zh="转接板", en="interface board for the parts above, with two terminal rows", count=1
        ),
        Part(zh="排线", en="cable 2×20 from the header to the interface board, 20 cm", count=1),
        Part(zh="线缆 K", en="shielded cable, 8 wires, 1 m", count=1),
        Part(zh="线缆 L", en="cable, 10 wires, 1 m", count=1),
        Part(
            zh="外壳与面板",
            en="enclosure with an engraved front, raised dots, no sharp edge",
            count=1,
        ),
        Part(zh="网线", en="network cable to the hall's switch", count=1),
    ]


def parts_table(profile: PinProfile) -> str:
    """The bill of materials as Markdown."""
    devices = HALL + ceil(HALL * SPARE_RATE)
    lines = [
        f"| 物料 | part | one device | {HALL} devices | with {devices - HALL} spare |",
        "|---|---|---|---|---|",
    ]
    for part in parts_of(profile):
        lines.append(
            f"| {part.zh} | {part.en} | {part.count} | {part.count * HALL:,} | "
            f"{part.count * devices:,} |"
        )
    return "\n".join(lines)


def boards_table() -> str:
    """The boards as Markdown."""
    lines = [
        "| board | clock of its own | supply | typical draw | network | sound | gpiochip |",
        "|---|---|---|---|---|---|---|",
    ]
    for board in load_boards().boards:
        clock = "yes, with a cell" if board.has_rtc else "no"
        lines.append(
            f"| {board.name} | {clock} | {board.supply_a:g} A, {board.supply} | "
            f"{board.active_ma} mA | {board.network} | {board.audio} | "
            f"{'; '.join(board.gpiochips)} |"
        )
    return "\n".join(lines)

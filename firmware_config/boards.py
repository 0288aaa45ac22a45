"""The boards Yiping is meant for: how to know them, what they need, what else wants their pins.

Facts and their sources stand in `data/boards.toml`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from firmware_config.boot_config import PinFunction, conflicts
from firmware_config.header import PULLED_UP_GPIOS
from firmware_config.pins import PinProfile
from firmware_config.settings import read_toml


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One model.

    Attributes:
        id: what a pin profile calls it in `boards`.
        name: what people call it.
        model: regular expression for `/proc/device-tree/model`.
        header: state of the 40-pin header as sold.
        gpiochips: which chip carries the header, by kernel: `number: label`.
        sections: model filters of `config.txt` that hold on it.
        has_rtc: whether it has a clock of its own (which needs a cell to run on without power).
        supply: voltage and plug.
        supply_a: current the supply should be able to give, in ampere.
        active_ma: what the bare board typically draws when busy, in milliampere.
        network: how it reaches a network.
        audio: where sound can come from.
    """

    id: str
    name: str
    model: str
    header: str
    gpiochips: tuple[str, ...]
    sections: tuple[str, ...]
    has_rtc: bool
    supply: str
    supply_a: float
    active_ma: int
    network: str
    audio: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """All boards, and all that may take pins on them."""

    boards: tuple[Board, ...]
    functions: tuple[PinFunction, ...]


@cache
def load_boards() -> Catalogue:
    """The catalogue that comes with the package."""
    source = files("firmware_config").joinpath("data", "boards.toml")
    table = read_toml(Path(str(source)))
    return Catalogue(
        boards=tuple(Board(**_frozen(row)) for row in table["boards"]),
        functions=tuple(_function(row) for row in table["functions"]),
    )


def board_of(model: str) -> Board | None:
    """The board whose `/proc/device-tree/model` this is; None: none that is known."""
    text = model.strip("\0 \n")
    return next((b for b in load_boards().boards if re.fullmatch(b.model, text)), None)


def config_conflicts(
    profile: PinProfile, config_text: str, board: Board | None = None
) -> list[str]:
    """What `config.txt` takes away from a profile, a line each, naming both places.

    Args:
        profile: the pins.
        config_text: content of `/boot/firmware/config.txt`.
        board: on which board; None: unknown, so that every board's sections and functions count.
    """
    return conflicts(
        profile.uses(),
        config_text,
        load_boards().functions,
        board=board.id if board else "",
        sections=board.sections if board else None,
    )


def power_on_warnings(profile: PinProfile) -> list[str]:
    """Outputs of a profile that are on from power-on until the program runs."""
    return [
        f"{use.place}: GPIO {gpio} is pulled high from power-on until the program runs; "
        "a light or buzzer there is on for so long"
        for gpio, use in profile.uses().items()
        if use.is_output and gpio in PULLED_UP_GPIOS
    ]


def _function(row: dict[str, Any]) -> PinFunction:
    pins = {
        name: pin if isinstance(pin, int) else None for name, pin in row.get("pins", {}).items()
    }
    return replace(PinFunction(**_frozen(row)), pins=pins)


def _frozen(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}

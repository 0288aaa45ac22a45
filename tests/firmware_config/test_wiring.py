"""The wiring guide: its pictures and tables are what the pin profiles say, its sums are right.

`UPDATE_DOCS=1 pytest tests/firmware_config/test_wiring.py` writes them anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs.drawings.currents import (
    GPIO_ALL_MA,
    GPIO_DESIGN_MA,
    GPIO_ONE_MA,
    LAMPS,
    LIGHT_5V,
    LIGHT_12V,
    SMALL_LED,
    currents_table,
    next_e12,
    outputs_of,
)
from docs.drawings.parts import HALL, boards_table, parts_of, parts_table
from docs.drawings.plan import KEY, POWER, wires_of, wiring_table
from docs.drawings.wiring import TITLES, picture_file, wiring_svg
from firmware_config.header import GROUND_PINS, HEADER_PINS, POWER_PINS
from firmware_config.levels import LEVEL_NAMES
from firmware_config.pins import BUILT_IN_PROFILES, PinProfile, load_pin_profile

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "wiring.md"
FIVE = load_pin_profile("five-key")
GENERATED: dict[str, Callable[[], str]] = {
    "wiring five-key": lambda: wiring_table(FIVE),
    "wiring four-key": lambda: wiring_table(load_pin_profile("four-key")),
    "currents": lambda: currents_table(FIVE),
    "parts": lambda: parts_table(FIVE),
    "boards": boards_table,
}


@pytest.fixture(params=BUILT_IN_PROFILES)
def profile(request: pytest.FixtureRequest) -> PinProfile:
    return load_pin_profile(request.param)


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_part_is_what_the_profile_says(name: str) -> None:
    part = re.compile(rf"(<!-- generated: {name} -->\n)(.*?)(<!-- end -->)", re.DOTALL)
    wanted = f"\n{GENERATED[name]()}\n\n"
    if os.environ.get("UPDATE_DOCS"):
        text = GUIDE.read_text(encoding="utf-8")
        GUIDE.write_text(
            part.sub(lambda match: match[1] + wanted + match[3], text), encoding="utf-8"
        )

    found = part.search(GUIDE.read_text(encoding="utf-8"))

    assert found is not None
    assert found[2] == wanted, "write it anew with UPDATE_DOCS=1"


@pytest.mark.parametrize("name", BUILT_IN_PROFILES)
def test_a_picture_is_what_the_profile_says(name: str) -> None:
    file = picture_file(name)
    if os.environ.get("UPDATE_DOCS"):
        file.write_text(wiring_svg(name), encoding="utf-8")

    assert file.read_text(encoding="utf-8") == wiring_svg(name), "write it with UPDATE_DOCS=1"
    assert f"]({file.relative_to(GUIDE.parent)})" in GUIDE.read_text(encoding="utf-8")


def test_there_is_a_picture_of_every_profile() -> None:
    assert tuple(TITLES) == BUILT_IN_PROFILES


def test_every_pin_of_a_profile_has_a_wire_and_every_wire_a_pin_of_its_own(
    profile: PinProfile,
) -> None:
    wires = wires_of(profile)

    assert {wire.gpio for wire in wires if wire.gpio is not None} == set(profile.uses())
    assert len({wire.header_pin for wire in wires}) == len(wires)
    for wire in wires:
        if wire.kind == POWER:
            assert wire.header_pin in {*GROUND_PINS, *POWER_PINS}
        else:
            assert wire.gpio is not None
            assert wire.header_pin == HEADER_PINS[wire.gpio]
            assert profile.uses()[wire.gpio].is_output is (wire.kind != KEY)


def test_in_one_cable_no_two_wires_have_the_same_colour(profile: PinProfile) -> None:
    wires = wires_of(profile)

    assert len({(wire.cable, wire.colour) for wire in wires}) == len(wires)


def test_volts_never_meet_the_wrong_wire(profile: PinProfile) -> None:
    for wire in wires_of(profile):
        volts = POWER_PINS.get(wire.header_pin, "")
        assert (wire.colour.en == "red") == bool(volts)
        assert volts == {"K": "3V3", "L": "5V"}[wire.cable] or not volts


@pytest.mark.parametrize("name", BUILT_IN_PROFILES)
def test_a_picture_is_well_formed_and_shows_every_wire_and_level(name: str) -> None:
    profile = load_pin_profile(name)

    words = [
        element.text for element in ElementTree.fromstring(wiring_svg(name)).iter() if element.text
    ]

    for wire in wires_of(profile):
        assert wire.zh in words
        assert wire.en in words
        assert wire.gpio is None or f"GPIO {wire.gpio}" in words
    for button in profile.buttons:
        assert LEVEL_NAMES[button.level].zh in words
        assert LEVEL_NAMES[button.level].en in words


@pytest.mark.parametrize(
    ("ohm", "value"), [(100, 100), (101, 120), (110, 120), (467, 470), (540, 560)]
)
def test_the_next_value_of_the_series_is_taken(ohm: float, value: int) -> None:
    assert next_e12(ohm) == value


def test_resistors_by_hand() -> None:
    assert LIGHT_5V.resistor_ohm == 120  # (5 − 0.9 − 3.0) V / 10 mA = 110 Ω
    assert LIGHT_12V.resistor_ohm == 560  # (12 − 0.9 − 3.0) V / 15 mA = 540 Ω
    assert SMALL_LED.resistor_ohm == 470  # (3.3 − 1.9) V / 3 mA = 467 Ω
    assert round(SMALL_LED.led_ma, 2) == 2.98


def test_all_lights_at_once_stay_far_below_the_boards_limits(profile: PinProfile) -> None:
    for lamp in LAMPS:
        assert lamp.gpio_ma <= GPIO_DESIGN_MA < GPIO_ONE_MA
        assert outputs_of(profile) * lamp.gpio_ma <= GPIO_ALL_MA / 2


def test_one_driver_has_a_channel_for_every_output(profile: PinProfile) -> None:
    assert outputs_of(profile) <= 8
    driver = next(part for part in parts_of(profile) if "ULN2803" in part.en)
    assert driver.count == 1


def test_quantities_follow_the_keys() -> None:
    table = parts_table(FIVE)

    assert f"| {HALL} devices | with 7 spare |" in table
    assert "| 5 | 675 | 710 |" in table  # lit buttons
    assert "| 6 | 810 | 852 |" in table  # pull-ups: the clerk's key too

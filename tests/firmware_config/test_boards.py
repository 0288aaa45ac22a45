"""The catalogue of boards, and what `config.txt` takes away from a profile."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.boards import (
    Board,
    board_of,
    config_conflicts,
    load_boards,
    power_on_warnings,
)
from firmware_config.header import GROUND_PINS, HEADER_PINS, POWER_PINS, RESERVED_GPIOS
from firmware_config.pins import BOARDS, BUILT_IN_PROFILES, load_pin_profile

FIVE = load_pin_profile("five-key")
# what a fresh card of Raspberry Pi OS has in config.txt
FRESH = """
# dtparam=i2c_arm=on
#dtparam=spi=on
dtparam=audio=on
camera_auto_detect=1
display_auto_detect=1
auto_initramfs=1
dtoverlay=vc4-kms-v3d
max_framebuffers=2
disable_fw_kms_setup=1
arm_boost=1
[cm4]
otg_mode=1
[cm5]
dtoverlay=dwc2,dr_mode=host
[all]
enable_uart=1
"""


def board(name: str) -> Board:
    return next(board for board in load_boards().boards if board.id == name)


def taken(config: str, name: str = "") -> set[int]:
    """The pins of the five-key profile that a config takes."""
    lines = config_conflicts(FIVE, config, board(name) if name else None)
    return {int(number) for line in lines for number in re.findall(r"GPIO (\d+)", line)}


def test_the_header_has_forty_positions_each_for_one_thing() -> None:
    positions = [*HEADER_PINS.values(), *GROUND_PINS, *POWER_PINS]

    assert sorted(positions) == list(range(1, 41))
    assert sorted(HEADER_PINS) == list(range(28))


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("Raspberry Pi Zero 2 W Rev 1.0\0", "pi-zero-2-w"),
        ("Raspberry Pi 3 Model B Rev 1.2", "pi-3"),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "pi-3"),
        ("Raspberry Pi 3 Model A Plus Rev 1.0", "pi-3"),
        ("Raspberry Pi 4 Model B Rev 1.5", "pi-4"),
        ("Raspberry Pi 5 Model B Rev 1.1\0", "pi-5"),
        ("Raspberry Pi Zero W Rev 1.1", None),
        ("Raspberry Pi 400 Rev 1.0", None),
        ("Raspberry Pi 500 Rev 1.0", None),
        ("Raspberry Pi Compute Module 4 Rev 1.0", None),
        ("Orange Pi 3 LTS", None),
        ("", None),
    ],
)
def test_a_board_is_known_by_its_model(model: str, name: str | None) -> None:
    found = board_of(model)

    assert (found.id if found else None) == name


def test_profiles_can_name_exactly_the_boards_there_are() -> None:
    assert tuple(board.id for board in load_boards().boards) == BOARDS
    for name in BUILT_IN_PROFILES:
        assert load_pin_profile(name).boards == BOARDS


def test_only_a_pi_5_has_a_clock() -> None:
    assert [board.id for board in load_boards().boards if board.has_rtc] == ["pi-5"]


def test_functions_name_boards_and_pins_that_exist() -> None:
    for function in load_boards().functions:
        assert set(function.boards) <= set(BOARDS)
        assert set(function.gpios) <= set(HEADER_PINS)
        assert function.overlays or function.dtparams or function.pins


@pytest.mark.parametrize("name", BUILT_IN_PROFILES)
@pytest.mark.parametrize("board_id", BOARDS)
def test_a_fresh_card_takes_no_pin_of_a_built_in_profile(name: str, board_id: str) -> None:
    profile = load_pin_profile(name)

    assert config_conflicts(profile, FRESH, board(board_id)) == []
    assert power_on_warnings(profile) == []


@pytest.mark.parametrize(
    ("config", "gpios"),
    [
        ("dtparam=spi=on", {9}),
        ("dtparam=spi", {9}),
        ("dtparam=i2c_arm=on,spi=on", {9}),
        ("dtparam=spi=off", set()),
        ("dtparam=spi=on\ndtparam=spi=off", set()),
        ("dtparam=spi=off\ndtparam=spi=on", {9}),
        ("# dtparam=spi=on", set()),
        ("  dtparam = spi=on  ", {9}),
        ("dtoverlay=spi0-1cs", {9}),
        ("dtoverlay=spi1-1cs", set()),
        ("dtoverlay=spi1-3cs", {16, 17}),
        ("dtparam=i2c_arm=on", set()),
        ("dtparam=audio=on", set()),
        ("dtparam=i2s=on", set()),
        ("dtoverlay=w1-gpio", {4}),
        ("dtoverlay=w1-gpio,gpiopin=7", set()),
        ("dtoverlay=w1-gpio,gpiopin=5,pullup=1", {5}),
        ("dtoverlay=w1-gpio\ndtparam=gpiopin=26", {26}),
        ("dtoverlay=w1-gpio:gpiopin=26", {26}),
        ("device_tree_overlay=w1-gpio", {4}),
        ("dtoverlay=w1-gpio-pullup", {4, 5}),
        ("dtoverlay=hifiberry-dac", set()),
        ("dtoverlay=max98357a", {4}),
        ("dtoverlay=max98357a,no-sdmode", set()),
        ("dtoverlay=max98357a,sdmode-pin=20", set()),
        ("dtoverlay=googlevoicehat-soundcard", {16}),
        ("dtoverlay=audremap", {12, 13}),
        ("dtoverlay=audremap,pins_18_19", set()),
        ("dtoverlay=gpio-fan", {12}),
        ("dtoverlay=gpio-fan,gpiopin=14", set()),
        ("dtoverlay=gpio-poweroff", {26}),
        ("dtoverlay=gpio-shutdown", set()),
        ("dtoverlay=pwm,pin=12,func=4", {12}),
        ("dtparam=act_led_gpio=17", {17}),
        ("dtoverlay=vc4-kms-v3d\ndtparam=act_led_gpio=17", {17}),
        ("dtparam=act_led_trigger=heartbeat", set()),
        ("dtoverlay=sdio", {22, 23, 24, 25, 26, 27}),
        ("dtoverlay=vc4-kms-v3d", set()),
        ("dtoverlay=nobody-knows-this", set()),
        ("[none]\ndtparam=spi=on", set()),
        ("[none]\n[all]\ndtparam=spi=on", {9}),
        ("[gpio4=1]\ndtparam=spi=on", {9}),
        ("[pi4]\n[0x1234]\ndtparam=spi=on", {9}),
        ("dtoverlay=w1-gpio,gpiopin=7\ndtoverlay=\ndtparam=spi=on", {9}),
        ("gpio=17,22-24=op,dl", set()),
        ("gpio=17,22-24=op,dh", {17, 22, 23, 24}),
        ("gpio=5=ip,pu", set()),
        ("gpio=4-6=op", {4, 5, 6}),
        ("gpio=13=a0", {13}),
        ("gpio=x=op", set()),
        ("", set()),
    ],
)
def test_a_line_takes_the_pins_it_takes(config: str, gpios: set[int]) -> None:
    assert taken(config) == gpios


@pytest.mark.parametrize(
    ("config", "name", "gpios"),
    [
        ("[pi5]\ndtparam=spi=on", "pi-4", set()),
        ("[pi5]\ndtparam=spi=on", "pi-5", {9}),
        ("[pi0]\ndtparam=spi=on", "pi-zero-2-w", {9}),
        ("[pi3+]\ndtparam=spi=on", "pi-3", {9}),
        ("[cm4]\ndtparam=spi=on", "pi-4", set()),
        ("[pi5]\n[gpio4=1]\ndtparam=spi=on", "pi-4", set()),
        ("dtoverlay=uart3", "pi-4", {4, 5}),
        ("dtoverlay=uart3", "pi-5", {9}),
        ("dtoverlay=uart3", "pi-3", set()),
        ("dtoverlay=i2c5", "pi-4", {12, 13}),
        ("dtoverlay=i2c5,pins_10_11", "pi-4", set()),
    ],
)
def test_the_board_decides_what_a_line_means(config: str, name: str, gpios: set[int]) -> None:
    assert taken(config, name) == gpios


def test_a_conflict_names_the_line_and_the_place_in_the_profile() -> None:
    (line,) = config_conflicts(FIVE, "\n[all]\ndtoverlay=max98357a\n")

    assert line == (
        "config.txt line 3: dtoverlay=max98357a: GPIO 4 is taken by the amplifier's shutdown pin, "
        "and clerk_gpio needs it; write dtoverlay=max98357a,no-sdmode"
    )


@given(st.text(st.sampled_from("dtoverlayparmgpio=,:[]0123456789-#\n \tspiw1xé"), max_size=300))
def test_no_text_whatever_can_break_it(config: str) -> None:
    for line in config_conflicts(FIVE, config):
        assert line.startswith("config.txt line ")


def test_reserved_pins_are_on_the_header() -> None:
    assert set(RESERVED_GPIOS) <= set(HEADER_PINS)

"""What `kiosk check` says about the board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from firmware_config.pins import PinProfile, load_pin_profile
from kiosk.board_check import BoardFindings, look_at_board

FIVE = load_pin_profile("five-key")


@pytest.fixture
def boot(tmp_path: Path) -> Path:
    return tmp_path


def look(boot: Path, model: str, config: str = "", profile: PinProfile = FIVE) -> BoardFindings:
    (boot / "model").write_text(f"{model}\0")
    (boot / "config.txt").write_text(config)
    files = (boot / "absent.txt", boot / "config.txt")
    return look_at_board(
        profile, model_file=boot / "model", config_files=files, hat_file=boot / "hat"
    )


def test_a_known_board_with_the_usual_settings_is_named_and_warns_of_nothing(boot: Path) -> None:
    found = look(boot, "Raspberry Pi 4 Model B Rev 1.5", "dtparam=audio=on\n")

    assert found.board.startswith("Raspberry Pi 4 Model B Rev 1.5 (pi-4); no clock of its own")
    assert "pinctrl-bcm2711" in found.board
    assert found.warnings == ()


def test_a_pi_5_is_said_to_have_a_clock(boot: Path) -> None:
    assert "a clock of its own" in look(boot, "Raspberry Pi 5 Model B Rev 1.0").board


def test_an_unknown_board_is_a_warning_that_tells_the_known_ones(boot: Path) -> None:
    found = look(boot, "Orange Pi 3 LTS")

    assert found.board == "Orange Pi 3 LTS"
    assert "Raspberry Pi Zero 2 W, Raspberry Pi 3" in found.warnings[0]


def test_a_profile_for_other_boards_is_a_warning(boot: Path) -> None:
    profile = replace(FIVE, boards=("pi-5",))

    (warning,) = look(boot, "Raspberry Pi 3 Model B Plus Rev 1.3", profile=profile).warnings

    assert warning == "pin profile five-key is made for pi-5, this is pi-3"


def test_a_function_that_takes_a_pin_is_a_warning(boot: Path) -> None:
    (warning,) = look(boot, "Raspberry Pi 4 Model B Rev 1.5", "dtparam=spi=on\n").warnings

    assert "GPIO 9 is taken by SPI, and buzzer_gpio needs it; switch SPI off" in warning


def test_a_section_for_another_board_does_not_count(boot: Path) -> None:
    config = "[pi5]\ndtparam=spi=on\n"

    assert look(boot, "Raspberry Pi 4 Model B Rev 1.5", config).warnings == ()
    assert len(look(boot, "Raspberry Pi 5 Model B Rev 1.0", config).warnings) == 1


def test_a_board_on_top_is_a_warning_because_its_pins_are_not_known(boot: Path) -> None:
    (boot / "hat").write_text("Voice Bonnet\0")

    (warning,) = look(boot, "Raspberry Pi 4 Model B Rev 1.5").warnings

    assert warning.startswith("board on top 'Voice Bonnet': which pins it takes")


def test_a_machine_that_is_no_pi_is_called_so(tmp_path: Path) -> None:
    found = look_at_board(FIVE, model_file=tmp_path / "model", config_files=(tmp_path / "c",))

    assert found == BoardFindings(board="none known: this is no Raspberry Pi", warnings=())


def test_a_light_that_glows_before_the_program_runs_is_a_warning(boot: Path) -> None:
    profile = replace(FIVE, status_gpio=7)

    assert "status_gpio: GPIO 7 is pulled high" in look(boot, "x", profile=profile).warnings[0]

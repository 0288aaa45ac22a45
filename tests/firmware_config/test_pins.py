"""Pin profiles: the built-in ones, and every mistake named with both places."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from firmware_config.errors import InvalidSettings
from firmware_config.header import RESERVED_GPIOS
from firmware_config.levels import Level
from firmware_config.pins import BUILT_IN_PROFILES, PinProfile, load_pin_profile

GOOD = """
name = "own"
clerk_gpio = 4
[[buttons]]
name = "up"
level = 5
gpio = 5
led_gpio = 17
[[buttons]]
name = "down"
level = 1
gpio = 6
led_gpio = 27
"""


def load(tmp_path: Path, text: str) -> PinProfile:
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    return load_pin_profile(path)


def problems_of(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        load(tmp_path, text)
    return caught.value.problems


def gpios(profile: PinProfile) -> list[int]:
    singles = (profile.clerk_gpio, profile.status_gpio, profile.error_gpio, profile.buzzer_gpio)
    pairs = [gpio for button in profile.buttons for gpio in (button.gpio, button.led_gpio)]
    return pairs + [gpio for gpio in singles if gpio is not None]


@pytest.mark.parametrize("name", BUILT_IN_PROFILES)
def test_built_in_profiles_use_each_pin_once_and_none_that_is_reserved(name: str) -> None:
    profile = load_pin_profile(name)

    assert profile.name == name
    assert len(set(gpios(profile))) == len(gpios(profile))
    assert not set(gpios(profile)) & set(RESERVED_GPIOS)
    assert all(gpio >= 9 for button in profile.buttons for gpio in (button.led_gpio,))


def test_five_keys_are_all_levels_and_four_keys_leave_out_the_lowest() -> None:
    assert [button.level for button in load_pin_profile("five-key").buttons] == list(
        sorted(Level, reverse=True)
    )
    assert [int(button.level) for button in load_pin_profile("four-key").buttons] == [5, 4, 3, 2]


def test_a_profile_of_ones_own_needs_no_lights_beside_the_keys(tmp_path: Path) -> None:
    profile = load(tmp_path, GOOD)

    assert (profile.clerk_gpio, profile.status_gpio, profile.buzzer_gpio) == (4, None, None)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "gpio = 6\n",
            "gpio = 5\n",
            "own.toml: buttons[1].gpio: GPIO 5 is already used by buttons[0].gpio",
        ),
        (
            "led_gpio = 27",
            "led_gpio = 4",
            "own.toml: clerk_gpio: GPIO 4 is already used by buttons[1].led_gpio",
        ),
        (
            "level = 1",
            "level = 5",
            "own.toml: buttons[1].level: level 5 is already used by buttons[0].level",
        ),
        (
            '"down"',
            '"up"',
            "own.toml: buttons[1].name: name 'up' is already used by buttons[0].name",
        ),
        ("level = 1", "level = 6", "buttons[1].level: expected a level from 1 to 5, got 6"),
        ("level = 1", 'level = "1"', "buttons[1].level: expected a level from 1 to 5, got '1'"),
        ("level = 1", "level = true", "buttons[1].level: expected a level from 1 to 5, got True"),
        ("gpio = 6\n", "gpio = 28\n", "buttons[1].gpio: expected a BCM number from 0 to 27"),
        ("gpio = 6\n", "", "buttons[1].gpio: expected a BCM number from 0 to 27, got None"),
        ("gpio = 6\n", "gpio = 14\n", "expected a free pin, got GPIO 14, reserved for the serial"),
        ("clerk_gpio = 4", "", "own.toml: clerk_gpio: expected a BCM number from 0 to 27"),
        ("clerk_gpio = 4", "clerk_gpio = 4\nbell = 7", "own.toml: bell: unknown key"),
        ("level = 1", "level = 1\npin = 7", "own.toml: buttons[1].pin: unknown key"),
        ("level = 1", "level = 4", "buttons: expected at least one good and one bad level"),
        ('name = "own"', "", "own.toml: name: expected 1 to 64 characters of text, got None"),
    ],
)
def test_a_mistake_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert any(problem in line for line in problems_of(tmp_path, GOOD.replace(old, new)))


FULL = GOOD.replace(
    "clerk_gpio = 4", "clerk_gpio = 4\nstatus_gpio = 25\nerror_gpio = 12\nbuzzer_gpio = 9"
)
PLACES = {
    "buttons[0].gpio": "gpio = 5\n",
    "buttons[0].led_gpio": "led_gpio = 17",
    "buttons[1].gpio": "gpio = 6\n",
    "buttons[1].led_gpio": "led_gpio = 27",
    "clerk_gpio": "clerk_gpio = 4",
    "status_gpio": "status_gpio = 25",
    "error_gpio": "error_gpio = 12",
    "buzzer_gpio": "buzzer_gpio = 9",
}
"""Every place that takes a pin → its line in `FULL`, in the order in which they are read."""


def with_pin(place: str, gpio: int) -> str:
    """`FULL` with another pin at one place."""
    line = PLACES[place]
    key, _, _ = line.partition("=")
    end = "\n" if line.endswith("\n") else ""
    changed = FULL.replace(f"\n{line}", f"\n{key}= {gpio}{end}", 1)
    assert changed != FULL
    return changed


@pytest.mark.parametrize(("first", "second"), list(combinations(PLACES, 2)))
def test_no_two_places_share_a_pin_and_both_are_named(
    tmp_path: Path, first: str, second: str
) -> None:
    gpio = int(PLACES[first].partition("=")[2])

    (problem,) = problems_of(tmp_path, with_pin(second, gpio))

    assert problem == f"own.toml: {second}: GPIO {gpio} is already used by {first}"


@pytest.mark.parametrize("gpio", RESERVED_GPIOS)
@pytest.mark.parametrize("place", PLACES)
def test_no_place_may_take_a_reserved_pin(tmp_path: Path, place: str, gpio: int) -> None:
    (problem,) = problems_of(tmp_path, with_pin(place, gpio))

    assert problem == (
        f"own.toml: {place}: expected a free pin, got GPIO {gpio}, "
        f"reserved for {RESERVED_GPIOS[gpio]}"
    )


@pytest.mark.parametrize("place", PLACES)
def test_a_pin_that_is_not_on_the_header_is_refused_at_every_place(
    tmp_path: Path, place: str
) -> None:
    (problem,) = problems_of(tmp_path, with_pin(place, 28))

    assert problem == f"own.toml: {place}: expected a BCM number from 0 to 27, got 28"


def test_a_profile_tells_what_each_pin_is_used_for(tmp_path: Path) -> None:
    uses = load(tmp_path, FULL).uses()

    assert {use.place: gpio for gpio, use in uses.items()} == {
        place: int(line.partition("=")[2]) for place, line in PLACES.items()
    }
    assert {gpio for gpio, use in uses.items() if use.is_output} == {17, 27, 25, 12, 9}


def test_a_profile_may_say_which_boards_it_suits(tmp_path: Path) -> None:
    text = GOOD.replace('name = "own"', 'name = "own"\nboards = ["pi-5"]')

    assert load(tmp_path, text).boards == ("pi-5",)
    assert load(tmp_path, GOOD).boards == ()


@pytest.mark.parametrize("boards", ['["pi-6"]', '"pi-5"', "[5]", "[[1]]"])
def test_a_board_nobody_knows_is_refused(tmp_path: Path, boards: str) -> None:
    text = GOOD.replace('name = "own"', f'name = "own"\nboards = {boards}')

    assert (
        "own.toml: boards: expected a list out of pi-zero-2-w, pi-3"
        in (problems_of(tmp_path, text)[0])
    )


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("level = 1", "level = 9").replace("gpio = 5\n", "gpio = 0\n")

    assert len(problems_of(tmp_path, text)) == 2


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(InvalidSettings, match="five-key, four-key or a path ending in"):
        load_pin_profile("six-key")


def test_buttons_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    assert (
        "expected tables [[buttons]]"
        in problems_of(tmp_path, 'name = "own"\nclerk_gpio = 4\nbuttons = [5]\n')[0]
    )

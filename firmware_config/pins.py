"""Pin profiles: which key, light and buzzer hangs on which pin of the Raspberry Pi.

`gpio` is always the BCM number. Two profiles come with the package; a hall may write its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from firmware_config.boot_config import PinUse
from firmware_config.errors import InvalidSettings
from firmware_config.header import GPIO_MAXIMUM, RESERVED_GPIOS
from firmware_config.levels import BAD_LEVELS, Level
from firmware_config.settings import read_toml

BUILT_IN_PROFILES: Final = ("five-key", "four-key")
BOARDS: Final = ("pi-zero-2-w", "pi-3", "pi-4", "pi-5")
"""Ids of the boards a profile may name; what is known of them: `firmware_config.boards`."""

_SINGLES: Final = ("clerk_gpio", "status_gpio", "error_gpio", "buzzer_gpio")
_BUTTON_KEYS: Final = ("name", "level", "gpio", "led_gpio")


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonPin:
    """A rating key and its light.

    Attributes:
        name: travels in every record of this key.
        level: what a press of it means.
        gpio: BCM number of the key (to ground, pulled up).
        led_gpio: BCM number of its light (driven high).
    """

    name: str
    level: Level
    gpio: int
    led_gpio: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PinProfile:
    """All pins of one panel. None: the panel does not have it.

    Attributes:
        boards: ids of the boards it suits; empty: any with a 40-pin header.
    """

    name: str
    buttons: tuple[ButtonPin, ...]
    clerk_gpio: int
    status_gpio: int | None = None
    error_gpio: int | None = None
    buzzer_gpio: int | None = None
    boards: tuple[str, ...] = ()

    def uses(self) -> dict[int, PinUse]:
        """BCM number → what it is used for, in the order of the profile."""
        uses = {}
        for index, button in enumerate(self.buttons):
            uses[button.gpio] = PinUse(place=f"buttons[{index}].gpio", is_output=False)
            uses[button.led_gpio] = PinUse(place=f"buttons[{index}].led_gpio", is_output=True)
        uses[self.clerk_gpio] = PinUse(place="clerk_gpio", is_output=False)
        for place in ("status_gpio", "error_gpio", "buzzer_gpio"):
            gpio = getattr(self, place)
            if gpio is not None:
                uses[gpio] = PinUse(place=place, is_output=True)
        return uses


def load_pin_profile(name_or_path: str | Path) -> PinProfile:
    """Load a built-in profile by its name, or one from a TOML file (a name ending in `.toml`).

    Raises:
        InvalidSettings: unknown name, unreadable file, or any pin, level or name is wrong or used
            twice; every problem, each naming both places.
    """
    text = str(name_or_path)
    if text.endswith(".toml"):
        path = Path(text)
        return _profile(path.name, read_toml(path))
    if text not in BUILT_IN_PROFILES:
        known = ", ".join(BUILT_IN_PROFILES)
        raise InvalidSettings(
            [f"pin profile: expected {known} or a path ending in .toml, got {text!r}"]
        )
    source = files("firmware_config").joinpath("data", "pins", f"{text}.toml")
    return _profile(f"{text}.toml", read_toml(Path(str(source))))


def _profile(file: str, table: Mapping[str, Any]) -> PinProfile:
    checks = _Checks(file)
    checks.known_keys("", table, ("name", "boards", "buttons", *_SINGLES))
    name = checks.text("name", table.get("name"))
    boards = checks.boards("boards", table.get("boards", []))
    rows = table.get("buttons", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        checks.refuse("buttons", "tables [[buttons]]", rows)
        rows = []
    buttons = []
    for index, row in enumerate(rows):
        place = f"buttons[{index}]"
        checks.known_keys(f"{place}.", row, _BUTTON_KEYS)
        buttons.append(
            ButtonPin(
                name=checks.once(f"{place}.name", checks.text(f"{place}.name", row.get("name"))),
                level=checks.level(f"{place}.level", row.get("level")),
                gpio=checks.gpio(f"{place}.gpio", row.get("gpio")),
                led_gpio=checks.gpio(f"{place}.led_gpio", row.get("led_gpio")),
            )
        )
    singles = {
        key: checks.gpio(key, table.get(key))
        for key in _SINGLES
        if key in table or key == "clerk_gpio"
    }
    levels = {button.level for button in buttons}
    if not checks.problems and not (levels & BAD_LEVELS and levels - BAD_LEVELS):
        checks.refuse("buttons", "at least one good and one bad level (2 or 1)", sorted(levels))
    if checks.problems:
        raise InvalidSettings(checks.problems)
    return PinProfile(name=name, buttons=tuple(buttons), boards=boards, **singles)


class _Checks:
    """Collects problems of one profile and remembers which place took which pin, level, name."""

    def __init__(self, file: str) -> None:
        self.problems: list[str] = []
        self._file = file
        self._taken: dict[tuple[str, Any], str] = {}

    def refuse(self, place: str, expected: str, got: object) -> None:
        self.problems.append(f"{self._file}: {place}: expected {expected}, got {got!r}")

    def known_keys(self, prefix: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
        for key in table:
            if key not in known:
                self.problems.append(f"{self._file}: {prefix}{key}: unknown key")

    def text(self, place: str, value: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= 64:
            self.refuse(place, "1 to 64 characters of text", value)
            return ""
        return value

    def once(self, place: str, value: Any, what: str = "name") -> Any:
        first = self._taken.setdefault((what, value), place)
        if first != place and value != "":
            self.problems.append(
                f"{self._file}: {place}: {what} {value!r} is already used by {first}"
            )
        return value

    def boards(self, place: str, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or any(name not in BOARDS for name in value):
            self.refuse(place, f"a list out of {', '.join(BOARDS)}", value)
            return ()
        return tuple(value)

    def level(self, place: str, value: Any) -> Level:
        if type(value) is not int or not 1 <= value <= 5:
            self.refuse(place, "a level from 1 to 5", value)
            return Level.VERY_SATISFIED
        return Level(self.once(place, value, "level"))

    def gpio(self, place: str, value: Any) -> int:
        if type(value) is not int or not 0 <= value <= GPIO_MAXIMUM:
            self.refuse(place, f"a BCM number from 0 to {GPIO_MAXIMUM}", value)
            return -1
        if value in RESERVED_GPIOS:
            self.problems.append(
                f"{self._file}: {place}: expected a free pin, got GPIO {value}, "
                f"reserved for {RESERVED_GPIOS[value]}"
            )
        self.once(place, value, "GPIO")
        return value

"""What `/boot/firmware/config.txt` makes of the pins that a profile uses. Pure.

An overlay that takes a pin wins silently: the key on it is dead, or the light flickers. The parser
follows the firmware: `[section]` filters by model, `dtoverlay=name,param=value`, `dtparam=` for the
last overlay or the board, `gpio=`. What it does not know of: `include`, overlays that a HAT brings
in its own EEPROM, and those not in `data/boards.toml`.

Source: Raspberry Pi documentation, computers/config_txt (conditional filters, gpio, what is
config.txt) and computers/configuration/device-tree.adoc; firmware, boot/overlays/README.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

_OFF: Final = frozenset({"off", "0", "no", "false", "n"})
_MODEL: Final = re.compile(r"pi\d\w*\+?|cm\w+")
_PINS_FLAG: Final = re.compile(r"pins_(\d+)_(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PinUse:
    """What a profile uses one pin for: its place in the profile, and whether it is driven."""

    place: str
    is_output: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PinFunction:
    """Something else that may take pins.

    Attributes:
        name: what it is, for people.
        gpios: the pins it takes when it is switched on.
        dtparams: parameters of the board that switch it on.
        overlays: overlays that bring it, with `*` and `?`.
        pins: parameters that name a further pin → that pin by default; None: it takes none.
        unless: parameters of the overlay that leave `pins` out.
        boards: ids of the boards on which this is so; empty: on all.
        advice: what to do about it.
    """

    name: str
    gpios: tuple[int, ...] = ()
    dtparams: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()
    pins: Mapping[str, int | None] = field(default_factory=dict)
    unless: tuple[str, ...] = ()
    boards: tuple[str, ...] = ()
    advice: str = ""


@dataclass(slots=True)
class _Entry:
    """One line that is in force: `dtoverlay=`, `gpio=`, or (with an empty name) a `dtparam=`."""

    line: int
    text: str
    name: str
    params: dict[str, str]


def conflicts(
    uses: Mapping[int, PinUse],
    config_text: str,
    functions: Sequence[PinFunction],
    *,
    board: str = "",
    sections: Sequence[str] | None = None,
) -> list[str]:
    """What takes pins of a profile away: a line for each pin, naming both places.

    Args:
        uses: BCM number → what the profile uses it for.
        config_text: content of `config.txt`.
        functions: what may take pins.
        board: id of the board; empty: unknown, so that functions of any board count.
        sections: model filters that hold for the board; None: unknown, so that all hold.
    """
    found = []
    for entry in _entries(config_text, sections, functions):
        if entry.name == "gpio":
            found += _gpio_conflicts(uses, entry)
            continue
        for function in functions:
            if board and function.boards and board not in function.boards:
                continue
            for gpio in _taken(function, entry):
                if gpio in uses:
                    advice = f"; {function.advice}" if function.advice else ""
                    found.append(
                        f"config.txt line {entry.line}: {entry.text}: GPIO {gpio} is taken by "
                        f"{function.name}, and {uses[gpio].place} needs it{advice}"
                    )
    return list(dict.fromkeys(found))


def _entries(
    text: str, sections: Sequence[str] | None, functions: Sequence[PinFunction]
) -> Iterator[_Entry]:
    """The lines in force, with the parameters that later lines add to an overlay."""
    entries: list[_Entry] = []
    overlay: _Entry | None = None
    is_in_force = True
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.strip()
        if words.startswith("[") and words.endswith("]"):
            is_in_force = _is_in_force(words[1:-1].strip().lower(), sections, is_in_force)
            continue
        key, _, value = (part.strip() for part in words.partition("="))
        if not is_in_force or words.startswith("#") or not value:
            if key in ("dtoverlay", "device_tree_overlay") and is_in_force:
                overlay = None  # an empty one: what follows is for the board again
            continue
        if key in ("dtoverlay", "device_tree_overlay"):
            name, *params = re.split("[,:]", value)
            overlay = _Entry(number, words, name.strip(), _params(params))
            entries.append(overlay)
        elif key in ("dtparam", "device_tree_param"):
            params_here = _params(value.split(","))
            if overlay is not None and any(
                _has_overlay(function, overlay.name) and function.pins.keys() & params_here.keys()
                for function in functions
            ):
                overlay.params |= params_here
            else:
                entries.append(_Entry(number, words, "", params_here))
        elif key == "gpio":
            pins, _, options = value.partition("=")
            entries.append(_Entry(number, words, "gpio", {pins: options}))
    # the last word on a parameter of the board counts
    last = {name: entry for entry in entries if not entry.name for name in entry.params}
    for entry in entries:
        if not entry.name:
            entry.params = {
                name: value for name, value in entry.params.items() if last.get(name) is entry
            }
    yield from entries


def _is_in_force(name: str, sections: Sequence[str] | None, before: bool) -> bool:
    """Whether lines under this filter hold; one that is no model (a pin, a serial number) may."""
    if name == "all":
        return True
    if name == "none":
        return False
    if _MODEL.fullmatch(name):
        return sections is None or name in sections
    return before


def _params(words: Sequence[str]) -> dict[str, str]:
    pairs = (word.partition("=") for word in words)
    return {name.strip(): value.strip().lower() for name, _, value in pairs if name.strip()}


def _taken(function: PinFunction, entry: _Entry) -> list[int]:
    """The pins that a line gives to a function."""
    if entry.name:
        if not _has_overlay(function, entry.name):
            return []
        gpios = list(function.gpios)
        for name in entry.params:
            if flag := _PINS_FLAG.fullmatch(name):
                gpios = [int(flag[1]), int(flag[2])]
    else:
        is_on = any(
            entry.params[name] not in _OFF for name in function.dtparams if name in entry.params
        )
        gpios = list(function.gpios) if is_on else []
        if not is_on and not function.pins.keys() & entry.params.keys():
            return []
    if not any(name in entry.params for name in function.unless):
        for name, default in function.pins.items():
            given = entry.params.get(name, "")
            pin = int(given) if given.isdecimal() else default if entry.name else None
            if pin is not None:
                gpios.append(pin)
    return gpios


def _has_overlay(function: PinFunction, name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in function.overlays)


def _gpio_conflicts(uses: Mapping[int, PinUse], entry: _Entry) -> list[str]:
    """`gpio=17,22-24=op,dl`: fine for lights; a key whose pin is driven is a short circuit."""
    ((pins, options),) = entry.params.items()
    words = {word.strip() for word in options.split(",")}
    found = []
    for gpio in _gpio_list(pins):
        use = uses.get(gpio)
        if use is None:
            continue
        problem = ""
        if any(re.fullmatch(r"a[0-8]", word) for word in words):
            problem = "has another function"
        elif not use.is_output and "op" in words:
            problem = "is driven, so that a press is a short circuit"
        elif use.is_output and "dh" in words:
            problem = "is high from power-on"
        if problem:
            found.append(
                f"config.txt line {entry.line}: {entry.text}: GPIO {gpio} {problem}, and "
                f"{use.place} needs it"
            )
    return found


def _gpio_list(text: str) -> list[int]:
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            numbers += range(int(first), min(int(last or first), 63) + 1)
    return numbers

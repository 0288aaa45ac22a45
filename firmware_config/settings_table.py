"""The table of settings that a dataclass is, and what is told from it: rows, ranges, TOML text.

Reads no file and no environment; `firmware_config.settings` loads.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

REQUIRED: Final = object()
"""Stands for the default of a setting that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is said about one setting beside its type and default.

    Attributes:
        help: one sentence for people.
        unit: `s`, `ms`, `bytes` …; empty for none.
        minimum: smallest number allowed, itself included; None for no limit.
        maximum: largest number allowed, itself included; None for no limit.
        choices: the only texts allowed; empty for any.
        pattern: a regular expression the whole text must match; empty for any.
        check: given a value that passed all else, what was expected instead, or empty when good.
        path_suffix: a text with this ending is a path, relative to the file it stands in.
        secret: the value is never printed. Secrets themselves live in files, so this is rare.
        remote: the collector may change it while the program runs.
    """

    help: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    check: Callable[[Any], str] | None = None
    path_suffix: str = ""
    secret: bool = False
    remote: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One line of the table of settings, as documentation and `--help` show it.

    Attributes:
        key: dotted, e.g. `broker.port`.
        type: in words, e.g. `whole number`.
        default: as TOML; empty when the setting is required or its default is "none".
        is_required: whether there is no default.
        unit: of a number; empty for none.
        range: allowed numbers or texts in words; empty for any.
        help: one sentence.
        is_secret: whether its value is never printed.
        is_remote: whether the collector may change it while the program runs.
    """

    key: str
    type: str
    default: str
    is_required: bool
    unit: str
    range: str
    help: str
    is_secret: bool
    is_remote: bool


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting of a dataclass: its key, type and default."""

    key: str
    kind: type
    is_optional: bool
    default: Any
    setting: Setting


_KINDS: Final[dict[type, str]] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    Path: "path",
    tuple: "list of texts",
}


def leaves_of(cls: type, prefix: str = "") -> Iterator[Leaf]:
    """Every setting of a dataclass with dotted keys: its own in order, then its sections'."""
    hints = typing.get_type_hints(cls, include_extras=True)
    sections: list[tuple[type, str]] = []
    for field in dataclasses.fields(cls):
        hint, key = hints[field.name], prefix + field.name
        if dataclasses.is_dataclass(hint):
            sections.append((typing.cast(type, hint), key + "."))
            continue
        inner, setting = typing.get_args(hint)
        is_optional = isinstance(inner, types.UnionType)
        if is_optional:
            inner = next(arm for arm in typing.get_args(inner) if arm is not types.NoneType)
        kind = typing.get_origin(inner) or inner
        if kind not in _KINDS:
            raise TypeError(f"{key}: {kind} cannot be the type of a setting")
        default = REQUIRED if field.default is dataclasses.MISSING else field.default
        yield Leaf(key, kind, is_optional, default, setting)
    for section, section_prefix in sections:
        yield from leaves_of(section, section_prefix)


def _range(setting: Setting) -> str:
    if setting.choices:
        return " or ".join(setting.choices)
    if setting.pattern:
        return f"matching {setting.pattern}"
    low, high = setting.minimum, setting.maximum
    if low is not None and high is not None:
        return f"{low:.15g} to {high:.15g}"
    if low is not None:
        return f"at least {low:.15g}"
    return "" if high is None else f"at most {high:.15g}"


def expected_value(leaf: Leaf) -> str:
    """What a setting must be, in words for a message."""
    parts = (_KINDS[leaf.kind], leaf.setting.unit and f"in {leaf.setting.unit}")
    return ", ".join(filter(None, (" ".join(filter(None, parts)), _range(leaf.setting))))


def toml_value(value: Any) -> str:
    """A setting's value as it would stand in a TOML file; empty for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple):
        return "[" + ", ".join(toml_value(part) for part in value) + "]"
    escaped = "".join(
        f"\\{char}" if char in '\\"' else char if char.isprintable() else f"\\U{ord(char):08x}"
        for char in str(value)
    )
    return f'"{escaped}"'


def describe_settings(cls: type) -> list[SettingRow]:
    """The table of settings of a program, in the order of its dataclass."""
    return [
        SettingRow(
            key=leaf.key,
            type=_KINDS[leaf.kind],
            default="" if leaf.default is REQUIRED else toml_value(leaf.default),
            is_required=leaf.default is REQUIRED,
            unit=leaf.setting.unit,
            range=_range(leaf.setting),
            help=leaf.setting.help,
            is_secret=leaf.setting.secret,
            is_remote=leaf.setting.remote,
        )
        for leaf in leaves_of(cls)
    ]


def print_settings(settings: Any) -> str:
    """The settings in force as a TOML file (for `check --print`); secrets are left out."""
    lines: list[str] = []
    section = ""
    for leaf in leaves_of(type(settings)):
        *sections, name = leaf.key.split(".")
        value = settings
        for part in (*sections, name):
            value = getattr(value, part)
        if ".".join(sections) != section:
            section = ".".join(sections)
            lines += ["", f"[{section}]"]
        if leaf.setting.secret:
            lines.append(f"# {name}: not shown")
        elif value is not None:
            lines.append(f"{name} = {toml_value(value)}")
    return "\n".join(lines) + "\n"

"""The settings machinery: a frozen dataclass per program is its table of settings.

A field is `Annotated[type, Setting(...)]`; a nested dataclass is a TOML section. From that one
table derive loading, every error message, `--help`, `check --print` and the documentation. A value
comes from the command line (`--set key=value`), else the environment, else the file, else the
default. Nothing here knows a particular program.
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from firmware_config.errors import InvalidSettings
from firmware_config.settings_table import (
    REQUIRED,
    Leaf,
    Setting,
    SettingRow,
    describe_settings,
    expected_value,
    leaves_of,
    print_settings,
    toml_value,
)

T = TypeVar("T")
__all__ = [
    "Setting",
    "SettingRow",
    "describe_settings",
    "environment_name",
    "load_settings",
    "overlay_settings",
    "print_settings",
    "read_toml",
    "toml_value",
]


def environment_name(program: str, key: str) -> str:
    """The environment variable of a setting: `kiosk`, `broker.port` → `KIOSK_BROKER_PORT`."""
    return f"{program}_{key}".upper().replace(".", "_").replace("-", "_")


def load_settings(
    cls: type[T],
    *,
    program: str,
    path: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, str],
) -> T:
    """Read, merge and check the settings of a program.

    Args:
        cls: the program's settings dataclass.
        program: its name; the environment variables start with it in capitals.
        path: TOML file, UTF-8; None for none. Relative paths in it start at its folder.
        environ: environment; paths in it are relative to the working directory.
        overrides: `key → text` from the command line.

    Raises:
        InvalidSettings: carries every problem found in any of the sources.
    """
    problems: list[str] = []
    leaves = {leaf.key: leaf for leaf in leaves_of(cls)}
    values: dict[str, Any] = {}
    named: dict[str, str] = {}  # key -> where its value came from, for messages
    for source, key, raw, folder in _sources(leaves, program, path, environ, overrides, problems):
        named[key] = source
        try:
            values[key] = _convert(leaves[key], raw, folder)
        except ValueError as error:
            problems.append(f"{source}: {error}")
    file = path.name if path else "settings"
    for leaf in leaves.values():
        if leaf.key not in named and leaf.default is REQUIRED:
            expected = expected_value(leaf)
            variable = environment_name(program, leaf.key)
            problems.append(f"{file}: {leaf.key}: expected {expected}, got nothing ({variable})")
    if problems:
        raise InvalidSettings(problems)
    settings = _build(cls, "", values)
    problems = [f"{file}: {problem}" for problem in _own_problems(settings, "")]
    if problems:
        raise InvalidSettings(problems)
    return settings


def overlay_settings(settings: T, values: Mapping[str, str]) -> T:
    """Settings with some of them replaced while the program runs.

    Args:
        values: `key → text`, as with `--set`; only settings marked `remote` may be named.

    Raises:
        InvalidSettings: every unknown or fixed key, every bad value.
    """
    cls: type[T] = type(settings)
    leaves = {leaf.key: leaf for leaf in leaves_of(cls)}
    problems: list[str] = []
    merged = {key: _value_of(settings, key) for key in leaves}
    for key, text in values.items():
        if key not in leaves:
            problems.append(f"{key}: unknown setting{_similar(key, leaves)}")
        elif not leaves[key].setting.remote:
            problems.append(f"{key}: expected a setting that can change while the program runs")
        else:
            try:
                merged[key] = _convert(leaves[key], _Text(text), Path.cwd())
            except ValueError as error:
                problems.append(f"{key}: {error}")
    if not problems:
        replaced = _build(cls, "", merged)
        problems = list(_own_problems(replaced, ""))
    if problems:
        raise InvalidSettings(problems)
    return replaced


def _value_of(settings: Any, key: str) -> Any:
    for part in key.split("."):
        settings = getattr(settings, part)
    return settings


def _sources(
    leaves: Mapping[str, Leaf],
    program: str,
    path: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, str],
    problems: list[str],
) -> Iterator[tuple[str, str, Any, Path]]:
    """Every given value as (source, key, raw value, folder of its paths), weakest source first."""
    if path is not None:
        for key, raw in _flatten(read_toml(path), leaves, ""):
            if key in leaves:
                yield f"{path.name}: {key}", key, raw, path.resolve().parent
            else:
                problems.append(f"{path.name}: {key}: unknown setting{_similar(key, leaves)}")
    variables = {environment_name(program, key): key for key in leaves}
    for name in sorted(environ):
        if name in variables:
            yield f"environment: {name}", variables[name], _Text(environ[name]), Path.cwd()
        elif name.startswith(f"{program.upper()}_"):
            problems.append(f"environment: {name}: unknown setting{_similar(name, variables)}")
    for key, text in overrides.items():
        if key in leaves:
            yield f"--set: {key}", key, _Text(text), Path.cwd()
        else:
            problems.append(f"--set: {key}: unknown setting{_similar(key, leaves)}")


class _Text(str):
    """A value that came as text and is read by its setting's type."""


def _similar(key: str, known: Mapping[str, Any]) -> str:
    import difflib  # only on the way to an error

    close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.75)
    return f"; did you mean {close[0]}?" if close else ""


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file in UTF-8, with or without a byte order mark.

    Raises:
        InvalidSettings: it cannot be read, is not UTF-8 or is not TOML.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise InvalidSettings([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise InvalidSettings([f"{path.name}: byte {error.start}: expected UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise InvalidSettings([f"{path.name}: expected TOML: {error}"]) from None


def _flatten(
    table: Mapping[str, Any], leaves: Mapping[str, Leaf], prefix: str
) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        key = prefix + name
        if isinstance(value, dict) and key not in leaves:
            yield from _flatten(value, leaves, key + ".")
        else:
            yield key, value


def _build(cls: type[T], prefix: str, values: Mapping[str, Any]) -> T:
    hints = typing.get_type_hints(cls)
    given: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        key = prefix + field.name
        if dataclasses.is_dataclass(hints[field.name]):
            given[field.name] = _build(hints[field.name], key + ".", values)
        elif key in values:
            given[field.name] = values[key]
    return cls(**given)


def _own_problems(settings: Any, prefix: str) -> Iterator[str]:
    """What the dataclasses find between their settings, by an optional method `problems`."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            yield from _own_problems(value, f"{prefix}{field.name}.")
    if hasattr(settings, "problems"):
        yield from (prefix + problem for problem in settings.problems())


def _convert(leaf: Leaf, raw: Any, folder: Path) -> Any:
    if isinstance(raw, _Text) and raw == "" and leaf.is_optional:
        return None
    kind, setting = leaf.kind, leaf.setting
    value = _typed(kind, raw)
    limits_kept = value is not None
    if value is not None and kind in (int, float):
        limits_kept = (
            math.isfinite(value)
            and (setting.minimum is None or value >= setting.minimum)
            and (setting.maximum is None or value <= setting.maximum)
        )
    elif isinstance(value, str):
        limits_kept = (not setting.choices or value in setting.choices) and (
            not setting.pattern or re.fullmatch(setting.pattern, value) is not None
        )
    if not limits_kept:
        raise ValueError(f"expected {expected_value(leaf)}, got {_shown(raw, setting)}")
    if setting.check is not None and (expected := setting.check(value)):
        raise ValueError(f"expected {expected}, got {_shown(raw, setting)}")
    if kind is Path:
        return folder / value
    if setting.path_suffix and value.endswith(setting.path_suffix):
        return str(folder / value)
    return value


def _typed(kind: type, raw: Any) -> Any:
    """`raw` as `kind`, or None when it is something else."""
    if isinstance(raw, _Text):
        if kind is bool:
            return {"true": True, "false": False}.get(raw.lower())
        if kind is tuple:
            return tuple(part.strip() for part in raw.split(",") if part.strip())
        if kind in (int, float):
            try:
                return kind(raw)
            except ValueError:
                return None
        raw = str(raw)
    if kind is Path:
        return Path(raw) if isinstance(raw, str) and raw else None
    if kind is float and type(raw) is int:
        return float(raw)
    if kind is tuple:
        is_texts = isinstance(raw, list) and all(isinstance(part, str) for part in raw)
        return tuple(raw) if is_texts else None
    return raw if type(raw) is kind else None


def _shown(raw: Any, setting: Setting) -> str:
    return "a value not shown here" if setting.secret else repr(raw)

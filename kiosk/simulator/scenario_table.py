"""A table of a scenario file against the dataclass that describes it: values, problems, rows. Pure.

Like `firmware_config.settings`, for tables that may stand several times in a file and hold lists
of numbers, which settings never do.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Final

from firmware_config.settings_table import Setting, toml_value

_WORDS: Final[dict[type, str]] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Column:
    """One key of a table.

    Attributes:
        kind: of a value, or of each value of a list.
        default: REQUIRED where there is none; None: left out.
    """

    name: str
    kind: type
    is_list: bool
    default: Any
    setting: Setting

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is dataclasses.MISSING

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        word = f"list of {_WORDS[self.kind]}s" if self.is_list else _WORDS[self.kind]
        parts = (f"{word} in {self.setting.unit}" if self.setting.unit else word, self.range)
        return ", ".join(filter(None, parts))

    @property
    def range(self) -> str:
        """Allowed values in words; empty: any."""
        setting = self.setting
        if setting.choices:
            return " or ".join(setting.choices)
        if setting.minimum is not None and setting.maximum is not None:
            return f"{setting.minimum:.15g} to {setting.maximum:.15g}"
        return ""

    @property
    def default_text(self) -> str:
        """Its default as TOML; empty: none."""
        return "" if self.is_required else toml_value(self.default)


def columns_of(cls: type) -> tuple[Column, ...]:
    """The keys of a table, those every table has (`windows`, …) last."""
    hints = typing.get_type_hints(cls, include_extras=True)
    columns = []
    for field in dataclasses.fields(cls):
        inner, *settings = typing.get_args(hints[field.name]) or (None,)
        setting = next((one for one in settings if isinstance(one, Setting)), None)
        if setting is None:
            continue
        if isinstance(inner, types.UnionType):
            inner = next(arm for arm in typing.get_args(inner) if arm is not types.NoneType)
        is_list = typing.get_origin(inner) is tuple
        kind = typing.get_args(inner)[0] if is_list else inner
        columns.append(Column(field.name, kind, is_list, field.default, setting))
    return tuple(columns)


def values_of(
    cls: type, table: Mapping[str, Any], place: str, problems: list[str]
) -> dict[str, Any]:
    """The values of one table of a file, as the dataclass takes them.

    Args:
        place: file and table, for messages.
        problems: what is wrong is added here; the values are then incomplete.
    """
    columns = {column.name: column for column in columns_of(cls)}
    values = {}
    for name, raw in table.items():
        column = columns.get(name)
        if column is None:
            problems.append(f"{place}{name}: unknown key; expected {', '.join(columns)}")
            continue
        try:
            values[name] = _value(column, raw)
        except ValueError as error:
            problems.append(f"{place}{name}: {error}")
    for column in columns.values():
        if column.is_required and column.name not in table:
            problems.append(f"{place}{column.name}: expected {column.expected}, got nothing")
    return values


def table_markdown(cls: type) -> Iterator[str]:
    """The keys of a table as lines of Markdown."""
    yield "| key | value | default | |"
    yield "|---|---|---|---|"
    for column in columns_of(cls):
        default = "required" if column.is_required else column.default_text
        shown = f"`{default}`" if default and not column.is_required else default
        yield f"| `{column.name}` | {column.expected} | {shown} | {column.setting.help} |"


def _value(column: Column, raw: Any) -> Any:
    if column.is_list:
        if not isinstance(raw, list) or not raw:
            raise ValueError(f"expected {column.expected}, got {raw!r}")
        value: Any = tuple(_single(column, part, raw) for part in raw)
    else:
        value = _single(column, raw, raw)
    if column.setting.check is not None and (expected := column.setting.check(value)):
        raise ValueError(f"expected {expected}, got {raw!r}")
    return value


def _single(column: Column, part: Any, raw: Any) -> Any:
    setting = column.setting
    value: Any = float(part) if column.kind is float and type(part) is int else part
    is_good = type(value) is column.kind
    if is_good and column.kind in (int, float):
        is_good = (
            math.isfinite(value)
            and (setting.minimum is None or value >= setting.minimum)
            and (setting.maximum is None or value <= setting.maximum)
        )
    elif is_good and column.kind is str:
        is_good = not setting.choices or value in setting.choices
    if not is_good:
        raise ValueError(f"expected {column.expected}, got {raw!r}")
    return value

"""Reading a fleet file into rows that know their place. Does not judge what is in them.

A fleet is one TOML file, or a folder with `hall.toml` and CSV files as spreadsheets save them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from firmware_config.errors import InvalidSettings
from firmware_config.settings import read_toml

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "departments": ("id", "name", "name_en"),
    "windows": ("id", "name", "name_en", "department", "device", "from", "row", "column"),
    "devices": ("id", "profile"),
    "staff": ("staff_no", "name", "name_en", "window", "from"),
    "assignments": ("from", "device", "window", "department", "staff"),
}
"""Table → the keys (TOML) or columns (CSV) it may have."""
OPTIONAL_TABLES: Final = frozenset({"staff", "assignments"})


@dataclass(frozen=True, slots=True)
class Row:
    """One entry with its place.

    Attributes:
        place: e.g. `fleet.toml: windows[3]` or `windows.csv: line 5`.
        joint: what stands between the place and a key in a message.
        values: as read; in CSV all texts, empty cells left out.
    """

    place: str
    joint: str
    values: Mapping[str, Any]

    def at(self, key: str) -> str:
        """The place of one of its values, for messages."""
        return f"{self.place}{self.joint}{key}"


@dataclass(slots=True)
class RawFleet:
    """All rows of a fleet, and what could not even be read."""

    hall: Row
    tables: dict[str, list[Row]]
    problems: list[str] = field(default_factory=list)


def read_fleet(path: Path) -> RawFleet:
    """Read a fleet file or folder.

    Raises:
        InvalidSettings: the file, or one a folder must have, cannot be read at all.
    """
    return _read_folder(path) if path.is_dir() else _read_file(path)


def _read_file(path: Path) -> RawFleet:
    document = read_toml(path)
    problems = [
        f"{path.name}: {key}: unknown table; expected hall, {', '.join(COLUMNS)}"
        for key in document
        if key != "hall" and key not in COLUMNS
    ]
    tables: dict[str, list[Row]] = {}
    for name in COLUMNS:
        tables[name] = []
        entries = document.get(name, [])
        if not isinstance(entries, list):
            problems.append(f"{path.name}: {name}: expected a list of tables, got {entries!r}")
            continue
        for index, entry in enumerate(entries):
            place = f"{path.name}: {name}[{index}]"
            if isinstance(entry, dict):
                tables[name].append(Row(place, ".", entry))
            else:
                problems.append(f"{place}: expected a table {{ id = … }}, got {entry!r}")
    return RawFleet(_hall(path.name, document, problems), tables, problems)


def _hall(file: str, document: Mapping[str, Any], problems: list[str]) -> Row:
    hall = document.get("hall", {})
    if not isinstance(hall, dict) or not hall:
        problems.append(f"{file}: hall: expected a table [hall], got {hall!r}")
        hall = {}
    return Row(f"{file}: hall", ".", hall)


def _read_folder(folder: Path) -> RawFleet:
    problems: list[str] = []
    tables: dict[str, list[Row]] = {}
    document: dict[str, Any] = {}
    try:
        document = read_toml(folder / "hall.toml")
    except InvalidSettings as error:
        problems += error.problems
    for name in COLUMNS:
        path = folder / f"{name}.csv"
        tables[name] = []
        if not path.exists() and name in OPTIONAL_TABLES:
            continue
        try:
            text = path.read_bytes().decode("utf-8-sig")
        except OSError as error:
            problems.append(f"{path}: cannot be read: {error.strerror}")
        except UnicodeDecodeError as error:
            problems.append(
                f"{path.name}: byte {error.start}: expected UTF-8 "
                "(in a spreadsheet: save as “CSV UTF-8”)"
            )
        else:
            tables[name] = list(_csv_rows(path.name, text, COLUMNS[name], problems))
    hall = Row("hall.toml", ": ", {})
    if not problems or document:
        hall = _hall("hall.toml", document, problems)
    return RawFleet(hall, tables, problems)


def _csv_rows(file: str, text: str, columns: tuple[str, ...], problems: list[str]) -> Iterator[Row]:
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)  # what a spreadsheet writes depends on its locale
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if header is None:
                header = cells
                for column in filter(None, header):
                    if column not in columns:
                        expected = ", ".join(columns)
                        problems.append(
                            f"{file}: line 1: expected the columns {expected}, got {column!r}"
                        )
                continue
            place = f"{file}: line {reader.line_num}"
            if any(cells[len(header) :]):
                problems.append(f"{place}: expected {len(header)} cells, got {len(cells)}")
            filled = {key: cell for key, cell in zip(header, cells, strict=False) if cell and key}
            yield Row(place, ": ", filled)
    except csv.Error as error:
        problems.append(f"{file}: line {reader.line_num}: expected CSV: {error}")

"""The staff directory of the screen: a CSV file, and photos beside it.

Names and photos stay on the device: they are in no record and in no message.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from firmware_config.errors import InvalidSettings
from kiosk.events import TEXT_MAXIMUM
from kiosk.screen.shown import StaffCard

COLUMNS: Final = ("staff_no", "name", "name_en", "photo")
ENTRIES_MAXIMUM: Final = 2_000
FILE_MAXIMUM: Final = 1_048_576
"""Largest directory and largest photo, in bytes."""
IMAGE_TYPES: Final = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
"""First bytes → media type; what the name ends in does not matter to a browser."""
_MAGIC_MAXIMUM: Final = max(map(len, IMAGE_TYPES))


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture, checked."""

    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffDirectory:
    """Who works here. `photos`: staff number → file, whether or not photos are shown now."""

    cards: dict[str, StaffCard] = field(default_factory=dict)
    photos: dict[str, Path] = field(default_factory=dict)

    def find(self, staff_no: str) -> StaffCard | None:
        """The entry of a number; None: there is none."""
        return self.cards.get(staff_no)

    def photo(self, staff_no: str) -> Photo | None:
        """The photo of a number, read now; None: none, or it is no longer a picture we take."""
        path = self.photos.get(staff_no)
        if path is None:
            return None
        try:
            return read_photo(path)
        except (OSError, ValueError):
            return None


def load_staff(path: Path, *, show_photo: bool = False) -> StaffDirectory:
    """Read a directory, with its photos: the collector may have them shown at any time.

    Args:
        path: CSV with a heading line; UTF-8, with or without a byte order mark.
        show_photo: whether photos are shown now; otherwise one that cannot be used is no problem,
            and its person has none.

    Raises:
        InvalidSettings: it cannot be read, or lines are wrong: every problem, each with its line.
    """
    try:
        if path.stat().st_size > FILE_MAXIMUM:
            raise InvalidSettings([f"{path.name}: expected at most {FILE_MAXIMUM} bytes"])
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InvalidSettings([f"{path}: {error.strerror or error}"]) from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InvalidSettings([f"{path.name}: line {line}: expected UTF-8"]) from error
    cards: dict[str, StaffCard] = {}
    photos: dict[str, Path] = {}
    problems: list[str] = []
    for line, row in _rows(path.name, text, problems):
        where = f"{path.name}: line {line}"
        staff_no, name = row.get("staff_no", ""), row.get("name", "")
        before = len(problems)
        for column in ("staff_no", "name"):
            if not 1 <= len(row.get(column, "")) <= TEXT_MAXIMUM:
                problems.append(
                    f"{where}: {column}: expected 1 to {TEXT_MAXIMUM} characters, "
                    f"got {row.get(column, '')!r}"
                )
        if len(row.get("name_en", "")) > TEXT_MAXIMUM:
            problems.append(f"{where}: name_en: expected at most {TEXT_MAXIMUM} characters")
        if staff_no in cards:
            problems.append(f"{where}: staff_no: {staff_no!r} is already in the file")
        photo = row.get("photo", "")
        if photo:
            try:
                photos[staff_no] = _checked_photo(path.parent, photo)
            except (OSError, ValueError) as error:
                if show_photo:
                    problems.append(f"{where}: photo: {error}")
        if len(problems) == before:
            cards[staff_no] = StaffCard(
                staff_no=staff_no,
                name=name,
                name_en=row.get("name_en", ""),
                has_photo=staff_no in photos,
            )
    if problems:
        raise InvalidSettings(problems)
    return StaffDirectory(cards=cards, photos=photos)


def read_photo(path: Path) -> Photo:
    """A picture file.

    Raises:
        ValueError: too large, or neither PNG nor JPEG.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        body = file.read(FILE_MAXIMUM + 1)
    return Photo(_media_type(path, body, len(body)), body)


def _media_type(path: Path, head: bytes, size: int) -> str:
    """What picture it is, by its first bytes. Raises ValueError as `read_photo`."""
    if size > FILE_MAXIMUM:
        raise ValueError(f"expected at most {FILE_MAXIMUM} bytes, got a larger {path.name!r}")
    for magic, media_type in IMAGE_TYPES.items():
        if head.startswith(magic):
            return media_type
    raise ValueError(f"expected a PNG or JPEG picture, got {path.name!r}")


def _rows(name: str, text: str, problems: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and trimmed fields of each entry; blank lines are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    heading: list[str] | None = None
    entries = 0
    try:
        for fields in reader:
            values = [value.strip() for value in fields]
            if not any(values):
                continue
            if heading is None:
                heading = values
                wrong = [column for column in heading if column not in COLUMNS]
                missing = [column for column in COLUMNS[:2] if column not in heading]
                if wrong or missing or len(set(heading)) != len(heading):
                    expected = "the columns staff_no, name and perhaps name_en, photo, each once"
                    problems.append(f"{name}: line 1: expected {expected}, got {heading}")
                    return
                continue
            entries += 1
            if entries > ENTRIES_MAXIMUM:
                problems.append(f"{name}: expected at most {ENTRIES_MAXIMUM} entries")
                return
            if len(values) != len(heading):
                problems.append(
                    f"{name}: line {reader.line_num}: expected {len(heading)} fields, "
                    f"got {len(values)}"
                )
                continue
            yield reader.line_num, dict(zip(heading, values, strict=True))
    except csv.Error as error:
        problems.append(f"{name}: line {reader.line_num}: {error}")
        return
    if heading is None:
        problems.append(f"{name}: expected a heading line, got an empty file")


def _checked_photo(folder: Path, name: str) -> Path:
    path = folder / name
    if "/" in name or "\\" in name or name.startswith(".") or "\0" in name:
        raise ValueError(f"expected the name of a file beside the directory, got {name!r}")
    if path.resolve().parent != folder.resolve():
        raise ValueError(f"expected a file beside the directory, got a link out of it: {name!r}")
    try:
        with path.open("rb") as file:  # not all of it: there may be two thousand
            _media_type(path, file.read(_MAGIC_MAXIMUM), path.stat().st_size)
    except OSError as error:
        raise ValueError(f"{name!r}: {error.strerror or error}") from error
    return path

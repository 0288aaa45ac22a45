"""Characters become lines, and lines staff numbers. Pure.

What is read may be anything a visitor holds to the reader, an identity card among them: nothing
here returns, counts by content or keeps a line that is not a staff number. Nor may a line take long
to look at: a regular expression of the operator's that backtracks would hold the interpreter, and
keys and lights with it, for minutes.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from datetime import date
from typing import Final

from kiosk.readers.keys import BACKSPACE, CANCEL, CLEAR, END

LINE_MAXIMUM: Final = 64
"""Longest line, in characters: the longest prefix, staff number and suffix that can be set."""
SILENCE_MS: Final = 10_000
"""A half-typed line older than this is dropped. Our choice: a scanner types a line in well under a
second, but the same reader may be a number pad, and a person who looks up from it between two
digits needs some seconds; after ten the next one who types is somebody else."""
REPEAT_MS: Final = 3_000
"""The same badge read again this soon is the same badge still lying there. Our choice."""
_ENDS: Final = frozenset({END, "\r", "\x03"})
"""Carriage return too, and ETX, with which serial RFID readers end a frame."""
_CLEARS: Final = frozenset({CLEAR, "\x02"})
"""STX too: a frame begins."""
_DIGITS: Final = frozenset(string.digits)
_ALPHANUMERIC: Final = _DIGITS | frozenset(string.ascii_letters) | {"-"}
_RESIDENT_ID: Final = re.compile(
    r"(?=([1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])\d{5}[\dX]))", re.ASCII | re.IGNORECASE
)
"""A look-ahead, so that every place in a longer line is tried."""
_OLD_RESIDENT_ID: Final = re.compile(
    r"(?<!\d)(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[12])\d{4}(\d\d)(\d\d)(\d\d)\d{3}(?!\d)",
    re.ASCII,
)
"""Exactly fifteen digits: within longer numbers, those of badges would too often look so."""


class LineBuffer:
    """Collects characters until a line ends.

    Attributes:
        broken: lines thrown away since the start, too long or with a part missing.
    """

    def __init__(self) -> None:
        self.broken = 0
        self._characters: list[str] = []
        self._is_broken = False
        self._last_ms = 0

    def feed(self, text: str, at_ms: int) -> list[str]:
        """Take characters as they came at `at_ms`; returns the lines they end, without ends.

        A line is 1 to `LINE_MAXIMUM` characters long; empty ones, longer ones, and one of which a
        part is missing, are not lines.
        """
        if at_ms - self._last_ms > SILENCE_MS:
            self.clear()
        self._last_ms = at_ms
        lines = []
        for character in text:
            if character in _ENDS:
                if self._is_broken:
                    self.broken += 1
                elif self._characters:
                    lines.append("".join(self._characters))
                self.clear()
            elif character == CANCEL:
                self._break()
            elif character in _CLEARS:
                if not self._is_broken:
                    self.clear()
            elif character == BACKSPACE:
                self._characters = self._characters[:-1]
            elif self._is_broken or len(self._characters) == LINE_MAXIMUM:
                self._break()
            elif character != "\0":
                self._characters.append(character)
        return lines

    def _break(self) -> None:
        """Take nothing more until the line ends."""
        self._characters = []
        self._is_broken = True

    def clear(self) -> None:
        """Forget the line that was begun."""
        self._characters = []
        self._is_broken = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberShape:
    """What a line must look like to be a staff number; `shortest` and `longest` are inclusive.

    Attributes:
        prefix: stands before the number in each line, and is no part of it.
        suffix: stands after it.
        is_digits: only digits, not also letters and hyphens; ASCII in any case.
    """

    prefix: str = ""
    suffix: str = ""
    is_digits: bool = False
    shortest: int = 1
    longest: int = 16

    def number_in(self, line: str) -> str:
        """The number; empty: the line has not this shape."""
        if not (line.startswith(self.prefix) and line.endswith(self.suffix)):
            return ""
        number = line[len(self.prefix) : len(line) - len(self.suffix)]
        if not self.shortest <= len(number) <= self.longest:
            return ""
        return number if set(number) <= (_DIGITS if self.is_digits else _ALPHANUMERIC) else ""


class BadgeFilter:
    """Picks the staff numbers out of the lines.

    Args:
        shape: what they look like.

    Attributes:
        reads: staff numbers given since the start.
        rejected: lines that were none.
    """

    def __init__(self, shape: NumberShape) -> None:
        self.reads = 0
        self.rejected = 0
        self._shape = shape
        self._last = ""
        self._last_ms = 0

    def staff_no(self, line: str, at_ms: int) -> str | None:
        """The number in a line; None when there is none, empty when it is the last one again."""
        number = self._shape.number_in(line.strip())
        if not number or holds_resident_id(line):
            self.rejected += 1
            return None
        is_repeat = number == self._last and at_ms - self._last_ms < REPEAT_MS
        self._last, self._last_ms = number, at_ms
        if is_repeat:
            return ""
        self.reads += 1
        return number


def holds_resident_id(text: str) -> bool:
    """Whether a Chinese resident identity number stands in it: that must never get into a record.

    Eighteen characters: region, date of birth, sequence, check character; or, as on cards and
    papers of the first generation, fifteen digits: the same without century and check character.
    Of other numbers of fifteen digits one in eighty looks so too (34 provinces of 100 numbers, 365
    days of 10,000).
    Source: GB 11643-1999; check character by ISO 7064, MOD 11-2; provinces by GB/T 2260.
    """
    return any(_is_resident_id(match[1].upper()) for match in _RESIDENT_ID.finditer(text)) or any(
        _is_day(*map(int, match.groups())) for match in _OLD_RESIDENT_ID.finditer(text)
    )


def _is_day(year: int, month: int, day: int) -> bool:
    """Whether it is a day of the twentieth century."""
    try:
        date(1900 + year, month, day)
    except ValueError:
        return False
    return True


def _is_resident_id(number: str) -> bool:
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17]

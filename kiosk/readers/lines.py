"""Characters become lines, and lines staff numbers. Pure.

What is read may be anything a visitor holds to the reader, an identity card among them: nothing
here returns, counts by content or keeps a line that is not a staff number.
"""

from __future__ import annotations

import re
from typing import Final

from kiosk.readers.keys import BACKSPACE, CANCEL, CLEAR, END

LINE_MAXIMUM: Final = 64
"""Longest line, in characters. Source: a staff number's room in the contract (ShortText)."""
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
_RESIDENT_ID: Final = re.compile(
    r"(?=([1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])\d{5}[\dX]))", re.ASCII | re.IGNORECASE
)
"""A look-ahead, so that every place in a longer line is tried."""


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


class BadgeFilter:
    """Picks the staff numbers out of the lines.

    Args:
        pattern: regular expression for a whole line; its first group, if it has one, is the number.

    Attributes:
        reads: staff numbers given since the start.
        rejected: lines that were none.
    """

    def __init__(self, pattern: str) -> None:
        self.reads = 0
        self.rejected = 0
        self._pattern = re.compile(pattern)
        self._last = ""
        self._last_ms = 0

    def staff_no(self, line: str, at_ms: int) -> str | None:
        """The number in a line; None when there is none, empty when it is the last one again."""
        match = self._pattern.fullmatch(line.strip())
        number = (match[1] if match.re.groups else match[0]) if match else None
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

    Eighteen characters: region, date of birth, sequence, check character.
    Source: GB 11643-1999; check character by ISO 7064, MOD 11-2.
    """
    return any(_is_resident_id(match[1].upper()) for match in _RESIDENT_ID.finditer(text))


def _is_resident_id(number: str) -> bool:
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17]

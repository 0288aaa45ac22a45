"""Printing rows to standard output: a readable table, CSV or JSON."""

from __future__ import annotations

import csv
import json
import sys
import unicodedata
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from collector.commanding import printable


def add_format(parser: ArgumentParser) -> None:
    """Add `--json` and `--csv` to a command."""
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="JSON instead of a table")
    formats.add_argument("--csv", action="store_true", help="CSV instead of a table")


def write_json(document: Any) -> None:
    """One JSON document, UTF-8, indented."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def write_csv(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """CSV with a header."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)


def write_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table in columns; numbers to the right; a Chinese character is two columns wide.

    What devices say may be in it, so control characters are shown as U+FFFD.
    """
    texts = [[printable(str(cell)) for cell in row] for row in (header, *rows)]
    widths = [max(_width(text) for text in column) for column in zip(*texts, strict=True)]
    is_number = [
        bool(rows) and all(isinstance(cell, int | float) for cell in column)
        for column in zip(*rows, strict=True)
    ] or [False] * len(header)
    for line in texts:
        cells = [
            (" " * (width - _width(text)) + text if number else text + " " * (width - _width(text)))
            for text, width, number in zip(line, widths, is_number, strict=True)
        ]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def write_line(text: str) -> None:
    """One line of text."""
    sys.stdout.write(text + "\n")


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)

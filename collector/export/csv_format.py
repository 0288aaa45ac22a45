"""CSV as receivers and spreadsheets read it: RFC 4180, UTF-8, no cell that runs as a formula.

Pure: text in, bytes out, and back. Lines end with CRLF; a byte order mark makes Excel read UTF-8.
A cell that begins with one of `GUARDED` gets an apostrophe in front, which spreadsheets take for
"this is text". A reader takes one leading apostrophe away and has the original again.
"""

from __future__ import annotations

import csv
import io
from typing import Final

from collector.errors import CollectorError
from collector.export.tables import Table

GUARD: Final = "'"
GUARDED: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", GUARD)
"""First characters that are guarded.

Source: OWASP "CSV Injection" names `= + - @`, tab, CR and LF, and their full-width forms; the
apostrophe is our choice, so that taking one away is always right.
"""
_BOM: Final = b"\xef\xbb\xbf"


class NotCsv(CollectorError, ValueError):
    """Bytes are not a CSV file of this format."""


def guard(cell: str) -> str:
    """The cell as it stands in the file."""
    return GUARD + cell if cell.startswith(GUARDED) else cell


def unguard(cell: str) -> str:
    """The original of a cell from the file."""
    return cell.removeprefix(GUARD)


def render_csv(table: Table, *, has_bom: bool) -> bytes:
    """The table as a CSV file: a header line, then its rows.

    Args:
        table: what to write.
        has_bom: whether a UTF-8 byte order mark comes first.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(table.columns)
    writer.writerows([guard(cell) for cell in row] for row in table.rows)
    return (_BOM if has_bom else b"") + text.getvalue().encode("utf-8")


def parse_csv(name: str, content: bytes) -> Table:
    """Read a CSV file of this format, with or without a byte order mark.

    Args:
        name: name of the table, for messages.
        content: the file.

    Raises:
        NotCsv: not UTF-8, no header, or a row of another width than the header.
    """
    try:
        text = content.removeprefix(_BOM).decode("utf-8")
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise NotCsv(f"{name}: expected CSV in UTF-8: {error}") from None
    if not lines:
        raise NotCsv(f"{name}: expected a header line, got an empty file")
    columns = tuple(lines[0])
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(columns):
            raise NotCsv(f"{name}: row {number}: expected {len(columns)} cells, got {len(line)}")
    return Table(name, columns, [tuple(unguard(cell) for cell in line) for line in lines[1:]])

"""Where windows stand on the plan of the hall: a row and a column each, both or none."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from firmware_config.fleet.rows import Row

MOST_ROWS: Final = 60
MOST_COLUMNS: Final = 60
"""Of a plan. Source: our choice; a page could not show a larger one."""

Refuse = Callable[[str, str, object], None]
Once = Callable[[str, str, str], None]


def place_on_plan(row: Row, refuse: Refuse, once: Once) -> dict[str, int]:
    """The `row` and `column` of a window, both from 1; empty for none, or when they are refused.

    Args:
        row: of the table of windows.
        refuse: takes a place, what was expected and what came.
        once: takes a place, what it is and its value, and refuses a second one of the same.
    """
    given = {key: row.values.get(key) for key in ("row", "column")}
    if all(value is None for value in given.values()):
        return {}
    found: dict[str, int] = {}
    for key, most in (("row", MOST_ROWS), ("column", MOST_COLUMNS)):
        number = _number(given[key])
        if number is None or not 1 <= number <= most:
            expected = f"a whole number from 1 to {most} (row and column go together)"
            refuse(row.at(key), expected, given[key])
        else:
            found[key] = number
    if len(found) < len(given):
        return {}
    once(row.at("row"), "place on the plan", f"row {found['row']}, column {found['column']}")
    return found


def _number(value: object) -> int | None:
    """A number of a TOML file, or of a cell of a spreadsheet; None when it is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,4}", value):
        return int(value)
    return None

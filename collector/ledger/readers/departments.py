"""The condition by which a question counts some departments only."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

OF_DEPARTMENTS: Final = "(? IS NULL OR department IN (SELECT value FROM json_each(?)))"
"""SQL: the row's `department` is one of a list; takes the two parameters of `listed`."""


def listed(departments: Sequence[int] | None) -> tuple[str | None, str | None]:
    """The parameters of `OF_DEPARTMENTS` for these row ids; None: all, also no department."""
    text = None if departments is None else json.dumps(list(departments))
    return text, text

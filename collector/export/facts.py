"""The digest of the facts of a day, by which an export run sees that a day has changed. Pure.

Left out is what changes without anything having happened on that day: names (those of the moment
of writing), rows whose counts are all zero (a window opened later), the minutes of a press time
that is an estimate (later records of the same boot refine it by milliseconds), and DAYCLOSE records
that agree (a device switched on in the morning closes the day before then).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from collector.export.manifest import Difference
from collector.export.tables import Table
from collector.press_time import TimeQuality
from collector.rates import COUNT_FIELDS

_TO_THE_HOUR: Final = len("2026-11-20T09")


def facts_digest(
    tables: Iterable[Table], differences: list[Difference], mismatches: list[Difference]
) -> str:
    """SHA-256 (hex) of what the tables and the comparisons state.

    Args:
        tables: detail, windows, departments, corrections, in this order.
        differences: between the counts of the ledger.
        mismatches: between the ledger and the devices.
    """
    state = hashlib.sha256()
    for table in tables:
        facts = [_facts(row) for row in table.dicts() if _says_something(row)]
        state.update(_canonical([table.name, facts]))
    state.update(_canonical(msgspec.to_builtins([differences, mismatches])))
    return state.hexdigest()


def _says_something(row: Mapping[str, str]) -> bool:
    return "invited" not in row or any(row[field] != "0" for field in COUNT_FIELDS)


def _facts(row: Mapping[str, str]) -> dict[str, str]:
    facts = {column: cell for column, cell in row.items() if not column.endswith("_name")}
    if facts.get("time_quality", TimeQuality.SYNCED) != TimeQuality.SYNCED:
        for column in ("pressed_local", "pressed_utc"):
            facts[column] = facts[column][:_TO_THE_HOUR]
    return facts


def _canonical(value: object) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8") + b"\n"

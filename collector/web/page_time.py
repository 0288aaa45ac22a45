"""What time pages take for now: the clock's, or that of the newest record.

The second is for a ledger that no hall writes to in real time: a restored backup that is looked at,
or the demo, whose hall lives in days of its own. "Today" is then the last day in the ledger.
"""

from __future__ import annotations

from typing import Final

from collector.ledger.readers import LedgerReader

_NEWEST: Final = 500
"""How many of the latest outcomes are compared: devices deliver what they kept in any order."""


def newest_ms(reader: LedgerReader, real_ms: int) -> int:
    """Time of the newest outcome, UTC milliseconds, but never after `real_ms`.

    Devices with a synchronised clock say it, if there is one: the others' presses are timed by
    when they were received, which is no time of a hall that lives in days of its own.

    Args:
        reader: the ledger.
        real_ms: what time it is; also the answer for an empty ledger.

    Raises:
        LedgerUnavailable: it cannot be read.
    """
    row = reader.row(
        "SELECT coalesce(max(pressed_ms) FILTER (WHERE time_quality = 'synced'), max(pressed_ms)) "
        "FROM (SELECT pressed_ms, time_quality FROM outcomes ORDER BY position DESC LIMIT ?)",
        _NEWEST,
    )
    return real_ms if row is None or row[0] is None else min(int(row[0]), real_ms)

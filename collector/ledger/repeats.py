"""Which ratings come second: the session, or the case where one is known, is rated already.

The first in order of position counts. Uniqueness also stands in the schema, as partial indexes.
Where the record of a rating was purged, its case number has become unreadable, but is known again.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from functools import partial

from collector.ledger.derive import Placed
from firmware_config.contract import Rated

_CHUNK = 400
_COUNTED_CASES = (
    "SELECT o.case_no, o.service_no FROM asked CROSS JOIN outcomes o"
    " ON o.case_no = asked.a AND o.service_no = asked.b"
    " WHERE o.level IS NOT NULL AND o.is_repeat = 0 AND o.case_no <> ''"
)
_COUNTED_SESSIONS = (
    "SELECT o.epoch, o.session FROM asked CROSS JOIN outcomes o"
    " ON o.epoch = asked.a AND o.session = asked.b"
    " WHERE o.level IS NOT NULL AND o.is_repeat = 0"
)
_HIGHEST_SESSION = (
    "SELECT max(session) FROM outcomes WHERE epoch = ? AND level IS NOT NULL AND is_repeat = 0"
)

_Pair = tuple[str, int] | tuple[int, int]


class RepeatFinder:
    """Finds repeats among ratings about to be stored; one for the life of a connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        salt = connection.execute("SELECT value FROM meta WHERE key = 'purge_salt'").fetchone()
        self._hidden = partial(hidden_case, salt=salt[0]) if salt else None
        self._highest: dict[int, int] = {}  # journal -> highest session asked about

    def find(self, records: Sequence[Placed]) -> set[int]:
        """Positions of the repeats among records in order of position."""
        keyed: list[tuple[int, list[_Pair]]] = []
        cases: list[_Pair] = []
        sessions: list[_Pair] = []
        for position, epoch, _, _, _, record in records:
            if not isinstance(record, Rated):
                continue
            pairs: list[_Pair] = [(epoch, record.session)]
            highest = self._highest.get(epoch)
            if highest is None:
                highest = self._read_highest(epoch)
            if record.session > highest:  # sessions count up, so this is the everyday case
                self._highest[epoch] = record.session
            else:
                sessions += pairs
            if record.case_no:
                pairs.append((record.case_no, record.service_no))
                if self._hidden is not None:
                    pairs.append((self._hidden(record.case_no), record.service_no))
                cases += pairs[1:]
            keyed.append((position, pairs))
        counted = self._counted(_COUNTED_CASES, cases) | self._counted(_COUNTED_SESSIONS, sessions)
        repeats: set[int] = set()
        for position, pairs in keyed:
            if counted.isdisjoint(pairs):
                counted.update(pairs)
            else:
                repeats.add(position)
        return repeats

    def _read_highest(self, epoch: int) -> int:
        row = self._connection.execute(_HIGHEST_SESSION, (epoch,)).fetchone()
        highest = self._highest[epoch] = row[0] or 0
        return int(highest)

    def _counted(self, query: str, pairs: Sequence[_Pair]) -> set[_Pair]:
        """Those of the pairs that have a counted rating in the ledger."""
        counted: set[_Pair] = set()
        for at in range(0, len(pairs), _CHUNK):
            chunk = pairs[at : at + _CHUNK]
            # bound values, not JSON: SQLite's JSON cuts a text at U+0000
            rows = self._connection.execute(
                f"WITH asked(a, b) AS (VALUES {', '.join(['(?, ?)'] * len(chunk))}) {query}",
                [value for pair in chunk for value in pair],
            )
            counted.update(rows.fetchall())
        return counted


def hidden_case(case_no: str, salt: str) -> str:
    """A case number as it stands in the outcome of a purged record: the same for the same number.

    Who holds the ledger can try numbers out; who sees a page or an export cannot read them.
    """
    return "purged:" + hashlib.sha256(f"{salt}/{case_no}".encode()).hexdigest()[:32]

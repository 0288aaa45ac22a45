"""What was done about bad ratings (回访整改), entry by entry.

Entries are only added, by the work-flow; here is how they are read. A rating without one is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from collector.office.database import Office

SLACK_MS: Final = 2 * 86_400_000
"""How far a press time may have moved since an entry was made and the entry still be found by it.
Source: our choice, that of corrections."""
_COLUMNS: Final = "device, epoch, seq, pressed_ms, state, note, author, made_ms"

RecordName = tuple[str, str, int]
"""Device, epoch, seq: what names a record for ever."""


class FollowUpState(StrEnum):
    """Where the follow-up of a bad rating stands; EXCLUDED by an approved correction (误评)."""

    OPEN = "open"
    IN_PROGRESS = "in-progress"
    RECTIFIED = "rectified"
    CLOSED = "closed"
    EXCLUDED = "excluded"

    @property
    def is_due(self) -> bool:
        """Whether something must still be done by the due date."""
        return self in (FollowUpState.OPEN, FollowUpState.IN_PROGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """One entry; `state` is the rating's from then on. Times are UTC milliseconds."""

    device: str
    epoch: str
    seq: int
    pressed_ms: int
    state: FollowUpState
    note: str
    author: str
    made_ms: int

    @property
    def record(self) -> RecordName:
        """The rating's record."""
        return self.device, self.epoch, self.seq


class FollowUps:
    """The entries of one `office.db`."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def states(self, start_ms: int, end_ms: int) -> dict[RecordName, FollowUpState]:
        """Rating → its state, of those that have entries and may have been given in
        `[start_ms, end_ms)`, UTC milliseconds. Some may lie outside: the ledger says which."""
        rows = self._office.database.execute(
            "SELECT f.device, f.epoch, f.seq, f.state FROM follow_ups f"
            " WHERE f.pressed_ms >= ? AND f.pressed_ms < ? AND f.id = (SELECT max(n.id) FROM"
            " follow_ups n WHERE n.device = f.device AND n.epoch = f.epoch AND n.seq = f.seq)",
            [start_ms - SLACK_MS, end_ms + SLACK_MS],
        ).fetchall()
        return {(row[0], row[1], row[2]): FollowUpState(row[3]) for row in rows}

    def of_rating(self, record: RecordName) -> list[FollowUp]:
        """All entries about one rating, oldest first."""
        rows = self._office.database.execute(
            f"SELECT {_COLUMNS} FROM follow_ups WHERE device = ? AND epoch = ? AND seq = ?"
            " ORDER BY id",
            list(record),
        ).fetchall()
        return [
            FollowUp(
                **{
                    **dict(zip(FollowUp.__slots__, row, strict=True)),
                    "state": FollowUpState(row[4]),
                }
            )
            for row in rows
        ]

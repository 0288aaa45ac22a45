"""What differs between the fleet file and the ledger, and what of it would change the past. Pure.

An assignment that begins before records that are stored is retroactive when it would put some of
them elsewhere: at another window, of another department, of another member of staff.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from collector.ledger.placements import Placements

WRITTEN: Final = frozenset({"add", "rename", "move", "forget"})
"""Actions that change the ledger; the others are only told."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the fleet file with its keys and the ledger.

    Attributes:
        action: `add`, `rename`, `move` (another place in the order), `forget` (a name of a member
            of staff that the file no longer has); or what is only told: `absent` (in the ledger,
            no longer in the file; kept), `keyless` (a device without a public key), `unused` (a key
            file of no device), `retroactive` (this added assignment begins before records that are
            stored, and moves them: they are counted anew).
        what: `hall`, `department`, `window`, `device`, `key`, `staff`, `staff name`,
            `device at window`, `window of department`, `staff at window`.
        code: id in the fleet file; the staff number of a member of staff.
        detail: for people; never a name of a member of staff.
    """

    action: str
    what: str
    code: str
    detail: str = ""

    def __str__(self) -> str:
        """One line, e.g. `add department tax: 国家税务局`."""
        return f"{self.action} {self.what} {self.code}" + (
            f": {self.detail}" if self.detail else ""
        )


class Assigned(NamedTuple):
    """One dated assignment, by the codes of the fleet file.

    Attributes:
        what: `device at window`, `window of department` or `staff at window`.
        code: of the device or window; the staff number.
        from_ms: the first instant it holds, UTC milliseconds since 1970.
        to: of the window or department; None for none.
    """

    what: str
    code: str
    from_ms: int
    to: str | None


DEVICE_AT_WINDOW: Final = "device at window"
WINDOW_OF_DEPARTMENT: Final = "window of department"
STAFF_AT_WINDOW: Final = "staff at window"


def placements_of(assigned: Iterable[Assigned]) -> Placements[str]:
    """Who was where when, by the codes of the fleet file."""
    rows: dict[str, list[tuple[str, int, str | None]]] = {
        DEVICE_AT_WINDOW: [],
        WINDOW_OF_DEPARTMENT: [],
        STAFF_AT_WINDOW: [],
    }
    for one in assigned:
        rows[one.what].append((one.code, one.from_ms, one.to))
    return Placements(*rows.values())


def find_retroactive(
    known: list[Assigned], added: Iterable[Assigned], newest_ms: Mapping[str, int]
) -> list[Assigned]:
    """Those of the added assignments that would put stored records elsewhere, earliest first.

    Args:
        known: what the ledger has.
        added: what would be added to it.
        newest_ms: device → when its latest stored record was pressed at the latest.
    """
    latest_ms = max(newest_ms.values(), default=None)
    past = [one for one in added if latest_ms is not None and one.from_ms <= latest_ms]
    now = placements_of(known)

    def moves(assigned: list[Assigned]) -> bool:
        then = placements_of(assigned)
        first = ((now.first_difference(then, device), ms) for device, ms in newest_ms.items())
        return any(begin is not None and begin <= ms for begin, ms in first)

    if not past or not moves([*known, *past]):  # together they may move nothing
        return []
    found, harmless = [], list(known)
    for one in sorted(past, key=lambda one: (one.from_ms, one.what, one.code)):
        if moves([*harmless, one]):
            found.append(one)
        else:
            harmless.append(one)
    return found

"""What differs between the fleet file and the ledger. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the fleet file with its keys and the ledger.

    Attributes:
        action: `add`, `rename`, `move` (another place in the order); or what is only told:
            `absent` (in the ledger, no longer in the file; kept), `keyless` (a device without a
            public key), `unused` (a key file of no device), `retroactive` (an added assignment
            begins before records that are stored: they are counted anew).
        what: `hall`, `department`, `window`, `device`, `key`, `device at window`,
            `window of department`.
        code: id in the fleet file.
        detail: for people.
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

"""Noticing a connection that only looks alive: by the age of receipts, not by what it says. Pure.

A collector that is away is the same silence, and no reason to end the program: the connection is
made anew, each time after a longer wait. A network thread that does not even do that hangs.
"""

from __future__ import annotations

from typing import Final

FIRST_MS: Final = 120_000
"""Longest silence while records wait for a receipt. Our choice: six times a dead link's keep-alive
time-out, which must have its chance first."""
MAX_MS: Final = 1_800_000
HANGING_MS: Final = 180_000
"""How long the network thread may take to drop a connection. Our choice: above any DNS or TCP
time-out it can be in."""


class Silence:
    """Times since something was heard. All times in `steady_ms`."""

    def __init__(self) -> None:
        self._since_ms = 0
        self._wait_ms = FIRST_MS
        self._asked_ms: int | None = None

    def link_changed(self, now_ms: int) -> None:
        """A connection began or ended: the network thread works."""
        self._since_ms = now_ms
        self._asked_ms = None

    def receipt_taken(self, now_ms: int) -> None:
        """A good receipt came."""
        self._since_ms = now_ms
        self._wait_ms = FIRST_MS

    def is_too_long(self, now_ms: int, *, is_waiting: bool) -> bool:
        """Whether to connect anew now.

        Args:
            is_waiting: records were sent and not receipted.
        """
        if not is_waiting:
            self._since_ms = now_ms
            return False
        if self._asked_ms is not None or now_ms - self._since_ms < self._wait_ms:
            return False
        self._asked_ms = now_ms
        self._wait_ms = min(self._wait_ms * 2, MAX_MS)
        return True

    def is_hanging(self, now_ms: int) -> bool:
        """Whether the network thread did not react to being asked to connect anew."""
        return self._asked_ms is not None and now_ms - self._asked_ms > HANGING_MS

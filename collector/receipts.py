"""When receipts are due. Pure: the clock comes in as an argument.

A device's receipt goes out at once when its last one is a second old or older, so an idle hall
answers at once and a busy one sends at most one a second and device; after a HELLO always at once.
"""

from __future__ import annotations

from typing import Final

INTERVAL_MS: Final = 1000
"""Shortest time between two receipts of one device. Source: design, step 8."""

Journal = tuple[str, str]
"""Device id and epoch."""


class ReceiptsDue:
    """Which receipts are owed, and when each may go out."""

    def __init__(self) -> None:
        self._owed: dict[Journal, None] = {}  # a dict keeps the order of asking
        self._urgent: set[Journal] = set()
        self._sent_ms: dict[str, int] = {}  # device -> monotonic time of its last receipt

    def ask(self, journal: Journal, *, is_urgent: bool = False) -> None:
        """A receipt for this journal is owed; urgent ones do not wait for the second to pass."""
        self._owed[journal] = None
        if is_urgent:
            self._urgent.add(journal)

    def take(self, now_ms: int) -> list[Journal]:
        """Those that may go out now; they count as sent. `now_ms`: monotonic, milliseconds."""
        ready: list[Journal] = []
        for journal in self._owed:
            sent_ms = self._sent_ms.get(journal[0])
            if sent_ms is None or now_ms - sent_ms >= INTERVAL_MS or journal in self._urgent:
                ready.append(journal)
        for journal in ready:
            del self._owed[journal]
            self._urgent.discard(journal)
            self._sent_ms[journal[0]] = now_ms
        return ready

    def put_back(self, journal: Journal) -> None:
        """It could not be sent: owed again, at once."""
        self.ask(journal, is_urgent=True)

    def wait_ms(self, now_ms: int) -> int | None:
        """Milliseconds until the next one may go out; 0: now; None: none is owed."""
        waits = [
            0
            if journal in self._urgent or journal[0] not in self._sent_ms
            else max(self._sent_ms[journal[0]] + INTERVAL_MS - now_ms, 0)
            for journal in self._owed
        ]
        return min(waits, default=None)

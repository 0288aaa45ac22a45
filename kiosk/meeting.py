"""When a device without the time writes down what time it is at the collector. Pure.

Its records tell the collector only when they arrived, which may be days after the presses. A CLOCK
record with the time of a live receipt says more: the collector was there at that moment of this
boot, so the ledger can tell every press of the boot, also those that arrive later.
"""

from __future__ import annotations

from typing import Final

MOVED_MS: Final = 1_000
"""Worth writing again: the collector's clock and ours drift apart, or one was set. As a step of our
own clock (`kiosk.housekeeping.STEP_MS`)."""
AGAIN_AFTER_MS: Final = 3_600_000
"""Shortest time between two such records. Our choice: a bad crystal drifts 0.4 s an hour (100 ppm),
so this is rare, and a clock that runs wild writes no more than a record an hour."""


class Meetings:
    """What was written since the program started."""

    def __init__(self) -> None:
        self._written: tuple[int, int] | None = None  # when, and the offset

    def note(self, *, mono_ms: int, server_ms: int) -> bool:
        """Whether a live receipt is to be written down; if so, it counts as written.

        Args:
            mono_ms: when it came, time since boot.
            server_ms: the collector's time in it, UTC milliseconds since 1970.
        """
        offset_ms = server_ms - mono_ms
        if self._written is not None:
            written_ms, was_ms = self._written
            if mono_ms - written_ms < AGAIN_AFTER_MS or abs(offset_ms - was_ms) <= MOVED_MS:
                return False
        self._written = (mono_ms, offset_ms)
        return True

"""Who is to be given the newest checkpoint, and when. Pure: the clock comes in as an argument.

Every device gets each checkpoint once, a few devices at a time, and again whenever it says, in a
HELLO or in its health, that it keeps another one. Given means published: what a device that was not
there, or its broker, lost of it is found out that way.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from collector.receipts import Journal

BATCH: Final = 20
STEP_MS: Final = 200
"""So many devices in so many milliseconds. Our choice: 135 devices within 1.4 s, and a press that
comes meanwhile is not waited upon."""

Base = tuple[str, int]
"""Gen and size of the checkpoint a device keeps; ("", 0): none that is known."""


class Handout:
    """The giving of one checkpoint after the other."""

    def __init__(self) -> None:
        self._newest: Base | None = None
        self._kept: dict[str, Base] = {}
        self._owed: set[str] = set()
        self._waiting: dict[str, str] = {}  # device → epoch
        self._next_ms = 0

    def begin(self, newest: Base, journals: Iterable[Journal]) -> None:
        """There is a new checkpoint: every device is owed it."""
        self._newest = newest
        self._waiting = dict(journals)
        self._owed = set(self._waiting)

    def told(self, journal: Journal, kept: Base) -> None:
        """A device said which checkpoint it keeps; `journal`: the one it uses."""
        device, epoch = journal
        self._kept[device] = kept
        if self._newest is not None and kept != self._newest:
            self._owed.add(device)
            self._waiting[device] = epoch
        else:
            self._owed.discard(device)

    def take(self, now_ms: int) -> list[Journal]:
        """Journals whose receipts should go out now because of it. `now_ms`: monotonic."""
        if not self._waiting or now_ms < self._next_ms:
            return []
        self._next_ms = now_ms + STEP_MS
        ready = list(islice(self._waiting.items(), BATCH))
        for device, _ in ready:
            del self._waiting[device]
        return [(device, epoch) for device, epoch in ready if device in self._owed]

    def base_of(self, device: str) -> Base | None:
        """What the proof for a device begins at; None: its next receipt brings no checkpoint."""
        return self._kept.get(device, ("", 0)) if device in self._owed else None

    def given(self, device: str) -> None:
        """Its receipt with the newest checkpoint was published."""
        self._owed.discard(device)
        if self._newest is not None:
            self._kept[device] = self._newest

    def wait_ms(self, now_ms: int) -> int | None:
        """Milliseconds until `take` has something; None: nobody waits."""
        return max(self._next_ms - now_ms, 0) if self._waiting else None

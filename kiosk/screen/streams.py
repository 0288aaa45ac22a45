"""The open Server-Sent Events streams: bounded in number, life and bytes.

Each holds a thread of the server while it lives. A page that has gone is noticed at the next
heartbeat; what a client that never reads makes us keep is bounded by the stream's own end.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

STREAMS_MAXIMUM: Final = 3
"""The screen, and a technician who looks over a tunnel; a further one ends the oldest."""
HEARTBEAT_S: Final = 2.0
"""A view is sent at least so often; the page takes a longer silence for a failure."""
LIFE_S: Final = 300.0
"""After that a stream ends and the page opens a new one."""
EVENTS_MAXIMUM: Final = 2_000
"""So does one that has told so much: what a client that never reads can make us keep, some 2 MB."""


class Streams:
    """What wakes the streams, and which are open.

    Args:
        maximum: streams at a time.
    """

    def __init__(self, maximum: int = STREAMS_MAXIMUM) -> None:
        self._maximum = maximum
        self._changed = threading.Condition()
        self._version = 0
        self._open: deque[int] = deque()
        self._last = 0
        self._is_closed = False

    @property
    def count(self) -> int:
        """How many are open."""
        return len(self._open)

    def changed(self) -> None:
        """There is something new to show; costs microseconds, called by the work thread."""
        with self._changed:
            self._version += 1
            self._changed.notify_all()

    def open(self) -> int:
        """Register a stream; returns its ticket. The oldest ends where there are too many."""
        with self._changed:
            self._last += 1
            self._open.append(self._last)
            while len(self._open) > self._maximum:
                self._open.popleft()
            self._changed.notify_all()
            return self._last

    def leave(self, ticket: int) -> None:
        """A stream has ended; idempotent."""
        with self._changed:
            if ticket in self._open:
                self._open.remove(ticket)

    def close(self) -> None:
        """End all streams, for good."""
        with self._changed:
            self._is_closed = True
            self._open.clear()
            self._changed.notify_all()

    def events(
        self, ticket: int, told: Callable[[], bytes], is_gone: Callable[[], bool]
    ) -> Iterator[bytes]:
        """The stream: what `told` says, at each change and each heartbeat.

        Args:
            is_gone: whether the page has left.
        """
        until_s = time.monotonic() + LIFE_S
        yield b"retry: 1000\n\n"
        for _ in range(EVENTS_MAXIMUM):
            version = self._version  # before the view: a change while it is made is not missed
            yield b"data: " + told() + b"\n\n"
            if not self._wait(ticket, version) or is_gone() or time.monotonic() >= until_s:
                return

    def _wait(self, ticket: int, version: int) -> bool:
        """Wait for a change or the heartbeat's time; False: the stream must end."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._version != version or ticket not in self._open, HEARTBEAT_S
            )
            return ticket in self._open and not self._is_closed

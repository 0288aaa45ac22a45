"""What all readers share: a thread that opens, reads, and opens again when the device is back.

A reader that is missing or broken never stops the evaluator: people rate without it.
"""

from __future__ import annotations

import logging
import os
import random
import select
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat
from typing import Final, Protocol

from firmware_config.contract import Kind
from kiosk.clock import Clock
from kiosk.events import BadgeRead, Event, Noted
from kiosk.readers.lines import BadgeFilter, LineBuffer, NumberShape

RETRY_S: Final = (1.0, 2.0, 5.0, 10.0)
"""How long to wait before the device is tried again after each loss in a row, of an open device
too; the last one from then on. Our choice: a plug that was pulled by mistake works again at once,
and a missing device costs an open() in 10 s."""
SETTLE_S: Final = 5.0
"""A device that is open for so long is asked once even where nothing was typed: it is back only
after a read that did not fail. Our choice: a stick that dies at its first read does so at once."""
JITTER: Final = 0.2
"""Each wait is longer or shorter by up to this part of it."""
REPORT_MS: Final = 3_600_000
"""A device that comes and goes is put into the journal once in this time."""
WARN_MS: Final = 60_000
"""A loss is logged once in this time, and so are lines that are no staff numbers, with their
count."""

logger = logging.getLogger(__name__)


class Source(Protocol):
    """A device that types."""

    def open(self) -> int:
        """Claim the device.

        Returns:
            A file descriptor that can be polled for reading.

        Raises:
            OSError: it is not there, busy, or not permitted.
        """

    def read(self) -> str:
        """What was typed, without waiting.

        Raises:
            OSError: it is gone.
        """

    def close(self) -> None:
        """Release the device; idempotent."""


class Reader:
    """Reads staff numbers in a thread of its own.

    Args:
        source: the device.
        name: what to call it in messages, its file.
        shape: what a staff number looks like.
        on_event: takes a `BadgeRead` for each number, and a FAULT when the device is lost; called
            in the reader's thread, must only queue.
        clock: gives the events their time.
        retry_s: see `RETRY_S`.
        settle_s: see `SETTLE_S`.

    Attributes:
        is_ready: whether the device is open and what it types is taken.
        problem: why nothing can be read; empty: all is well, or not tried yet. A device that is
            open again keeps it until it was read.
    """

    def __init__(
        self,
        source: Source,
        *,
        name: str,
        shape: NumberShape,
        on_event: Callable[[Event], None],
        clock: Clock,
        retry_s: Sequence[float] = RETRY_S,
        settle_s: float = SETTLE_S,
    ) -> None:
        self.is_ready = False
        self.problem = ""
        self._source = source
        self._name = name
        self._on_event = on_event
        self._clock = clock
        self._retry_s = tuple(retry_s)
        self._settle_s = settle_s
        self._waits = self._new_waits()
        self._lines = LineBuffer()
        self._badges = BadgeFilter(shape)
        self._reported_ms: int | None = None
        self._warned_ms: int | None = None
        self._logged_ms: int | None = None
        self._is_quiet = False
        self._is_stopping = False
        self._wake_out, self._wake_in = -1, -1
        self._thread: threading.Thread | None = None

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs, with or without a device."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def reads(self) -> int:
        """Staff numbers read since the start; a badge that is still there counts once."""
        return self._badges.reads

    @property
    def rejected(self) -> int:
        """Lines since the start that were no staff numbers."""
        return self._badges.rejected + self._lines.broken

    def start(self) -> None:
        """Start the thread; a device that is not there is no error."""
        self._wake_out, self._wake_in = os.pipe()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="kiosk-reader", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Release the device and end the thread; idempotent."""
        if self._thread is None:
            return
        self._is_stopping = True
        os.write(self._wake_in, b"x")
        self._thread.join()
        self._thread = None
        os.close(self._wake_in)
        os.close(self._wake_out)

    # --- the reader's thread ---

    def _run(self) -> None:
        try:
            while not self._is_stopping:
                try:
                    self._serve()
                except OSError as error:
                    self._lose(error)
                    self._is_woken(None, next(self._waits))
        except Exception as error:  # a thread's boundary; `is_alive` and `problem` tell
            self.problem = f"{self._name}: {error!r}"
            logger.critical("reader ended device=%s", self._name, exc_info=error)
        finally:
            self._source.close()

    def _serve(self) -> None:
        """Open the device and read until it is gone.

        Raises:
            OSError: it is not there, or no longer.
        """
        descriptor = self._source.open()
        self._lines.clear()
        self.is_ready = True
        try:
            settle_s: float | None = self._settle_s
            while self._is_woken(descriptor, settle_s):
                text = self._source.read()
                if settle_s is not None:
                    self._find()
                    settle_s = None
                self._take(text)
        finally:
            self.is_ready = False
            self._source.close()

    def _new_waits(self) -> Iterator[float]:
        return chain(self._retry_s, repeat(self._retry_s[-1]))

    def _find(self) -> None:
        """The device was read: it is there."""
        self.problem = ""
        self._waits = self._new_waits()
        if not self._is_quiet:
            logger.info("reader ready device=%s", self._name)

    def _is_woken(self, descriptor: int | None, wait_s: float | None) -> bool:
        """Wait for something to read, or for `wait_s`; False when it is time to stop."""
        poll = select.poll()
        poll.register(self._wake_out, select.POLLIN)
        if descriptor is not None:
            poll.register(descriptor, select.POLLIN)
        if wait_s is not None:
            wait_s *= random.uniform(1 - JITTER, 1 + JITTER)
        poll.poll(None if wait_s is None else wait_s * 1000)
        return not self._is_stopping

    def _take(self, text: str) -> None:
        at_ms = self._clock.mono_ms()
        rejected = self.rejected
        for line in self._lines.feed(text, at_ms):
            staff_no = self._badges.staff_no(line, at_ms)
            if staff_no:
                self._on_event(BadgeRead(at_ms=at_ms, staff_no=staff_no))
        if self.rejected > rejected and _is_due(self._warned_ms, at_ms, WARN_MS):
            self._warned_ms = at_ms
            # never the line itself: it may be what stands on a citizen's identity card
            logger.warning("reader ignored a line device=%s so_far=%d", self._name, self.rejected)

    def _lose(self, error: OSError) -> None:
        """Say once that the device is lost; of one that comes and goes, once in `WARN_MS`."""
        is_news = not self.problem
        reason = error.strerror or str(error)
        self.problem = f"{self._name}: {reason}"
        at_ms = self._clock.mono_ms()
        if is_news or self._is_quiet:
            self._is_quiet = not _is_due(self._logged_ms, at_ms, WARN_MS)
            if not self._is_quiet:
                self._logged_ms = at_ms
                logger.error("reader unusable device=%s reason=%s", self._name, reason)
        if is_news and _is_due(self._reported_ms, at_ms, REPORT_MS):
            self._reported_ms = at_ms
            fields = {"reason": "reader-lost", "detail": self.problem[:200]}
            self._on_event(Noted(at_ms=at_ms, kind=Kind.FAULT, fields=fields))


def _is_due(last_ms: int | None, now_ms: int, every_ms: int) -> bool:
    return last_ms is None or now_ms - last_ms >= every_ms

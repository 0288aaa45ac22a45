"""Grants the dashboard's wishes: at most a few, of known devices, each logged with who asked.

Whoever owns the dashboard can make devices blink, and nothing else: no other command is in reach of
a wish, and so many only.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol

from collector.commanding import NoAnswer, Result, printable
from collector.wishes import WISH_LIFE_S, Fate, Spool, Told, Wish
from firmware_config.contract import Command, Identify

logger = logging.getLogger(__name__)

EVERY_S: Final = 0.3
"""How often wishes are looked for. Source: our choice; nobody notices a third of a second."""
SAY_EVERY_S: Final = 1.0
"""How often the service says that it is there."""
DURATION_S: Final = 15
"""How long a device blinks."""
LIFE_S: Final = 20
TIMEOUT_S: Final = 8.0
DEVICE_EVERY_S: Final = 5.0
"""One device is asked no more often. Source: our choice."""
MOST_A_MINUTE: Final = 30
"""Commands in any minute. Source: our choice; two people who walk through a hall need a tenth."""
AT_ONCE: Final = 4
_AHEAD_MS: Final = 5000
"""How far ahead the dashboard's clock may be; it is the same machine's as a rule."""


class Sends(Protocol):
    """The part of the dispatcher that is needed here."""

    def new_command(
        self, kind: type[Identify], device: str, *, life_s: float, duration_s: int
    ) -> Identify:
        """See `Dispatcher.new_command`."""

    def send(
        self, commands: list[Command], *, by: str, timeout_s: float, asked_by: str
    ) -> list[Result]:
        """See `Dispatcher.send`."""


class WishLimits:
    """How many wishes are granted; a device is known or not. Times are UTC milliseconds."""

    def __init__(self, devices: Collection[str]) -> None:
        self._devices = frozenset(devices)
        self._granted: deque[tuple[int, str]] = deque()

    def judge(self, wish: Wish, now_ms: int) -> Fate | None:
        """Why a wish is not granted; None: it is, and counts from now on."""
        if not -_AHEAD_MS <= now_ms - wish.asked_ms <= WISH_LIFE_S * 1000:
            return Fate.TOO_LATE
        if wish.device not in self._devices:
            return Fate.UNKNOWN_DEVICE
        while self._granted and now_ms - self._granted[0][0] >= 60_000:
            self._granted.popleft()
        if len(self._granted) >= MOST_A_MINUTE or any(
            device == wish.device and now_ms - at_ms < DEVICE_EVERY_S * 1000
            for at_ms, device in self._granted
        ):
            return Fate.TOO_MANY
        self._granted.append((now_ms, wish.device))
        return None


class WishService:
    """Takes wishes from a spool and has them sent.

    Args:
        spool: where wishes come from and results go to.
        sends: the dispatcher, started.
        by: who runs this, by the kernel.
        devices: those of the fleet.
        clock_ms: wall clock, UTC milliseconds since 1970.
    """

    def __init__(
        self,
        spool: Spool,
        sends: Sends,
        *,
        by: str,
        devices: Collection[str],
        clock_ms: Callable[[], int],
    ) -> None:
        self._spool = spool
        self._sends = sends
        self._by = by
        self._limits = WishLimits(devices)
        self._clock_ms = clock_ms
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="wish")
        self._running: set[Future[None]] = set()
        self._said_ms = 0

    def turn(self) -> None:
        """Take what is there.

        Raises:
            OSError: what becomes of wishes cannot be written.
            RuntimeError: the dispatcher has ended.
        """
        now_ms = self._clock_ms()
        if now_ms - self._said_ms >= SAY_EVERY_S * 1000 or now_ms < self._said_ms:
            self._spool.serve(now_ms=now_ms)
            self._said_ms = now_ms
        for done in [future for future in self._running if future.done()]:
            self._running.discard(done)
            done.result()
        for wish in self._spool.wishes():
            refused = self._limits.judge(wish, now_ms)
            self._tell(wish, refused or Fate.SENDING)
            logger.info(
                "wish device=%s asked_by=%s fate=%s",
                wish.device,
                wish.asked_by,
                refused or Fate.SENDING,
            )
            if refused is None:
                self._running.add(self._pool.submit(self._send, wish))

    def stop(self) -> None:
        """Say that nobody serves, and wait for what is on its way."""
        self._pool.shutdown(wait=True)
        self._spool.stop_serving()

    def _send(self, wish: Wish) -> None:
        command = self._sends.new_command(
            Identify, wish.device, life_s=LIFE_S, duration_s=DURATION_S
        )
        try:
            [result] = self._sends.send(
                [command],
                by=self._by,
                timeout_s=TIMEOUT_S,
                asked_by=f"{wish.asked_by} (dashboard)",
            )
        except OSError as error:  # the log of commands: nothing is sent without it
            logger.error("wish not sent device=%s error=%s", wish.device, error)
            self._tell(wish, Fate.FAILED)
            return
        if isinstance(result, NoAnswer):
            self._tell(wish, Fate.NO_ANSWER, result.reason.value)
        else:
            fate = Fate.DONE if result.outcome == "done" else Fate.REFUSED
            self._tell(wish, fate, printable(result.reason))

    def _tell(self, wish: Wish, fate: Fate, reason: str = "") -> None:
        self._spool.tell(
            Told(
                id=wish.id,
                device=wish.device,
                fate=fate,
                told_ms=self._clock_ms(),
                reason=reason,
            )
        )

"""Plays the days: at each step's time, somebody presses a key or a case comes in.

One thread plays for all kiosks. Before a step, the kiosk's clock is moved to the step's time, but
never before the device has finished with the step before: what it stores and shows is then just
what it would have stored and shown had the time really passed.

A window that a visitor operates is left to the visitor, in real time; one that is looked at gets
its steps at least `WATCHED_GAP_MS` apart, so that its lights can be seen.
"""

from __future__ import annotations

import heapq
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from kiosk.clock import Clock
from kiosk.simulator.clock import HallTime
from kiosk.simulator.day import Due, local_time
from kiosk.simulator.people import Doing, Step

logger = logging.getLogger(__name__)

WATCHED_GAP_MS: Final = 1_600
QUIET_MS: Final = 10 * 60_000
"""When nothing happens for so long (lunch, night, weekend), the time is skipped …"""
BEFORE_MS: Final = 60_000
"""… up to a minute before something does."""
SETTLE_S: Final = 5.0
"""Longest wait for a device to finish with a step; then the show goes on without it."""
BACKLOG_EVERY: Final = 32
"""Steps between two looks at the backlog."""
BACKLOG_MAXIMUM: Final = 1_000
"""About what is on its way at full speed anyway: a device gets one receipt a second."""
_LONGEST_NAP_S: Final = 0.25
_BEGINNINGS: Final = frozenset({Doing.SIGN_IN, Doing.CLERK_INVITES, Doing.CASE_INVITES})


class Playable(Protocol):
    """What the director needs of a virtual kiosk."""

    def perform(self, step: Step, at_ms: int) -> None:
        """Move its clock to `at_ms` and do the step."""

    def wait_settled(self, timeout_s: float) -> bool:
        """Wait until everything done so far is stored and shown; False: it took too long."""

    @property
    def is_touched(self) -> bool:
        """Whether a visitor operates it."""

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks at it."""


@dataclass(slots=True)
class _Turn:
    """One window's day: steps to come, and when the last one was played (`steady_ms`)."""

    steps: Iterator[Due]
    played_ms: int = -(10**9)
    is_dropping: bool = field(default=False)  # until the next case: a visitor broke into one


class Director:
    """Plays day after day until stopped, or as many days as it was told.

    Args:
        kiosks: in the order of the plans.
        plan: everybody's steps on a day, one list for each kiosk.
        time: the hall's.
        zone: the hall's.
        system: real time.
        rush_until_ms: before this hall time, days are played as fast as the devices can.
        backlog: records of all devices that the collector has not stored yet. While history is
            played, people wait when there are many: the pages are to follow, and what the devices
            do quickly must not take the processor from broker and collector.
        days: how many to play; None: until stopped.
    """

    def __init__(
        self,
        kiosks: tuple[Playable, ...],
        plan: Callable[[date], list[list[Due]]],
        time: HallTime,
        zone: ZoneInfo,
        system: Clock,
        *,
        rush_until_ms: int = 0,
        backlog: Callable[[], int] = lambda: 0,
        days: int | None = None,
    ) -> None:
        self._kiosks = kiosks
        self._plan = plan
        self._time = time
        self._zone = zone
        self._system = system
        self._rush_until_ms = rush_until_ms
        self._backlog = backlog
        self._days = days
        self._played = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure: Exception | None = None

    @property
    def is_rushing(self) -> bool:
        """Whether history is being played, as fast as the devices can."""
        return self._time.wall_ms() < self._rush_until_ms

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start playing in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="director", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until all days are played; for ever when their number was not given."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """Finish the step at hand and stop; may be called twice."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            on = local_time(self._time.wall_ms(), self._zone).date()
            played = 0
            while not self._stopping.is_set() and played != self._days:
                self._play(self._plan(on), on)
                on += timedelta(days=1)
                played += 1
        except Exception as error:  # noqa: BLE001 - thread boundary: the simulator ends with it
            self.failure = error

    def _play(self, plans: list[list[Due]], on: date) -> None:
        now_ms = self._time.wall_ms()
        turns = [
            # a trouble that began before this run did is still there
            _Turn(iter([due for due in plan if due.at_ms > now_ms or due.until_ms > now_ms]))
            for plan in plans
        ]
        coming: list[tuple[int, int, Due]] = []  # (when, kiosk, step), hall time
        late: list[tuple[int, int, Due]] = []  # the same, `steady_ms`: the watched windows' steps
        for index in range(len(turns)):
            self._line_up(coming, turns, index)
        if coming:
            logger.info("hall opens on=%s steps=%d", on, sum(len(plan) for plan in plans))
        while (coming or late) and not self._stopping.is_set():
            if late and late[0][0] <= self._system.steady_ms():
                _, index, due = heapq.heappop(late)
            elif coming and self._has_come(coming[0][0], is_waiting=bool(late)):
                _, index, due = heapq.heappop(coming)
                ready_ms = turns[index].played_ms + WATCHED_GAP_MS
                if self._is_watched(index) and ready_ms > self._system.steady_ms():
                    heapq.heappush(late, (ready_ms, index, due))
                    continue
            else:
                nap_s = self._time.real_s_until(coming[0][0]) if coming else _LONGEST_NAP_S
                self._stopping.wait(min(max(nap_s, 0.001), 0.02 if late else _LONGEST_NAP_S))
                continue
            self._take_turn(turns[index], index, due)
            self._played += 1
            if self._played % BACKLOG_EVERY == 0 and self.is_rushing:
                self._let_follow()
            self._line_up(coming, turns, index)

    @staticmethod
    def _line_up(coming: list[tuple[int, int, Due]], turns: list[_Turn], index: int) -> None:
        due = next(turns[index].steps, None)
        if due is not None:
            heapq.heappush(coming, (due.at_ms, index, due))

    def _has_come(self, at_ms: int, *, is_waiting: bool) -> bool:
        """Whether it is time; skips quiet hours, and everything while history is played."""
        now_ms = self._time.wall_ms()
        if at_ms < self._rush_until_ms:
            self._time.move_to(at_ms)
        elif at_ms - now_ms > QUIET_MS and not is_waiting:
            self._time.move_to(at_ms - BEFORE_MS)
        return self._time.wall_ms() >= at_ms

    def _let_follow(self) -> None:
        give_up_ms = self._system.steady_ms() + int(SETTLE_S * 1000)
        while self._backlog() > BACKLOG_MAXIMUM and self._system.steady_ms() < give_up_ms:
            if self._stopping.wait(0.02):
                return

    def _is_watched(self, index: int) -> bool:
        return self._kiosks[index].is_watched and not self.is_rushing

    def _take_turn(self, turn: _Turn, index: int, due: Due) -> None:
        kiosk = self._kiosks[index]
        if due.step.fault is not None:  # it comes, whoever is at the keys
            kiosk.wait_settled(SETTLE_S)
            kiosk.perform(due.step, due.at_ms)
            return
        if kiosk.is_touched:
            turn.is_dropping = True
            return
        if turn.is_dropping and due.step.doing not in _BEGINNINGS:
            return
        turn.is_dropping = False
        kiosk.wait_settled(SETTLE_S)
        kiosk.perform(due.step, due.at_ms)
        turn.played_ms = self._system.steady_ms()

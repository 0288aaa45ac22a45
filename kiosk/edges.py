"""Raw edges of pins become presses: debouncing, shortest press, order of first edges. Pure.

A key counts as pressed once it has been down without a further edge for `debounce_ms`; the press is
dated back to its first edge. So a bouncing contact is one press, a spike on a long lead (which
gives both edges) is none, and of two keys pressed together the one whose first edge came first is
reported first, even when it took longer to settle. Other events are held back as long as an
earlier edge is undecided: what comes out is in the order of `at_ms`, and that is the order in which
the machine must see it.

A busy processor may deliver an edge late. So before a press is decided the pin itself is looked at:
when it is up already, its release is on the way, and only that edge can say how long the key was
down. Edges carry the kernel's time, not that of their delivery (`kiosk.panel`).

A contact that never gets quiet must not hold up the others: after `CHATTER_MS` without a decision
it is noise, is not waited for, gives no press until it was quiet, and is reported (once an hour).

The clerk's key asks for an invitation when it is released, for a pause when it has been down for
`LONG_PRESS_MS`, and for the self-test after `TEST_PRESS_MS`. A key that stays down for `STUCK_MS`
is reported once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from firmware_config.contract import Kind
from kiosk.events import (
    ClerkKey,
    ClerkLongPress,
    ClerkTestPress,
    Edge,
    Event,
    HeldAtStart,
    Noted,
    Press,
)

LONG_PRESS_MS: Final = 2_000
"""Our choice: longer than any press meant as a short one, short enough to wait for."""
TEST_PRESS_MS: Final = 10_000
"""Source: the issue ("clerk's key held 10 s"); nobody holds a key that long by mistake."""
STUCK_MS: Final = 30_000
"""Our choice: nobody leans on a key that long; a wedged or shorted one does."""
CHATTER_MS: Final = 500
"""Our choice: tens of times the bounce of a worn key, short enough not to be felt as a stall."""
CHATTER_REPORT_MS: Final = 3_600_000
CLERK: Final = "clerk"
"""Name of the clerk's key in edges and counts."""


@dataclass(slots=True)
class _Key:
    """One key: the last level seen, and what is known of the press in progress."""

    is_down: bool = False
    first_ms: int = 0
    last_edge_ms: int = 0
    is_settled: bool = True  # the level in `is_down` has been reported, or needs no report
    is_pressed: bool = False  # a press was reported and is not released yet
    is_done: bool = False  # the clerk's long press was reported; its release means nothing
    is_test_done: bool = False  # and so was the press for the self-test
    is_stuck: bool = False
    is_noise: bool = False
    noise_reported_ms: int | None = None
    edges: int = 0
    presses: int = 0
    spikes: int = 0


class EdgeFilter:
    """Debounces all keys of one panel.

    Args:
        levels: name of each rating key → its level.
        debounce_ms: how long a key must be quiet, 1 to 200.
        is_down: whether a key's pin is down this moment.
    """

    def __init__(
        self,
        levels: Mapping[str, int],
        debounce_ms: int,
        is_down: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._is_down = is_down
        self._levels = dict(levels)
        self._debounce_ms = debounce_ms
        self._keys = {name: _Key() for name in (*levels, CLERK)}
        self._held: list[Event] = []

    @property
    def presses(self) -> dict[str, int]:
        """Presses of each key since the start, the clerk's among them."""
        return {name: key.presses for name, key in self._keys.items()}

    @property
    def edges(self) -> dict[str, int]:
        """Changes of each key's pin since the start, noise among them."""
        return {name: key.edges for name, key in self._keys.items()}

    @property
    def spikes(self) -> int:
        """Presses shorter than the debounce time since the start; they are not reported."""
        return sum(key.spikes for key in self._keys.values())

    @property
    def stuck(self) -> tuple[str, ...]:
        """Keys that are stuck now."""
        return tuple(name for name, key in self._keys.items() if key.is_stuck)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is undecided and nothing waits to be popped."""
        return not self._held and all(key.is_settled for key in self._keys.values())

    def begin(self, pressed: frozenset[str], at_ms: int) -> None:
        """Take the panel as found at the start: a key that is down then is not a press."""
        for name in pressed:
            key = self._keys[name]
            key.is_down = key.is_pressed = key.is_done = key.is_test_done = True
            key.first_ms = key.last_edge_ms = at_ms
            if name == CLERK:
                fields = {"reason": "held-at-start", "detail": name}
                self._held.append(Noted(at_ms=at_ms, kind=Kind.FAULT, fields=fields))
            else:
                level = self._levels[name]
                self._held.append(HeldAtStart(at_ms=at_ms, button=name, level=level))

    def poll(self, pressed: frozenset[str], at_ms: int) -> None:
        """Compare with the pins themselves: the kernel may have dropped an edge."""
        for name, key in self._keys.items():
            if key.is_down != (name in pressed):
                self.push(Edge(at_ms=at_ms, button=name, is_pressed=name in pressed))

    def push(self, event: Event) -> None:
        """Take an edge, or any other event that must keep its place among the presses."""
        if not isinstance(event, Edge):
            self._held.append(event)
            return
        key = self._keys[event.button]
        self._settle(event.button, key, event.at_ms)
        if key.is_down == event.is_pressed:
            return  # poll and callback both saw it
        key.is_down = event.is_pressed
        key.edges += 1
        if key.is_settled and event.is_pressed and not key.is_pressed:
            key.first_ms = event.at_ms
            key.is_noise = False
        key.is_settled = False
        key.last_edge_ms = event.at_ms

    def coming(self) -> Press | None:
        """The oldest rating press that only waits for its key to be quiet; None: there is none."""
        waiting = [
            (key.first_ms, name)
            for name, key in self._keys.items()
            if key.is_down
            and not (key.is_settled or key.is_pressed or key.is_noise)
            and name != CLERK
        ]
        if not waiting:
            return None
        at_ms, name = min(waiting)
        return Press(at_ms=at_ms, button=name, level=self._levels[name])

    def pop(self, now_ms: int) -> list[Event]:
        """What is decided by `now_ms`, in the order of `at_ms`."""
        for name, key in self._keys.items():
            self._settle(name, key, now_ms, looks=True)
        horizon_ms = self.horizon_ms(now_ms)
        self._held.sort(key=attrgetter("at_ms"))  # stable: the same millisecond keeps its order
        ready = [event for event in self._held if event.at_ms <= horizon_ms]
        del self._held[: len(ready)]
        return ready

    def horizon_ms(self, now_ms: int) -> int:
        """Up to when everything is known: now, or just before the oldest undecided edge."""
        undecided = [
            (key.last_edge_ms if key.is_pressed else key.first_ms) - 1
            for name, key in self._keys.items()
            if not (key.is_settled or key.is_noise) and (not key.is_pressed or name == CLERK)
        ]
        return min(undecided, default=now_ms)

    def due_ms(self) -> int | None:
        """When to call `pop` again although nothing came; None: no need."""
        times = []
        for name, key in self._keys.items():
            if not key.is_settled:
                times.append(key.last_edge_ms + self._debounce_ms)
            elif key.is_pressed and name == CLERK and not key.is_done:
                times.append(key.first_ms + LONG_PRESS_MS)
            elif key.is_pressed and name == CLERK and not key.is_test_done:
                times.append(key.first_ms + TEST_PRESS_MS)
            elif key.is_pressed and not key.is_stuck:
                times.append(key.first_ms + STUCK_MS)
        if self._held and all(key.is_settled for key in self._keys.values()):
            times.append(self._held[0].at_ms)
        return min(times, default=None)

    def _settle(self, name: str, key: _Key, now_ms: int, *, looks: bool = False) -> None:
        """Decide what can be decided about one key at `now_ms`; `looks`: that is this moment."""
        is_undecided = not (key.is_settled or key.is_pressed or key.is_noise)
        if is_undecided and key.last_edge_ms >= key.first_ms + CHATTER_MS:
            self._call_noise(name, key)
        is_due = not key.is_settled and now_ms >= key.last_edge_ms + self._debounce_ms
        if is_due and looks and key.is_down and not key.is_pressed and not self._is_down(name):
            return  # its release has happened and is on the way
        if is_due:
            key.is_settled = True
            if key.is_down and not key.is_pressed:
                self._press(name, key)
            elif not key.is_down and key.is_pressed:
                self._release(name, key)
            elif not key.is_down:
                key.spikes += 1
        if not (key.is_settled and key.is_pressed):
            return
        if name == CLERK and not key.is_done and now_ms >= key.first_ms + LONG_PRESS_MS:
            key.is_done = True
            self._held.append(ClerkLongPress(at_ms=key.first_ms + LONG_PRESS_MS))
        if name == CLERK and not key.is_test_done and now_ms >= key.first_ms + TEST_PRESS_MS:
            key.is_test_done = True
            self._held.append(ClerkTestPress(at_ms=key.first_ms + TEST_PRESS_MS))
        if not key.is_stuck and now_ms >= key.first_ms + STUCK_MS:
            key.is_stuck = True
            fields = {"reason": "stuck-button", "detail": name}
            at_ms = key.first_ms + STUCK_MS
            self._held.append(Noted(at_ms=at_ms, kind=Kind.FAULT, fields=fields))

    def _call_noise(self, name: str, key: _Key) -> None:
        key.is_noise = True
        reported_ms = key.noise_reported_ms
        if reported_ms is None or key.last_edge_ms - reported_ms >= CHATTER_REPORT_MS:
            key.noise_reported_ms = key.last_edge_ms
            fields = {"reason": "chattering-button", "detail": name}
            self._held.append(Noted(at_ms=key.last_edge_ms, kind=Kind.FAULT, fields=fields))

    def _press(self, name: str, key: _Key) -> None:
        key.is_pressed, key.is_done, key.is_test_done = True, False, False
        if key.is_noise:
            # down at last, but when it was pressed nobody can say
            key.is_done = key.is_test_done = True
            key.spikes += 1
            return
        key.presses += 1
        if name != CLERK:
            level = self._levels[name]
            self._held.append(Press(at_ms=key.first_ms, button=name, level=level))

    def _release(self, name: str, key: _Key) -> None:
        is_short = name == CLERK and not key.is_done
        key.is_pressed = key.is_done = key.is_stuck = False
        if is_short:
            self._held.append(ClerkKey(at_ms=key.last_edge_ms))

"""What a device must write on a planned day: worked out from the plan alone. Pure.

A second opinion, on purpose without the device's own state machine: it knows the rules of
docs/kiosk.md in the plainest form and the plan to the millisecond. A press that is lost, doubled or
put into the wrong session shows as a difference between its list and a device's journal.

It leaves out DAYCLOSE (the calendar's, not the people's), and faults that a plan cannot cause
(a disk that is really full).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from kiosk.simulator.people import Doing, Step
from kiosk.simulator.scenario import Fault, What
from kiosk.simulator.troubles import HOLD_MS, press_edges

PAUSES_AFTER_MS: Final = 2_000
"""A clerk's key held so long pauses or resumes. Source: docs/kiosk.md."""
STUCK_AFTER_MS: Final = 30_000
"""A key down for so long is reported. Source: docs/kiosk.md."""
PLANNED_FAULTS: Final = frozenset({"stuck-button", "disk-short"})
"""Reasons of the FAULT records that a plan causes."""


class Timed(Protocol):
    """A step and when it happens."""

    @property
    def at_ms(self) -> int:
        """UTC milliseconds since 1970."""

    @property
    def step(self) -> Step:
        """What happens."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record without times, as far as a plan can know it. Empty and 0: it has none."""

    kind: str
    level: int = 0
    session: int = 0
    case_no: str = ""
    staff_no: str = ""
    reason: str = ""

    @property
    def count_key(self) -> str:
        """What it is counted as: `RATED.5`, `IGNORED.paused`, `SIGNIN` …"""
        if self.kind == "RATED":
            return f"RATED.{self.level}"
        return f"{self.kind}.{self.reason}" if self.reason else self.kind


def expected_entries(
    plan: Sequence[Timed],
    *,
    timeout_ms: int = 20_000,
    levels: frozenset[int] = frozenset({5, 4, 3, 2, 1}),
) -> list[Entry]:
    """The records of one device on a planned day, BOOT first, in order of seq.

    Args:
        plan: its steps in order of time.
        timeout_ms: of a session.
        levels: those the panel has a key for.
    """
    kiosk = _Kiosk(timeout_ms, levels)
    for due in plan:
        kiosk.take(due.step, due.at_ms)
    return kiosk.entries


def expected_counts(entries: Iterable[Entry]) -> dict[str, int]:
    """How many of each, by `Entry.count_key`, sorted."""
    return dict(sorted(Counter(entry.count_key for entry in entries).items()))


class _Kiosk:
    """A device in the plainest form."""

    def __init__(self, timeout_ms: int, levels: frozenset[int]) -> None:
        self.entries = [Entry("BOOT")]
        self._timeout_ms = timeout_ms
        self._levels = levels
        self._session = 0
        self._open: Entry | None = None  # the session that waits for its press
        self._is_answered = False
        self._until_ms = 0  # of the open or answered session
        self._is_paused = False
        self._staff_no = ""
        self._is_off = False
        self._dead: set[str] = set()
        self._stuck: dict[str, int] = {}  # key → when it is reported
        self._bounces: dict[str, int] = {}

    def take(self, step: Step, at_ms: int) -> None:
        self._pass_time(at_ms)
        if step.fault is not None:
            self._trouble(step.fault, at_ms, is_begin=step.doing is Doing.BREAK)
        elif not self._is_off:
            self._person(step, at_ms)

    def _pass_time(self, now_ms: int) -> None:
        """Sessions that time out and stuck keys that are noticed until now, in order of time."""
        while not self._is_off:
            coming: list[tuple[int, str]] = [(ms, key) for key, ms in self._stuck.items() if ms]
            if self._open is not None or self._is_answered:
                coming.append((self._until_ms, ""))
            at_ms, key = min(coming, default=(now_ms + 1, ""))
            if at_ms > now_ms:
                return
            if key:
                self._stuck[key] = 0
                self._write("FAULT", reason="stuck-button")
            else:
                self._close("timeout")

    def _person(self, step: Step, at_ms: int) -> None:
        if step.doing is Doing.SIGN_IN:
            self._staff_no = step.staff_no
            self._write("SIGNIN", staff_no=step.staff_no)
        elif step.doing is Doing.SIGN_OUT and self._staff_no:
            self._write("SIGNOUT", staff_no=self._staff_no)
            self._staff_no = ""
        elif step.doing is Doing.CASE_INVITES:
            self._invite(at_ms, step.case_no, step.staff_no or self._staff_no)
        elif step.doing is Doing.CLERK_INVITES and "clerk" not in self._dead:
            bounces = self._bounces.get("clerk", 0)
            released_ms = 2 * sum(ms for ms, _ in press_edges(bounces)) + HOLD_MS
            self._invite(at_ms + released_ms, "", self._staff_no)
        elif step.doing is Doing.PRESS and step.level in self._levels:
            self._press(step.level)
        elif step.doing is Doing.PAUSE_KEY and "clerk" not in self._dead:
            self._pass_time(at_ms + PAUSES_AFTER_MS)
            self._pause()

    def _press(self, level: int) -> None:
        if str(level) in self._dead or str(level) in self._stuck:
            return  # no edge
        if self._open is not None:
            session, self._open, self._is_answered = self._open, None, True
            self.entries.append(replace(session, kind="RATED", level=level))
            return
        reason = "paused" if self._is_paused else "no-session"
        session_no = 0
        if self._is_answered:
            session_no, reason = self._session, "already-rated"
        self._write(
            "IGNORED", level=level, session=session_no, staff_no=self._staff_no, reason=reason
        )

    def _invite(self, at_ms: int, case_no: str, staff_no: str) -> None:
        self._pass_time(at_ms)
        if self._is_paused:
            self._is_paused = False
            self._write("RESUMED", staff_no=self._staff_no)
        if self._open is not None:
            self._close("superseded")
        self._session += 1
        self._open = Entry("INVITED", session=self._session, case_no=case_no, staff_no=staff_no)
        self._is_answered = False
        self._until_ms = at_ms + self._timeout_ms
        self.entries.append(self._open)

    def _pause(self) -> None:
        if self._open is not None:
            self._close("paused")
        self._is_answered = False
        self._is_paused = not self._is_paused
        self._write("PAUSED" if self._is_paused else "RESUMED", staff_no=self._staff_no)

    def _close(self, reason: str) -> None:
        if self._open is not None:
            self.entries.append(replace(self._open, kind="UNRATED", reason=reason))
        self._open, self._is_answered = None, False

    def _trouble(self, fault: Fault, at_ms: int, *, is_begin: bool) -> None:
        keys = [fault.key] if fault.key else [*map(str, sorted(self._levels)), "clerk"]
        match fault.what:
            case What.DEAD_KEY:
                (self._dead.update if is_begin else self._dead.difference_update)(keys)
            case What.BOUNCING_KEY:
                self._bounces |= dict.fromkeys(keys, fault.bounces if is_begin else 0)
            case What.STUCK_KEY if int(keys[0]) in self._levels:
                if is_begin:
                    self._press(int(keys[0]))
                    self._stuck[keys[0]] = at_ms + STUCK_AFTER_MS
                else:
                    del self._stuck[keys[0]]
            case What.CLOCK_STEP:
                self._write("CLOCK")
            case What.UNPLUGGED:
                self._is_off = is_begin
                if not is_begin:
                    self._restart()
                else:
                    self._is_answered = False
            case What.WRONG_CLOCK if not is_begin:
                self._write("CLOCK")
            case What.WRONG_CLOCK:
                self._restart()
            case What.DISK_SHORT:
                self._restart()
                if is_begin:
                    self._write("FAULT", reason="disk-short")

    def _restart(self) -> None:
        self._write("BOOT")
        self._close("interrupted")

    def _write(self, kind: str, **fields: Any) -> None:
        self.entries.append(Entry(kind, **fields))

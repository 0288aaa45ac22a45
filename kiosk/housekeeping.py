"""What a kiosk looks after once a second: clock, disk, days; and how it begins. No threads."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final

from firmware_config import __version__
from firmware_config.contract import Kind
from firmware_config.hours import is_open, week_of
from firmware_config.kiosk_settings import KioskSettings
from kiosk import storage
from kiosk.clock import Clock, Stamp
from kiosk.drafts import Draft
from kiosk.errors import JournalDamagedError, JournalError
from kiosk.events import Event, Noted, OpeningChanged, StorageChanged
from kiosk.journal import Journal
from kiosk.journal.days import day_counts, open_days
from kiosk.journal.reading import remember
from kiosk.machine import start
from kiosk.situation import Decision

STEP_MS: Final = 1_000
"""A wall clock that moved by more than this against time since boot stepped. Source: issue text
("steps over 1 s")."""
DISK_EVERY: Final = 10
"""Polls between two looks at the disk."""
DAY_GRACE_MS: Final = 5_000
"""A day is closed so long after midnight: what happened in its last moment is decided by then, as a
key settles within `edges.CHATTER_MS`."""
ENOUGH_AGAIN: Final = 1.1
"""Free space must be so many times a limit before the disk counts as better: no alarm flaps."""
KEEP_DAYS: Final = 400
"""Archived records are kept this long. Source: design, step 11."""
CHECKPOINT_RECORDS: Final = 50
"""Records after which the write-ahead log is moved into the file in a quiet moment. Our choice:
far below the 1,000 pages at which SQLite would make a press wait for it."""
FLUSH_POLLS: Final = 60
"""Polls after which new watermarks are written although no record came along. Our choice."""


def boot_decision(journal: Journal, pins: str, at_ms: int) -> Decision:
    """BOOT and what goes with it."""
    boot = Draft(Kind.BOOT, at_ms, {"version": __version__, "pins": pins})
    notes: tuple[Draft, ...] = ()
    if journal.set_aside is not None:
        detail = f"kept as {journal.set_aside.name}; a new epoch has begun"
        notes = (Draft(Kind.FAULT, at_ms, {"reason": "journal-damaged", "detail": detail}),)
    return start(remember(journal), boot, notes)


class Housekeeping:
    """Watches clock, disk and calendar of one kiosk.

    Attributes:
        stamp: the clocks as of the last poll. Records are stamped with it, so a step shows first
            in a CLOCK record and then in the records after it.
        clock_steps: first synchronisations and steps of the wall clock since the start.
        free_bytes: room where the journal lies, when last looked at; None: cannot be read.
        disk: `ok`, `low` or `short`.
    """

    def __init__(
        self, settings: KioskSettings, journal: Journal, clock: Clock, zone: tzinfo
    ) -> None:
        self.stamp: Stamp = clock.stamp()
        self.clock_steps = 0
        self.free_bytes: int | None = None
        self.disk = "ok"
        self._settings = settings
        self._week = week_of(settings.opening.hours)
        self._is_open = True
        self._journal = journal
        self._clock = clock
        self._zone = zone
        self._polls = 0
        self._checkpoint_head = journal.head
        self._closed: tuple[date, bool] | None = None
        self._may_thank = True
        self._is_volatile = not settings.storage.allow_volatile and storage.is_volatile(
            settings.journal
        )

    @property
    def alarms(self) -> list[str]:
        """Reasons of FAULTs that still hold."""
        reasons = {"volatile-storage": self._is_volatile, f"disk-{self.disk}": self.disk != "ok"}
        return [reason for reason, holds in reasons.items() if holds]

    def apply(self, settings: KioskSettings) -> None:
        """Take new settings."""
        self._settings = settings
        self._week = week_of(settings.opening.hours)

    def poll(self, now_ms: int, *, is_storing: bool) -> list[Event]:
        """Look after everything; returns what the machine must know or write.

        Args:
            is_storing: storage works; otherwise days are left for later.

        Raises:
            JournalDamagedError: found while closing a day.
        """
        events = self._clock_events(now_ms) + self._opening_events(now_ms)
        if self._polls % DISK_EVERY == 0:
            events += self._disk_events(now_ms)
        self._polls += 1
        if is_storing:
            try:
                self._close_days(now_ms)
                self._tidy()
            except JournalDamagedError:
                raise
            except JournalError:
                self._closed = None  # the next poll tries again; commits raise the alarm
        return events

    def _clock_events(self, now_ms: int) -> list[Event]:
        before, self.stamp = self.stamp, self._clock.stamp()
        step_ms = self.stamp.offset_ms - before.offset_ms
        is_first_sync = self.stamp.is_synced and not before.is_synced
        if not is_first_sync and abs(step_ms) <= STEP_MS:
            return []
        self.clock_steps += 1
        return [Noted(at_ms=now_ms, kind=Kind.CLOCK, fields={"step_ms": step_ms})]

    def _opening_events(self, now_ms: int) -> list[Event]:
        """The hall opened or closed. Without hours, or a clock to read them by, it is open."""
        is_known = self._settings.opening.hours and self.stamp.is_synced
        now_open = not is_known or is_open(self._week, self._local(now_ms))
        if now_open == self._is_open:
            return []
        self._is_open = now_open
        return [OpeningChanged(at_ms=now_ms, is_open=now_open)]

    def _local(self, now_ms: int) -> datetime:
        wall_s = (self.stamp.offset_ms + now_ms) // 1000
        return datetime.fromtimestamp(wall_s, UTC).astimezone(self._zone)

    def _disk_events(self, now_ms: int) -> list[Event]:
        """Said early (`disk-low`), long before thanking must stop (`disk-short`)."""
        limits = self._settings.storage
        free = self.free_bytes = storage.free_bytes(self._settings.journal)
        before = self.disk
        if free is not None:
            ease = {"ok": (1.0, 1.0), "low": (1.0, ENOUGH_AGAIN)}.get(before, (ENOUGH_AGAIN,) * 2)
            is_short = free < limits.min_free_bytes * ease[0]
            is_low = free < limits.warn_free_bytes * ease[1]
            self.disk = "short" if is_short else "low" if is_low else "ok"
        events: list[Event] = []
        may_thank = not (self._is_volatile or self.disk == "short")
        if may_thank != self._may_thank:
            self._may_thank = may_thank
            events.append(StorageChanged(at_ms=now_ms, may_thank=may_thank))
            if self._is_volatile:
                kind = storage.file_system_type(self._settings.journal)
                fields = {"reason": "volatile-storage", "detail": f"the journal lies on {kind}"}
                events.append(Noted(at_ms=now_ms, kind=Kind.FAULT, fields=fields))
        if self.disk != before and self.disk != "ok" and (before, self.disk) != ("short", "low"):
            fields = {"reason": f"disk-{self.disk}", "detail": f"{free} bytes free"}
            events.append(Noted(at_ms=now_ms, kind=Kind.FAULT, fields=fields))
        return events

    def _close_days(self, now_ms: int) -> None:
        today = self._local(now_ms - DAY_GRACE_MS).date()
        if self._closed == (today, self.stamp.is_synced):
            return
        days = open_days(self._journal, today, is_synced=self.stamp.is_synced)
        drafts = [
            Draft(
                Kind.DAYCLOSE,
                now_ms,
                {"on": day.isoformat(), "counts": day_counts(self._journal, day)},
            )
            for day in days
        ]
        if drafts:
            self._journal.append(drafts, self.stamp)
        if self.stamp.is_synced:
            self._journal.prune((today - timedelta(days=KEEP_DAYS)).isoformat())
        self._closed = (today, self.stamp.is_synced)

    def _tidy(self) -> None:
        if self._journal.head - self._checkpoint_head >= CHECKPOINT_RECORDS:
            self._checkpoint_head = self._journal.head
            self._journal.checkpoint()
        if self._polls % FLUSH_POLLS == 0:
            self._journal.flush()

"""Panel, machine and journal of one kiosk put together, without threads or network.

The order of things is fixed here: debounce, decide, COMMIT, light. One thread calls it (the
service's work thread; a test's own).
"""

from __future__ import annotations

import logging
from contextlib import suppress
from zoneinfo import ZoneInfo

from firmware_config.keys import SigningKey
from firmware_config.kiosk_settings import KioskSettings
from kiosk.clock import Clock
from kiosk.edges import EdgeFilter
from kiosk.errors import JournalDamagedError, JournalError
from kiosk.events import Event, Tick
from kiosk.housekeeping import Housekeeping, boot_decision
from kiosk.journal import Journal, open_journal
from kiosk.machine import THANKS_WITHIN_MS, conclude, decide, due_ms
from kiosk.panel import Panel
from kiosk.patterns import ERROR, lit, next_change_ms
from kiosk.situation import Decision, Rules, Situation

logger = logging.getLogger(__name__)


class Device:
    """One kiosk's buttons, lights, state machine and journal, opened.

    Args:
        panel: not yet open.
        key: signs the records.

    Raises:
        JournalError, PanelError: what is needed cannot be opened now.
        ForeignJournalError: the journal belongs to another device.

    Attributes:
        situation: of the state machine.
        edges: debouncing; what it holds is undecided.
        is_connected: what the status light shows; the service sets it.
    """

    def __init__(
        self, settings: KioskSettings, *, panel: Panel, key: SigningKey, clock: Clock
    ) -> None:
        self.situation = Situation()
        self.is_connected = False
        self._panel = panel
        self._clock = clock
        self._rules = Rules(
            is_walkup=settings.session.mode == "walkup",
            timeout_ms=round(settings.session.timeout_s * 1000),
            walkup_interval_ms=round(settings.session.walkup_interval_s * 1000),
            thanks_ms=round(settings.panel.thanks_s * 1000),
        )
        buttons = panel.profile.buttons
        self._buttons = tuple(button.name for button in buttons)
        self.edges = EdgeFilter(
            {button.name: int(button.level) for button in buttons}, settings.panel.debounce_ms
        )
        self._ahead: tuple[Situation, Event | None, Decision | None] = (self.situation, None, None)
        self._committing_since_ms: int | None = None
        zone = ZoneInfo(settings.timezone)
        self.journal: Journal = open_journal(
            settings.journal, key=key, device=settings.device, zone=zone, wall_ms=clock.wall_ms()
        )
        try:
            self._housekeeping = Housekeeping(settings, self.journal, clock, zone)
            now_ms = clock.mono_ms()
            self.edges.begin(panel.open(), now_ms)
            self._try(boot_decision(self.journal, panel.profile.name, now_ms))
        except BaseException:
            self.close()
            raise

    @property
    def is_synced(self) -> bool:
        """Whether the wall clock was synchronised when last looked at."""
        return self._housekeeping.stamp.is_synced

    def close(self) -> None:
        """Lights off, pins and journal released; idempotent."""
        try:
            self._panel.close()
        finally:
            self.journal.close()

    def turn(self) -> None:
        """Do everything that is due now with what `edges` was given."""
        now_ms = self._clock.mono_ms()
        for event in self.edges.pop(now_ms):
            self.handle(event)
        machine_due_ms = due_ms(self.situation)
        horizon_ms = self.edges.horizon_ms(now_ms)
        # not beyond the oldest undecided edge: a press just before the time-out still counts
        if machine_due_ms is not None and machine_due_ms <= horizon_ms:
            self.handle(Tick(at_ms=horizon_ms))
        self.show()
        coming = self.edges.coming()
        if coming is not None:
            self.prepare(coming)

    def handle(self, event: Event) -> None:
        """Decide about one event, commit, show."""
        before, expected, decision = self._ahead
        if before is not self.situation or expected != event or decision is None:
            decision = decide(self.situation, event, self._rules)
        self._try(decision)

    def prepare(self, event: Event) -> None:
        """Decide and sign ahead what an event would write: a key takes milliseconds to settle."""
        before, expected, _ = self._ahead
        if before is self.situation and expected == event:
            return
        decision = decide(self.situation, event, self._rules)
        self._ahead = (self.situation, event, decision)
        if decision.drafts:
            with suppress(JournalError):  # the commit will tell
                self.journal.prepare(decision.drafts, self._housekeeping.stamp)

    def poll(self) -> None:
        """Once a second: pins against edges, clock, disk, days."""
        now_ms = self._clock.mono_ms()
        self.edges.poll(self._panel.pressed(), now_ms)
        is_storing = self.situation.failing_since_ms is None
        for event in self._housekeeping.poll(now_ms, is_storing=is_storing):
            self.edges.push(event)

    def wait_s(self) -> float | None:
        """Real seconds until `turn` has something to do by itself; None: not before an event."""
        now_ms = self._clock.mono_ms()
        change_ms = next_change_ms(self.situation, is_connected=self.is_connected, now_ms=now_ms)
        machine_ms = due_ms(self.situation)
        if machine_ms is not None and machine_ms <= now_ms and not self.edges.is_quiet:
            machine_ms = None  # it waits for an undecided edge, whose own time comes first
        times = (self.edges.due_ms(), machine_ms, change_ms)
        waits = (self._clock.real_s(time - now_ms) for time in times if time is not None)
        return min(waits, default=None)

    def show(self) -> None:
        """Bring the lights up to date."""
        self._panel.show(
            lit(
                self.situation,
                self._buttons,
                is_connected=self.is_connected,
                now_ms=self._clock.mono_ms(),
            )
        )

    def show_hanging_commit(self) -> None:
        """Show the error light while a commit hangs; may be called by another thread."""
        since_ms = self._committing_since_ms
        if since_ms is not None and self._clock.mono_ms() - since_ms > THANKS_WITHIN_MS:
            self._panel.show(self._panel.lit | {ERROR})

    def _try(self, decision: Decision) -> None:
        """Commit a decision's drafts, then, and only then, show what follows."""
        is_stored = not decision.drafts or self._is_committed(decision)
        was_failing = self.situation.failing_since_ms is not None
        self.situation = conclude(
            decision, is_stored=is_stored, at_ms=self._clock.mono_ms(), rules=self._rules
        )
        if decision.drafts:
            self.show()
        if was_failing and self.situation.failing_since_ms is None:
            logger.warning("storage works again")

    def _is_committed(self, decision: Decision) -> bool:
        self._committing_since_ms = self._clock.mono_ms()
        try:
            self.journal.append(decision.drafts, self._housekeeping.stamp)
        except JournalDamagedError:
            raise  # does not pass: the next start sets it aside
        except JournalError as error:
            if self.situation.failing_since_ms is None:
                logger.error("nothing can be stored error=%s", error)
            return False
        finally:
            self._committing_since_ms = None
        return True

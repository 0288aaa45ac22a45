"""Panel, machine and journal of one kiosk put together, without threads or network.

The order of things is fixed here: debounce, decide, COMMIT, light. One thread calls it (the
service's work thread; a test's own).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from zoneinfo import ZoneInfo

from firmware_config.errors import InvalidSettings
from firmware_config.hours import span_of, week_of
from firmware_config.keys import SigningKey
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.pins import PinProfile
from firmware_config.settings import overlay_settings
from kiosk.clock import Clock
from kiosk.command_desk import CommandDesk
from kiosk.edges import EdgeFilter
from kiosk.errors import JournalDamagedError, JournalError
from kiosk.events import Event, Press, SettingsGiven, Tick
from kiosk.housekeeping import Housekeeping, boot_decision
from kiosk.journal import Journal, open_journal
from kiosk.journal.answers import keep_remote, remote_settings
from kiosk.journal.store import Statement
from kiosk.machine import THANKS_WITHIN_MS, conclude, decide, due_ms
from kiosk.panel import Panel
from kiosk.patterns import ERROR, lit, next_change_ms
from kiosk.situation import Decision, Rules, Situation
from kiosk.written import Written, after_commit

logger = logging.getLogger(__name__)


def rules_of(settings: KioskSettings, profile: PinProfile) -> Rules:
    """The state machine's rules, as settings and panel have them."""
    return Rules(
        is_walkup=settings.session.mode == "walkup",
        timeout_ms=round(settings.session.timeout_s * 1000),
        walkup_interval_ms=round(settings.session.walkup_interval_s * 1000),
        thanks_ms=round(settings.panel.thanks_s * 1000),
        keys=tuple((button.name, int(button.level)) for button in profile.buttons),
    )


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
        settings: those in force: the ones given, and over them the collector's.
        settings_version: of the collector's; 0: there are none.
        newest: records written since the start, the last few, for those who only look on.
        touches: touches of each face of the screen since the start, as `screen-5` …
        desk: answers commands; None: none are taken. The service sets it.
        on_change: told the situation before and after each change; must return at once.
        on_settings: told new settings when they came into force.
    """

    def __init__(
        self, settings: KioskSettings, *, panel: Panel, key: SigningKey, clock: Clock
    ) -> None:
        self.situation = Situation()
        self.is_connected = False
        self.newest: tuple[Written, ...] = ()
        self.touches: dict[str, int] = {}
        self.settings = self._given = settings
        self.settings_version = 0
        self.desk: CommandDesk | None = None
        self.on_change: Callable[[Situation, Situation], None] = lambda before, after: None
        self.on_settings: Callable[[KioskSettings], None] = lambda settings: None
        self._panel = panel
        self._clock = clock
        buttons = panel.profile.buttons
        self._buttons = tuple(button.name for button in buttons)
        self.edges = EdgeFilter(
            {button.name: int(button.level) for button in buttons},
            settings.panel.debounce_ms,
            panel.is_down,
        )
        self._ahead: tuple[Situation, Event | None, Decision | None] = (self.situation, None, None)
        self._committing_since_ms: int | None = None
        zone = ZoneInfo(settings.timezone)
        self.journal: Journal = open_journal(
            settings.journal, key=key, device=settings.device, zone=zone, wall_ms=clock.wall_ms()
        )
        try:
            self._take_up_remote_settings()
            self._rules = rules_of(self.settings, panel.profile)
            self.housekeeping = Housekeeping(self.settings, self.journal, clock, zone)
            now_ms = clock.mono_ms()
            self.edges.begin(panel.open(), now_ms)
            self._try(boot_decision(self.journal, panel.profile.name, now_ms))
            # before the first press is decided: may it be promised at all?
            for event in self.housekeeping.poll(now_ms, is_storing=False):
                self.handle(event)
        except BaseException:
            self.close()
            raise

    @property
    def is_synced(self) -> bool:
        """Whether the wall clock was synchronised when last looked at."""
        return self.housekeeping.stamp.is_synced

    @property
    def rules(self) -> Rules:
        """The state machine's rules in force."""
        return self._rules

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
            if isinstance(event, Press) and event.button not in self._buttons:
                self.touches[event.button] = self.touches.get(event.button, 0) + 1
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
        self._try(decision, event)

    def checked_settings(self, values: Mapping[str, str]) -> KioskSettings:
        """What the settings would be with these of the collector.

        Raises:
            InvalidSettings: one is unknown, fixed, or bad; or nothing can be derived from them.
        """
        settings = overlay_settings(self._given, values)
        try:  # whatever is made of them later is made once here: in force must mean usable
            rules_of(settings, self._panel.profile)
            week_of(settings.opening.hours)
            for text in settings.voice.quiet_hours:
                span_of(text)
        except (ValueError, TypeError) as error:
            raise InvalidSettings([str(error)]) from error
        return settings

    def prepare(self, event: Event) -> None:
        """Decide and sign ahead what an event would write: a key takes milliseconds to settle."""
        before, expected, _ = self._ahead
        if before is self.situation and expected == event:
            return
        decision = decide(self.situation, event, self._rules)
        self._ahead = (self.situation, event, decision)
        if decision.drafts:
            with suppress(JournalError):  # the commit will tell
                self.journal.prepare(decision.drafts, self.housekeeping.stamp)

    def poll(self) -> None:
        """Once a second: pins against edges, clock, disk, days."""
        now_ms = self._clock.mono_ms()
        self.edges.poll(self._panel.pressed(), now_ms)
        is_storing = self.situation.failing_since_ms is None
        for event in self.housekeeping.poll(now_ms, is_storing=is_storing):
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

    def _try(self, decision: Decision, event: Event | None = None) -> None:
        """Commit a decision's drafts, then, and only then, show what follows."""
        also = self._also(decision, event)
        is_stored = not decision.drafts or self._is_committed(decision, also)
        before = self.situation
        was_failing = before.failing_since_ms is not None
        self.situation = conclude(
            decision, is_stored=is_stored, at_ms=self._clock.mono_ms(), rules=self._rules
        )
        if decision.drafts and is_stored:
            self.newest = after_commit(self.newest, decision, self.situation, self.journal.head)
        if decision.drafts:
            self.show()
        if was_failing and self.situation.failing_since_ms is None:
            logger.warning("storage works again")
        if event is not None and event.command_id:
            self._answer(event.command_id, decision, is_stored=is_stored)
        if isinstance(event, SettingsGiven) and is_stored:
            self._apply(self.checked_settings(event.values), event.version)
        if self.situation is not before:
            self.on_change(before, self.situation)

    def _also(self, decision: Decision, event: Event | None) -> tuple[Statement, ...]:
        """What is written in the same transaction: the answer to a command, new settings."""
        also: tuple[Statement, ...] = ()
        if isinstance(event, SettingsGiven):
            also += keep_remote(event.version, event.values)
        if self.desk is not None and event is not None and not decision.refused:
            also += self.desk.keeping(event.command_id)
        return also

    def _answer(self, command_id: str, decision: Decision, *, is_stored: bool) -> None:
        if self.desk is None:
            return
        if not is_stored:
            self.desk.not_stored(command_id)
        elif decision.drafts and not decision.refused:
            self.desk.done(command_id)
        else:
            self.desk.conclude(command_id, self.housekeeping.stamp, decision.refused)

    def _take_up_remote_settings(self) -> None:
        version, values = remote_settings(self.journal)
        try:
            self.settings, self.settings_version = self.checked_settings(values), version
        except InvalidSettings as error:  # another version of the program took them
            logger.error("remote settings ignored version=%d problems=%s", version, error)

    def _apply(self, settings: KioskSettings, version: int) -> None:
        self.settings, self.settings_version = settings, version
        self._rules = rules_of(settings, self._panel.profile)
        self.housekeeping.apply(settings)
        logger.info("remote settings in force version=%d", version)
        self.on_settings(settings)

    def _is_committed(self, decision: Decision, also: tuple[Statement, ...]) -> bool:
        self._committing_since_ms = self._clock.mono_ms()
        try:
            self.journal.append(decision.drafts, self.housekeeping.stamp, also=also)
        except JournalDamagedError:
            raise  # does not pass: the next start sets it aside
        except JournalError as error:
            if self.situation.failing_since_ms is None:
                logger.error("nothing can be stored error=%s", error)
            return False
        finally:
            self._committing_since_ms = None
        return True

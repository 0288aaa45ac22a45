"""One kiosk at work: threads, queue and network around `kiosk.device`.

Callbacks (pins, network) only queue. One work thread takes from the queue and does everything else:
first the device (debounce, decide, commit, light), then the network. It also feeds the watchdog,
and only while the other threads live. Any error that is not expected ends the thread and with it
the program (`failure`, `ended`); the journal is intact, systemd starts anew.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

from firmware_config.contract import Health
from firmware_config.keys import load_or_create_signing_key, load_verify_key
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.mqtt_link import Arrived
from firmware_config.pins import load_pin_profile
from kiosk.clock import Clock
from kiosk.command_runner import CommandRunner, open_command_desk
from kiosk.counter import Counter
from kiosk.device import Device
from kiosk.errors import DeadThreadError, JournalForkedError, KeyMissingError
from kiosk.events import Edge, Event
from kiosk.inbox import Inbox
from kiosk.panel import Panel
from kiosk.report import Telling, health_of, telling
from kiosk.situation import Situation
from kiosk.snapshot import Snapshot, snapshot_of
from kiosk.uplink import Uplink

logger = logging.getLogger(__name__)

_VITAL: Final = {
    "keys": "the thread that reports key presses has ended",
    "network": "the network thread has ended, or hangs",
}
POLL_S: Final = 1.0
"""How often pins, clock, disk and threads are looked at."""


class KioskService:
    """The device program.

    Args:
        pin_factory: a gpiozero factory; None: this machine's own pins, through lgpio.
        password: for the broker.
        notify: takes systemd notifications (`READY=1`, `WATCHDOG=1`); None: nobody listens.

    Attributes:
        settings: those in force; the collector may change some.
        panel: keys and lights; tests and the simulator find the mock pins by its profile.
        on_change: called by the work thread when another situation is shown; must be quick.
        failure: what ended the work thread; None: it runs, or was stopped.
        ended: set when the work thread has ended.
    """

    def __init__(
        self,
        settings: KioskSettings,
        *,
        pin_factory: Any = None,
        clock: Clock,
        password: str,
        notify: Callable[[str], None] | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.on_change: Callable[[], None] = lambda: None
        self.failure: BaseException | None = None
        self.ended = threading.Event()
        self.panel = Panel(
            load_pin_profile(settings.panel.profile),
            pin_factory=pin_factory,
            on_edge=self._on_edge,
        )
        self._password = password
        self._notify = notify or (lambda _: None)
        self._inbox = Inbox()
        self._waiting: list[threading.Event] = []
        self._poll_due_ms = 0
        self._started_ms = 0
        self._is_stopping = False
        self._device: Device | None = None
        self._commands: CommandRunner | None = None
        self._counter: Counter | None = None
        self._told: Telling = ()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open journal and pins, store BOOT, start working.

        Raises:
            JournalError, PanelError: what is needed cannot be opened now.
            ConfigError, KeyMissingError, ForeignJournalError: settings or keys are wrong.
        """
        settings, clock = self.settings, self.clock
        key = load_or_create_signing_key(settings.key)
        try:
            collector_key = load_verify_key(settings.collector_key)
        except OSError as error:
            raise KeyMissingError(f"collector_key: {error}") from error
        device = Device(settings, panel=self.panel, key=key, clock=clock)
        uplink = Uplink(
            settings,
            password=self._password,
            journal=device.journal,
            kid=key.kid,
            collector_key=collector_key,
            clock=clock,
            on_event=self._inbox.put_network,
            health=lambda: self._health(device, uplink),
        )
        self._commands = open_command_desk(
            device, uplink, collector_key=collector_key, key=key, clock=clock
        )
        self.settings = device.settings
        self._device = device
        self._counter = Counter(self)
        device.on_change, device.on_settings = self._changed, self._apply
        self._started_ms = clock.mono_ms()
        clock.listen(self._wake)
        self._counter.start()
        uplink.start()
        self._thread = threading.Thread(
            target=self._run, args=(device, uplink), name=f"kiosk-{settings.device}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Finish the unit of work, say goodbye, release everything; idempotent."""
        self._is_stopping = True
        self._wake()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def post(self, event: Event) -> None:
        """Hand in an event from outside, e.g. CaseOpened; thread-safe."""
        self._inbox.put(event)

    def settle(self, timeout_s: float) -> bool:
        """Wait until all that was handed in so far is decided, stored and shown.

        Returns:
            False when that took longer than `timeout_s` or the work thread has ended.
        """
        if self.ended.is_set():
            return False
        done = threading.Event()
        self._inbox.put(done)
        return done.wait(timeout_s) and not self.ended.is_set()

    def snapshot(self) -> Snapshot:
        """How things stand; thread-safe. Before `start`: nothing known."""
        return snapshot_of(self.settings.device, self._device, self.panel.lit)

    @property
    def situation(self) -> Situation | None:
        """As the work thread last left it; thread-safe. None before `start`."""
        return self._device.situation if self._device is not None else None

    def watch(self) -> None:
        """Show the error light while a commit hangs; called now and then by another thread."""
        if self._device is not None:
            self._device.show_hanging_commit()

    # --- other threads ---

    def _on_edge(self, button: str, is_pressed: bool) -> None:
        at_ms = self.clock.mono_ms() - self.panel.age_ms(button)
        self._inbox.put(Edge(at_ms=at_ms, button=button, is_pressed=is_pressed))

    def _wake(self) -> None:
        self._inbox.wake()

    # --- the work thread ---

    def _run(self, device: Device, uplink: Uplink) -> None:
        try:
            self._notify("READY=1")
            while not self._is_stopping:
                self._turn(device, uplink)
            self._notify("STOPPING=1")
        except BaseException as error:  # noqa: BLE001 - the thread's boundary: `failure` is told
            self._fail(error)
        finally:
            device.is_connected = False
            self._release(device, uplink)
            self.ended.set()
            for done in self._waiting:
                done.set()
            if self._counter is not None:
                self._counter.stop()

    def _changed(self, before: Situation, after: Situation) -> None:
        """Tell those who only look on."""
        if self._counter is not None:
            self._counter.changed(before, after)
        self.on_change()

    def _apply(self, settings: KioskSettings) -> None:
        """The collector's settings came into force."""
        self.settings = settings
        if self._counter is not None:
            self._counter.apply(settings)

    def _release(self, device: Device, uplink: Uplink) -> None:
        """Say goodbye and release everything; what fails keeps neither the rest nor the end."""
        try:
            with ExitStack() as ending:  # in the opposite order
                ending.callback(device.close)
                ending.callback(uplink.stop)
        except Exception as error:  # noqa: BLE001 - pins that have gone cannot be released either
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
        logger.critical(
            "kiosk ended device=%s error=%r", self.settings.device, error, exc_info=error
        )

    def _turn(self, device: Device, uplink: Uplink) -> None:
        """Wait for something, then do everything that is due."""
        self._take(self._wait_s(device, uplink), device, uplink)
        device.is_connected = uplink.is_connected
        if self.clock.steady_ms() >= self._poll_due_ms:
            self._poll(device, uplink)
        device.turn()
        if uplink.watermarks.has_fork:  # presses under this epoch could not be counted any more
            raise JournalForkedError("the collector holds another history of this journal")
        if self._waiting and self._inbox.is_empty and device.edges.is_quiet:
            for done in self._waiting:
                done.set()
            self._waiting.clear()
        if device.desk is not None:
            device.desk.send_answers(uplink.answer)
        if uplink.turn():
            self._wake()  # one message a turn: a press never waits for a backlog

    def _take(self, wait_s: float, device: Device, uplink: Uplink) -> None:
        """Wait for something, then take events and a few messages; keys come before the network."""
        items, network = self._inbox.take(wait_s)
        for item in items:
            if isinstance(item, Event):
                device.edges.push(item)
            else:
                self._waiting.append(item)
        if items:
            device.turn()
        for event in network:
            if isinstance(event, Arrived) and event.topic == uplink.command_topic:
                if self._commands is not None:
                    self._commands.take(event.payload)
            else:
                for noted in uplink.handle(event):
                    device.edges.push(noted)

    def _wait_s(self, device: Device, uplink: Uplink) -> float:
        steady_ms = self.clock.steady_ms()
        waits = [(self._poll_due_ms - steady_ms) / 1000]
        device_s, uplink_ms = device.wait_s(), uplink.due_ms()
        if device_s is not None:
            waits.append(device_s)
        if uplink_ms is not None:
            waits.append((uplink_ms - steady_ms) / 1000)
        return max(0.0, min(waits))

    def _poll(self, device: Device, uplink: Uplink) -> None:
        """Once a second: the device's own round, and whether all threads live."""
        self._poll_due_ms = self.clock.steady_ms() + round(POLL_S * 1000)
        device.poll()
        threads = self._threads(uplink)
        for name, problem in _VITAL.items():
            if not threads[name]:
                raise DeadThreadError(problem)
        told, self._told = self._told, telling(device, threads, self._alarms(uplink))
        if told != self._told:
            uplink.hurry_health()
        self._notify("WATCHDOG=1")

    def _threads(self, uplink: Uplink) -> dict[str, bool]:
        """Everything that should live, by name; without the vital ones there is no device."""
        own = {"keys": self.panel.is_alive(), "network": uplink.is_alive}
        return own | (self._counter.threads() if self._counter is not None else {})

    def _alarms(self, uplink: Uplink) -> list[str]:
        own = uplink.receipts.checkpoints.alarms
        return own + (self._counter.alarms() if self._counter is not None else [])

    def _health(self, device: Device, uplink: Uplink) -> Health:
        uptime_s = max(0, self.clock.mono_ms() - self._started_ms) // 1000
        threads, more = self._threads(uplink), self._alarms(uplink)
        return health_of(device, uplink, uptime_s=uptime_s, threads=threads, more_alarms=more)

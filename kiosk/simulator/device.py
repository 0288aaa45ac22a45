"""One virtual kiosk: the same service as on a Pi, on mock pins of its own.

People and visitors reach it as they reach a Pi: through its pins, and through the case feed. What
goes wrong with it (`VirtualPi`) goes wrong outside the service too: at the pins, the clock, the
power, the cable, the settings it starts with.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from firmware_config.kiosk_settings import KioskSettings
from kiosk.clock import Clock
from kiosk.edges import CLERK
from kiosk.events import CaseOpened, SignedIn, SignedOut
from kiosk.patterns import BUZZER, ERROR, STATUS
from kiosk.service import KioskService
from kiosk.simulator.cable import Cables
from kiosk.simulator.clock import SimulatedClock
from kiosk.simulator.page import DeviceView
from kiosk.simulator.people import Doing, Step
from kiosk.simulator.pi import VirtualPi
from kiosk.simulator.troubles import PAUSE_HOLD_MS
from kiosk.situation import State

LEFT_ALONE_MS: Final = 45_000
"""After a visitor's last key, how long the window stays the visitor's."""
WATCHED_MS: Final = 2_000
"""After a page last asked for a device, how long it counts as being looked at."""
_LONG_AGO_MS: Final = -(10**9)
_STATES: Final = {
    State.IDLE: "idle",
    State.INVITED: "open",
    State.ANSWERED: "idle",
    State.RESTING: "idle",
    State.PAUSED: "paused",
    State.TESTING: "testing",
}


class VirtualKiosk:
    """A kiosk service, its mock pins and its clock.

    Args:
        settings: as a Pi's.
        password: for the broker.
        wall_ms: hall time at the start, UTC milliseconds since 1970.
        system: real time.
        cables: lays it a cable that can be cut; None: it is connected for good.
        is_standing: its time stands unless it is moved, so that nothing depends on the computer's
            speed; for rehearsals.
    """

    def __init__(
        self,
        settings: KioskSettings,
        *,
        password: str,
        wall_ms: int,
        system: Clock,
        cables: Cables | None = None,
        is_standing: bool = False,
    ) -> None:
        self.device = settings.device
        self._touched_ms = _LONG_AGO_MS  # steady_ms of a visitor's last key, and last look
        self._watched_ms = _LONG_AGO_MS
        self._answered = 0
        self._system = system
        self._handling = threading.Lock()  # one person at a time: the director's or a visitor's
        self._pi = VirtualPi(
            settings,
            password=password,
            hall_ms=wall_ms,
            system=system,
            cables=cables,
            is_standing=is_standing,
        )
        profile = self.service.panel.profile
        self._key_of_level = {int(button.level): button.name for button in profile.buttons}
        lights = [(button.name, button.led_gpio) for button in profile.buttons]
        singles = (
            (STATUS, profile.status_gpio),
            (ERROR, profile.error_gpio),
            (BUZZER, profile.buzzer_gpio),
        )
        self._lights = [*lights, *((name, gpio) for name, gpio in singles if gpio is not None)]

    @property
    def service(self) -> KioskService:
        """The service of this boot; a restart makes another one."""
        return self._pi.service

    @property
    def clock(self) -> SimulatedClock:
        """The clock of this boot."""
        return self._pi.clock

    @property
    def levels(self) -> frozenset[int]:
        """The levels its panel has a key for."""
        return frozenset(self._key_of_level)

    @property
    def is_touched(self) -> bool:
        """Whether a visitor operates it."""
        return self._system.steady_ms() - self._touched_ms < LEFT_ALONE_MS

    @property
    def is_watched(self) -> bool:
        """Whether somebody looks at it."""
        return self._system.steady_ms() - self._watched_ms < WATCHED_MS

    def start(self) -> None:
        """Lay its cable, switch it on.

        Raises:
            KioskError, ConfigError, OSError: it cannot start.
        """
        self._pi.start()

    def stop(self) -> None:
        """Stop it in order; idempotent."""
        self.service.stop()

    def perform(self, step: Step, at_ms: int) -> None:
        """Move the clock to `at_ms` (UTC milliseconds) and do what a person does then."""
        with self._handling:
            self.clock.move_to(at_ms)
            self._pi.let_settle()
            if step.fault is not None:
                self._pi.trouble(step.fault, at_ms, is_begin=step.doing is Doing.BREAK)
            elif not self._pi.is_off:
                self._act(step)

    def _act(self, step: Step) -> None:
        hands, now_ms = self._pi.hands, self.clock.mono_ms()
        match step.doing:
            case Doing.SIGN_IN:
                self.service.post(SignedIn(at_ms=now_ms, staff_no=step.staff_no))
            case Doing.SIGN_OUT:
                self.service.post(SignedOut(at_ms=now_ms))
            case Doing.CASE_INVITES:
                self.service.post(
                    CaseOpened(
                        at_ms=now_ms,
                        case_no=step.case_no,
                        item=step.item,
                        staff_no=step.staff_no,
                    )
                )
            case Doing.CLERK_INVITES:
                hands.tap(CLERK)
            case Doing.PAUSE_KEY:
                hands.tap(CLERK, PAUSE_HOLD_MS)
            case Doing.PRESS if step.level in self._key_of_level:
                hands.tap(self._key_of_level[step.level])
            case _:  # somebody left, or wanted a level this panel has no key for
                pass

    def key_of_level(self, level: int) -> str:
        """Name of the key for a level. Raises KeyError: this panel has none."""
        return self._key_of_level[level]

    def wait_settled(self, timeout_s: float) -> bool:
        """Wait until everything done so far is stored and shown."""
        return self.service.settle(timeout_s)

    def turn_key(self, key: str, *, is_down: bool, hall_ms: int) -> None:
        """A visitor presses or lets go of a key (its pin goes low or high), in real time.

        Args:
            key: name in the pin profile, or `clerk`.
            hall_ms: what time it is in the hall: an idle device is behind.

        Raises:
            KeyError: this panel has no such key.
        """
        with self._handling:
            if not self.is_touched and self.service.snapshot().state is not State.INVITED:
                self.service.settle(1.0)
                self.clock.move_to(hall_ms)
            self._touched_ms = self._system.steady_ms()
            self._pi.hands.turn(key, is_down=is_down)

    def touch(self, press: Callable[[], bool]) -> bool:
        """A visitor touches a face on its screen; returns whether it was a key."""
        with self._handling:
            is_key = press()
            if is_key:
                self._touched_ms = self._system.steady_ms()
            return is_key

    def brief(self) -> tuple[str, int, int]:
        """State, level of the latest rating (0: none in this run), number of its session."""
        snapshot = self.service.snapshot()
        if snapshot.state is State.ANSWERED:
            self._answered = snapshot.session
        return self.state(), snapshot.last_level or 0, self._answered

    def state(self) -> str:
        """What it is doing, in the words of the press page (`DeviceView.state`)."""
        if self._pi.is_off:
            return "off"
        snapshot = self.service.snapshot()
        is_lamp_test = snapshot.state is State.TESTING
        if self.service.failure is not None or (ERROR in snapshot.lit and not is_lamp_test):
            return "broken"
        situation = self.service.situation
        if (
            snapshot.state in (State.ANSWERED, State.IDLE, State.RESTING)
            and situation is not None
            and situation.thanks is not None
        ):
            return "thanks"
        return _STATES[snapshot.state]

    def view(self, time: str) -> DeviceView:
        """Everything the press page shows of it. `time`: local time to show."""
        self._watched_ms = self._system.steady_ms()
        snapshot = self.service.snapshot()
        failure = self.service.failure
        return DeviceView(
            state=self.state(),
            lights={
                name: not self._pi.is_off and bool(self._pi.pins.pin(gpio).state)
                for name, gpio in self._lights
                if name != BUZZER
            },
            head=snapshot.head,
            stored=snapshot.stored,
            connected=snapshot.is_connected,
            last_level=snapshot.last_level or 0,
            time=time,
            failure=str(failure) if failure is not None else "",
            is_touched=self.is_touched,
            newest=snapshot.newest,
        )

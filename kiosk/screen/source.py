"""Where the screen's view comes from: the service, its clock and the staff directory.

It reads what the work thread publishes and hands touches in as events; it decides nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from firmware_config.counter_settings import ScreenSettings
from firmware_config.errors import InvalidSettings
from firmware_config.hours import week_of
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.pins import PinProfile
from kiosk.clock import Clock
from kiosk.events import Press
from kiosk.screen.shown import ScreenFacts, ScreenView
from kiosk.screen.staff import Photo, StaffDirectory, load_staff
from kiosk.screen.view import screen_view, shown_staff_no
from kiosk.situation import Situation

logger = logging.getLogger(__name__)

TOUCH_PREFIX: Final = "screen-"
"""A face's button name is this and its level: `screen-5` …"""


class ScreenSource(Protocol):
    """What the page shows and asks for; every method may be called from any thread."""

    def view(self) -> ScreenView:
        """What is to be seen now."""

    def press(self, level: int) -> bool:
        """A face was touched. Returns False: it is no key now, nothing was handed in."""

    def photo(self, staff_no: str) -> Photo | None:
        """The photo of a member of staff, where photos are shown."""


class _Shot(Protocol):
    @property
    def head(self) -> int: ...
    @property
    def stored(self) -> int: ...
    @property
    def is_connected(self) -> bool: ...


class _Panel(Protocol):
    @property
    def profile(self) -> PinProfile: ...


class ScreenService(Protocol):
    """What is needed of `kiosk.service.KioskService`."""

    settings: KioskSettings
    clock: Clock
    ended: threading.Event

    @property
    def panel(self) -> _Panel:
        """Its profile names this device's keys and levels."""

    @property
    def situation(self) -> Situation | None:
        """As the work thread last left it; None before `start`."""

    def snapshot(self) -> _Shot:
        """`head`, `stored`, `is_connected`."""

    def post(self, event: Press) -> None:
        """Hand in a touch: the same event as a key's."""


class ServiceScreenSource:
    """The screen of a running service.

    Args:
        staff: the directory; see `staff_of`.
        screen: other settings than the service's own (the demo's: names of the fleet).
        wall_ms: another clock to show, UTC milliseconds since 1970 (the demo's: the hall's).
    """

    def __init__(
        self,
        service: ScreenService,
        *,
        staff: StaffDirectory,
        screen: ScreenSettings | None = None,
        wall_ms: Callable[[], int] | None = None,
    ) -> None:
        self._service = service
        self._staff = staff
        self._screen = screen
        self._wall_ms = wall_ms or service.clock.wall_ms
        self._facts: tuple[KioskSettings, ScreenFacts, ZoneInfo] | None = None
        self._stored = -1
        self._heard_ms = service.clock.steady_ms()

    def view(self) -> ScreenView:
        """See `ScreenSource.view`."""
        service = self._service
        facts, zone = self._of_settings()
        situation, now_ms = service.situation, service.clock.mono_ms()
        staff_no = shown_staff_no(situation or Situation(), now_ms)
        return screen_view(
            situation,
            facts,
            now_ms=now_ms,
            local=datetime.fromtimestamp(self._wall_ms() / 1000, UTC).astimezone(zone),
            staff=self._staff.find(staff_no),
            offline_s=self._offline_s(),
            is_running=not service.ended.is_set(),
        )

    def press(self, level: int) -> bool:
        """See `ScreenSource.press`."""
        at_ms = self._service.clock.mono_ms()
        view = self.view()
        if not view.can_touch or level not in {face.level for face in view.faces}:
            return False
        self._service.post(Press(at_ms=at_ms, button=f"{TOUCH_PREFIX}{level}", level=level))
        return True

    def photo(self, staff_no: str) -> Photo | None:
        """See `ScreenSource.photo`; the settings in force now decide, also for a page of before."""
        return self._staff.photo(staff_no) if self._of_settings()[0].shows_photos else None

    def _of_settings(self) -> tuple[ScreenFacts, ZoneInfo]:
        settings = self._service.settings
        if self._facts is None or self._facts[0] is not settings:  # the collector may change some
            self._facts = (settings, self._made(settings), ZoneInfo(settings.timezone))
        return self._facts[1:]

    def _made(self, settings: KioskSettings) -> ScreenFacts:
        screen = self._screen or settings.screen
        return ScreenFacts(
            device=settings.device,
            keys={button.name: int(button.level) for button in self._service.panel.profile.buttons},
            language=screen.language,
            window=screen.window,
            department=screen.department,
            touch=screen.touch,
            shows_photos=screen.show_photo,
            is_walkup=settings.session.mode == "walkup",
            timeout_ms=round(settings.session.timeout_s * 1000),
            week=week_of(settings.opening.hours) if settings.opening.hours else (),
        )

    def _offline_s(self) -> float:
        """For how long records have been waiting, or the connection missing, without progress."""
        shot, now_ms = self._service.snapshot(), self._service.clock.steady_ms()
        is_well = shot.is_connected and shot.head == shot.stored
        if is_well or shot.stored != self._stored:
            self._stored, self._heard_ms = shot.stored, now_ms
        return max(0, now_ms - self._heard_ms) / 1000


def staff_of(settings: ScreenSettings) -> StaffDirectory:
    """The directory the settings name; an empty one where it is wrong, and an error in the log.

    A mistake in a list of names is no reason to refuse ratings. `load_staff` raises it instead.
    """
    if settings.staff_file is None:
        return StaffDirectory()
    try:
        return load_staff(settings.staff_file, show_photo=settings.show_photo)
    except InvalidSettings as error:
        logger.error("staff file cannot be used; numbers only problems=%s", error.problems)
        return StaffDirectory()

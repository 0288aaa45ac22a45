"""What people meet at the counter beside keys and lights: voice, screen, staff reader.

Each is there only where the settings ask for it, and its modules are imported only then: a device
of 512 MB should not carry what it has no plug for. None of them decides anything, and none can
hold up a press: they are told what has already happened, and only queue. One that fails is an
alarm in health; it does not end the program, because keys and lights are worth more than any.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from firmware_config.kiosk_settings import KioskSettings
from kiosk.errors import ScreenError
from kiosk.readers import reader_of
from kiosk.situation import Situation

if TYPE_CHECKING:
    from firmware_config.prompts import Prompt
    from kiosk.readers.reader import Reader
    from kiosk.screen.server import Screen
    from kiosk.service import KioskService
    from kiosk.voice.player import Voice


logger = logging.getLogger(__name__)

UNSEEN_MS: Final = 180_000
"""How long no page may listen. Our choice: a Pi boots and Chromium starts in well under that."""


class Counter:
    """Voice, screen and reader of one service, as far as it has them."""

    def __init__(self, service: KioskService) -> None:
        settings = service.settings
        self._clock = service.clock
        self._seen_ms = service.clock.steady_ms()
        self._voice: Voice | None = None
        self._screen: Screen | None = None
        self._prompt: Callable[[Situation, Situation], Prompt | None] = lambda before, after: None
        if settings.voice.folder is not None:
            from kiosk.voice.player import Voice
            from kiosk.voice.prompts import prompt_between

            zone = ZoneInfo(settings.timezone)
            self._voice = Voice(settings.voice, clock=service.clock, zone=zone)
            levels = {b.name: int(b.level) for b in service.panel.profile.buttons}
            self._prompt = lambda before, after: prompt_between(
                before,
                after,
                levels=levels,
                is_walkup=service.settings.session.mode == "walkup",
            )
        if settings.screen.enabled:
            from kiosk.screen.server import attach_screen

            self._screen = attach_screen(service)
        self._reader: Reader | None = reader_of(
            settings.reader, on_event=service.post, clock=service.clock
        )

    def start(self) -> None:
        """Start what there is. A page that nobody can open is no reason to refuse ratings."""
        if self._voice is not None:
            self._voice.start()
        if self._reader is not None:
            self._reader.start()
        if self._screen is not None:
            try:
                self._screen.start()
            except ScreenError as error:
                logger.error("no screen error=%s", error)

    def stop(self) -> None:
        """Stop it; idempotent."""
        for companion in (self._voice, self._reader, self._screen):
            if companion is not None:
                companion.stop()

    def changed(self, before: Situation, after: Situation) -> None:
        """Something happened, and is stored where it had to be."""
        if self._voice is not None:
            prompt = self._prompt(before, after)
            if prompt is not None:
                self._voice.say(prompt, is_open=after.is_open)

    def apply(self, settings: KioskSettings) -> None:
        """Take new settings."""
        if self._voice is not None:
            self._voice.apply(settings.voice)

    def threads(self) -> dict[str, bool]:
        """Name → whether it lives."""
        lives: dict[str, bool] = {}
        if self._voice is not None:
            lives["voice"] = self._voice.is_alive()
        if self._reader is not None:
            lives["reader"] = self._reader.is_alive
        if self._screen is not None:
            lives["screen"] = self._screen.is_alive
        return lives

    def alarms(self) -> list[str]:
        """What does not work, and does not keep anybody from rating."""
        alarms = [f"{name}-failed" for name, lives in self.threads().items() if not lives]
        if self._voice is not None and self._voice.last_problem:
            alarms.append("voice-failed")
        if self._screen is not None and self._screen.is_alive and self._is_unseen(self._screen):
            alarms.append("screen-unseen")
        if self._reader is not None and self._reader.problem:
            alarms.append("reader-lost")
        return list(dict.fromkeys(alarms))

    def _is_unseen(self, screen: Screen) -> bool:
        """Whether no page has listened for long: the browser is gone, or never came."""
        now_ms = self._clock.steady_ms()
        if screen.streams:
            self._seen_ms = now_ms
        return now_ms - self._seen_ms > UNSEEN_MS

"""Saying prompts through a program that plays WAV files, in a thread of its own.

`say` only queues; the thread takes the newest prompt. The player is a child process, `aplay`:
the sound card's library can hang or crash, and must not take the buttons with it. A newer prompt
ends the one that still plays. Whatever goes wrong is counted, told once, and ends nothing.

Volume is made by scaling samples, not by the card's mixer: the names of its controls differ from
card to card, many USB and HDMI outputs have none, and a shared mixer would be left changed.
"""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo
from typing import Final

from firmware_config.counter_settings import VoiceSettings
from firmware_config.hours import span_of
from firmware_config.prompts import Prompt
from firmware_config.wav import WavError
from kiosk.clock import Clock
from kiosk.voice.prompts import gain_of, is_quiet
from kiosk.voice.sounds import Sounds

logger = logging.getLogger(__name__)

APLAY: Final = ("aplay",)
GRACE_S: Final = 0.2
"""From SIGTERM to SIGKILL. Our choice: aplay ends within some ms, unless the card hangs."""
KILL_S: Final = 1.0
"""How long a killed player is waited for. One that the kernel holds for longer keeps the voice
silent, and is looked at again with the next prompt."""
LOOK_S: Final = 0.05
"""While a prompt plays, how often it is looked whether it has ended. Waiting for its end and for
the next prompt at once would need a system call in `say`, and with it a wait for the interpreter
(2 ms, measured)."""
OVERTIME_MS: Final = 5_000
"""How much longer than its prompt a player may take. Our choice: opening a USB card that slept."""
AGAIN_MS: Final = 60_000
"""When a player that could not be ended is tried again. Our choice."""
TOLD_MAXIMUM: Final = 20
"""Different problems that are logged."""


_Wanted = tuple[Prompt, bool, VoiceSettings]
"""A prompt, whether the hall is open, and the settings when it was asked for."""


@dataclass(slots=True)
class _Playing:
    prompt: Prompt
    process: subprocess.Popen[bytes]
    complaints_fd: int
    due_ms: int


class Voice:
    """The speaker of one kiosk.

    Args:
        settings: with a folder.
        clock: for quiet hours, and for how long a prompt may take.
        zone: of the hall.
        player: the program, and arguments before ours (`-q -D DEVICE -`).

    Attributes:
        said: prompts that were played to their end.
        failures: prompts that should have been heard and were not.
        last_problem: what kept the latest prompt from being heard; empty: nothing did.
    """

    def __init__(
        self,
        settings: VoiceSettings,
        *,
        clock: Clock,
        zone: tzinfo,
        player: Sequence[str] = APLAY,
    ) -> None:
        self.said = 0
        self.failures = 0
        self.last_problem = ""
        self._settings = settings
        self._clock = clock
        self._zone = zone
        self._player = tuple(player)
        self._queue: queue.SimpleQueue[_Wanted | None] = queue.SimpleQueue()
        self._is_over = False
        self._thread: threading.Thread | None = None
        self._playing: _Playing | None = None
        self._sounds: Sounds | None = None
        self._sounds_for: VoiceSettings | None = None
        self._told: set[str] = set()

    def start(self) -> None:
        """Start the thread; nothing is opened before the first prompt.

        Raises:
            RuntimeError: it was started before.
        """
        if self._thread is not None:
            raise RuntimeError("voice: expected to be started once, got a second start")
        self._thread = threading.Thread(target=self._run, name="voice", daemon=True)
        self._thread.start()

    def say(self, prompt: Prompt, *, is_open: bool = True) -> None:
        """Ask for a prompt instead of any that waits or plays; returns at once, from any thread.

        Args:
            is_open: whether the hall is open now.
        """
        if not self._is_over:
            self._queue.put((prompt, is_open, self._settings))

    def apply(self, settings: VoiceSettings) -> None:
        """Use other settings for what is asked for from now on; from any thread."""
        self._settings = settings

    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def is_waiting(self) -> bool:
        """Whether a prompt was asked for and not yet looked at."""
        return not self._queue.empty()

    def stop(self) -> None:
        """End what plays, and the thread; idempotent."""
        self._is_over = True
        self._queue.put(None)
        if self._thread is not None:
            self._thread.join()

    # --- the thread ---

    def _run(self) -> None:
        try:
            while not self._is_over:
                self._turn()
        except Exception as error:  # voice is optional: the kiosk goes on without
            self._fail(f"the voice ended: {error!r}")
            logger.exception("voice ended")
        finally:
            self._is_over = True
            with suppress(OSError):
                self._end()
            if self._sounds is not None:
                self._sounds.close()

    def _turn(self) -> None:
        """Wait for a prompt; meanwhile look after the one that plays."""
        wanted = self._newest(LOOK_S if self._playing is not None else None)
        playing = self._playing
        if playing is not None:
            code = playing.process.poll()
            if code is not None:
                self._finish(playing, code)
            elif self._clock.steady_ms() >= playing.due_ms:
                playing.due_ms += AGAIN_MS  # should it not end now either
                self._end()
                self._fail(f"{playing.prompt}: {self._player[0]} did not come to an end")
        if wanted is None or self._is_over:
            return
        prompt, is_open, settings = wanted
        if not self._end():
            self._fail(f"{prompt}: the last {self._player[0]} cannot be ended")
            return
        if not self._is_quiet(prompt, settings, is_open=is_open):
            try:
                self._play(prompt, settings)
            except (WavError, OSError) as error:
                self._fail(str(error))

    def _newest(self, wait_s: float | None) -> _Wanted | None:
        """The newest prompt asked for; None: none within `wait_s`, which None makes for ever."""
        try:
            wanted = self._queue.get(timeout=wait_s)
        except queue.Empty:
            return None
        while not self._queue.empty():
            wanted = self._queue.get()
        return wanted

    def _is_quiet(self, prompt: Prompt, settings: VoiceSettings, *, is_open: bool) -> bool:
        at: time | None = None
        if self._clock.is_synced():
            local = datetime.fromtimestamp(self._clock.wall_ms() / 1000, UTC).astimezone(self._zone)
            at = local.time()
        return is_quiet(
            prompt,
            at,
            volume=settings.volume,
            quiet_hours=[span_of(text) for text in settings.quiet_hours],
            is_open=is_open,
        )

    def _play(self, prompt: Prompt, settings: VoiceSettings) -> None:
        if self._sounds is None or self._sounds_for != settings:
            if self._sounds is not None:
                self._sounds.close()
                self._sounds = None
            if settings.folder is None:
                return
            gain = gain_of(settings.volume)
            self._sounds = Sounds(settings.folder, settings.language, gain)
            self._sounds_for = settings
        sound = self._sounds.sound(prompt)
        if not sound.duration_s:
            return
        complaints_fd = os.memfd_create("complaints", os.MFD_CLOEXEC)  # nobody need read it now
        try:
            process = subprocess.Popen(
                [*self._player, "-q", "-D", settings.device, "-"],
                stdin=sound.fd,
                stdout=subprocess.DEVNULL,
                stderr=complaints_fd,
            )
        except BaseException:
            os.close(complaints_fd)
            raise
        due_ms = self._clock.steady_ms() + round(sound.duration_s * 1000) + OVERTIME_MS
        self._playing = _Playing(prompt, process, complaints_fd, due_ms)

    def _end(self) -> bool:
        """End what plays; False: the kernel does not let it go."""
        playing = self._playing
        if playing is None:
            return True
        process = playing.process
        for end, wait_s in ((process.terminate, GRACE_S), (process.kill, KILL_S)):
            end()
            with suppress(subprocess.TimeoutExpired):
                process.wait(wait_s)
                self._forget(playing)
                return True
        return False

    def _finish(self, playing: _Playing, code: int) -> None:
        """Take note of a player that came to its own end."""
        words = os.pread(playing.complaints_fd, 4096, 0).decode(errors="replace").split("\n")
        self._forget(playing)
        if code:
            # the last line is the program's own; those before are the sound library's
            told = next(filter(None, reversed(words)), f"exit code {code}")
            self._fail(f"{playing.prompt}: {self._player[0]}: {told}")
            return
        self.said += 1
        self.last_problem = ""

    def _forget(self, playing: _Playing) -> None:
        os.close(playing.complaints_fd)
        self._playing = None

    def _fail(self, problem: str) -> None:
        self.failures += 1
        self.last_problem = problem
        if problem not in self._told and len(self._told) < TOLD_MAXIMUM:
            self._told.add(problem)
            logger.warning("a prompt was not heard: %s", problem)

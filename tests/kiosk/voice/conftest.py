"""Voices that play through the real aplay into a file, or through programs that misbehave."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from firmware_config.counter_settings import VoiceSettings
from kiosk.clock import ManualClock
from kiosk.voice.player import Voice

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file into which ALSA's device `capture` writes the samples it is given to play."""
    path = tmp_path / "played.raw"
    rules = tmp_path / "alsa.conf"
    rules.write_text(
        "pcm.null { type null }\n"
        f'pcm.capture {{ type file slave.pcm "null" file "{path}" format "raw" }}\n'
    )
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(rules))
    return path


@pytest.fixture
def make_voice(voice_set: Path, clock: ManualClock) -> Iterator[Callable[..., Voice]]:
    """Makes voices, started; keywords are settings, but for `player`. All are stopped."""
    made: list[Voice] = []

    def make(*, player: tuple[str, ...] = ("aplay",), **changes: object) -> Voice:
        values: dict[str, object] = {"folder": voice_set, "device": "capture", "volume": 100}
        settings = VoiceSettings(**(values | changes))  # type: ignore[arg-type]
        voice = Voice(settings, clock=clock, zone=ZONE, player=player)
        made.append(voice)
        voice.start()
        return voice

    yield make
    for voice in made:
        voice.stop()


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command of every player that was started, in order; grows."""
    commands: list[list[str]] = []
    start = subprocess.Popen

    def note_and_start(command: list[str], **options: Any) -> Any:
        commands.append(command)
        return start(command, **options)

    monkeypatch.setattr("kiosk.voice.player.subprocess.Popen", note_and_start)
    return commands


class HangingPlayer:
    """A program that keeps what it is to play in `<process id>.wav`, and then plays for ever."""

    def __init__(self, folder: Path, *, ignores_sigterm: bool) -> None:
        self.folder = folder / "hanging"
        self.folder.mkdir()
        program = self.folder / "player"
        trap = "trap '' TERM\n" if ignores_sigterm else ""
        program.write_text(
            f"#!/bin/sh\n{trap}cd {self.folder}\ncat > $$.part && mv $$.part $$.wav\n"
            "exec sleep 1000\n"
        )
        program.chmod(0o755)
        self.command = (str(program),)

    def heard(self) -> dict[int, bytes]:
        """Process id → what it was given, whole."""
        return {int(path.stem): path.read_bytes() for path in self.folder.glob("*.wav")}


@pytest.fixture(params=[False, True], ids=["ends when asked", "must be killed"])
def hanging(request: pytest.FixtureRequest, tmp_path: Path) -> HangingPlayer:
    return HangingPlayer(tmp_path, ignores_sigterm=request.param)


@pytest.fixture
def exists() -> Callable[[int], bool]:
    """Whether there is such a process; one that ended but was not reaped counts."""

    def look(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    return look

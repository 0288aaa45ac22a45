"""The voice plays what it was asked for, at the volume set, and can harm nothing when it cannot."""

from __future__ import annotations

import logging
import os
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from firmware_config.counter_settings import VoiceSettings
from firmware_config.prompts import Prompt
from firmware_config.voice_set import prompt_file, read_prompt
from firmware_config.wav import Wav, parse_wav
from kiosk.clock import ManualClock
from kiosk.voice.player import OVERTIME_MS, Voice
from kiosk.voice.prompts import gain_of
from kiosk.voice.sounds import Sounds

MakeVoice = Callable[..., Voice]
WaitUntil = Callable[..., None]
Exists = Callable[[int], bool]


def pcm_of(voice_set: Path, prompt: Prompt, language: str = "zh-CN") -> bytes:
    return read_prompt(prompt_file(voice_set, language, prompt)).pcm


def rms_db(path: Path) -> float:
    """Loudness of raw samples, by sox."""
    command = ["sox", "-t", "raw", "-r", "22050", "-e", "signed", "-b", "16", "-c", "1", str(path)]
    result = subprocess.run([*command, "-n", "stats"], capture_output=True, text=True, check=True)
    return float(result.stderr.split("RMS lev dB")[1].split()[0])


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


# --- what is heard ---


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_the_samples_played_are_the_prompts(
    language: str, make_voice: MakeVoice, played: Path, voice_set: Path, wait_until: WaitUntil
) -> None:
    voice = make_voice(language=language)

    voice.say(Prompt.INVITE)
    wait_until(lambda: voice.said)

    pcm = pcm_of(voice_set, Prompt.INVITE, language)
    heard = played.read_bytes()
    assert heard[: len(pcm)] == pcm
    assert not any(heard[len(pcm) :])  # aplay fills its last period with silence
    assert (voice.failures, voice.last_problem) == (0, "")


def test_at_half_volume_the_samples_are_ten_decibels_lower(
    make_voice: MakeVoice, played: Path, voice_set: Path, wait_until: WaitUntil
) -> None:
    voice = make_voice(volume=100)
    voice.say(Prompt.INVITE)
    wait_until(lambda: voice.said == 1)
    loud_db = rms_db(played)

    voice.apply(VoiceSettings(folder=voice_set, device="capture", volume=50))
    voice.say(Prompt.INVITE)
    wait_until(lambda: voice.said == 2)

    assert loud_db - rms_db(played) == pytest.approx(10, abs=0.05)
    pcm, heard = pcm_of(voice_set, Prompt.INVITE), played.read_bytes()
    count = len(pcm) // 2
    pairs = zip(
        struct.unpack(f"<{count}h", pcm), struct.unpack_from(f"<{count}h", heard), strict=True
    )
    assert max(abs(was * gain_of(50) - now) for was, now in pairs) < 2


def test_a_changed_language_is_spoken_from_the_next_prompt_on(
    make_voice: MakeVoice, played: Path, voice_set: Path, wait_until: WaitUntil
) -> None:
    voice = make_voice()
    voice.say(Prompt.THANKS)
    wait_until(lambda: voice.said == 1)

    voice.apply(VoiceSettings(folder=voice_set, device="capture", volume=100, language="en"))
    voice.say(Prompt.THANKS)
    wait_until(lambda: voice.said == 2)

    assert played.read_bytes().startswith(pcm_of(voice_set, Prompt.THANKS, "en"))


def test_a_halls_own_recording_is_played_as_it_is(
    make_voice: MakeVoice, played: Path, voice_set: Path, tmp_path: Path, wait_until: WaitUntil
) -> None:
    own = Path(shutil.copytree(voice_set, tmp_path / "own"))
    stereo = Wav(rate_hz=44_100, channels=2, pcm=struct.pack("<8h", 1, -1, 9, -9, 700, 5, 0, 3))
    prompt_file(own, "zh-CN", Prompt.PAUSED).write_bytes(stereo.to_bytes())
    voice = make_voice(folder=own)

    voice.say(Prompt.PAUSED)
    wait_until(lambda: voice.said)

    assert played.read_bytes().startswith(stereo.pcm)


# --- what is not said ---


@pytest.mark.parametrize(
    ("changes", "is_open"),
    [({"volume": 0}, True), ({"quiet_hours": ("08:30-09:30",)}, True), ({}, False)],
    ids=["no volume", "quiet hour", "closed hall"],
)
def test_nothing_is_said_when_it_is_to_be_quiet(
    changes: dict[str, Any],
    is_open: bool,
    make_voice: MakeVoice,
    played: Path,
    voice_set: Path,
    starts: list[list[str]],
    wait_until: WaitUntil,
) -> None:
    voice = make_voice(**changes)

    voice.say(Prompt.INVITE, is_open=is_open)
    wait_until(lambda: not voice.is_waiting)
    voice.apply(VoiceSettings(folder=voice_set, device="capture", volume=100))
    voice.say(Prompt.THANKS)
    wait_until(lambda: voice.said)

    assert (voice.said, voice.failures, len(starts)) == (1, 0, 1)
    assert played.read_bytes().startswith(pcm_of(voice_set, Prompt.THANKS))


@pytest.mark.usefixtures("played")
def test_a_clock_that_is_not_set_knows_no_quiet_hours(
    make_voice: MakeVoice, clock: ManualClock, wait_until: WaitUntil
) -> None:
    clock.step(0, is_synced=False)
    voice = make_voice(quiet_hours=("00:00-23:59",))

    voice.say(Prompt.INVITE)

    wait_until(lambda: voice.said == 1)


@pytest.mark.usefixtures("played")
def test_an_empty_recording_says_nothing_and_is_no_failure(
    make_voice: MakeVoice,
    voice_set: Path,
    tmp_path: Path,
    starts: list[list[str]],
    wait_until: WaitUntil,
) -> None:
    own = Path(shutil.copytree(voice_set, tmp_path / "own"))
    nothing = Wav(rate_hz=22_050, channels=1, pcm=b"")
    prompt_file(own, "zh-CN", Prompt.SIGNED_IN).write_bytes(nothing.to_bytes())
    voice = make_voice(folder=own)

    voice.say(Prompt.SIGNED_IN)
    wait_until(lambda: not voice.is_waiting)
    voice.say(Prompt.THANKS)
    wait_until(lambda: voice.said)

    assert (voice.said, voice.failures) == (1, 0)
    assert starts == [["aplay", "-q", "-D", "capture", "-"]]


# --- nobody waits ---


def test_saying_a_thousand_prompts_waits_for_nothing_and_only_the_newest_is_said(
    make_voice: MakeVoice,
    played: Path,
    voice_set: Path,
    monkeypatch: pytest.MonkeyPatch,
    wait_until: WaitUntil,
) -> None:
    is_stuck, may_go = threading.Event(), threading.Event()
    get = Sounds.sound

    def get_slowly(self: Sounds, prompt: Prompt) -> object:
        is_stuck.set()
        assert may_go.wait(60)
        return get(self, prompt)

    monkeypatch.setattr(Sounds, "sound", get_slowly)
    voice = make_voice(player=("false",))  # counts a failure for each prompt it is given
    voice.say(Prompt.TEST_BEGIN)
    assert is_stuck.wait(60)

    for number in range(1_000):  # the thread cannot move before all of them are asked for
        voice.say(list(Prompt)[number % len(Prompt)])
    voice.say(Prompt.PAUSED)
    assert not may_go.is_set()
    may_go.set()

    wait_until(lambda: voice.last_problem.startswith("paused: "))
    assert voice.failures <= 2  # the first, unless the newest cut it off, and the newest
    assert not played.exists()
    assert voice.is_alive()


def test_a_new_prompt_ends_the_one_that_plays(
    make_voice: MakeVoice,
    hanging: Any,
    voice_set: Path,
    wait_until: WaitUntil,
    exists: Exists,
) -> None:
    voice = make_voice(player=hanging.command)
    voice.say(Prompt.INVITE)
    wait_until(lambda: len(hanging.heard()) == 1)
    (first,) = hanging.heard()

    for _ in range(1_000):
        voice.say(Prompt.INVITE)
    voice.say(Prompt.THANKS)

    wanted = pcm_of(voice_set, Prompt.THANKS)
    wait_until(lambda: any(parse_wav(one).pcm == wanted for one in hanging.heard().values()))
    assert not exists(first)
    living = [pid for pid in hanging.heard() if exists(pid)]
    assert [parse_wav(hanging.heard()[pid]).pcm for pid in living] == [wanted]
    assert voice.failures == 0  # it was cut off, which is as it should be


def test_stopping_ends_what_plays_and_leaves_nothing(
    make_voice: MakeVoice, hanging: Any, wait_until: WaitUntil, exists: Exists
) -> None:
    files = open_files()
    voice = make_voice(player=hanging.command)
    voice.say(Prompt.INVITE)
    wait_until(hanging.heard)
    (pid,) = hanging.heard()

    voice.stop()
    voice.stop()
    voice.say(Prompt.THANKS)

    assert not exists(pid)
    assert not voice.is_alive()
    assert open_files() == files


@pytest.mark.usefixtures("played")
def test_a_player_that_ended_is_reaped_at_once_and_nothing_stays_open(
    make_voice: MakeVoice, tmp_path: Path, wait_until: WaitUntil, exists: Exists
) -> None:
    program = tmp_path / "player"
    program.write_text(f'#!/bin/sh\necho $$ >> {tmp_path}/pids\nexec aplay "$@"\n')
    program.chmod(0o755)
    voice = make_voice(player=(str(program),))
    voice.say(Prompt.THANKS)
    wait_until(lambda: voice.said == 1)
    files = open_files()

    for number in range(2, 12):
        voice.say(Prompt.THANKS)
        wait_until(lambda number=number: voice.said == number)

    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(pids) == 11
    assert not any(map(exists, pids))
    assert open_files() == files


def test_a_player_that_does_not_come_to_an_end_is_ended(
    make_voice: MakeVoice,
    hanging: Any,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    wait_until: WaitUntil,
    exists: Exists,
) -> None:
    looks = 0
    read = clock.steady_ms

    def read_and_count() -> int:
        nonlocal looks
        looks += 1
        return read()

    monkeypatch.setattr(clock, "steady_ms", read_and_count)
    voice = make_voice(player=hanging.command)
    voice.say(Prompt.THANKS)
    wait_until(hanging.heard)
    (pid,) = hanging.heard()

    clock.advance(OVERTIME_MS)  # beside it the prompt has its own time
    looks = 0
    wait_until(lambda: looks >= 2)
    assert exists(pid)
    clock.advance(20_000)

    wait_until(lambda: voice.failures == 1)
    assert voice.last_problem == f"thanks: {hanging.command[0]} did not come to an end"
    assert not exists(pid)


# --- what can go wrong ---


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"player": ("/nonexistent/aplay",)}, "No such file or directory: '/nonexistent/aplay'"),
        ({"player": ("false",)}, "invite: false: exit code 1"),
        ({"device": "hw:31"}, "invite: aplay: aplay: main:"),
        ({"folder": Path("/nonexistent")}, "No such file or directory: '/nonexistent/zh-CN/inv"),
    ],
    ids=["no player", "player fails", "no sound card", "no prompts"],
)
def test_a_voice_that_cannot_be_heard_is_told_once_and_lives_on(
    changes: dict[str, Any],
    words: str,
    make_voice: MakeVoice,
    wait_until: WaitUntil,
    caplog: pytest.LogCaptureFixture,
) -> None:
    voice = make_voice(**changes)

    with caplog.at_level(logging.WARNING):
        for count in range(1, 6):
            voice.say(Prompt.INVITE)
            wait_until(lambda count=count: voice.failures == count)

    assert words in voice.last_problem
    assert [record.message for record in caplog.records] == [
        f"a prompt was not heard: {voice.last_problem}"
    ]
    assert (voice.is_alive(), voice.said) == (True, 0)


@pytest.mark.usefixtures("played")
def test_a_file_that_cannot_be_played_spoils_no_other(
    make_voice: MakeVoice, voice_set: Path, tmp_path: Path, wait_until: WaitUntil
) -> None:
    own = Path(shutil.copytree(voice_set, tmp_path / "own"))
    prompt_file(own, "zh-CN", Prompt.INVITE).write_bytes(b"recorded as MP3")
    voice = make_voice(folder=own)

    voice.say(Prompt.INVITE)
    wait_until(lambda: voice.failures == 1)
    assert "zh-CN/invite.wav: expected a WAV file" in voice.last_problem
    voice.say(Prompt.THANKS)
    wait_until(lambda: voice.said == 1)

    assert voice.last_problem == ""


@pytest.mark.usefixtures("played")
def test_a_bug_ends_the_voice_and_nothing_else(
    make_voice: MakeVoice,
    monkeypatch: pytest.MonkeyPatch,
    wait_until: WaitUntil,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Sounds, "sound", fail)
    voice = make_voice()

    with caplog.at_level(logging.CRITICAL):
        voice.say(Prompt.INVITE)
        wait_until(lambda: not voice.is_alive())
    voice.say(Prompt.THANKS)

    assert voice.last_problem == "the voice ended: ZeroDivisionError()"


def test_a_voice_is_started_once_and_says_nothing_before(
    voice_set: Path, clock: ManualClock
) -> None:
    voice = Voice(VoiceSettings(folder=voice_set), clock=clock, zone=UTC)
    voice.say(Prompt.INVITE)
    voice.stop()
    assert not voice.is_alive()
    voice = Voice(VoiceSettings(folder=voice_set, volume=0), clock=clock, zone=UTC)
    voice.start()

    with pytest.raises(RuntimeError, match="expected to be started once"):
        voice.start()
    voice.stop()


def test_a_kiosk_without_a_voice_carries_none_of_it() -> None:
    program = (
        "import sys, kiosk.cli, kiosk.service\n"
        "print([n for n in sys.modules if 'voice' in n or n.endswith(('prompts', '.wav'))])"
    )

    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (result.stdout, result.stderr) == ("[]\n", "")

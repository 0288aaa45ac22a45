"""`kiosk check` and the voice: every problem at once, and nothing when no voice is wanted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_config.counter_settings import VoiceSettings
from firmware_config.errors import ExitCode
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.prompts import Prompt
from firmware_config.voice_set import prompt_file
from kiosk.cli import main
from kiosk.voice.checks import voice_problems


def test_a_complete_set_has_no_problem(voice_set: Path) -> None:
    assert voice_problems(VoiceSettings(folder=voice_set)) == []
    assert voice_problems(VoiceSettings(folder=voice_set, language="en")) == []


def test_no_folder_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    assert voice_problems(VoiceSettings()) == []


def test_every_problem_is_told_at_once(
    voice_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shutil.copytree(voice_set, tmp_path / "own"))
    invite, thanks = (prompt_file(own, "zh-CN", one) for one in (Prompt.INVITE, Prompt.THANKS))
    invite.unlink()
    thanks.write_bytes(b"recorded as MP3")
    monkeypatch.setenv("PATH", "/nonexistent")

    assert voice_problems(VoiceSettings(folder=own)) == [
        f"voice: {invite}: expected a WAV file, got none",
        f"voice: {thanks}: expected a WAV file (RIFF … WAVE), got b'recorded as '",
        "voice: aplay: expected the program, got none; Debian package alsa-utils",
    ]


def test_a_missing_folder_is_one_problem() -> None:
    assert voice_problems(VoiceSettings(folder=Path("/nonexistent"))) == [
        "voice: /nonexistent/zh-CN: expected a folder of prompts, got none"
    ]


def test_the_command_tells_them(
    make_settings: Callable[..., KioskSettings],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = make_settings()
    (tmp_path / "password").write_text("secret-enough\n")
    (tmp_path / "password").chmod(0o600)
    config = tmp_path / "kiosk.toml"
    config.write_text(
        f'hall = "{settings.hall}"\ndevice = "{settings.device}"\njournal = "journal.db"\n'
        'key = "key.jwk"\ncollector_key = "collector.jwk"\n[storage]\nallow_volatile = true\n'
        '[broker]\nhost = "127.0.0.1"\npassword_file = "password"\n[voice]\nfolder = "voice"\n'
    )

    assert main(["check", "--config", str(config)], environ={}) == ExitCode.CONFIGURATION

    assert capsys.readouterr().err.splitlines()[-1] == (
        f"kiosk: error: voice: {tmp_path}/voice/zh-CN: expected a folder of prompts, got none"
    )

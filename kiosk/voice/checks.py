"""What `kiosk check` says about the voice; plays nothing."""

from __future__ import annotations

import shutil

from firmware_config.counter_settings import VoiceSettings
from firmware_config.voice_set import set_problems
from kiosk.voice.player import APLAY


def voice_problems(settings: VoiceSettings) -> list[str]:
    """Everything that would keep the voice from being heard, as `voice: what: expected, got`.

    Nothing when there is no folder: no voice is wanted. Whether the sound card plays can only be
    heard.
    """
    if settings.folder is None:
        return []
    problems = set_problems(settings.folder, settings.language)
    if shutil.which(APLAY[0]) is None:
        problems.append(f"{APLAY[0]}: expected the program, got none; Debian package alsa-utils")
    return [f"voice: {problem}" for problem in problems]

"""The prompts ready to be played: read, checked, scaled to the volume, kept in memory files.

A memory file (memfd) is what a player reads from: it needs no pipe that somebody must feed while it
plays, and what was scaled once is not scaled again. Its pages are not this process's, but are
memory all the same, hence `KEPT_BYTES`.
"""

from __future__ import annotations

import os
import struct
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_config.prompts import Prompt
from firmware_config.voice_set import prompt_file, read_prompt
from firmware_config.wav import Wav

KEPT_BYTES: Final = 2_097_152
"""Most that is kept scaled. Our choice: a whole set as espeak-ng makes it (1.85 MB, measured); of a
set of long stereo recordings, the prompts said last."""
CHUNK_SAMPLES: Final = 1_024
"""Scaled at a time. Our choice: 0.04 ms here, so below 1 ms on the slowest Pi; in between other
threads run."""
_FULL: Final = 32_767
_SHIFT: Final = 15


@dataclass(frozen=True, slots=True)
class Sound:
    """A prompt ready to be played.

    Attributes:
        fd: a memory file with a WAV file in it.
        size: its bytes.
        duration_s: how long it plays; 0: there is nothing to say.
    """

    fd: int
    size: int
    duration_s: float


class Sounds:
    """The prompts of one language at one volume.

    Args:
        folder: of the set.
        language: which of its folders.
        gain: factor for every sample, 0 to 1.
    """

    def __init__(self, folder: Path, language: str, gain: float) -> None:
        self._folder = folder
        self._language = language
        self._gain = gain
        self._kept: OrderedDict[Prompt, Sound] = OrderedDict()

    def sound(self, prompt: Prompt) -> Sound:
        """The prompt, its file rewound; valid until the next call of any method.

        Raises:
            WavError: its file cannot be played.
            OSError: its file cannot be read, or there is no memory.
        """
        sound = self._kept.get(prompt)
        if sound is None:
            wav = read_prompt(prompt_file(self._folder, self._language, prompt))
            sound = self._kept[prompt] = _in_memory(prompt, wav, self._gain)
        self._kept.move_to_end(prompt)
        while len(self._kept) > 1 and sum(one.size for one in self._kept.values()) > KEPT_BYTES:
            os.close(self._kept.popitem(last=False)[1].fd)
        os.lseek(sound.fd, 0, os.SEEK_SET)
        return sound

    def close(self) -> None:
        """Give everything back; idempotent."""
        while self._kept:
            os.close(self._kept.popitem()[1].fd)


def _in_memory(prompt: Prompt, wav: Wav, gain: float) -> Sound:
    fd = os.memfd_create(f"prompt-{prompt}", os.MFD_CLOEXEC)
    try:
        with os.fdopen(fd, "wb", closefd=False) as file:
            file.write(wav.header())
            for part in scaled(wav.pcm, gain):
                file.write(part)
                time.sleep(0)  # lets go of the interpreter: a press must not wait
            size = file.tell()
    except BaseException:
        os.close(fd)
        raise
    return Sound(fd, size, wav.duration_s)


def scaled(pcm: bytes, gain: float) -> Iterator[bytes]:
    """16-bit samples times `gain` (0 to 1), in parts of `CHUNK_SAMPLES`."""
    factor = round(gain * (1 << _SHIFT))
    for at in range(0, len(pcm), 2 * CHUNK_SAMPLES):
        part = pcm[at : at + 2 * CHUNK_SAMPLES]
        if factor < 1 << _SHIFT:
            form = f"<{len(part) // 2}h"
            part = struct.pack(form, *[one * factor >> _SHIFT for one in struct.unpack(form, part)])
        yield part

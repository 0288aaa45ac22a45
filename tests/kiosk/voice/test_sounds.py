"""Prompts in memory: scaled exactly, kept up to a limit, given back."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.prompts import Prompt
from firmware_config.voice_set import prompt_file, read_prompt
from firmware_config.wav import Wav, parse_wav
from kiosk.voice.sounds import CHUNK_SAMPLES, KEPT_BYTES, Sounds, scaled


@given(
    st.lists(st.integers(-32768, 32767), max_size=60),
    st.floats(0, 1),
    st.sampled_from((1, CHUNK_SAMPLES)),
)
def test_every_sample_is_scaled_and_none_overflows(
    samples: list[int], gain: float, repeats: int
) -> None:
    samples = samples * repeats
    pcm = struct.pack(f"<{len(samples)}h", *samples)

    result = b"".join(scaled(pcm, gain))

    assert len(result) == len(pcm)
    for was, now in zip(samples, struct.unpack(f"<{len(samples)}h", result), strict=True):
        assert abs(was * gain - now) <= 2


def test_full_volume_changes_nothing() -> None:
    pcm = struct.pack("<4h", -32768, 32767, 0, -1)

    assert b"".join(scaled(pcm, 1)) == pcm


def test_a_prompt_is_read_once_and_rewound_each_time(own_set: Path) -> None:
    sounds = Sounds(own_set, "en", 1.0)
    first = sounds.sound(Prompt.INVITE)
    content = os.read(first.fd, 9_999_999)
    prompt_file(own_set, "en", Prompt.INVITE).unlink()

    again = sounds.sound(Prompt.INVITE)

    assert again == first
    assert os.read(again.fd, 9_999_999) == content
    assert len(content) == first.size
    assert parse_wav(content).duration_s == first.duration_s
    sounds.close()


def test_long_recordings_are_not_all_kept(own_set: Path) -> None:
    long = Wav(rate_hz=44_100, channels=2, pcm=bytes(KEPT_BYTES // 12 * 4))
    for prompt in Prompt:
        prompt_file(own_set, "en", prompt).write_bytes(long.to_bytes())
    sounds = Sounds(own_set, "en", 0.5)
    files = len(os.listdir("/proc/self/fd"))

    for prompt in Prompt:
        sounds.sound(prompt)

    assert len(os.listdir("/proc/self/fd")) - files == 2
    sounds.close()
    sounds.close()
    assert len(os.listdir("/proc/self/fd")) == files


def test_those_said_last_are_kept(own_set: Path) -> None:
    long = Wav(rate_hz=44_100, channels=2, pcm=bytes(KEPT_BYTES // 12 * 4))
    first, second, third = Prompt.INVITE, Prompt.THANKS, Prompt.PAUSED
    for prompt in (first, second, third):
        prompt_file(own_set, "en", prompt).write_bytes(long.to_bytes())
    sounds = Sounds(own_set, "en", 0.5)

    for prompt in (first, second, first, third):
        sounds.sound(prompt)
    shutil.rmtree(own_set)

    assert sounds.sound(first).duration_s == long.duration_s
    with pytest.raises(FileNotFoundError):
        sounds.sound(second)
    sounds.close()


def test_one_that_is_larger_than_the_limit_is_played_all_the_same(own_set: Path) -> None:
    huge = Wav(rate_hz=48_000, channels=2, pcm=bytes(KEPT_BYTES + 4))
    prompt_file(own_set, "en", Prompt.INVITE).write_bytes(huge.to_bytes())
    sounds = Sounds(own_set, "en", 0.5)

    assert sounds.sound(Prompt.INVITE).size > KEPT_BYTES
    sounds.close()


def test_a_set_made_by_espeak_is_kept_whole(voice_set: Path) -> None:
    for language in ("zh-CN", "en"):
        sizes = [
            len(read_prompt(prompt_file(voice_set, language, prompt)).to_bytes())
            for prompt in Prompt
        ]
        assert sum(sizes) <= KEPT_BYTES


@pytest.fixture
def own_set(voice_set: Path, tmp_path: Path) -> Path:
    """A set to change."""
    return Path(shutil.copytree(voice_set, tmp_path / "own"))

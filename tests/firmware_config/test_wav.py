"""WAV files: what is taken, what is refused and why, and that nothing else can happen."""

from __future__ import annotations

import struct
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.errors import ExitCode
from firmware_config.voice_set import read_prompt
from firmware_config.wav import LARGEST_BYTES, LONGEST_S, Wav, WavError, parse_wav

TONE = struct.pack("<6h", 0, 1000, -1000, 32767, -32768, 5)
MONO = Wav(rate_hz=8000, channels=1, pcm=TONE)
CONTENT = MONO.to_bytes()
EXTENSIBLE = (
    struct.pack("<HHIIHH", 0xFFFE, 1, 8000, 16000, 2, 16)
    + struct.pack("<HHIH", 22, 16, 4, 1)
    + b"\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
)


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def form(*, code: int = 1, channels: int = 1, rate_hz: int = 8000, bits: int = 16) -> bytes:
    block = channels * bits // 8
    return chunk(
        b"fmt ", struct.pack("<HHIIHH", code, channels, rate_hz, rate_hz * block, block, bits)
    )


@given(
    rate_hz=st.integers(8_000, 48_000),
    channels=st.sampled_from((1, 2)),
    samples=st.lists(st.integers(-32768, 32767), max_size=50),
)
def test_what_was_written_is_read(rate_hz: int, channels: int, samples: list[int]) -> None:
    pcm = struct.pack(f"<{len(samples)}h", *samples)
    pcm = pcm[: len(pcm) // (2 * channels) * 2 * channels]
    wav = Wav(rate_hz=rate_hz, channels=channels, pcm=pcm)

    assert parse_wav(wav.to_bytes()) == wav


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda tail: CONTENT[:36] + tail))
def test_whatever_stands_in_a_file_it_is_read_or_refused(content: bytes) -> None:
    with suppress(WavError):
        assert parse_wav(content).duration_s <= LONGEST_S


@pytest.mark.parametrize(
    "content",
    [
        riff(form(), chunk(b"LIST", b"INFOodd"), chunk(b"data", TONE), chunk(b"id3 ", b"x")),
        riff(chunk(b"fmt ", EXTENSIBLE), chunk(b"fact", b"\0" * 4), chunk(b"data", TONE)),
    ],
    ids=["titles before and after", "extensible format"],
)
def test_what_recording_programs_add_is_no_hindrance(content: bytes) -> None:
    assert parse_wav(content) == MONO


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"ID3\x04 an MP3 file", r"expected a WAV file \(RIFF … WAVE\), got b'ID3"),
        (riff(chunk(b"data", TONE)), "expected a format before the samples"),
        (riff(form()), "expected samples"),
        (riff(form(code=3, bits=32), chunk(b"data", TONE)), "expected PCM .*, got format 3"),
        (riff(form(bits=24), chunk(b"data", TONE)), "expected 16 bits a sample, got 24"),
        (riff(form(channels=6), chunk(b"data", TONE)), "expected 1 or 2 channels, got 6"),
        (riff(form(rate_hz=96000), chunk(b"data", TONE)), "expected 8000 to 48000 .*, got 96000"),
        (riff(form(), chunk(b"data", TONE))[:-3], "expected 12 bytes of samples, got 9: cut short"),
        (riff(form(channels=2), chunk(b"data", TONE[:6])), "whole samples of 4 bytes, got 6"),
        (riff(form(), chunk(b"data", b"\0" * 336_000)), "expected at most 20 s, got 21.0 s"),
    ],
)
def test_what_cannot_be_played_is_refused_with_what_was_expected(
    content: bytes, words: str
) -> None:
    with pytest.raises(WavError, match=words) as caught:
        parse_wav(content)

    assert caught.value.exit_code is ExitCode.CONFIGURATION


def test_a_file_made_by_sox_is_read(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    command = ["sox", "-n", "-r", "44100", "-c", "2", "-b", "16", str(path), "synth", "1.5", "sine"]
    subprocess.run(command, check=True)

    wav = read_prompt(path)

    assert (wav.rate_hz, wav.channels, wav.duration_s) == (44_100, 2, 1.5)


def test_a_refusal_names_the_file_and_a_huge_one_is_not_read(tmp_path: Path) -> None:
    small, huge = tmp_path / "small.wav", tmp_path / "huge.wav"
    small.write_bytes(b"no sound")
    with huge.open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)

    with pytest.raises(WavError, match=f"^{small}: expected a WAV file"):
        read_prompt(small)
    with pytest.raises(WavError, match=f"^{huge}: expected at most {LARGEST_BYTES} bytes"):
        read_prompt(huge)

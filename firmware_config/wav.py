"""WAV files of the voice: what may stand in one, read from bytes and written to bytes. Pure.

The standard library's `wave` refuses headers that recording programs write (extensible format),
and does not say what it expected.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from firmware_config.errors import ConfigError, ExitCode

LONGEST_S: Final = 20
"""Longest prompt. Our choice: as long as a session waits for its press."""
RATES_HZ: Final = (8_000, 48_000)
"""Lowest and highest sample rate. Our choice: telephone to what every sound card plays."""
LARGEST_BYTES: Final = LONGEST_S * RATES_HZ[1] * 4 + 65_536
"""Largest file: the longest prompt in stereo, and room for titles and the like."""
_PCM: Final = 0x0001
_EXTENSIBLE: Final = 0xFFFE
_SUBFORMAT: Final = slice(24, 26)
"""Where WAVE_FORMAT_EXTENSIBLE keeps the true format: the first two bytes of its GUID."""


class WavError(ConfigError, ValueError):
    """A file is no WAV file that the voice can play; the message says what was expected."""

    exit_code = ExitCode.CONFIGURATION


@dataclass(frozen=True, slots=True, kw_only=True)
class Wav:
    """Sound: 16-bit PCM.

    Attributes:
        rate_hz: samples a second and channel.
        channels: 1 or 2.
        pcm: samples, little-endian, channels in turn.
    """

    rate_hz: int
    channels: int
    pcm: bytes

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return len(self.pcm) / (2 * self.channels * self.rate_hz)

    def header(self) -> bytes:
        """What stands before the samples in a file (44 bytes)."""
        block, size = 2 * self.channels, len(self.pcm)
        rates = struct.pack("<IIHH", self.rate_hz, self.rate_hz * block, block, 16)
        form = struct.pack("<HH", _PCM, self.channels) + rates
        riff = struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE")
        return riff + struct.pack("<4sI", b"fmt ", 16) + form + struct.pack("<4sI", b"data", size)

    def to_bytes(self) -> bytes:
        """The file."""
        return self.header() + self.pcm


def parse_wav(content: bytes) -> Wav:
    """Read a WAV file.

    Raises:
        WavError: it is not 16-bit PCM in 1 or 2 channels of at most `LONGEST_S` seconds.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise WavError(f"expected a WAV file (RIFF … WAVE), got {content[:12]!r}")
    form: bytes | None = None
    pcm: bytes | None = None
    for name, body, size in _chunks(content):
        if name == b"fmt ":
            form = body
        elif name == b"data":
            if len(body) < size:
                raise WavError(f"expected {size} bytes of samples, got {len(body)}: cut short")
            pcm = body
            break
    if form is None or len(form) < 16:
        raise WavError("expected a format before the samples (chunk 'fmt '), got none")
    if pcm is None:
        raise WavError("expected samples (chunk 'data'), got none")
    return _checked(form, pcm)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Name, body and said size of each part; a body is shorter where the file ends early."""
    at = 12
    while at + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        yield name, content[at + 8 : at + 8 + size], size
        at += 8 + size + size % 2


def _checked(form: bytes, pcm: bytes) -> Wav:
    code, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if code == _EXTENSIBLE and len(form) >= 26:
        (code,) = struct.unpack("<H", form[_SUBFORMAT])
    if code != _PCM:
        raise WavError(f"expected PCM without compression (format 1), got format {code}")
    if bits != 16:
        raise WavError(f"expected 16 bits a sample, got {bits}")
    if channels not in (1, 2):
        raise WavError(f"expected 1 or 2 channels, got {channels}")
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        raise WavError(f"expected {RATES_HZ[0]} to {RATES_HZ[1]} samples a second, got {rate_hz}")
    if len(pcm) % (2 * channels):
        raise WavError(f"expected whole samples of {2 * channels} bytes, got {len(pcm)} bytes")
    wav = Wav(rate_hz=rate_hz, channels=channels, pcm=pcm)
    if wav.duration_s > LONGEST_S:
        raise WavError(f"expected at most {LONGEST_S} s, got {wav.duration_s:.1f} s")
    return wav

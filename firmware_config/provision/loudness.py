"""Making synthetic speech ready for a small speaker: silence trimmed, loudness evened. Pure."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Final

from firmware_config.wav import Wav

SPEECH_DBFS: Final = -18.0
"""RMS of the parts in which something is said. Our choice: as loud as speech gets with
peaks that are bent rather than cut; about 8 dB above what espeak-ng gives (measured)."""
PEAK_DBFS: Final = -1.0
"""Highest peak. Our choice: room for the resampling of sound cards."""
KNEE_DBFS: Final = -7.0
"""Above it peaks are bent towards `PEAK_DBFS`. Our choice."""
SILENCE_DBFS: Final = -45.0
"""Below it nothing is said; espeak-ng's own pauses are exactly 0 (measured)."""
LEAD_S: Final = 0.10
"""Silence before the first sound. Our choice: amplifiers of USB speakers and screens swallow the
beginning while they wake."""
TAIL_S: Final = 0.15
_FULL: Final = 32_768
_BLOCK_S: Final = 0.02


def prepared(raw: Wav) -> Wav:
    """A mono recording with `LEAD_S` and `TAIL_S` of silence around it, at `SPEECH_DBFS`.

    A recording in which nothing is said is returned as it is.
    """
    count = len(raw.pcm) // 2
    samples = struct.unpack(f"<{count}h", raw.pcm)
    threshold = _FULL * _ratio(SILENCE_DBFS)
    loud = [index for index, sample in enumerate(samples) if abs(sample) >= threshold]
    if not loud:
        return raw
    said = samples[loud[0] : loud[-1] + 1]
    level = speech_rms(said, raw.rate_hz)
    if not level:  # a click: louder than silence, and no 20 ms of it are
        return raw
    gain = _FULL * _ratio(SPEECH_DBFS) / level
    levelled = [_bent(sample * gain) for sample in said]
    lead, tail = (bytes(2 * round(raw.rate_hz * length_s)) for length_s in (LEAD_S, TAIL_S))
    pcm = lead + struct.pack(f"<{len(levelled)}h", *levelled) + tail
    return Wav(rate_hz=raw.rate_hz, channels=1, pcm=pcm)


def speech_rms(samples: Sequence[int], rate_hz: int) -> float:
    """Root mean square over the blocks of 20 ms in which something is said; 0 when none is."""
    size = max(1, round(rate_hz * _BLOCK_S))
    floor = (_FULL * _ratio(SILENCE_DBFS)) ** 2
    blocks = [samples[at : at + size] for at in range(0, len(samples), size)]
    powers = [sum(sample * sample for sample in block) / len(block) for block in blocks]
    said = [power for power in powers if power >= floor]
    return math.sqrt(sum(said) / len(said)) if said else 0.0


def _ratio(level_db: float) -> float:
    return math.pow(10.0, level_db / 20)


def _bent(sample: float) -> int:
    """Keep what is below the knee; bring the rest smoothly under the peak."""
    knee, peak = _FULL * _ratio(KNEE_DBFS), _FULL * _ratio(PEAK_DBFS)
    size = abs(sample)
    if size > knee:
        size = knee + (peak - knee) * math.tanh((size - knee) / (peak - knee))
    return round(math.copysign(size, sample))

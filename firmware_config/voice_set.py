"""A folder of prompts, `<language>/<prompt>.wav`: where each lies, reading it, what is wrong."""

from __future__ import annotations

from pathlib import Path

from firmware_config.prompts import Prompt
from firmware_config.wav import LARGEST_BYTES, Wav, WavError, parse_wav


def prompt_file(folder: Path, language: str, prompt: Prompt) -> Path:
    """Where a prompt lies in a set."""
    return folder / language / f"{prompt}.wav"


def read_prompt(path: Path) -> Wav:
    """Read one prompt.

    Raises:
        WavError: it is not a WAV file the voice can play; the message names the file.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise WavError(f"{path}: expected at most {LARGEST_BYTES} bytes, got {size}")
    try:
        return parse_wav(path.read_bytes())
    except WavError as error:
        raise WavError(f"{path}: {error}") from None


def set_problems(folder: Path, language: str) -> list[str]:
    """Everything that is wrong with one language of a set; nothing when it can be used."""
    problems = []
    if not (folder / language).is_dir():
        return [f"{folder / language}: expected a folder of prompts, got none"]
    for prompt in Prompt:
        path = prompt_file(folder, language, prompt)
        try:
            read_prompt(path)
        except WavError as error:
            problems.append(str(error))
        except FileNotFoundError:
            problems.append(f"{path}: expected a WAV file, got none")
        except OSError as error:
            problems.append(f"{path}: cannot be read: {error.strerror}")
    return problems

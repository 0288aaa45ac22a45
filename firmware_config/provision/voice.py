"""The voice's prompts: made by espeak-ng, and copied to a device. A hall's own are never touched.

`made.json` in the folder remembers what was made: a file that is not exactly that any more was
recorded by the hall.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_config.errors import ConfigError, ExitCode, InvalidSettings
from firmware_config.files import write_atomically
from firmware_config.prompts import SPOKEN_LANGUAGES, Language, Prompt
from firmware_config.provision.loudness import prepared
from firmware_config.voice_set import prompt_file, set_problems
from firmware_config.wav import WavError, parse_wav

ESPEAK: Final = "espeak-ng"
MADE: Final = "made.json"
_RECIPE: Final = "1"
"""Changes when the same words are to sound different, so that sets are made anew."""
_LONGEST_S: Final = 30
"""Wait for one prompt; it takes some 20 ms."""


class EspeakError(ConfigError, OSError):
    """espeak-ng is missing or could not speak."""

    exit_code = ExitCode.IO


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedVoice:
    """What `render_voice` did, each in order of language and prompt.

    Attributes:
        written: files that were made.
        unchanged: files that are what would be made.
        kept: files that somebody recorded: left alone.
    """

    written: tuple[Path, ...]
    unchanged: tuple[Path, ...]
    kept: tuple[Path, ...]


def render_voice(
    folder: Path, languages: Iterable[str] = tuple(SPOKEN_LANGUAGES), *, force: bool = False
) -> RenderedVoice:
    """Make the prompts that are missing or out of date.

    Args:
        folder: gets `<language>/<prompt>.wav` and `made.json`.
        languages: of `SPOKEN_LANGUAGES`.
        force: make all anew, over a hall's own recordings too.

    Raises:
        InvalidSettings: no such language, or `made.json` is damaged.
        EspeakError: espeak-ng is missing or fails.
        OSError: the folder cannot be written.
    """
    chosen = list(dict.fromkeys(languages))
    unknown = [name for name in chosen if name not in SPOKEN_LANGUAGES]
    if unknown:
        known = " or ".join(SPOKEN_LANGUAGES)
        raise InvalidSettings([f"language: expected {known}, got {name!r}" for name in unknown])
    made = _read_made(folder / MADE)
    written: list[Path] = []
    unchanged: list[Path] = []
    kept: list[Path] = []
    for name in chosen:
        for prompt in Prompt:
            path = prompt_file(folder, name, prompt)
            key, recipe = f"{name}/{path.name}", _recipe(SPOKEN_LANGUAGES[name], prompt)
            before = _digest(path.read_bytes()) if path.exists() else None
            is_ours = before is None or before == made.get(key, {}).get("sha256")
            if not is_ours and not force:
                kept.append(path)
                continue
            if before is not None and not force and made[key]["recipe"] == recipe:
                unchanged.append(path)
                continue
            content = _speak(SPOKEN_LANGUAGES[name], prompt)
            made[key] = {"sha256": _digest(content), "recipe": recipe}
            # remembered first: a file without its note would be taken for a recording
            _write_made(folder / MADE, made)
            write_atomically(path, content)
            written.append(path)
    return RenderedVoice(written=tuple(written), unchanged=tuple(unchanged), kept=tuple(kept))


def copy_voice(source: Path, folder: Path, language: str) -> list[Path]:
    """Copy a set's prompts, every language it has, into a device's folder; returns the copies.

    Args:
        source: a set.
        folder: gets `<language>/<prompt>.wav`; other files in it are left alone.
        language: the one the device speaks: it must be complete.

    Raises:
        InvalidSettings: a prompt is missing or cannot be played; every problem.
        OSError: a file cannot be read or written.
    """
    languages = [name for name in SPOKEN_LANGUAGES if (source / name).is_dir()]
    wanted = dict.fromkeys([language, *languages])
    problems = [problem for name in wanted for problem in set_problems(source, name)]
    if problems:
        raise InvalidSettings(problems)
    copies = []
    for name in wanted:
        for prompt in Prompt:
            content = prompt_file(source, name, prompt).read_bytes()
            copy = prompt_file(folder, name, prompt)
            if not copy.exists() or copy.read_bytes() != content:
                write_atomically(copy, content)
            copies.append(copy)
    return copies


def _speak(language: Language, prompt: Prompt) -> bytes:
    """One prompt as a WAV file."""
    program = shutil.which(ESPEAK)
    if program is None:
        raise EspeakError(f"{ESPEAK}: expected the program, got none; Debian package espeak-ng")
    text = language.wordings[prompt].for_espeak
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "raw.wav"
        command = [program, "-v", language.espeak_voice, "-s", str(language.words_a_minute)]
        command += ["-z", "-w", str(path), "--", text]
        try:
            result = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=_LONGEST_S
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EspeakError(f"{program}: {error}") from error
        if result.returncode or not path.exists():
            said = result.stderr.strip() or f"exit code {result.returncode}"
            raise EspeakError(f"{program} -v {language.espeak_voice}: {said}")
        try:
            return prepared(parse_wav(path.read_bytes())).to_bytes()
        except WavError as error:
            raise EspeakError(f"{program}: {error}") from error


def _recipe(language: Language, prompt: Prompt) -> str:
    words = language.wordings[prompt].for_espeak
    return f"{_RECIPE} {language.espeak_voice} {language.words_a_minute} {words}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_made(path: Path) -> dict[str, dict[str, str]]:
    try:
        made = json.loads(path.read_bytes())
        return {str(key): {"sha256": m["sha256"], "recipe": m["recipe"]} for key, m in made.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        problem = f"{path}: expected what was made here before (JSON), got something else"
        raise InvalidSettings(
            [f"{problem}; without the file every prompt counts as recorded"]
        ) from None


def _write_made(path: Path, made: dict[str, dict[str, str]]) -> None:
    text = json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True)
    write_atomically(path, f"{text}\n".encode())

"""docs/voice.md says what the voice says, and its commands and formats exist.

`UPDATE_DOCS=1 pytest tests/firmware_config/test_voice_docs.py` writes the table anew.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from firmware_config.cli import build_parser as config_parser
from firmware_config.counter_settings import LANGUAGES, VoiceSettings
from firmware_config.prompts import SPOKEN_LANGUAGES, WHEN, Prompt
from firmware_config.provision.loudness import PEAK_DBFS, SPEECH_DBFS
from firmware_config.settings import describe_settings
from firmware_config.voice_set import read_prompt
from firmware_config.wav import LONGEST_S, RATES_HZ
from kiosk.cli import build_parser as kiosk_parser

PAGE = Path(__file__).resolve().parents[2] / "docs" / "voice.md"
TABLE = re.compile(r"(<!-- generated: prompts -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def prompt_table() -> str:
    """Every prompt: when, and in which words."""
    lines = [
        f"| file | said when | {' | '.join(SPOKEN_LANGUAGES)} |",
        "|---" * (2 + len(SPOKEN_LANGUAGES)) + "|",
    ]
    for prompt in Prompt:
        texts = [language.wordings[prompt].text for language in SPOKEN_LANGUAGES.values()]
        lines.append(f"| `{prompt}.wav` | {WHEN[prompt]} | {' | '.join(texts)} |")
    return "\n".join(lines)


def test_the_table_of_prompts_is_what_is_said() -> None:
    text = PAGE.read_text(encoding="utf-8")
    wanted = f"\n{prompt_table()}\n\n"
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(TABLE.sub(lambda m: m[1] + wanted + m[3], text), encoding="utf-8")

    found = TABLE.search(PAGE.read_text(encoding="utf-8"))

    assert found is not None
    assert found[2] == wanted, "write it anew with UPDATE_DOCS=1"


def test_every_setting_and_limit_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")

    for row in describe_settings(VoiceSettings):
        assert f"`voice.{row.key}`" in text or f"`voice.{row.key} =" in text
    for language in LANGUAGES:
        assert f"`{language}`" in text
    assert f"at most {LONGEST_S} s" in text
    assert f"{RATES_HZ[0]:,} to {RATES_HZ[1]:,} samples a second" in text
    assert f"−{-SPEECH_DBFS:.0f} dBFS RMS with peaks below −{-PEAK_DBFS:.0f} dBFS" in text


def test_every_yiping_command_of_the_page_exists_with_its_options() -> None:
    text = PAGE.read_text(encoding="utf-8")
    parsers = {"firmware-config": config_parser(), "kiosk": kiosk_parser()}
    seen = []
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for words in map(shlex.split, block.splitlines()):
            name = words[0].removeprefix("/opt/yiping/bin/")
            if name != words[0]:
                assert parsers[name].parse_args(words[1:]).run
                seen.append(f"{name} {words[1]}")

    assert seen == ["firmware-config voice", "firmware-config render", "kiosk check"]


@pytest.mark.parametrize("ending", ["norm -1", "trim 0 0"])
def test_the_sox_lines_make_files_that_can_be_played(ending: str, tmp_path: Path) -> None:
    (line,) = re.findall(rf"`(sox .*{ending})`", PAGE.read_text(encoding="utf-8"))
    recorded = ["sox", "-n", "-r", "48000", "-c", "2", "recorded.wav", "synth", "1", "sine", "440"]
    subprocess.run([*recorded, "pad", "1", "1"], cwd=tmp_path, check=True)

    subprocess.run(shlex.split(line), cwd=tmp_path, check=True)

    (made,) = set(tmp_path.glob("*.wav")) - {tmp_path / "recorded.wav"}
    wav = read_prompt(made)
    assert made.stem in set(Prompt)
    assert wav.duration_s == 0 or 1 < wav.duration_s < 1.3

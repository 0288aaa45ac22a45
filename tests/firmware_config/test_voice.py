"""The prompts made by espeak-ng: what they say, how they sound, and that recordings are safe."""

from __future__ import annotations

import json
import math
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.cli import main
from firmware_config.counter_settings import LANGUAGES
from firmware_config.errors import ExitCode, InvalidSettings
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.levels import LEVEL_NAMES, Level
from firmware_config.prompts import SPOKEN_LANGUAGES, TEST_PROMPTS, WHEN, Prompt
from firmware_config.provision import render_device, render_voice
from firmware_config.provision.loudness import LEAD_S, PEAK_DBFS, SPEECH_DBFS, prepared, speech_rms
from firmware_config.provision.voice import MADE, EspeakError
from firmware_config.settings import load_settings
from firmware_config.voice_set import prompt_file, read_prompt, set_problems
from firmware_config.wav import Wav

Capture = pytest.CaptureFixture[str]
EVERY = [(language, prompt) for language in SPOKEN_LANGUAGES for prompt in Prompt]
LONGEST_PAUSE_S = 0.5
"""Between two sentences; longer sounds like the end of the prompt. Our choice."""


def phonemes(voice: str, text: str) -> str:
    """What espeak-ng says, without stress, tones and boundaries."""
    command = ["espeak-ng", "-q", "-x", "-v", voice, text]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # espeak-ng 1.51 says 可 with another vowel than its ke3 when it stands alone
    return re.sub(r"[0-9'_|,:\s]", "", said).replace("o-", "@")


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def own_set(voice_set: Path, tmp_path: Path) -> Path:
    """A set to change."""
    return Path(shutil.copytree(voice_set, tmp_path / "own"))


# --- what is said ---


def test_every_language_words_every_prompt() -> None:
    assert set(SPOKEN_LANGUAGES) == set(LANGUAGES)
    assert set(WHEN) == set(Prompt)
    for language in SPOKEN_LANGUAGES.values():
        assert set(language.wordings) == set(Prompt)


@pytest.mark.parametrize(("language", "prompt"), EVERY)
def test_only_the_self_test_names_a_level(language: str, prompt: Prompt) -> None:
    text = SPOKEN_LANGUAGES[language].wordings[prompt].text
    names = {level: (name.zh, name.en) for level, name in LEVEL_NAMES.items()}
    asked = {wanted: level for level, wanted in TEST_PROMPTS.items()}

    if prompt in asked:
        assert f"{names[asked[prompt]][0]}”" in text or f": {names[asked[prompt]][1]}." in text
    else:
        assert not re.search(r"满意|satisf|[1-5一二三四五]星|star|[0-9]", text)


def test_every_level_has_a_prompt_of_its_own() -> None:
    assert sorted(TEST_PROMPTS) == sorted(Level)
    assert {prompt.value for prompt in TEST_PROMPTS.values()} == {
        f"test-{number}" for number in range(1, 6)
    }


@pytest.mark.parametrize("prompt", Prompt)
def test_the_pinyin_is_what_the_characters_say(prompt: Prompt) -> None:
    chinese = SPOKEN_LANGUAGES["zh-CN"]
    wording = chinese.wordings[prompt]

    assert wording.spoken
    assert phonemes(chinese.espeak_voice, wording.spoken) == phonemes(
        chinese.espeak_voice, wording.text
    )


@pytest.mark.parametrize(("language", "prompt"), EVERY)
def test_no_prompt_is_read_in_another_language_than_its_own(language: str, prompt: Prompt) -> None:
    spoken = SPOKEN_LANGUAGES[language]
    command = ["espeak-ng", "-q", "-x", "-v", spoken.espeak_voice]
    command.append(spoken.wordings[prompt].for_espeak)

    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert not re.search(r"\([a-z]{2,3}\)", said)  # espeak-ng marks a change of language so


# --- how it sounds ---


@pytest.mark.parametrize(("language", "prompt"), EVERY)
def test_a_prompt_is_short_loud_and_not_distorted_says_sox(
    language: str, prompt: Prompt, voice_set: Path
) -> None:
    path = prompt_file(voice_set, language, prompt)
    result = subprocess.run(
        ["sox", str(path), "-n", "stats"], capture_output=True, text=True, check=True
    )
    measured = dict(re.findall(r"^(.+?)  +(-?[0-9.]+)", result.stderr, re.MULTILINE))

    assert 0.8 <= float(measured["Length s"]) <= 6.5
    assert -6 <= float(measured["Pk lev dB"]) <= PEAK_DBFS
    assert SPEECH_DBFS - 2 <= float(measured["RMS lev dB"]) <= SPEECH_DBFS
    # 20 lg of how many samples in a row are at the peak: bent peaks have 1 or 2, cut ones dozens
    assert float(measured["Flat factor"]) < 7
    assert abs(float(measured["DC offset"])) < 0.01


@pytest.mark.parametrize(("language", "prompt"), EVERY)
def test_a_prompt_begins_soon_and_makes_no_long_pause(
    language: str, prompt: Prompt, voice_set: Path
) -> None:
    wav = read_prompt(prompt_file(voice_set, language, prompt))
    block = round(wav.rate_hz * 0.01)
    samples = struct.unpack(f"<{len(wav.pcm) // 2}h", wav.pcm)
    is_silent = "".join(
        "." if max(map(abs, samples[at : at + block])) < 200 else "#"
        for at in range(0, len(samples), block)
    )

    assert (wav.rate_hz, wav.channels) == (22_050, 1)
    assert LEAD_S - 0.011 <= (len(is_silent) - len(is_silent.lstrip("."))) / 100 <= LEAD_S + 0.05
    pauses = [len(run) / 100 for run in re.findall(r"\.+", is_silent.strip("."))]
    assert max(pauses, default=0) <= LONGEST_PAUSE_S


def test_silence_stays_silence() -> None:
    silence = Wav(rate_hz=8000, channels=1, pcm=bytes(1600))

    assert prepared(silence) == silence


@given(
    st.lists(st.integers(-32768, 32767), min_size=1, max_size=300),
    st.sampled_from((0.001, 0.1, 1.0)),
)
def test_no_peak_passes_the_limit_whatever_came(samples: list[int], gain: float) -> None:
    quieter = [int(sample * gain) for sample in samples]
    raw = Wav(rate_hz=8000, channels=1, pcm=struct.pack(f"<{len(quieter)}h", *quieter))

    wav = prepared(raw)

    peak = max(map(abs, struct.unpack(f"<{len(wav.pcm) // 2}h", wav.pcm)))
    assert wav == raw or peak <= math.ceil(32768 * 10 ** (PEAK_DBFS / 20))


def test_a_click_in_which_nothing_is_said_is_left_as_it_is() -> None:
    raw = Wav(rate_hz=8000, channels=1, pcm=struct.pack("<3h", 185, 0, 185))

    assert prepared(raw) == raw


def test_pauses_do_not_make_a_prompt_quieter() -> None:
    tone = [round(9000 * math.sin(number / 5)) for number in range(8000)]

    assert speech_rms(tone + [0] * 8000, 8000) == pytest.approx(speech_rms(tone, 8000), rel=0.01)
    assert speech_rms([0] * 8000, 8000) == 0


# --- making a set ---


def test_making_a_set_again_changes_nothing(own_set: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(own_set)
    monkeypatch.setenv("PATH", "/nonexistent")  # nor is espeak-ng needed for it

    done = render_voice(own_set)

    assert snapshot(own_set) == before
    assert (len(done.written), len(done.unchanged), len(done.kept)) == (0, 32, 0)


def test_a_recording_of_the_halls_own_is_kept_and_told(own_set: Path) -> None:
    own = prompt_file(own_set, "zh-CN", Prompt.INVITE)
    recorded = prompt_file(own_set, "en", Prompt.THANKS).read_bytes()
    own.write_bytes(recorded)
    prompt_file(own_set, "zh-CN", Prompt.PAUSED).unlink()

    done = render_voice(own_set, ["zh-CN"])

    assert own.read_bytes() == recorded
    assert done.kept == (own,)
    assert done.written == (prompt_file(own_set, "zh-CN", Prompt.PAUSED),)


def test_without_a_note_of_what_was_made_everything_counts_as_recorded(own_set: Path) -> None:
    (own_set / MADE).unlink()
    before = snapshot(own_set)

    done = render_voice(own_set)

    assert len(done.kept) == 32
    assert snapshot(own_set) == before


def test_force_makes_recordings_anew(own_set: Path, voice_set: Path) -> None:
    own = prompt_file(own_set, "en", Prompt.INVITE)
    own.write_bytes(b"recorded")

    done = render_voice(own_set, ["en"], force=True)

    assert len(done.written) == len(Prompt)
    assert own.read_bytes() == prompt_file(voice_set, "en", Prompt.INVITE).read_bytes()


def test_what_was_made_from_other_words_is_made_anew(own_set: Path) -> None:
    made = json.loads((own_set / MADE).read_text())
    made["en/invite.wav"]["recipe"] = "older words"
    (own_set / MADE).write_text(json.dumps(made))

    assert render_voice(own_set).written == (prompt_file(own_set, "en", Prompt.INVITE),)
    assert render_voice(own_set).written == ()


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"a": 1}', '{"a": {"sha256": "x"}}'])
def test_a_damaged_note_stops_everything(own_set: Path, text: str) -> None:
    (own_set / MADE).write_text(text)
    before = snapshot(own_set)

    with pytest.raises(InvalidSettings, match=r"made\.json: expected what was made here"):
        render_voice(own_set, force=True)

    assert snapshot(own_set) == before


def test_an_unknown_language_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="language: expected zh-CN or en, got 'yue'"):
        render_voice(tmp_path, ["yue"])


def test_without_espeak_the_command_names_the_debian_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert main(["voice", "--out", str(tmp_path / "set")]) == ExitCode.IO

    assert capsys.readouterr().err == (
        "firmware-config: error: espeak-ng: expected the program, got none; "
        "Debian package espeak-ng\n"
    )


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("echo the voice does not exist >&2; exit 1", "the voice does not exist"),
        ("exit 0", "exit code 0"),
        ('while [ "$1" != -w ]; do shift; done; echo no sound > "$2"', "expected a WAV file"),
    ],
)
def test_an_espeak_that_fails_is_told_and_leaves_nothing(
    program: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "bin" / "espeak-ng"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{program}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")

    with pytest.raises(EspeakError, match=words):
        render_voice(tmp_path / "set", ["en"])

    assert not (tmp_path / "set").exists()


def test_the_command_prints_the_files_it_made_and_tells_what_it_kept(
    own_set: Path, capsys: Capture
) -> None:
    prompt_file(own_set, "en", Prompt.INVITE).unlink()
    own = prompt_file(own_set, "en", Prompt.THANKS)
    own.write_bytes(b"recorded")

    assert main(["voice", "--out", str(own_set), "--language", "en"]) == ExitCode.OK

    captured = capsys.readouterr()
    assert captured.out == f"{prompt_file(own_set, 'en', Prompt.INVITE)}\n"
    assert f"kept as you recorded it: {own}\n" in captured.err
    assert "1 made, 14 unchanged, 1 kept" in captured.err


# --- for a device ---


def render(folder: Path, password: Path, voice: Path | None, **overrides: str) -> list[Path]:
    password.write_text("secret-enough\n")
    fleet = sample_fleet_path()
    return render_device(
        load_fleet(fleet),
        load_fleet(fleet).devices[0].id,
        folder,
        fleet_folder=fleet.parent,
        password_file=password,
        broker_host="10.0.0.2",
        voice=voice,
        overrides={key.replace("__", "."): text for key, text in overrides.items()},
    )


def test_a_device_gets_its_voice_when_asked(voice_set: Path, tmp_path: Path) -> None:
    folder = tmp_path / "device"

    written = render(folder, tmp_path / "password", voice_set)

    settings = load_settings(
        KioskSettings, program="kiosk", path=folder / "kiosk.toml", environ={}, overrides={}
    )
    assert settings.voice.folder == folder / "voice"
    for language in SPOKEN_LANGUAGES:
        assert set_problems(settings.voice.folder, language) == []
    assert {path for path in folder.rglob("*") if path.is_file()} == set(written)
    before = snapshot(folder)
    render(folder, tmp_path / "password", voice_set)
    assert snapshot(folder) == before


def test_a_device_gets_no_voice_unasked(tmp_path: Path) -> None:
    render(tmp_path / "device", tmp_path / "password", None)

    assert not (tmp_path / "device" / "voice").exists()
    assert "voice" not in (tmp_path / "device" / "kiosk.toml").read_text()


def test_an_incomplete_set_is_not_given_to_a_device(own_set: Path, tmp_path: Path) -> None:
    prompt_file(own_set, "zh-CN", Prompt.INVITE).unlink()
    prompt_file(own_set, "en", Prompt.THANKS).write_bytes(b"recorded as MP3")

    with pytest.raises(InvalidSettings) as caught:
        render(tmp_path / "device", tmp_path / "password", own_set)

    assert [problem.rpartition("/")[2] for problem in caught.value.problems] == [
        "invite.wav: expected a WAV file, got none",
        "thanks.wav: expected a WAV file (RIFF … WAVE), got b'recorded as '",
    ]
    assert not (tmp_path / "device").exists()


def test_the_language_a_device_speaks_must_be_there(own_set: Path, tmp_path: Path) -> None:
    shutil.rmtree(own_set / "en")

    render(tmp_path / "device", tmp_path / "password", own_set)
    with pytest.raises(InvalidSettings, match="en: expected a folder of prompts, got none"):
        render(tmp_path / "other", tmp_path / "password", own_set, voice__language="en")


def test_the_render_command_copies_a_set(voice_set: Path, tmp_path: Path, capsys: Capture) -> None:
    device = load_fleet(sample_fleet_path()).devices[0].id
    words = ["render", str(sample_fleet_path()), "--out", str(tmp_path / "device")]
    words += ["--device", device, "--passwords", str(tmp_path / "p"), "--broker-host", "h"]

    assert main([*words, "--voice", str(voice_set), "-v"]) == ExitCode.OK

    assert str(tmp_path / "device/voice/zh-CN/invite.wav") in capsys.readouterr().out.splitlines()

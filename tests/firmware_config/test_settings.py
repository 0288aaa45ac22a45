"""The settings machinery: sources, order, conversion, and every problem at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.errors import ExitCode, InvalidSettings
from firmware_config.settings import (
    Setting,
    describe_settings,
    environment_name,
    load_settings,
    print_settings,
    toml_value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lamp:
    gpio: Annotated[int, Setting(help="Pin.", minimum=0, maximum=27)]
    on_s: Annotated[float, Setting(help="How long.", unit="s", minimum=0.5)] = 2.0
    colours: Annotated[tuple[str, ...], Setting(help="Colours.")] = ("red",)

    def problems(self) -> Iterator[str]:
        if self.on_s > self.gpio:
            yield f"on_s: expected at most gpio ({self.gpio}), got {self.on_s}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    name: Annotated[str, Setting(help="Name.", pattern=r"[a-z]+")]
    lamp: Lamp
    folder: Annotated[Path | None, Setting(help="Folder.")] = None
    mode: Annotated[str, Setting(help="Mode.", choices=("slow", "fast"))] = "slow"
    is_loud: Annotated[bool, Setting(help="Loud.")] = False
    pin: Annotated[str, Setting(help="Secret.", secret=True, maximum=None)] = ""
    file: Annotated[str, Setting(help="Built-in or file.", path_suffix=".toml")] = "built-in"
    zone: Annotated[
        str, Setting(help="Zone.", check=lambda value: "" if value == "UTC" else "UTC")
    ] = "UTC"


GOOD = 'name = "a"\n[lamp]\ngpio = 5\n'


def load(
    tmp_path: Path,
    text: str = GOOD,
    *,
    environ: dict[str, str] | None = None,
    overrides: dict[str, str] | None = None,
) -> Sample:
    path = tmp_path / "sample.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(
        Sample, program="sample", path=path, environ=environ or {}, overrides=overrides or {}
    )


def problems_of(tmp_path: Path, text: str = GOOD, **sources: dict[str, str]) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        load(tmp_path, text, **sources)
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    return caught.value.problems


def test_defaults_fill_what_the_file_leaves_out(tmp_path: Path) -> None:
    assert load(tmp_path) == Sample(name="a", lamp=Lamp(gpio=5))


def test_the_command_line_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    text = GOOD + "on_s = 3\n"
    environ = {"SAMPLE_LAMP_ON_S": "4", "OTHER": "x"}

    assert load(tmp_path, text).lamp.on_s == 3.0
    assert load(tmp_path, text, environ=environ).lamp.on_s == 4.0
    assert load(tmp_path, text, environ=environ, overrides={"lamp.on_s": "5"}).lamp.on_s == 5.0


def test_a_byte_order_mark_does_not_hurt(tmp_path: Path) -> None:
    assert load(tmp_path, "\ufeff" + GOOD).name == "a"


def test_paths_in_a_file_start_at_its_folder_and_others_where_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    text = 'folder = "data"\nfile = "own.toml"\n' + GOOD

    assert load(tmp_path, text).folder == tmp_path / "data"
    assert load(tmp_path, text).file == str(tmp_path / "own.toml")
    assert load(tmp_path, text, environ={"SAMPLE_FOLDER": "d"}).folder == elsewhere / "d"
    assert load(tmp_path, text, overrides={"folder": "/abs"}).folder == Path("/abs")
    assert load(tmp_path, text, overrides={"folder": ""}).folder is None
    assert load(tmp_path).file == "built-in"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('name = "A"', "sample.toml: name: expected text, matching [a-z]+, got 'A'"),
        ("name = 7", "sample.toml: name: expected text, matching [a-z]+, got 7"),
        ('name = "a"\nmode = "x"', "sample.toml: mode: expected text, slow or fast, got 'x'"),
        ('name = "a"\nis_loud = 1', "sample.toml: is_loud: expected true or false, got 1"),
        ('name = "a"\nfolder = ""', "sample.toml: folder: expected path, got ''"),
        ('name = "a"\nzone = "X"', "sample.toml: zone: expected UTC, got 'X'"),
        ('name = "a"\npin = 4711', "sample.toml: pin: expected text, got a value not shown here"),
        ('name = "a"\nmod = "slow"', "sample.toml: mod: unknown setting; did you mean mode?"),
        ('name = "a"\nlamp.qqqqqq = 1', "sample.toml: lamp.qqqqqq: unknown setting"),
        ('name = "a"\nlamp.gpio = 28', "lamp.gpio: expected whole number, 0 to 27, got 28"),
        ('name = "a"\nlamp.gpio = true', "lamp.gpio: expected whole number, 0 to 27, got True"),
        ('name = "a"\nlamp.gpio = 1.0', "lamp.gpio: expected whole number, 0 to 27, got 1.0"),
        ('name = "a"\nlamp.on_s = nan', "lamp.on_s: expected number in s, at least 0.5, got nan"),
        ('name = "a"\nlamp.on_s = inf', "lamp.on_s: expected number in s, at least 0.5, got inf"),
        ('name = "a"\nlamp.colours = [1]', "lamp.colours: expected list of texts, got [1]"),
        ('name = "a"\nlamp = 1', "sample.toml: lamp: unknown setting"),
        ("name = ", "sample.toml: expected TOML: "),
    ],
)
def test_a_wrong_value_is_named_with_its_place_what_was_expected_and_what_came(
    tmp_path: Path, text: str, problem: str
) -> None:
    assert any(problem in line for line in problems_of(tmp_path, text))


def test_every_problem_of_every_source_is_told_at_once(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path,
        'mode = "x"\n[lamp]\nblink = 1\n',
        environ={"SAMPLE_IS_LOUD": "perhaps", "SAMPLE_NAMME": "b"},
        overrides={"lamp.on_s": "long", "lamp.off_s": "1"},
    )

    assert sorted(problems) == [
        "--set: lamp.off_s: unknown setting; did you mean lamp.on_s?",
        "--set: lamp.on_s: expected number in s, at least 0.5, got 'long'",
        "environment: SAMPLE_IS_LOUD: expected true or false, got 'perhaps'",
        "environment: SAMPLE_NAMME: unknown setting; did you mean SAMPLE_NAME?",
        "sample.toml: lamp.blink: unknown setting",
        "sample.toml: lamp.gpio: expected whole number, 0 to 27, got nothing (SAMPLE_LAMP_GPIO)",
        "sample.toml: mode: expected text, slow or fast, got 'x'",
        "sample.toml: name: expected text, matching [a-z]+, got nothing (SAMPLE_NAME)",
    ]


def test_what_is_wrong_between_two_settings_is_told_with_the_section(tmp_path: Path) -> None:
    assert problems_of(tmp_path, 'name = "a"\n[lamp]\ngpio = 1\n') == [
        "sample.toml: lamp.on_s: expected at most gpio (1), got 2.0"
    ]


def test_a_missing_file_or_one_that_is_not_utf8_is_told_with_its_name(tmp_path: Path) -> None:
    gbk = tmp_path / "gbk.toml"
    gbk.write_bytes('name = "大厅"'.encode("gbk"))

    for path, text in ((tmp_path / "none.toml", "cannot be read"), (gbk, "expected UTF-8")):
        with pytest.raises(InvalidSettings, match=text):
            load_settings(Sample, program="sample", path=path, environ={}, overrides={})


def test_a_program_can_run_without_a_file(tmp_path: Path) -> None:
    environ = {"SAMPLE_NAME": "a", "SAMPLE_LAMP_GPIO": "5", "SAMPLE_LAMP_COLOURS": "red, blue"}

    settings = load_settings(Sample, program="sample", path=None, environ=environ, overrides={})

    assert settings.lamp == Lamp(gpio=5, colours=("red", "blue"))


def test_the_table_tells_every_setting_its_own_first() -> None:
    rows = {row.key: row for row in describe_settings(Sample)}

    assert list(rows)[-3:] == ["lamp.gpio", "lamp.on_s", "lamp.colours"]
    assert rows["lamp.gpio"].is_required
    assert rows["lamp.gpio"].range == "0 to 27"
    assert (rows["lamp.on_s"].default, rows["lamp.on_s"].unit) == ("2.0", "s")
    assert rows["mode"].range == "slow or fast"
    assert rows["pin"].is_secret
    assert rows["folder"].default == ""
    assert environment_name("sample", "lamp.on_s") == "SAMPLE_LAMP_ON_S"


def test_printed_settings_load_to_the_same_settings_without_secrets(tmp_path: Path) -> None:
    text = 'is_loud = true\nfolder = "x"\npin = "4711"\n' + GOOD
    settings = load(tmp_path, text)

    printed = print_settings(settings)

    assert "4711" not in printed
    assert load(tmp_path, printed, overrides={"pin": "4711"}) == settings


@given(
    st.text(st.characters(codec="utf-8"))
    | st.integers(-(2**63), 2**63 - 1)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(st.text(st.characters(codec="utf-8"))).map(tuple)
)
def test_a_value_written_as_toml_reads_back_the_same(value: object) -> None:
    read = tomllib.loads(f"value = {toml_value(value)}")["value"]

    assert (tuple(read) if isinstance(value, tuple) else read) == value

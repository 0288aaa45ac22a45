"""The standard file: read when no other is named, and only when something is missing without it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from collector.cli import main as collector
from firmware_config import settings_place
from firmware_config.errors import ExitCode, InvalidSettings
from firmware_config.settings import Setting
from firmware_config.settings_place import load_program_settings
from kiosk.cli import main as kiosk


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One setting that is required, one that is not."""

    name: Annotated[str, Setting(help="Its name.")]
    size: Annotated[int, Setting(help="Its size.")] = 1


@pytest.fixture
def standard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the standard file of the program `sample` would be."""
    monkeypatch.setattr(settings_place, "STANDARD_FOLDER", tmp_path)
    return tmp_path / "sample.toml"


def load(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Sample:
    return load_program_settings(
        Sample, program="sample", path=path, environ=environ or {}, overrides=overrides or {}
    )


def test_the_standard_file_is_read_when_no_other_is_named(standard: Path) -> None:
    standard.write_text('name = "standard"\nsize = 2\n')

    assert load() == Sample(name="standard", size=2)
    assert load(overrides={"size": "3"}) == Sample(name="standard", size=3)


def test_a_file_that_is_named_is_read_instead(standard: Path, tmp_path: Path) -> None:
    standard.write_text('name = "standard"\n')
    named = tmp_path / "named.toml"
    named.write_text('name = "named"\n')

    assert load(named).name == "named"


def test_settings_that_are_complete_elsewhere_are_not_mixed_with_it(standard: Path) -> None:
    standard.write_text('name = "standard"\nsize = 2\n')

    assert load(environ={"SAMPLE_NAME": "environment"}) == Sample(name="environment")
    assert load(overrides={"name": "command line"}) == Sample(name="command line")


def test_without_any_file_the_first_problem_says_what_to_give(standard: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load(overrides={"size": "x"})

    first, *others = caught.value.problems
    assert first == f"no settings: give --config FILE, e.g. --config {standard}"
    assert [other.partition(": expected")[0] for other in others] == [
        "--set: size",
        "settings: name",
    ]


def test_a_mistake_in_complete_settings_does_not_ask_for_a_file(standard: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load(environ={"SAMPLE_NAME": "x", "SAMPLE_SIZE": "x"})

    assert "no settings" not in str(caught.value.problems)
    assert not standard.exists()


@pytest.mark.parametrize(
    ("name", "main", "command"),
    [("collector", collector, "check"), ("kiosk", kiosk, "key")],
)
@pytest.mark.usefixtures("standard")
def test_each_program_has_one_and_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, main: object, command: str
) -> None:
    assert callable(main)

    assert main([command], environ={}) == ExitCode.CONFIGURATION
    assert capsys.readouterr().err.splitlines()[0] == (
        f"{name}: error: no settings: give --config FILE, e.g. --config {tmp_path}/{name}.toml"
    )
    (tmp_path / f"{name}.toml").write_text("unheard_of = 1\n")
    assert main([command], environ={}) == ExitCode.CONFIGURATION
    assert f"error: {name}.toml: unheard_of: unknown" in capsys.readouterr().err


@pytest.mark.parametrize("main", [collector, kiosk])
def test_the_help_names_the_standard_file(main: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(main)
    with pytest.raises(SystemExit):
        main(["check", "--help"])

    name = "collector" if main is collector else "kiosk"
    out = " ".join(capsys.readouterr().out.split())
    assert f"default: /etc/yiping/{name}.toml, if it exists" in out

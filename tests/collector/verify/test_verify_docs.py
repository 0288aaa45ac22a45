"""docs/verify.md names every check, option and exit code, and its command lines can be parsed."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from collector.cli import build_parser
from collector.verify import command
from collector.verify.findings import Check
from collector.verify.known import RETIRED
from firmware_config.errors import ExitCode

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "verify.md").read_text("utf-8")
COMMON = {"-h", "--help", "--config", "--set", "-v", "--verbose", "-q", "--quiet"}


def options() -> list[str]:
    commands = argparse.ArgumentParser().add_subparsers()
    command.add_parser(commands)
    actions = commands.choices["verify"]._actions
    return [one for action in actions for one in action.option_strings if one not in COMMON]


@pytest.mark.parametrize("option", options())
def test_every_option_is_documented(option: str) -> None:
    assert re.search(rf"^\| `{option}[ `]", TEXT, re.MULTILINE)


@pytest.mark.parametrize("check", Check)
def test_every_check_is_documented(check: Check) -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith("| `")]
    assert any(f"`{check.value}`" in line.split(" | ")[0] for line in lines)


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_documented(code: ExitCode) -> None:
    assert f"\n| {int(code)} | " in TEXT


def test_the_command_lines_can_be_parsed() -> None:
    lines = "".join(re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)).splitlines()

    for line in lines:
        assert build_parser().parse_args(shlex.split(line)[1:]).run
    assert len(lines) >= 5


def test_the_folder_of_old_keys_is_the_programs() -> None:
    assert f"`{RETIRED}/`" in TEXT

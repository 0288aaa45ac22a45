"""docs/corrections.md names every part, option, reason, state, role and setting there is."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from collector.commands import correction
from collector.corrections.entries import Reason, State
from collector.office.roles import Role

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "corrections.md").read_text("utf-8")


def _words() -> list[str]:
    parser = argparse.ArgumentParser()
    correction.add_parser(parser.add_subparsers())
    [groups] = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    [parts] = [
        a
        for a in groups.choices["correction"]._actions
        if isinstance(a, argparse._SubParsersAction)
    ]
    options = {
        option
        for part in parts.choices.values()
        for action in part._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    }
    return sorted({*parts.choices, *options})


@pytest.mark.parametrize("word", _words())
def test_every_part_and_option_is_documented(word: str) -> None:
    assert word in TEXT


@pytest.mark.parametrize("word", [*Reason, *State, *Role])
def test_every_reason_state_and_role_is_documented(word: str) -> None:
    assert f"`{word}`" in TEXT


@pytest.mark.parametrize("key", ["file", "alarm_percent", "alarm_at_least"])
def test_every_setting_is_documented(key: str) -> None:
    assert f"corrections.{key}" in TEXT

"""docs/kiosk.md says what the code does."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from firmware_config.contract import Channel
from firmware_config.errors import ExitCode
from kiosk.cli import build_parser
from kiosk.machine import TABLE, Signal

PAGE = Path(__file__).resolve().parents[2] / "docs" / "kiosk.md"


def state_table() -> str:
    """The state machine's table as Markdown."""
    states = list(TABLE)
    lines = ["| | " + " | ".join(f"**{state.value}**" for state in states) + " |"]
    lines.append("|---" * (len(states) + 1) + "|")
    for signal in Signal:
        cells = []
        for state in states:
            move = TABLE[state].get(signal)
            if move is None:
                cells.append("")
                continue
            words = [
                f"{kind.value} ({move.reason.value})"
                if move.reason and kind.value in ("UNRATED", "IGNORED")
                else kind.value
                for kind in move.writes
            ]
            cells.append(f"→ {move.to.value} " + ", ".join(words))
        lines.append(f"| {signal.value} | " + " | ".join(cell.strip() for cell in cells) + " |")
    return "\n".join(lines)


def test_the_table_of_states_is_the_machines() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = re.search(r"<!-- states -->\n(.*?)\n<!-- /states -->", text, re.DOTALL)
    assert shown is not None
    assert shown[1] == state_table(), f"put this between the marks:\n{state_table()}"


def test_every_command_topic_and_exit_code_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (commands,) = (
        action
        for action in build_parser(with_simulator=False)._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    for name in commands.choices:
        assert f"`kiosk {name}" in text
    for channel in Channel:
        if channel is not Channel.COMMAND:  # nothing is commanded yet
            assert f"`{channel.value}`" in text
    for code in ExitCode:
        assert f"\n| {code.value} | " in text


def test_every_fault_the_device_writes_is_on_the_page() -> None:
    folder = PAGE.parents[1] / "kiosk"
    sources = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    reasons = set(re.findall(r'"reason": "([a-z-]+)"', sources))
    assert {"storage", "fork", "stuck-button"} <= reasons
    text = PAGE.read_text(encoding="utf-8")
    assert not [reason for reason in reasons if f"`{reason}`" not in text]

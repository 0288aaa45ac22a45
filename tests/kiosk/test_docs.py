"""docs/kiosk.md says what the code does.

`UPDATE_DOCS=1 pytest tests/kiosk/test_docs.py` writes the generated parts anew.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_config.contract import Channel
from firmware_config.errors import ExitCode
from kiosk.cli import build_parser
from kiosk.situation import State
from kiosk.table import TABLE, Move, Refuse, Signal

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
            if isinstance(move, Refuse):
                cells.append(f"refused: `{move.reason}`")
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


def state_diagram() -> str:
    """The same table as a Mermaid diagram: an arrow for each pair of states."""
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, moves in TABLE.items():
        for signal, move in moves.items():
            if isinstance(move, Move) and (move.to is not state or signal is Signal.INVITE):
                arrows.setdefault((state, move.to), []).append(signal.value)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {State.IDLE.value}"]
    for (before, after), signals in arrows.items():
        lines.append(f"    {before.value} --> {after.value}: {'<br>'.join(signals)}")
    return "\n".join([*lines, "```"])


@pytest.mark.parametrize(
    ("mark", "made"),
    [("states", state_table), ("diagram", state_diagram)],
    ids=["table", "diagram"],
)
def test_the_table_and_the_diagram_of_states_are_the_machines(
    mark: str, made: Callable[[], str]
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    between = re.compile(rf"<!-- {mark} -->\n(.*?)\n<!-- /{mark} -->", re.DOTALL)
    if os.environ.get("UPDATE_DOCS"):
        text = between.sub(lambda _: f"<!-- {mark} -->\n{made()}\n<!-- /{mark} -->", text)
        PAGE.write_text(text, encoding="utf-8")
    shown = between.search(text)
    assert shown is not None
    assert shown[1] == made(), "UPDATE_DOCS=1 writes it anew"


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

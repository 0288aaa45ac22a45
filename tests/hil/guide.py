"""The command lines of docs/installation.md, so that the virtual Pi is set up by its letter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
GUIDE: Final = ROOT / "docs" / "installation.md"


def lines(heading: str, part: str = "## 2. Each device") -> list[str]:
    """The `sh` lines under a heading of one part, in order."""
    text = GUIDE.read_text(encoding="utf-8")
    under = text.partition(f"\n{part}\n")[2].partition("\n## ")[0]
    under = under.partition(f"\n### {heading}\n")[2].partition("\n### ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", under, re.MULTILINE | re.DOTALL)
    found = [line for block in blocks for line in block.splitlines() if line]
    assert found, f"{GUIDE.name}: no commands under {heading!r}"
    return found


def program_lines() -> tuple[list[str], list[str]]:
    """What a device's program and user need: before its own files are there, and after."""
    found = lines("Program and user")
    first = next(n for n, line in enumerate(found) if "/etc/yiping" in line)
    return found[:first], found[first:]

"""docs/security.md names all of ASVS 5.0, levels 1 and 2, and only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "security.md"
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
NAMED = re.compile(r"`(test_\w+\.py)(?:::(test_\w+))?`")
STATES = {"tested", "by construction", "does not apply", "**not met**"}
PER_CHAPTER = {
    1: 27, 2: 11, 3: 19, 4: 10, 5: 9, 6: 35, 7: 18, 8: 7, 9: 7, 10: 29, 11: 14, 12: 9,
    13: 13, 14: 9, 15: 13, 16: 16, 17: 7,
}  # fmt: skip
"""Chapter → requirements of levels 1 and 2. Source: OWASP ASVS 5.0.0, 70 of level 1, 183 of 2."""


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, str, str, str]]:
    return ROW.findall(PAGE.read_text(encoding="utf-8"))


def test_every_requirement_stands_there_once(rows: list[tuple[str, str, str, str]]) -> None:
    ids = [row[0] for row in rows]
    assert len(set(ids)) == len(ids) == 253
    chapters = {chapter: 0 for chapter in PER_CHAPTER}
    for number in ids:
        chapters[int(number.split(".")[0])] += 1
    assert chapters == PER_CHAPTER


def test_every_state_is_known_and_tested_means_a_test(
    rows: list[tuple[str, str, str, str]],
) -> None:
    for number, title, state, reason in rows:
        assert state in STATES, number
        assert title.strip(), number
        assert reason.strip(), number
        if state == "tested":
            assert NAMED.search(reason), number


def test_every_test_named_exists(rows: list[tuple[str, str, str, str]]) -> None:
    sources = {
        path.name: path.read_text(encoding="utf-8")
        for folder in ("web", "office")
        for path in (ROOT / "tests" / "collector" / folder).glob("test_*.py")
    }
    named = [(number, *found) for number, *_, reason in rows for found in NAMED.findall(reason)]
    assert len(named) > 90
    for number, file, test in named:
        assert file in sources, f"{number}: {file}"
        assert not test or f"def {test}(" in sources[file], f"{number}: {file}::{test}"

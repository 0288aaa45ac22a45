"""Every benchmark can be run by name, and is named where its options are told."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import BENCHMARKS

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["pages", "viewers"])
def test_a_benchmark_takes_the_options_it_names(name: str) -> None:
    module = importlib.import_module(f"bench.{name}")
    assert name in BENCHMARKS
    assert set(inspect.signature(module.run).parameters) == {"quick", *module.OPTIONS}


def test_the_command_line_offers_every_option() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "bench", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in ("pages", "viewers"):
        for option in importlib.import_module(f"bench.{name}").OPTIONS:
            assert f"--{option}" in said


@pytest.mark.parametrize("name", ["pages", "viewers"])
def test_where_the_dashboard_is_explained_its_benchmarks_are(name: str) -> None:
    assert f"python -m bench {name}" in (ROOT / "docs/dashboard.md").read_text(encoding="utf-8")
    assert (ROOT / f"bench/results/{name}.md").is_file()

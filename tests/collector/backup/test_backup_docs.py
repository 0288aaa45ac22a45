"""docs/backup.md names what exists: commands, options, settings, units."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.cli import build_parser
from collector.commands import backup
from collector.settings import CollectorSettings, load_collector_settings
from firmware_config.settings import describe_settings, environment_name

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "backup.md").read_text(encoding="utf-8")


def blocks(mark: str) -> list[str]:
    return re.findall(rf"^```{mark}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def shell_lines() -> Iterator[list[str]]:
    for block in blocks("sh"):
        for line in block.splitlines():
            yield shlex.split(line.partition(" > ")[0], comments=True)


def test_every_command_line_exists_with_its_options() -> None:
    lines = [words[words.index("--") + 1 :] for words in shell_lines() if words[0] == "runuser"]

    assert len(lines) == 2
    for program, *arguments in lines:
        assert program == "/opt/yiping/bin/collector"
        assert build_parser().parse_args(arguments).run


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    found = set()
    for action in parser._actions:
        found |= {word for word in action.option_strings if word.startswith("--")}
        if isinstance(action, argparse._SubParsersAction):
            for part in action.choices.values():
                found |= options_of(part)
    return found


def test_every_option_is_documented_and_no_other() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    backup.add_parser(parser.add_subparsers())
    table = PAGE.split("\n## Commands\n")[1].split("\n## ")[0]

    assert set(re.findall(r"--[a-z][a-z-]+", table)) == options_of(parser) - {"--help"}


@pytest.mark.parametrize("number", [0, 1])
def test_the_settings_can_be_loaded(number: int, tmp_path: Path) -> None:
    path = tmp_path / "collector.toml"
    path.write_text(
        'hall = "h"\nfleet = "f"\ndevice_keys = "k"\nkey = "c"\nledger = "l"\n'
        f'[broker]\nhost = "127.0.0.1"\n{blocks("toml")[number]}'
    )

    loaded = load_collector_settings(path, {}, {}).backup

    assert (loaded.folder, loaded.sftp_known_hosts)[number] is not None


def test_settings_and_environment_that_are_named_exist() -> None:
    rows = describe_settings(CollectorSettings)
    named = set(re.findall(r"`(backup\.[a-z_]+)`", PAGE))
    known = {environment_name("collector", row.key) for row in rows}

    assert len(named) >= 3
    assert named <= {row.key for row in rows}
    assert set(re.findall(r"COLLECTOR_[A-Z_]+", PAGE)) <= known


def test_the_figures_of_the_rotation_are_the_defaults() -> None:
    keep = [
        row.default
        for row in describe_settings(CollectorSettings)
        if row.key.startswith("backup.keep_")
    ]

    assert "last {} days, {} weeks and {} months".format(*keep) in PAGE


def test_the_units_are_there_and_write_where_the_page_says() -> None:
    for name in re.findall(r"systemd/(collector-backup[\w.-]+)", PAGE):
        unit = (ROOT / "systemd" / name).read_text(encoding="utf-8")
        assert name.endswith(".timer") or "ReadWritePaths=-/srv/yiping-backup\n" in unit

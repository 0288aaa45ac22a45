"""The operator's documents name what exists, all of it, and their examples work.

`UPDATE_DOCS=1 pytest tests/firmware_config/test_docs.py` writes the generated parts anew.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.cli import build_parser as collector_parser
from collector.settings import CollectorSettings
from firmware_config.cli import build_parser as config_parser
from firmware_config.contract import MAX_MESSAGE_BYTES, MAX_MESSAGE_RECORDS, Channel, topic
from firmware_config.errors import ExitCode
from firmware_config.fleet import load_fleet
from firmware_config.fleet.rows import COLUMNS
from firmware_config.header import HEADER_PINS, RESERVED_GPIOS
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.levels import LEVEL_NAMES
from firmware_config.pins import BUILT_IN_PROFILES, load_pin_profile
from firmware_config.settings import load_settings
from firmware_config.settings_markdown import settings_markdown
from kiosk.cli import build_parser as kiosk_parser

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "docs" / "configuration.md"
INSTALLATION = ROOT / "docs" / "installation.md"
SCREEN = ROOT / "docs" / "screen.md"
WIRING = ROOT / "docs" / "wiring.md"
VOICE = ROOT / "docs" / "voice.md"
BACKUP = ROOT / "docs" / "backup.md"
DOCUMENTS = (CONFIGURATION, INSTALLATION, WIRING, VOICE, ROOT / "docs" / "commands.md", BACKUP)


def pin_table() -> str:
    """The wiring of the built-in profiles."""
    names = ("clerk", "status", "error", "buzzer")
    five = load_pin_profile("five-key")
    rows = [
        (f"key {int(b.level)} {LEVEL_NAMES[b.level].zh} (`{b.name}`)", b.gpio) for b in five.buttons
    ]
    rows += [(f"its light, key {int(b.level)}", b.led_gpio) for b in five.buttons]
    rows += [(what, getattr(five, f"{what}_gpio")) for what in names]
    lines = ["| `five-key` | GPIO (BCM) | header |", "|---|---|---|"]
    lines += [f"| {what} | {gpio} | {HEADER_PINS[gpio]} |" for what, gpio in rows]
    levels = ", ".join(str(int(b.level)) for b in load_pin_profile("four-key").buttons)
    return "\n".join(
        [*lines, "", f"`four-key` is wired the same, with the levels {levels} only.", ""]
    )


GENERATED = {
    "kiosk settings": lambda: settings_markdown("kiosk", KioskSettings),
    "collector settings": lambda: settings_markdown("collector", CollectorSettings),
    "pin profiles": pin_table,
}


def section(title: str) -> str:
    """The text under a heading of configuration.md."""
    text = CONFIGURATION.read_text(encoding="utf-8")
    assert f"\n## {title}" in text
    return text.split(f"\n## {title}")[1].split("\n## ")[0]


def examples(path: Path, mark: str) -> list[str]:
    """The fenced blocks with a mark, e.g. `sh` or `toml fleet`."""
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^```{mark}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def shell_lines() -> Iterator[tuple[str, list[str]]]:
    """Every command line of the installation guide: text, words."""
    for block in examples(INSTALLATION, "sh"):
        for line in block.splitlines():
            yield line, shlex.split(line.partition(" > ")[0], comments=True)


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_part_is_what_the_program_says(name: str) -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    part = re.compile(rf"(<!-- generated: {name} -->\n)(.*?)(<!-- end -->)", re.DOTALL)
    wanted = f"\n{GENERATED[name]()}\n"
    if os.environ.get("UPDATE_DOCS"):
        CONFIGURATION.write_text(
            part.sub(lambda match: match[1] + wanted + match[3], text), encoding="utf-8"
        )

    found = part.search(CONFIGURATION.read_text(encoding="utf-8"))

    assert found is not None
    assert found[2] == wanted, "write it anew with UPDATE_DOCS=1"


def test_every_topic_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"`(yiping/\S+)`", section("Topics")))

    assert documented == {topic("<hall>", "<device>", channel) for channel in Channel}
    assert f"at most {MAX_MESSAGE_RECORDS} or {MAX_MESSAGE_BYTES:,} bytes" in section("Topics")


def test_every_exit_code_is_documented() -> None:
    documented = re.findall(r"^\| (\d+) \| (\w+) \|", section("Exit codes"), re.MULTILINE)

    assert documented == [(str(int(code)), code.name) for code in ExitCode]


def test_every_key_of_the_fleet_is_documented() -> None:
    text = section("The fleet file")

    for table, columns in COLUMNS.items():
        assert f"`{table}`" in text
        for column in columns:
            assert f"`{column}`" in text, f"{table}.{column}"


def test_every_command_and_option_of_firmware_config_is_documented() -> None:
    text = section("The command `firmware-config`")
    commands = commands_of(config_parser())

    assert set(re.findall(r"^\| `firmware-config (\S+)", text, re.MULTILINE)) == set(commands)
    for name, parser in commands.items():
        line = next(line for line in text.splitlines() if f"`firmware-config {name} " in line)
        options = {option for action in parser._actions for option in action.option_strings}
        for option in options - {"-h", "--help"}:
            assert option in line, f"{name} {option}"


def test_reserved_pins_and_profiles_are_documented() -> None:
    text = section("Pin profiles")

    for name in BUILT_IN_PROFILES:
        assert f"`{name}`" in text
    refused = text.partition("Pins 0 and")[2].partition("are refused")[0]
    assert {int(number) for number in re.findall(r"\b\d+\b", f"0 {refused}")} - {2} >= set(
        RESERVED_GPIOS
    ) - {2}


def test_the_fleet_examples_can_be_loaded(tmp_path: Path) -> None:
    (fleet,) = examples(CONFIGURATION, "toml fleet")
    (changes,) = examples(CONFIGURATION, "toml assignments")
    path = tmp_path / "fleet.toml"
    path.write_text(
        fleet.replace('{ id = "w-a01" },', '{ id = "w-a01" }, { id = "w-spare" },') + changes,
        encoding="utf-8",
    )

    assert len(load_fleet(path).device_assignments) == 3
    (staff,) = examples(CONFIGURATION, "toml staff")
    path.write_text(fleet + staff, encoding="utf-8")
    assert len(load_fleet(path).staff_assignments) == 3


def test_the_pin_profile_example_can_be_loaded(tmp_path: Path) -> None:
    (text,) = examples(CONFIGURATION, "toml pins")
    (tmp_path / "own.toml").write_text(text, encoding="utf-8")

    assert len(load_pin_profile(tmp_path / "own.toml").buttons) == 2


def test_the_collectors_settings_of_the_guide_can_be_loaded(tmp_path: Path) -> None:
    (text,) = examples(INSTALLATION, "toml collector")
    path = tmp_path / "collector.toml"
    path.write_text(text, encoding="utf-8")

    settings = load_settings(
        CollectorSettings, program="collector", path=path, environ={}, overrides={}
    )

    state = {
        match[1]
        for unit in (ROOT / "systemd").glob("*.service")
        if (match := re.search(r"^StateDirectory=(\S+)$", unit.read_text(), re.MULTILINE))
    }
    for place in (settings.key, settings.ledger, settings.web.office, settings.export.folder):
        assert place.is_relative_to("/var/lib")
        assert place.parts[3] in state
    assert settings.fleet == tmp_path / "fleet.toml"


def test_every_yiping_command_of_the_guide_exists_with_its_options() -> None:
    seen = 0
    parsers = {
        "firmware-config": config_parser(),
        "collector": collector_parser(),
        "kiosk": kiosk_parser(),
    }
    for line, words in shell_lines():
        if "--" in words and words[0] == "runuser":
            words = words[words.index("--") + 1 :]
        if words[0].startswith("/opt/yiping/bin/") and (name := words[0].split("/")[-1]) != "pip":
            assert parsers[name].parse_args(words[1:]).run, line
            seen += 1

    assert seen >= 7


def test_every_file_the_guide_takes_from_the_checkout_is_there() -> None:
    names = {
        word
        for _, words in shell_lines()
        for word in words
        if re.match(r"(firmware_config|systemd)/", word)
    }

    assert len(names) >= 7
    assert [name for name in names if not (ROOT / name).exists()] == []


def test_every_unit_its_users_and_folders_are_in_the_guide() -> None:
    text = INSTALLATION.read_text(encoding="utf-8") + SCREEN.read_text(encoding="utf-8")

    for unit in (ROOT / "systemd").iterdir():
        assert f"systemd/{unit.name}" in text
        for key in ("User", "Group", "SupplementaryGroups"):
            for names in re.findall(rf"^{key}=(.+)$", unit.read_text(), re.MULTILINE):
                for name in names.split():
                    assert re.search(rf"(useradd|groupadd) .*\b{name}\b", text), name
        for path in re.findall(r"^LoadCredential=\w[\w-]*:(.+)$", unit.read_text(), re.MULTILINE):
            assert path in text


def test_no_user_is_made_twice() -> None:
    text = INSTALLATION.read_text(encoding="utf-8") + SCREEN.read_text(encoding="utf-8")
    made = re.findall(r"^.*\buseradd .* ([\w-]+)$", text, re.MULTILINE)

    assert "yiping-screen" in made
    assert len(made) == len(set(made))


def test_what_the_guide_writes_over_it_has_copied_before() -> None:
    lines = [line for line, _ in shell_lines()]
    (written,) = (line for line in lines if line.endswith("> /etc/mosquitto/mosquitto.conf"))
    (kept,) = (line for line in lines if "mosquitto.conf.before-yiping" in line)

    assert lines.index(kept) == lines.index(written) - 1
    assert kept.startswith("test -e ")  # the lines are repeated for new devices


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        document = path.parent / name if name else path
        assert document.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in headings}
            assert anchor in anchors, target

"""docs/commands.md says what the code does, and its examples work.

`UPDATE_DOCS=1 pytest tests/collector/test_command_docs.py` writes the generated parts anew.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.cli import build_parser
from collector.commanding import REFUSAL_WORDS, Silence, build_command
from collector.commands.command import KINDS
from firmware_config.contract import (
    MAX_COMMAND_BYTES,
    MAX_COMMAND_LIFE_S,
    Answer,
    Channel,
    Refusal,
    decode_answer,
    decode_command,
    encode,
    topic,
)
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.mqtt_link import BrokerAddress

OPEN_CASE = "/usr/local/bin/yiping-open-case"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "commands.md"
SAYS: dict[str, dict[str, Any]] = {
    "open-case": {"case_no": "2026-070112", "service_no": 2, "item": "身份证补办"},
    "sign-in": {"staff_no": "017", "name": "李雷"},
    "identify": {"duration_s": 30},
    "resend": {"from_seq": 1201},
    "settings": {"version": 1_782_900_000_125, "values": {"voice.volume": "60"}},
}
SILENCES = {
    Silence.SILENT: "sent, but no good answer came in time; it may have been carried out",
    Silence.OFFLINE: "the broker says the device is not connected (MQTT 5 brokers only)",
    Silence.NO_BROKER: "nothing was sent: no connection to the broker",
    Silence.BROKER_REFUSED: "the broker refused the login or the message",
    Silence.NO_VERSION: "nothing was sent: the device has settings of the highest version there is",
    Silence.NO_KEY: "nothing was sent: no public key is registered for the device",
    Silence.STOPPED: "the dispatcher was stopped first; it may still be carried out",
}


def reasons() -> str:
    lines = ["", "| refused because | meaning |", "|---|---|"]
    lines += [f"| `{reason}` | {words} |" for reason, words in REFUSAL_WORDS.items()]
    lines += ["", "| no answer because | meaning |", "|---|---|"]
    lines += [f"| `{reason}` | {SILENCES[reason]} |" for reason in Silence]
    return "\n".join([*lines, "", ""])


def payloads() -> str:
    lines = ["", "```json"]
    for number, (do, kind) in enumerate(KINDS.items()):
        command = build_command(
            kind,
            dev="w-a01",
            id=f"AAAAAAAAAAAAAAAAAAAA{number:02d}",
            issued_ms=1_782_900_000_125,
            life_s=30,
            **SAYS.get(do, {}),
        )
        lines.append(encode(command).decode())
    lines += ["```", "", "Answers:", "", "```json"]
    for fields in (
        {"outcome": "done"},
        {"outcome": "refused", "reason": "storage", "detail": "disk I/O error"},
    ):
        answer = Answer(dev="w-a01", id="AAAAAAAAAAAAAAAAAAAA00", v=1, **fields)
        lines.append(encode(answer).decode())
    return "\n".join([*lines, "```", "", ""])


GENERATED: dict[str, Callable[[], str]] = {"reasons": reasons, "payloads": payloads}


def text() -> str:
    return PAGE.read_text(encoding="utf-8")


def blocks(mark: str) -> list[str]:
    return re.findall(rf"^```{mark}\n(.*?)^```$", text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_part_is_what_the_program_says(name: str) -> None:
    part = re.compile(rf"(<!-- generated: {name} -->\n)(.*?)(<!-- end -->)", re.DOTALL)
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(
            part.sub(lambda match: match[1] + GENERATED[name]() + match[3], text()),
            encoding="utf-8",
        )

    found = part.search(text())

    assert found is not None
    assert found[2] == GENERATED[name](), "write it anew with UPDATE_DOCS=1"


def test_the_examples_of_payloads_can_be_read() -> None:
    commands, answers = blocks("json")

    for line in commands.splitlines():
        assert decode_command(line.encode()).dev == "w-a01"
    assert [json.loads(line)["do"] for line in commands.splitlines()] == list(KINDS)
    for line in answers.splitlines():
        decode_answer(line.encode())


def test_every_command_and_option_is_documented() -> None:
    (top,) = (one for one in build_parser()._actions if isinstance(one, argparse._SubParsersAction))
    (parts,) = (
        one
        for one in top.choices["command"]._actions
        if isinstance(one, argparse._SubParsersAction)
    )
    common = {"-h", "--help", "--config", "-v", "--verbose", "-q", "--quiet"}
    for name, parser in parts.choices.items():
        (line,) = (one for one in text().splitlines() if f"| `collector command {name}`" in one)
        for action in parser._actions:
            for option in set(action.option_strings) - common:
                if option == "--set" and name != "settings":
                    continue  # a setting of our own
                assert option in line or f"`{option}" in text().split("## What comes back")[0]
    assert "`collector devices`" in text()


def test_topics_and_limits_are_the_contracts() -> None:
    for channel in (Channel.COMMAND, Channel.ANSWER):
        assert f"`{topic('<hall>', '<device>', channel)}`" in text()
    assert f"at most {MAX_COMMAND_BYTES:,} bytes" in text()
    assert f"at most {MAX_COMMAND_LIFE_S} s apart" in text()


def test_the_command_lines_can_be_parsed() -> None:
    seen = 0
    for block in blocks("sh"):
        for line in block.splitlines():
            words = shlex.split(line)
            assert words[0] == "collector"
            assert build_parser().parse_args(words[1:]).run
            seen += 1

    assert seen >= 6


def test_the_script_for_a_queue_system_takes_its_arguments_as_texts(tmp_path: Path) -> None:
    (script,) = blocks("sh script")
    path = tmp_path / "script"
    path.write_text(script.replace("/opt/yiping/bin/collector", "printf '%s\\n'"))

    done = subprocess.run(
        ["sh", str(path), "a01", "--all 1", "x y"], capture_output=True, text=True, check=True
    )

    args = build_parser().parse_args(done.stdout.splitlines())
    assert (args.window, args.case_no, args.item) == (["a01"], "--all 1", "x y")
    assert args.all is False


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("a01 2026-070112 身份证 补办", ["a01", "2026-070112", "身份证 补办"]),
        ("a01 1", ["a01", "1", ""]),
        ("a01 $(touch /tmp/x) ; id", ["a01", "$(touch", "/tmp/x) ; id"]),
        ("* --all `id`", ["*", "--all", "`id`"]),
        ("a01 1 x\nb02 2 y", ["a01", "1", "x"]),
        ("", ["", "", ""]),
    ],
)
def test_the_forced_command_of_ssh_hands_on_three_words_and_runs_none(
    tmp_path: Path, asked: str, words: list[str]
) -> None:
    (script,) = blocks("sh forced")
    (tmp_path / "script").write_text(script, encoding="utf-8")
    (tmp_path / "sudo").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 3\n")
    (tmp_path / "sudo").chmod(0o755)

    done = subprocess.run(
        ["sh", str(tmp_path / "script")],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "SSH_ORIGINAL_COMMAND": asked},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3  # the command's own, for the other machine
    assert done.stdout.splitlines()[:4] == ["-n", "-u", "yiping-command", OPEN_CASE]
    assert done.stdout.splitlines()[4:] == words


@pytest.mark.system
@pytest.mark.parametrize("open_broker", ["mosquitto"], indirect=True)
def test_the_example_in_python_opens_a_case(
    tmp_path: Path, open_broker: Any, device_peers: Any
) -> None:
    (example,) = blocks("python")
    device = load_fleet(sample_fleet_path()).devices[0].id
    keys = {device: load_or_create_signing_key(tmp_path / "device.jwk")}
    save_verify_key(tmp_path / "keys" / f"{device}.jwk", keys[device].public)
    collector = load_or_create_signing_key(tmp_path / "collector.jwk")
    (tmp_path / "password").write_text("any\n")
    config = tmp_path / "collector.toml"
    config.write_text(
        f'hall = "yunze"\nfleet = "{sample_fleet_path()}"\ndevice_keys = "keys"\n'
        'key = "collector.jwk"\nledger = "ledger.db"\n'
        f'[broker]\nhost = "127.0.0.1"\nport = {open_broker.port}\n'
        '[command]\nlog = "commands.jsonl"\npassword_file = "password"\n',
        encoding="utf-8",
    )
    peers = device_peers(
        "yunze",
        lambda user: BrokerAddress(
            host="127.0.0.1", port=open_broker.port, username=user, password="any"
        ),
        keys,
        collector.public,
    )
    peers.connect(device)

    example = example.replace("/etc/yiping/collector.toml", str(config)).replace("w-a01", device)
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, timeout=60, check=False
    )

    assert "outcome='done'" in done.stdout, done.stderr
    [command] = peers.done
    assert (command.case_no, command.item) == ("2026-070112", "身份证补办")


def test_every_reason_of_the_contract_has_words() -> None:
    assert set(REFUSAL_WORDS) == set(Refusal)

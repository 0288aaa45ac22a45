"""`collector command` in a whole hall: 135 devices, ingest beside it, both makes of broker."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from firmware_config.errors import ExitCode
from firmware_config.keys import load_verify_key

pytestmark = pytest.mark.system


@pytest.fixture
def peers(hall: Any, device_peers: Any) -> Any:
    """The hall's devices, none connected yet."""
    return device_peers(hall.hall, hall.address, hall.keys, load_verify_key(hall.collector_public))


def test_all_135_devices_answer_and_ingest_stays_connected(hall: Any, peers: Any) -> None:
    peers.connect(*hall.devices)
    peers.refusals[hall.devices[7]] = "session-open"

    done = hall.collector("command", "identify", "--all", "--json", "--timeout", "30")

    assert done.returncode == ExitCode.FAILURE, done.stderr
    results = json.loads(done.stdout)
    assert [one["device"] for one in results] == hall.devices
    assert [one["outcome"] for one in results].count("done") == 134
    assert (results[7]["outcome"], results[7]["reason"]) == ("refused", "session-open")
    assert results[7]["detail"] == "a citizen is being asked for a rating; try again after it"
    assert len(peers.done) == 134
    assert hall.ingest.is_running
    assert hall.ingest.tail().count("connected protocol=") == 1
    log = (hall.folder / "commands.jsonl").read_text("utf-8").splitlines()
    assert len(log) == 2 * 135


def test_one_case_is_opened_and_told_in_a_table(hall: Any, peers: Any) -> None:
    device = hall.devices[0]
    peers.connect(device)

    done = hall.collector(
        *(
            "command",
            "open-case",
            device,
            "--case-no",
            "办件-1",
            "--item",
            "身份证",
            "--staff-no",
            "017",
            "-v",
        )
    )

    assert done.returncode == ExitCode.OK, done.stderr
    header, row = done.stdout.splitlines()
    assert header.split() == ["device", "window", "outcome", "reason", "detail"]
    assert row.split()[0] == device
    assert "done" in row.split()
    assert "DEBUG collector.dispatch: command ended device=" in done.stderr
    [command] = peers.done
    assert (command.case_no, command.item, command.staff_no) == ("办件-1", "身份证", "017")


def test_silence_is_told_and_is_no_success(hall: Any, peers: Any) -> None:
    first, second = hall.devices[:2]
    peers.connect(first)

    done = hall.collector("command", "pause", first, second, "--timeout", "3", "--yes")

    assert done.returncode == ExitCode.FAILURE, done.stderr
    assert "2 devices: 1 done, 1 no answer" in done.stdout
    assert done.stderr == ""
    word = "offline" if hall.kind == "mosquitto" else "silent"
    assert f"no answer  {word}" in done.stdout


def test_a_refused_login_and_a_missing_broker_are_told_and_end_with_4(hall: Any) -> None:
    wrong = hall.folder / "wrong-password"
    wrong.write_text("guess\n")
    command = ("command", "pause", hall.devices[0], "--timeout", "30")

    refused = hall.collector(*command, "--set", f"command.password_file={wrong}")
    hall.broker.kill()
    missing = hall.collector(*command[:3], "--timeout", "1")

    where = f"127.0.0.1:{hall.port}"
    assert refused.returncode == missing.returncode == ExitCode.IO
    assert f"collector: error: {where}: the broker refused user dispatcher: " in refused.stderr
    assert f"collector: error: {where}: nothing was sent: no connection" in missing.stderr


def test_several_command_lines_at_once_lose_no_answer(hall: Any, peers: Any) -> None:
    chosen = hall.devices[:4]
    peers.connect(*chosen)
    done: list[Any] = []
    running = [
        threading.Thread(
            target=lambda device=device: done.append(
                hall.collector("command", "resend", device, "--from", "1", "--timeout", "30")
            )
        )
        for device in chosen
    ]

    for one in running:
        one.start()
    for one in running:
        one.join()

    assert [one.returncode for one in done] == [0] * 4, [one.stderr for one in done]
    assert sorted(one.dev for one in peers.done) == sorted(chosen)

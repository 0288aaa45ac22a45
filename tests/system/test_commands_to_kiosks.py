"""`collector command` against the real `kiosk run`: done once, recorded, kept over kill -9."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.press_time import wall_text
from firmware_config.chain import split_token
from firmware_config.contract import (
    CONTRACT_VERSION,
    Channel,
    Kind,
    Pause,
    decode_answer,
    encode,
    topic,
    topic_filter,
)
from firmware_config.errors import ExitCode
from firmware_config.keys import load_or_create_signing_key
from firmware_config.mqtt_link import Arrived, Connected, Link, LinkEvent, Publication

pytestmark = pytest.mark.system


class Kiosks:
    """Real device processes on mock pins, and the collector's side of them."""

    def __init__(self, hall: Any, count: int) -> None:
        self.hall = hall
        self.devices = hall.devices[:count]
        hall.render_devices(self.devices, **{"uplink.health_s": "1"})
        self.programs = {}
        for device in self.devices:
            config = hall.folder / "devices" / device / "kiosk.toml"
            program = hall.program(device, "-m", "kiosk", "run", "--config", str(config))
            program.start()
            self.programs[device] = program
        hall.wait(lambda: len(self.records("BOOT")) == count, "the devices to boot")

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Payloads of a kind in the ledger, in order."""
        rows = self.hall.query("SELECT payload FROM records WHERE kind = ? ORDER BY position", kind)
        return [json.loads(payload) for (payload,) in rows]

    def command(self, *words: str) -> list[dict[str, Any]]:
        done = self.hall.collector("command", *words, "--json", "--timeout", "30", "--yes")
        assert done.returncode in (ExitCode.OK, ExitCode.FAILURE), done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    def told(self, device: str) -> dict[str, Any]:
        done = self.hall.collector("devices", "--json")
        assert done.returncode == ExitCode.OK, done.stderr
        return next(row for row in json.loads(done.stdout) if row["device"] == device)


@pytest.fixture
def kiosks(hall: Any, monkeypatch: pytest.MonkeyPatch) -> Kiosks:
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    return Kiosks(hall, 2)


def test_a_case_opened_by_command_is_in_the_ledger_once_and_a_pause_waits_for_it(
    kiosks: Kiosks,
) -> None:
    device = kiosks.devices[0]
    words = ("--case-no", "20260302-A01-0007", "--item", "新生儿落户", "--staff-no", "1001")

    [opened] = kiosks.command("open-case", device, *words)
    [paused] = kiosks.command("pause", device)

    assert opened["outcome"] == "done"
    assert (paused["outcome"], paused["reason"]) == ("refused", "session-open")
    kiosks.hall.wait(lambda: kiosks.records(Kind.INVITED), "the invitation in the ledger")
    [invited] = kiosks.records(Kind.INVITED)
    assert (invited["dev"], invited["case_no"], invited["trigger"]) == (
        device, "20260302-A01-0007", "case",
    )  # fmt: skip


def test_every_command_is_done_by_real_devices(kiosks: Kiosks) -> None:
    first, second = kiosks.devices
    said = [
        kiosks.command(*words)
        for words in (
            ("identify", first, second, "--seconds", "2"),
            ("sign-in", first, "1001", "--name", "李四"),
            ("sign-out", first),
            ("pause", first, second),
            ("resume", first, second),
            ("self-test", second),
            ("resume", second),
            ("resend", first, "--from", "1"),
        )
    ]
    assert {one["outcome"] for results in said for one in results} == {"done"}
    kiosks.hall.wait(lambda: len(kiosks.records(Kind.RESUMED)) == 3, "all records")
    assert [record["via"] for record in kiosks.records(Kind.PAUSED)].count("command") == 2
    assert [record["via"] for record in kiosks.records(Kind.PAUSED)].count("test") == 1
    assert [record["staff_no"] for record in kiosks.records(Kind.SIGNOUT)] == ["1001"]


def test_settings_outlast_kill_minus_nine_and_the_devices_say_which_they_have(
    kiosks: Kiosks,
) -> None:
    device = kiosks.devices[0]
    [answer] = kiosks.command("settings", device, "--set", "session.timeout_s=30")
    assert answer["outcome"] == "done"
    kiosks.hall.wait(lambda: kiosks.records(Kind.SETTINGS), "the settings in the ledger")
    [record] = kiosks.records(Kind.SETTINGS)
    assert record["values"] == {"session.timeout_s": "30"}

    kiosks.programs[device].kill()
    kiosks.programs[device].start()
    kiosks.hall.wait(lambda: len(kiosks.records(Kind.BOOT)) == 3, "the device to boot again")

    kiosks.hall.wait(
        lambda: (kiosks.told(device)["health"] or {}).get("settings_version") == record["version"],
        "its health",
    )
    [again] = kiosks.command("open-case", device, "--case-no", "C-1")
    assert again["outcome"] == "done"


def test_a_recorded_command_played_again_is_answered_the_same_and_done_once(
    kiosks: Kiosks,
) -> None:
    """Whoever owns the broker can record a token and play it as often as it likes."""
    hall, device = kiosks.hall, kiosks.devices[0]
    command_topic = topic(hall.hall, device, Channel.COMMAND)
    answers: list[bytes] = []
    connected = threading.Event()

    def note(event: LinkEvent) -> None:
        if isinstance(event, Arrived):
            answers.append(event.payload)
        elif isinstance(event, Connected):
            connected.set()

    player = Link(
        hall.address("dispatcher"),
        client_id="dispatcher",
        subscriptions=(topic_filter(hall.hall, Channel.ANSWER),),
        on_event=note,
    )
    player.start()
    assert connected.wait(60)
    now = datetime.now(UTC)
    pause = Pause(
        dev=device,
        id="p" * 22,
        issued_at=wall_text(round(now.timestamp() * 1000)),
        expires_at=wall_text(round(now.timestamp() * 1000) + 60_000),
        v=CONTRACT_VERSION,
    )
    key = load_or_create_signing_key(hall.folder / "collector.jwk")
    token = key.token(encode(pause))
    for number in range(1, 6):
        player.publish(Publication(command_topic, token))
        hall.wait(lambda number=number: len(answers) >= number, "an answer")
        if number == 3:
            kiosks.programs[device].kill()
            kiosks.programs[device].start()
            hall.wait(lambda: len(kiosks.records(Kind.BOOT)) == 3, "the device to boot again")
    player.stop()

    assert len(set(answers)) == 1
    assert decode_answer(split_token(answers[0]).payload).outcome == "done"
    hall.wait(lambda: kiosks.records(Kind.PAUSED), "the pause in the ledger")
    assert len(kiosks.records(Kind.PAUSED)) == 1

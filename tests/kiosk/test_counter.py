"""Voice, screen and badge reader on one running device; and that none of them can stop it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tty
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from firmware_config.counter_settings import ReaderSettings, ScreenSettings, VoiceSettings
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.pins import load_pin_profile
from kiosk.clock import Clock
from kiosk.counter import UNSEEN_MS
from kiosk.events import CaseOpened
from kiosk.journal.reading import open_card
from kiosk.service import KioskService
from kiosk.situation import State

GPIOS = {button.name: button.gpio for button in load_pin_profile("five-key").buttons}


@pytest.fixture
def silent_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An ALSA device that swallows what it is given."""
    rules = tmp_path / "alsa.conf"
    rules.write_text("pcm.null { type null }\n")
    monkeypatch.setenv("ALSA_CONFIG_PATH", str(rules))
    return "null"


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


@pytest.fixture
def service_of(
    make_settings: Callable[..., KioskSettings], pins: MockFactory
) -> Iterator[Callable[..., KioskService]]:
    made: list[KioskService] = []

    def make(**changes: Any) -> KioskService:
        service = KioskService(
            make_settings(**changes), pin_factory=pins, clock=Clock(), password=""
        )
        made.append(service)
        service.start()
        return service

    yield make
    for service in made:
        service.stop()


def invite_and_press(service: KioskService, pins: MockFactory) -> None:
    service.post(CaseOpened(at_ms=service.clock.mono_ms(), case_no="C-1", item="新生儿落户"))
    assert service.settle(5)
    pins.pin(GPIOS["satisfied"]).drive_low()
    assert service.settle(5)
    pins.pin(GPIOS["satisfied"]).drive_high()
    assert service.settle(5)


def test_a_citizen_hears_sees_and_rates_and_the_clerks_badge_is_in_the_rating(
    service_of: Callable[..., KioskService],
    pins: MockFactory,
    voice_set: Path,
    silent_card: str,
    free_port: Callable[[], int],
    wait_until: Callable[..., None],
) -> None:
    badge, line = os.openpty()
    tty.setraw(line)
    port = free_port()
    service = service_of(
        voice=VoiceSettings(folder=voice_set, device=silent_card),
        screen=ScreenSettings(enabled=True, port=port, window="A01"),
        reader=ReaderSettings(kind="serial", device=os.ttyname(line)),
    )
    counter = service._counter
    assert counter is not None
    assert counter.threads() == {"voice": True, "reader": True, "screen": True}
    wait_until(lambda: counter._reader is not None and counter._reader.is_ready)

    def view() -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/view", timeout=30) as answer:
            return json.loads(answer.read())["view"]

    def signed_in() -> str:
        situation = service.situation
        return situation.staff_no if situation is not None else ""

    os.write(badge, b"1001\r")
    wait_until(lambda: signed_in() == "1001")
    invite_and_press(service, pins)

    assert view()["scene"] == "thanks"
    assert "satisfied" in service.snapshot().lit
    # thanks cut the invitation off: only the newest prompt is heard to its end
    wait_until(lambda: counter._voice is not None and counter._voice.said >= 1)
    assert counter.alarms() == []
    with open_card(service.settings.journal) as card:
        payloads = [row.token.split(b".")[1] for row in card.rows()]
    assert len(payloads) == 4  # BOOT, SIGNIN, INVITED, RATED
    os.close(badge)
    wait_until(lambda: "reader-lost" in counter.alarms())
    assert service.snapshot().state is State.ANSWERED
    os.close(line)


def test_without_speaker_port_and_reader_a_press_is_thanked_and_health_says_what_is_missing(
    service_of: Callable[..., KioskService],
    pins: MockFactory,
    voice_set: Path,
    free_port: Callable[[], int],
    wait_until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    import socket

    monkeypatch.setenv("PATH", str(tmp_path))  # no aplay
    with socket.create_server(("127.0.0.1", 0)) as taken:
        service = service_of(
            voice=VoiceSettings(folder=voice_set),
            screen=ScreenSettings(enabled=True, port=taken.getsockname()[1]),
            reader=ReaderSettings(kind="serial", device="/dev/yiping-no-such-reader"),
        )
        invite_and_press(service, pins)
        assert "satisfied" in service.snapshot().lit
        expected = {"voice-failed", "screen-failed", "reader-lost"}
        wait_until(lambda: service._told and expected <= set(service._told[4]))  # type: ignore[arg-type]
        assert service.failure is None


@pytest.mark.parametrize(
    "attribute", ["_voice", "_screen", "_reader"], ids=["voice", "screen", "reader"]
)
def test_a_companion_whose_thread_died_does_not_end_the_device(
    attribute: str,
    service_of: Callable[..., KioskService],
    voice_set: Path,
    silent_card: str,
    free_port: Callable[[], int],
    wait_until: Callable[..., None],
) -> None:
    service = service_of(
        voice=VoiceSettings(folder=voice_set, device=silent_card),
        screen=ScreenSettings(enabled=True, port=free_port()),
        reader=ReaderSettings(kind="serial", device="/dev/yiping-no-such-reader"),
    )
    counter = service._counter
    assert counter is not None
    getattr(counter, attribute).stop()
    wait_until(lambda: f"{attribute[1:]}-failed" in counter.alarms())
    assert service.settle(5)
    assert service.failure is None


def test_a_screen_that_no_browser_shows_is_an_alarm_after_a_while(
    service_of: Callable[..., KioskService],
    free_port: Callable[[], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    service = service_of(screen=ScreenSettings(enabled=True, port=port))
    counter = service._counter
    assert counter is not None
    assert counter.alarms() == []
    begun_ms = service.clock.steady_ms()
    monkeypatch.setattr(service.clock, "steady_ms", lambda: begun_ms + UNSEEN_MS + 1000)
    assert counter.alarms() == ["screen-unseen"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stream", timeout=30) as stream:
        assert stream.readline()
        assert counter.alarms() == []


def test_a_device_without_companions_carries_none_of_their_libraries(
    make_settings: Callable[..., KioskSettings], tmp_path: Path
) -> None:
    """What keeps `kiosk run` below 45 MB; `python -m bench memory` measures it."""
    make_settings()
    program = """
import sys
from pathlib import Path
from gpiozero.pins.mock import MockFactory
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.settings import load_settings
from kiosk.clock import Clock
from kiosk.service import KioskService
settings = load_settings(KioskSettings, program="kiosk", path=Path(sys.argv[1]), environ={},
                         overrides={})
service = KioskService(settings, pin_factory=MockFactory(), clock=Clock(), password="")
service.start()
assert service.settle(5)
service.stop()
heavy = ("flask", "waitress", "serial", "kiosk.voice", "kiosk.screen", "kiosk.readers.reader",
         "kiosk.simulator", "argparse", "rich")
print([name for name in heavy if name in sys.modules])
"""
    config = tmp_path / "kiosk.toml"
    config.write_text(
        'hall = "hall-1"\ndevice = "w-a01"\njournal = "journal.db"\nkey = "key.jwk"\n'
        'collector_key = "collector.jwk"\n[broker]\nhost = "127.0.0.1"\nport = 1\n'
        "[storage]\nallow_volatile = true\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(config)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"

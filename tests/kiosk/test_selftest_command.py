"""`kiosk selftest` on mock pins: a finger that does what the lines ask for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from firmware_config.kiosk_settings import KioskSettings
from firmware_config.pins import load_pin_profile
from kiosk import selftest, selftest_command
from kiosk.clock import Clock
from kiosk.errors import JournalError
from kiosk.journal.reading import open_card
from kiosk.selftest_command import SelfTestAtTerminal
from kiosk.service import KioskService

PROFILE = load_pin_profile("five-key")


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lights and waits of a tenth: people are not part of this test."""
    monkeypatch.setattr(selftest, "LIGHT_MS", 20)
    monkeypatch.setattr("kiosk.moves.KEY_MS", 300)
    monkeypatch.setattr(selftest_command, "KEY_MS", 300)


class Finger:
    """Reads the lines and presses what is asked for, except the keys it leaves out."""

    def __init__(self, pins: MockFactory, leaves_out: frozenset[str] = frozenset()) -> None:
        self.lines: list[str] = []
        self._pins = pins
        self._leaves_out = leaves_out
        self.presses: list[threading.Timer] = []

    def read(self, line: str) -> None:
        self.lines.append(line)
        _, _, asked = line.partition("press the lit key: ")
        name = asked.partition(" (")[0]
        if asked and name not in self._leaves_out:
            gpio = next(button.gpio for button in PROFILE.buttons if button.name == name)
            pin = self._pins.pin(gpio)
            for delay_s, act in ((0.01, pin.drive_low), (0.08, pin.drive_high)):
                timer = threading.Timer(delay_s, act)
                self.presses.append(timer)
                timer.start()


def test_all_keys_pass_and_are_in_the_journal(
    make_settings: Callable[..., KioskSettings], pins: MockFactory, kinds: Any, open_it: Any
) -> None:
    finger = Finger(pins)

    assert SelfTestAtTerminal(
        make_settings(), clock=Clock(), say=finger.read, pin_factory=pins
    ).run()

    assert finger.lines[-1] == "ok     5 of 5 keys"
    assert "ok     key very-dissatisfied (1 非常不满意)" in finger.lines
    written = kinds(open_it())
    assert written[:1] == ["BOOT"]
    assert [kind for kind in written if kind.startswith("TEST")] == [
        f"TEST {level}" for level in range(5, 0, -1)
    ]


def test_a_dead_key_is_named_and_fails_the_test(
    make_settings: Callable[..., KioskSettings], pins: MockFactory, kinds: Any, open_it: Any
) -> None:
    finger = Finger(pins, frozenset({"dissatisfied"}))

    assert not SelfTestAtTerminal(
        make_settings(), clock=Clock(), say=finger.read, pin_factory=pins
    ).run()

    assert any(
        line.startswith("FAILED key dissatisfied (2 不满意): not pressed") for line in finger.lines
    )
    assert finger.lines[-1] == "FAILED 4 of 5 keys"
    assert kinds(open_it()).count("FAULT test-failed") == 1


def test_with_the_service_running_it_says_what_to_do(
    make_settings: Callable[..., KioskSettings], pins: MockFactory
) -> None:
    service = KioskService(make_settings(), pin_factory=pins, clock=Clock(), password="")
    service.start()
    try:
        with pytest.raises(JournalError, match="systemctl stop kiosk"):
            SelfTestAtTerminal(
                make_settings(), clock=Clock(), say=lambda _: None, pin_factory=pins
            ).run()
    finally:
        service.stop()
    with open_card(service.settings.journal) as card:
        assert len(list(card.rows())) == 1

"""Buttons and lights on gpiozero's mock pins."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPin

from firmware_config.pins import load_pin_profile
from kiosk.edges import CLERK
from kiosk.errors import PanelError
from kiosk.panel import Panel
from kiosk.patterns import BUZZER, ERROR, STATUS

PROFILE = load_pin_profile("five-key")
GOOD = PROFILE.buttons[0]


@pytest.fixture
def pins() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


@pytest.fixture
def edges() -> list[tuple[str, bool]]:
    return []


@pytest.fixture
def panel(pins: MockFactory, edges: list[tuple[str, bool]]) -> Iterator[Panel]:
    panel = Panel(
        PROFILE, pin_factory=pins, on_edge=lambda name, is_down: edges.append((name, is_down))
    )
    yield panel
    panel.close()


def test_a_key_to_ground_is_a_press_and_its_release_an_edge_too(
    panel: Panel, pins: MockFactory, edges: list[tuple[str, bool]]
) -> None:
    assert panel.open() == frozenset()
    pins.pin(GOOD.gpio).drive_low()
    assert panel.pressed() == {GOOD.name}
    pins.pin(GOOD.gpio).drive_high()
    pins.pin(PROFILE.clerk_gpio).drive_low()
    assert edges == [(GOOD.name, True), (GOOD.name, False), (CLERK, True)]


def test_keys_held_at_the_start_are_found_and_make_no_edge(
    panel: Panel, pins: MockFactory, edges: list[tuple[str, bool]], held_pin: type[MockPin]
) -> None:
    pin = pins.pin(GOOD.gpio, pin_class=held_pin)
    assert panel.open() == {GOOD.name}
    assert edges == []
    pin.let_go()
    assert edges == [(GOOD.name, False)]


def test_lights_are_switched_to_exactly_what_is_asked(panel: Panel, pins: MockFactory) -> None:
    panel.open()
    outputs = {button.name: button.led_gpio for button in PROFILE.buttons}
    outputs |= {STATUS: PROFILE.status_gpio, ERROR: PROFILE.error_gpio, BUZZER: PROFILE.buzzer_gpio}

    def lit() -> set[str]:
        return {name for name, gpio in outputs.items() if gpio and pins.pin(gpio).state}

    assert lit() == set()
    for wanted in ({GOOD.name, STATUS}, {ERROR}, set(outputs), set()):
        panel.show(frozenset(wanted))
        assert lit() == wanted
        assert panel.lit == wanted


def test_a_callback_that_fails_ends_no_thread_and_is_counted(pins: MockFactory) -> None:
    def broken(name: str, is_down: bool) -> None:
        raise RuntimeError("full")

    panel = Panel(PROFILE, pin_factory=pins, on_edge=broken)
    panel.open()
    pins.pin(GOOD.gpio).drive_low()
    assert panel.callback_failures == 1
    panel.close()


def test_a_pin_that_is_taken_is_a_panel_error_and_releases_the_others(
    panel: Panel, pins: MockFactory
) -> None:
    first = Panel(PROFILE, pin_factory=pins, on_edge=lambda *_: None)
    first.open()
    with pytest.raises(PanelError, match="five-key"):
        panel.open()
    first.close()
    panel.open()


def test_no_thread_is_started_for_a_key(panel: Panel) -> None:
    before = threading.active_count()
    panel.open()
    assert threading.active_count() == before
    assert panel.is_alive()


def test_closing_releases_everything(pins: MockFactory) -> None:
    panel = Panel(PROFILE, pin_factory=pins, on_edge=lambda *_: None)
    panel.open()
    panel.show(frozenset({STATUS}))
    panel.close()
    panel.close()
    assert panel.pressed() == frozenset()
    gone = weakref.ref(panel)
    del panel
    gc.collect()
    assert gone() is None


def test_an_edge_is_as_old_as_the_kernel_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine's own pins; those of a factory that was given keep no kernel's time."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    ages: list[int] = []
    panel = Panel(
        PROFILE, pin_factory=None, on_edge=lambda name, is_down: ages.append(panel.age_ms(name))
    )
    panel.open()
    try:
        key = panel._keys[PROFILE.buttons[0].name]
        ticks = key.pin_factory.ticks()
        key._pin_changed(ticks - 0.030, 0)  # pressed 30 ms ago, told now
        key._pin_changed(ticks - 0.010, 1)
        key._pin_changed(ticks - 3600, 0)  # another clock
        assert ages[0] in range(30, 60)
        assert ages[1] in range(10, 40)
        assert ages[2] == 0
        assert panel.is_down(PROFILE.buttons[1].name) is False
    finally:
        panel.close()
        Device.pin_factory.close()
        Device.pin_factory = None

"""The screens of the simulated hall: the same as on a device, with made-up names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware_config.fleet import Department, Window
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.kiosk_settings import KioskSettings, StorageSettings
from firmware_config.settings_broker import BrokerSettings
from kiosk.clock import Clock
from kiosk.screen.shown import Scene
from kiosk.simulator.device import VirtualKiosk
from kiosk.simulator.page import WindowRow
from kiosk.simulator.people import Doing, Step
from kiosk.simulator.scenario import Fault
from kiosk.simulator.screens import HallScreens, MadeUpStaff

START_MS = 1_772_413_200_000
"""2026-03-02, 09:00 in Shanghai."""


@pytest.fixture
def kiosk(tmp_path: Path) -> Iterator[VirtualKiosk]:
    collector = load_or_create_signing_key(tmp_path / "collector.jwk")
    save_verify_key(tmp_path / "collector-public.jwk", collector.public)
    settings = KioskSettings(
        hall="h",
        device="w-a01",
        journal=tmp_path / "journal.db",
        key=tmp_path / "device.jwk",
        collector_key=tmp_path / "collector-public.jwk",
        broker=BrokerSettings(host="127.0.0.1", port=1),
        storage=StorageSettings(allow_volatile=True),
    )
    made = VirtualKiosk(settings, password="", wall_ms=START_MS, system=Clock())
    made.service.start()
    yield made
    made.service.stop()


@pytest.fixture
def screens(kiosk: VirtualKiosk) -> HallScreens:
    row = WindowRow(
        department=Department(id="tax", name="税务局", name_en="Tax"),
        window=Window(id="a01", name="A01", name_en=""),
        device="w-a01",
        panel="five-key",
    )
    return HallScreens([row], {"w-a01": kiosk}, lambda: START_MS + 3_600_000)


def test_a_screen_names_the_window_of_the_fleet_and_the_hall_s_time(screens: HallScreens) -> None:
    chinese, english = (screens.find("w-a01", language).view() for language in ("zh-CN", "en"))

    assert (chinese.window, chinese.department) == ("A01 号窗口", "税务局")
    assert (english.window, english.department) == ("Window A01", "Tax")
    assert chinese.time == "10:00"


def test_a_touch_is_thanked_and_makes_the_window_the_visitor_s(
    kiosk: VirtualKiosk, screens: HallScreens
) -> None:
    screen = screens.find("w-a01", "zh-CN")
    assert not screen.press(5)
    assert not kiosk.is_touched
    kiosk.perform(Step(at_s=0, doing=Doing.CLERK_INVITES), START_MS + 60_000)
    assert kiosk.wait_settled(10)
    assert screen.view().scene is Scene.INVITATION

    assert screen.press(4)

    assert kiosk.wait_settled(10)
    assert screen.view().scene is Scene.THANKS
    assert kiosk.is_touched
    assert kiosk.state() == "thanks"


def test_there_is_no_screen_where_there_is_no_window(screens: HallScreens) -> None:
    with pytest.raises(KeyError):
        screens.find("w-z99", "en")
    with pytest.raises(KeyError):
        screens.find("w-a01", "fr")


def test_staff_have_made_up_names_that_do_not_change() -> None:
    first, second = (MadeUpStaff().find("1077") for _ in range(2))

    assert first is not None
    assert first == second
    assert first.name
    assert first.name_en
    assert MadeUpStaff().find("x") is None


def test_a_screen_follows_its_device_through_a_power_cut(
    kiosk: VirtualKiosk, screens: HallScreens
) -> None:
    screen = screens.find("w-a01", "zh-CN")
    fault = Fault(what="unplugged", at="09:00")
    kiosk.perform(Step(at_s=0, doing=Doing.BREAK, fault=fault), START_MS + 60_000)
    assert screen.view().scene is Scene.OUT_OF_SERVICE

    kiosk.perform(Step(at_s=0, doing=Doing.REPAIR, fault=fault), START_MS + 120_000)
    kiosk.wait_settled(10)

    assert screen.view().scene is not Scene.OUT_OF_SERVICE
    kiosk.stop()

"""The press page of the demo with the screen of a window, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import waitress
from playwright.sync_api import Browser, Page, expect

from firmware_config.fleet import Department, Hall, Window
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.kiosk_settings import KioskSettings, StorageSettings
from firmware_config.settings_broker import BrokerSettings
from kiosk.clock import Clock
from kiosk.screen.source import ScreenSource
from kiosk.simulator.device import VirtualKiosk
from kiosk.simulator.page import DeviceView, HallView, KeyView, WindowRow, create_app
from kiosk.simulator.rows import panel_keys
from kiosk.simulator.screens import HallScreens

pytestmark = pytest.mark.browser

START_MS = 1_772_413_200_000
"""2026-03-02, 09:00 in Shanghai."""


class OneWindow:
    """A hall of one real virtual kiosk."""

    hall = Hall(id="h", name="大厅", name_en="Hall", timezone="Asia/Shanghai", opens=())
    rows = (
        WindowRow(
            department=Department(id="tax", name="税务局", name_en="Tax"),
            window=Window(id="a01", name="A01", name_en=""),
            device="w-a01",
            panel="five-key",
        ),
    )

    def __init__(self, kiosk: VirtualKiosk) -> None:
        self._kiosk = kiosk
        self._screens = HallScreens(self.rows, {"w-a01": kiosk}, lambda: START_MS)
        self.panels: Mapping[str, tuple[KeyView, ...]] = {
            "five-key": panel_keys(kiosk.service.panel.profile)
        }

    def hall_view(self) -> HallView:
        return HallView(on="2026-03-02", time="09:00", pace=1, devices={})

    def device_view(self, device: str) -> DeviceView:
        return self._kiosk.view("09:00:00")

    def turn_key(self, device: str, key: str, *, is_down: bool) -> None:
        self._kiosk.turn_key(key, is_down=is_down, hall_ms=START_MS)

    def screen(self, device: str, language: str) -> ScreenSource:
        return self._screens.find(device, language)


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
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
    kiosk = VirtualKiosk(settings, password="", wall_ms=START_MS, system=Clock())
    kiosk.service.start()
    server = waitress.create_server(create_app(OneWindow(kiosk)), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    opened = browser.new_page(viewport={"width": 1366, "height": 768})
    problems: list[str] = []
    opened.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(f"http://127.0.0.1:{server.effective_port}/")
    yield opened
    opened.close()
    server.task_dispatcher.shutdown()
    server.close()
    kiosk.service.stop()
    assert problems == []


def test_the_screen_is_beside_the_keys_and_both_rate(page: Page) -> None:
    inside = page.frame_locator("#screen")
    expect(inside.locator("#title")).to_have_text("欢迎")
    expect(inside.locator("#window")).to_have_text("A01 号窗口")
    page.locator("#clerk").click(delay=100)
    expect(inside.locator("#title")).to_have_text("请您对我的服务进行评价")
    inside.get_by_role("button", name="不满意", exact=True).click()
    expect(inside.locator("#title")).to_have_text("谢谢您的评价")
    expect(page.locator("#fact-state")).to_have_text("致谢")
    page.keyboard.press("Space", delay=100)  # though the screen has the focus
    expect(inside.locator("#title")).to_have_text("请您对我的服务进行评价")
    page.locator(".key[data-level='5']").click(delay=100)
    expect(inside.locator("#title")).to_have_text("谢谢您的评价")


def test_the_screen_speaks_the_page_s_language(page: Page) -> None:
    page.locator("#language").click()

    expect(page.frame_locator("#screen").locator("#title")).to_have_text("Welcome")


def test_on_a_laptop_the_screen_the_keys_and_the_clerk_s_key_are_all_in_view(page: Page) -> None:
    for wanted in ("#screen", ".keys", "#clerk"):
        box = page.locator(wanted).bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= 768

"""The press page of the demo with the screen of a window, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import waitress
from playwright.sync_api import Browser, Locator, Page, expect

from firmware_config.fleet import Department, Hall, Window
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.kiosk_settings import KioskSettings, StorageSettings
from firmware_config.settings_broker import BrokerSettings
from kiosk.clock import Clock
from kiosk.events import SelfTestAsked, StorageChanged
from kiosk.screen.server import stop_server
from kiosk.screen.source import ScreenSource
from kiosk.selftest import LIGHT_MS
from kiosk.simulator.device import VirtualKiosk
from kiosk.simulator.page import DeviceView, HallView, KeyView, WindowRow, create_app
from kiosk.simulator.people import Doing, Step
from kiosk.simulator.rows import panel_keys
from kiosk.simulator.scenario import Fault
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
def settings(tmp_path: Path) -> KioskSettings:
    collector = load_or_create_signing_key(tmp_path / "collector.jwk")
    save_verify_key(tmp_path / "collector-public.jwk", collector.public)
    return KioskSettings(
        hall="h",
        device="w-a01",
        journal=tmp_path / "journal.db",
        key=tmp_path / "device.jwk",
        collector_key=tmp_path / "collector-public.jwk",
        broker=BrokerSettings(host="127.0.0.1", port=1),
        storage=StorageSettings(allow_volatile=True),
    )


@pytest.fixture
def kiosk(settings: KioskSettings) -> Iterator[VirtualKiosk]:
    made = VirtualKiosk(settings, password="", wall_ms=START_MS, system=Clock())
    made.service.start()
    yield made
    made.service.stop()


@pytest.fixture
def page(browser: Browser, kiosk: VirtualKiosk) -> Iterator[Page]:
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
    assert stop_server(server, thread)
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


def newest_lines(page: Page) -> Locator:
    return page.locator("#log li span")


def test_the_shortest_click_is_a_press_and_so_is_one_right_after_it(page: Page) -> None:
    page.locator("#clerk").click()
    expect(page.locator("#fact-state")).to_have_text("等待评价")

    page.locator(".key[data-level='4']").dblclick()

    expect(newest_lines(page).nth(0)).to_have_text("按键已记录，不计入：已评价过")
    expect(newest_lines(page).nth(1)).to_have_text("满意")


def test_the_log_tells_what_was_written_in_the_language_of_the_page(page: Page) -> None:
    page.locator(".key[data-level='2']").click()
    expect(newest_lines(page)).to_have_text(["按键已记录，不计入：没有邀请"])
    page.locator("#clerk").click(delay=2_200)
    expect(newest_lines(page).first).to_have_text("暂停服务")

    page.locator("#language").click()

    expect(newest_lines(page)).to_have_text(
        ["paused", "press recorded, not counted: no invitation"]
    )


def test_the_space_bar_stays_the_clerk_s_key_after_a_click_elsewhere(page: Page) -> None:
    page.locator("#language").click()
    page.keyboard.press("Space")
    expect(page.locator("#fact-state")).to_have_text("waiting for a press")
    page.locator(".chip").click()
    page.keyboard.press("5")
    expect(page.locator("#fact-state")).to_have_text("thanking")
    assert page.locator("html").get_attribute("lang") == "en"


def test_in_the_self_test_a_good_key_is_called_good(page: Page, kiosk: VirtualKiosk) -> None:
    kiosk.service.post(SelfTestAsked(at_ms=kiosk.clock.mono_ms()))
    expect(newest_lines(page)).to_have_text(["按键自检"])
    page.wait_for_timeout(LIGHT_MS * 8 + 300)  # every lamp, the error light too
    page.locator(".key[data-level='5']").click()

    expect(newest_lines(page)).to_have_text(["自检：该键正常", "按键自检"])


def test_a_rating_that_is_not_thanked_is_said_to_count(page: Page, kiosk: VirtualKiosk) -> None:
    kiosk.service.post(StorageChanged(at_ms=kiosk.clock.mono_ms(), may_thank=False))
    page.locator("#clerk").click()
    expect(newest_lines(page).first).to_have_text("邀请评价")
    page.locator(".key[data-level='5']").click()

    expect(newest_lines(page).first).to_have_text("已保存并计入，但未致谢")


def test_a_device_without_power_is_dark_and_called_switched_off(
    page: Page, kiosk: VirtualKiosk
) -> None:
    expect(page.locator("#fact-state")).to_have_text("空闲")
    fault = Fault(what="unplugged", at="09:00")
    kiosk.perform(Step(at_s=0, doing=Doing.BREAK, fault=fault), START_MS + 60_000)

    expect(page.locator("#fact-state")).to_have_text("断电")
    expect(newest_lines(page).first).to_have_text("断电")
    expect(page.locator("#screen")).not_to_be_visible()
    expect(page.locator("#under")).to_contain_text("断电")
    kiosk.perform(Step(at_s=0, doing=Doing.REPAIR, fault=fault), START_MS + 120_000)
    expect(newest_lines(page).first).to_have_text("启动")
    expect(page.locator("#screen")).to_be_visible()


def test_who_operates_a_window_is_told_that_it_runs_in_real_time(page: Page) -> None:
    expect(page.locator("#under")).to_be_empty()

    page.locator("#clerk").click()

    expect(page.locator("#under")).to_contain_text("按真实时间运行")


@pytest.mark.parametrize(("width", "height"), [(1366, 768), (800, 600)])
@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_on_a_small_screen_nothing_one_touches_or_reads_is_covered(
    page: Page, width: int, height: int, language: str
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    if language == "en":
        page.locator("#language").click()
    page.locator("#clerk").click()
    expect(page.locator("#under")).not_to_be_empty()
    clerk = page.locator("#clerk").locator("..").bounding_box()
    assert clerk is not None

    for wanted in ("#screen", ".key[data-level='3'] b", "#under"):
        box = page.locator(wanted).bounding_box()
        assert box is not None
        assert box["y"] >= 0
        assert box["y"] + box["height"] <= clerk["y"]
    assert clerk["y"] + clerk["height"] <= height


@pytest.mark.parametrize("state", ["", "open", "paused", "broken", "off", "flash"])
def test_a_window_s_number_is_legible_in_every_state(page: Page, state: str) -> None:
    ratio = page.locator(".chip").evaluate(CONTRAST, state)

    assert ratio >= 4.5


CONTRAST = """(chip, state) => {
  chip.style.transition = "none";
  chip.className = "chip " + state;
  const style = getComputedStyle(chip);
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [dark, light] = [style.color, style.backgroundColor].map(luminance).sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}"""
"""Contrast of text and background. Source: WCAG 2.2, 1.4.3."""

"""The screen of a real kiosk in a real browser: mock pins, a real journal file, a real page."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from gpiozero.pins.mock import MockFactory
from playwright.sync_api import Browser, Page, expect

from docs.screen_scenes import SITUATIONS, SceneSource
from firmware_config.chain import split_token
from firmware_config.counter_settings import LANGUAGES, ScreenSettings
from firmware_config.keys import SigningKey, save_verify_key
from firmware_config.kiosk_settings import KioskSettings, StorageSettings
from firmware_config.settings_broker import BrokerSettings
from kiosk.clock import ManualClock
from kiosk.events import CaseOpened, ClerkLongPress
from kiosk.journal.reading import open_card
from kiosk.screen.server import Screen, attach_screen
from kiosk.screen.shown import StaffShown
from kiosk.screen.staff import Photo
from kiosk.service import KioskService

pytestmark = pytest.mark.browser

SIZES = {"touch": (800, 480), "small": (1024, 600), "wide": (1920, 1080), "tall": (1080, 1920)}
TITLES = {
    "idle": "欢迎",
    "invitation": "请您对我的服务进行评价",
    "thanks": "谢谢您的评价",
    "lost": "评价器暂停使用",
}
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
MEASURE = Path(__file__).with_name("measure_screen.js").read_text(encoding="utf-8")


class Counter:
    """A kiosk at its window, with its screen."""

    def __init__(self, folder: Path) -> None:
        save_verify_key(folder / "collector.jwk", SigningKey.from_seed(b"c" * 32).public)
        self.settings = KioskSettings(
            hall="hall-1",
            device="w-a01",
            journal=folder / "journal.db",
            key=folder / "key.jwk",
            collector_key=folder / "collector.jwk",
            broker=BrokerSettings(host="127.0.0.1", port=1),
            storage=StorageSettings(allow_volatile=True),
            screen=ScreenSettings(port=0, touch=True, window="A01 综合窗口"),
        )
        self.pins = MockFactory()
        self.clock = ManualClock()
        self.start()

    def start(self) -> None:
        self.service = KioskService(
            self.settings, pin_factory=self.pins, clock=self.clock, password="x"
        )
        self.screen = attach_screen(self.service)
        self.service.start()
        self.screen.start()
        assert self.service.settle(10)
        port = urlsplit(self.screen.url).port or 0
        self.settings = replace(self.settings, screen=replace(self.settings.screen, port=port))

    def stop(self) -> None:
        self.screen.stop()
        self.service.stop()

    def invite(self, case_no: str = "C-1") -> None:
        self.service.post(CaseOpened(at_ms=self.clock.mono_ms(), case_no=case_no, item="社保登记"))
        assert self.service.settle(10)

    def press_key(self, name: str) -> None:
        profile = self.service.panel.profile
        gpio = next(button.gpio for button in profile.buttons if button.name == name)
        self.pins.pin(gpio).drive_low()
        self.clock.advance(50)
        assert self.service.settle(10)
        self.pins.pin(gpio).drive_high()
        self.clock.advance(50)
        assert self.service.settle(10)

    def kinds(self) -> list[tuple[str, str]]:
        found = []
        with open_card(self.settings.journal) as card:
            for row in card.rows():
                record = json.loads(split_token(row.token).payload)
                found.append((record["kind"], record.get("button", "")))
        return found


class Visit:
    """A page, and all that went wrong on it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        self.hosts: set[str] = set()
        self.loads = 0
        page.on("load", lambda _: self._loaded())
        page.on("console", lambda m: self._note(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname or ""))

    def _loaded(self) -> None:
        self.loads += 1

    def _note(self, text: str) -> None:
        if "net::ERR_" not in text:  # the browser's own note that a stopped server is stopped
            self.problems.append(text)

    def expect_scene(self, name: str) -> None:
        expect(self.page.locator("body")).to_have_attribute("data-scene", name, timeout=10_000)
        if name in TITLES:
            expect(self.page.locator("#title")).to_have_text(TITLES[name])


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    made = Counter(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def open_one(url: str, **options: Any) -> Visit:
        context = browser.new_context(**{"viewport": {"width": 800, "height": 480}, **options})
        made = Visit(context.new_page())
        visits.append(made)
        made.page.goto(url)
        return made

    yield open_one
    for made in visits:
        made.page.context.close()
        assert made.problems == []
        assert made.hosts <= {"127.0.0.1"}


@pytest.fixture(scope="module")
def scenes() -> Iterator[tuple[Screen, SceneSource]]:
    source = SceneSource()
    screen = Screen(ScreenSettings(port=0), source)
    screen.start()
    yield screen, source
    screen.stop()


def test_the_screen_follows_the_kiosk_from_invitation_to_thanks(
    counter: Counter, visit: Callable[..., Visit]
) -> None:
    seen = visit(counter.screen.url)
    seen.expect_scene("idle")
    expect(seen.page.locator("#window")).to_have_text("A01 综合窗口")
    counter.invite()
    seen.expect_scene("invitation")
    expect(seen.page.locator("#about")).to_have_text("办理事项：社保登记")
    expect(seen.page.locator("#seconds")).to_have_text("剩余 20 秒")
    expect(seen.page.locator(".face")).to_have_text(
        ["非常满意", "满意", "基本满意", "不满意", "非常不满意"]
    )
    counter.press_key("dissatisfied")
    seen.expect_scene("thanks")
    expect(seen.page.locator("#live")).to_contain_text("谢谢您的评价")
    counter.clock.advance(2_000)
    assert counter.service.settle(10)
    seen.expect_scene("idle")
    counter.service.post(ClerkLongPress(at_ms=counter.clock.mono_ms()))
    seen.expect_scene("paused")


def test_the_thanks_look_the_same_whatever_was_chosen(
    counter: Counter, visit: Callable[..., Visit]
) -> None:
    seen = visit(counter.screen.url)
    pages = []
    for case_no, key in (("C-1", "very-satisfied"), ("C-2", "very-dissatisfied")):
        counter.invite(case_no)
        seen.expect_scene("invitation")
        counter.press_key(key)
        seen.expect_scene("thanks")
        pages.append((seen.page.locator("body").inner_text(), seen.page.screenshot()))
        counter.clock.advance(2_000)

    assert pages[0] == pages[1]
    assert "满意" not in pages[0][0]


def test_a_touch_is_a_rating_of_its_own_button(
    counter: Counter, visit: Callable[..., Visit]
) -> None:
    seen = visit(counter.screen.url, has_touch=True)
    counter.invite()
    seen.page.get_by_role("button", name="基本满意").tap()
    seen.expect_scene("thanks")

    assert [kind for kind in counter.kinds() if kind[0] == "RATED"] == [("RATED", "screen-3")]


def test_nothing_moves_on_the_screen_before_the_device_says_it_is_stored(
    counter: Counter, visit: Callable[..., Visit]
) -> None:
    seen = visit(counter.screen.url, has_touch=True)
    counter.invite()
    seen.expect_scene("invitation")
    seen.page.route("**/press", lambda route: route.abort())  # never arrives
    before = seen.page.locator("main").inner_html()
    with seen.page.expect_request("**/press"):
        seen.page.get_by_role("button", name="满意", exact=True).tap()

    assert seen.page.locator("main").inner_html() == before
    seen.expect_scene("invitation")


def test_hasty_taps_make_one_rating(counter: Counter, visit: Callable[..., Visit]) -> None:
    seen = visit(counter.screen.url, has_touch=True)
    counter.invite()
    seen.expect_scene("invitation")
    seen.page.evaluate(
        "document.querySelectorAll('.face').forEach((face) => { face.click(); face.click(); })"
    )
    seen.expect_scene("thanks")
    assert counter.service.settle(10)

    assert counter.kinds()[-1] == ("RATED", "screen-5")


def test_when_the_server_goes_the_invitation_goes_and_both_come_back(
    counter: Counter, visit: Callable[..., Visit]
) -> None:
    seen = visit(counter.screen.url, has_touch=True)
    counter.invite()
    seen.expect_scene("invitation")
    counter.stop()
    seen.expect_scene("lost")
    assert seen.page.locator(".face").count() == 0
    counter.start()
    seen.expect_scene("idle")
    counter.invite("C-2")
    seen.page.get_by_role("button", name="满意", exact=True).tap()  # with the new start's token
    seen.expect_scene("thanks")
    assert seen.loads == 1

    assert counter.kinds()[-1] == ("RATED", "screen-4")


def test_a_server_that_only_falls_silent_is_taken_for_gone(
    counter: Counter, visit: Callable[..., Visit]
) -> None:
    seen = visit(counter.screen.url)
    counter.invite()
    seen.expect_scene("invitation")
    seen.page.route("**/view", lambda route: None)  # never answered
    counter.screen._streams._is_closed = True  # the streams end and do not come back
    counter.screen.changed()
    seen.page.route("**/stream", lambda route: None)
    seen.expect_scene("lost")


def test_without_a_stream_the_page_asks(counter: Counter, visit: Callable[..., Visit]) -> None:
    seen = visit("about:blank")
    seen.page.route("**/stream", lambda route: route.abort())
    seen.page.goto(counter.screen.url)
    seen.expect_scene("idle")
    counter.invite()
    seen.expect_scene("invitation")


def test_an_invitation_that_is_over_is_not_kept_by_the_page(
    scenes: tuple[Screen, SceneSource], visit: Callable[..., Visit]
) -> None:
    screen, source = scenes
    seen = visit("about:blank")
    seen.page.clock.install()
    source.show(screen, "invitation")
    seen.page.goto(screen.url)
    seen.expect_scene("invitation")
    seen.page.route("**/stream", lambda route: None)
    seen.page.evaluate("stream.close()")
    seen.page.route("**/view", lambda route: None)
    seen.page.clock.run_for(17_500)

    assert seen.page.locator("body").get_attribute("data-scene") in ("wait", "lost")
    assert seen.page.locator(".face").count() == 0


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", list(SIZES))
def test_every_scene_fits_and_can_be_read(
    scenes: tuple[Screen, SceneSource], visit: Callable[..., Visit], size: str, language: str
) -> None:
    screen, source = scenes
    width, height = SIZES[size]
    seen = visit(screen.url, viewport={"width": width, "height": height})
    problems = {}
    for name in SITUATIONS:
        source.show(screen, name, language)
        wait_for_view(seen, source)
        found = seen.page.evaluate(MEASURE)
        if found:
            problems[name] = found

    assert problems == {}


@pytest.mark.parametrize("size", list(SIZES))
def test_long_names_fit_too(
    scenes: tuple[Screen, SceneSource], visit: Callable[..., Visit], size: str
) -> None:
    screen, source = scenes
    width, height = SIZES[size]
    seen = visit(screen.url, viewport={"width": width, "height": height})
    source.show(screen, "invitation-touch")
    source.shown = replace(
        source.shown,
        window="A01 不动产登记与住房公积金贷款综合受理窗口",
        department="自然资源和规划局（不动产登记中心）",
        item="办理事项：" + "国有建设用地使用权及房屋所有权转移登记（存量房买卖）" * 2,
        staff=StaffShown(name="阿卜杜热合曼·买买提", number="工号 SH-2026-100042"),
        notice="网络中断，评价照常保存",
    )
    screen.changed()
    wait_for_view(seen, source)

    assert seen.page.evaluate(MEASURE) == []


def test_on_a_seven_inch_screen_every_face_is_a_large_target_and_all_are_alike(
    scenes: tuple[Screen, SceneSource], visit: Callable[..., Visit]
) -> None:
    screen, source = scenes
    source.show(screen, "invitation-touch")
    seen = visit(screen.url)
    seen.expect_scene("invitation")
    boxes = [face.bounding_box() for face in seen.page.get_by_role("button").all()]

    sizes = {(round(box["width"]), round(box["height"])) for box in boxes if box}
    assert len(boxes) == 5
    assert len(sizes) == 1
    assert min(*sizes.pop()) >= 88


def test_who_wants_no_motion_gets_none(
    scenes: tuple[Screen, SceneSource], visit: Callable[..., Visit]
) -> None:
    screen, source = scenes
    source.show(screen, "identify")
    seen = visit(screen.url, reduced_motion="reduce")
    seen.expect_scene("identify")

    assert seen.page.evaluate("document.getAnimations().length") == 0


def test_the_language_is_the_settings(
    scenes: tuple[Screen, SceneSource], visit: Callable[..., Visit]
) -> None:
    screen, source = scenes
    source.show(screen, "thanks", "en")
    seen = visit(screen.url)

    expect(seen.page.locator("html")).to_have_attribute("lang", "en")
    expect(seen.page.locator("#title")).to_have_text("Thank you for your rating")


def wait_for_view(seen: Visit, source: SceneSource) -> None:
    """Wait until the page has drawn what the source shows."""
    shown = source.shown
    expect(seen.page.locator("html")).to_have_attribute("lang", shown.language)
    expect(seen.page.locator("body")).to_have_attribute("data-scene", shown.scene)
    expect(seen.page.locator("#title")).to_have_text(shown.title)
    expect(seen.page.locator("#subtitle")).to_have_text(shown.subtitle)
    expect(seen.page.locator("#notice")).to_have_text(shown.notice)
    expect(seen.page.locator(".face")).to_have_count(len(shown.faces))


def test_a_page_of_another_edition_is_loaded_anew(
    scenes: tuple[Screen, SceneSource], visit: Callable[..., Visit]
) -> None:
    screen, source = scenes
    source.show(screen, "idle")
    seen = visit(screen.url)
    seen.expect_scene("idle")
    with seen.page.expect_event("load"):
        seen.page.evaluate(
            "Object.assign(document.body.dataset, { start: 'old', edition: 'old', token: 'old' })"
        )
    seen.expect_scene("idle")

    assert seen.page.locator("body").get_attribute("data-edition") != "old"


def test_a_photo_is_shown_where_photos_are(browser: Browser, visit: Callable[..., Visit]) -> None:
    class Photographed(SceneSource):
        def photo(self, staff_no: str) -> Photo | None:
            return Photo("image/png", PNG) if staff_no == "SH/7" else None

    source = Photographed()
    shown = replace(source.shown, staff=StaffShown(name="李雯", number="工号 SH/7", photo="SH/7"))
    source.shown = shown
    screen = Screen(ScreenSettings(port=0), source)
    screen.start()
    seen = visit(screen.url)
    expect(seen.page.locator("#photo")).to_be_visible()
    seen.page.wait_for_function("document.getElementById('photo').naturalWidth > 0")
    expect(seen.page.locator("#person")).to_be_hidden()
    source.shown = replace(shown, staff=StaffShown(name="别人", number="工号 8"))
    screen.changed()
    expect(seen.page.locator("#photo")).to_be_hidden()
    expect(seen.page.locator("#person")).to_be_visible()
    screen.stop()

"""The big screen in a real browser: pairing, presses, revoking, restarts of all it depends on."""

from __future__ import annotations

import re
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from bench.add_corrections import add_corrections, last_ratings
from bench.add_session import add_session
from collector.corrections.file import CorrectionsFile
from tests.system.conftest import HallUnderTest, Program
from tests.system.press_driver import Window

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"
SIZES = [(1920, 1080), (3840, 2160), (1280, 720), (1080, 1920)]
PANELS = ("levels", "participation", "hours", "departments")
MM_PER_PX = 1217.6 / 1920
"""Of a 55-inch screen of 1920 × 1080: 1217.6 mm wide."""
ARC_MINUTE_MM = 2.909
"""At 10 m."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def pair(screen: Any, admin: Any, name: str, **look: Any) -> None:
    """Open the screen's page, type its code on another computer, wait for the figures."""
    screen.open("/screen")
    code = screen.page.locator(".pairing-code").inner_text()
    admin.open("/displays")
    form = admin.page.locator("form[action='/displays']")
    form.get_by_label("配对码").fill(code)
    form.get_by_label("名称").fill(name)
    form.get_by_label("配色").select_option(look.get("theme", "auto"))
    if look.get("english"):
        form.get_by_label("附英文").check()
    form.get_by_role("button", name="配对").click()
    expect(admin.page.locator(".displays th", has_text=name)).to_be_visible()
    expect(screen.page.locator("[data-clock]")).to_have_text(
        re.compile(r"^\d\d:\d\d:\d\d$"), timeout=20_000
    )


def revoke(admin: Any, name: str) -> None:
    admin.open("/displays")
    admin.page.locator("summary", has_text=f"撤销 {name}").click()  # a second step confirms it
    admin.page.get_by_role("button", name=f"撤销 {name}").click()
    expect(admin.page.locator("summary", has_text=f"撤销 {name}")).to_have_count(0)


def show(page: Page, panel: str) -> None:
    """Show one panel now, as its turn would."""
    page.evaluate(
        "(name) => { for (const one of document.querySelectorAll('[data-panel]'))"
        " one.hidden = one.dataset.panel !== name; }",
        panel,
    )


@pytest.fixture
def busy_hall(web: Any) -> Any:
    """Enough ratings of today for every figure to be told, one of them excluded."""
    for number in range(14):
        add_session(web.ledger, window="a02", level=5 - number % 5, at_ms=now_ms())
    corrections = CorrectionsFile(web.ledger.with_name("corrections.db"))
    add_corrections(corrections, last_ratings(web.ledger, "a02", 1), now_ms=now_ms())
    return web


def test_a_screen_is_paired_follows_the_presses_and_is_blank_when_revoked(
    visit: Callable[..., Any], signed_in: Any, busy_hall: Any
) -> None:
    screen = visit(viewport={"width": 1920, "height": 1080})
    pair(screen, signed_in, "东门")
    page: Page = screen.page
    base = page.locator("[data-rate-base]")
    before = int(base.inner_text().replace(",", ""))
    add_session(busy_hall.ledger, window="c05", level=4, at_ms=now_ms())
    expect(base).to_have_text(f"{before + 1:,}", timeout=10_000)
    told = page.evaluate("fetch('/screen/now').then((answer) => answer.json())")
    expect(page.locator("[data-rate-percent]")).to_have_text(told["rate"]["percent"])
    for level, number in told["levels"].items():
        count = page.locator(f"[data-level='{level}'] [data-count]")
        expect(count).to_have_text(f"{number:,}")
    # nothing about it is in the address, and no script can read its token
    assert page.url == screen.url + "/screen"
    assert "yiping_display" not in page.evaluate("document.cookie")

    revoke(signed_in, "东门")
    started_s = time.monotonic()
    expect(page.locator(".pairing-code")).to_be_visible(timeout=10_000)
    assert time.monotonic() - started_s <= 10
    assert page.locator("[data-rate-percent]").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_nothing_is_cut_off_and_nothing_scrolls(
    visit: Callable[..., Any], signed_in: Any, busy_hall: Any, width: int, height: int, theme: str
) -> None:
    screen = visit(viewport={"width": width, "height": height}, reduced_motion="reduce")
    name = f"{width} {theme}"
    pair(screen, signed_in, name, theme=theme, english=theme == "dark")
    page: Page = screen.page
    expect(page.locator("[data-excluded]")).to_be_visible()
    for panel in PANELS:
        show(page, panel)
        wide, high = page.evaluate(
            "[document.documentElement.scrollWidth - innerWidth,"
            " document.documentElement.scrollHeight - innerHeight]"
        )
        assert (wide, high) == (0, 0), panel
        # the longest a rate can be
        page.evaluate("document.querySelector('[data-rate-percent]').textContent = '100.000'")
        cut = page.evaluate(
            """() => [...document.querySelectorAll(".head, .head *, .box, .panel, .box h2 .zh,"
              + " .figure, .over, .fine, .level-count, .foot")]
              .filter((one) => one.getClientRects().length && !one.matches(".en"))
              .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth
                || one.scrollHeight > one.clientHeight + 1 && one.matches(".box, .panel, .head")
                || one.getBoundingClientRect().right > innerWidth + 1
                || one.getBoundingClientRect().bottom > innerHeight + 1)
              .map((one) => one.className + " " + one.textContent.trim())"""
        )
        assert cut == [], panel
    revoke(signed_in, name)


def test_from_ten_metres_the_figures_can_be_read(
    visit: Callable[..., Any], signed_in: Any, busy_hall: Any
) -> None:
    screen = visit(viewport={"width": 1920, "height": 1080})
    pair(screen, signed_in, "十米")

    def arc_minutes(selector: str, part: float) -> float:
        """Height of a text's characters from 10 m; `part`: of its font size."""
        size = screen.page.locator(selector).first.evaluate(
            "(one) => parseFloat(getComputedStyle(one).fontSize)"
        )
        return float(size) * part * MM_PER_PX / ARC_MINUTE_MM

    digit, character = 0.72, 0.92  # heights in em of a digit and of a Chinese character
    assert arc_minutes("[data-rate-percent]", digit) >= 30
    for selector in ("[data-rate-base]", "[data-level] [data-count]", "[data-clock]"):
        assert arc_minutes(selector, digit) >= 16, selector
    for selector in (".hero h2 .zh", ".level-name", ".head h1 .zh", "[data-department]"):
        assert arc_minutes(selector, character) >= 16, selector
    for selector in (".fine", "[data-told]"):
        assert 2 * arc_minutes(selector, character) >= 16, selector  # from 5 m
    revoke(signed_in, "十米")


def test_weeks_of_updates_leave_nothing_behind(
    visit: Callable[..., Any], signed_in: Any, busy_hall: Any
) -> None:
    screen = visit(viewport={"width": 1920, "height": 1080})
    page: Page = screen.page
    page.clock.install()
    screen.open("/screen")
    code = page.locator(".pairing-code").inner_text()
    signed_in.open("/displays")
    form = signed_in.page.locator("form[action='/displays']")
    form.get_by_label("配对码").fill(code)
    form.get_by_label("名称").fill("长期")
    form.get_by_role("button", name="配对").click()
    expect(signed_in.page.locator(".displays th", has_text="长期")).to_be_visible()
    with page.expect_navigation():
        page.clock.run_for(4000)
    expect(page.locator("[data-rate-base]")).to_have_text(re.compile(r"\d"))
    tools = page.context.new_cdp_session(page)

    def used() -> tuple[int, int]:
        tools.send("HeapProfiler.collectGarbage")
        heap = tools.send("Runtime.getHeapUsage")["usedSize"]
        return heap, tools.send("Memory.getDOMCounters")["nodes"]

    def updates(number: int) -> set[str]:
        shifts, seen = set(), set()
        for turn in range(number):
            if turn % 10 == 0:
                add_session(busy_hall.ledger, window="b01", level=5, at_ms=now_ms())
            with page.expect_response("**/screen/now"):
                page.clock.run_for(5000)
            shifts.add(page.locator("body").get_attribute("data-shift"))
            seen.add(page.locator("[data-panel]:visible").get_attribute("data-panel") or "")
        assert len(shifts) > 1 or number < 30  # nothing stands still on the glass
        return seen

    updates(60)
    heap, nodes = used()
    seen = updates(300)
    later, later_nodes = used()
    assert seen == set(PANELS)
    assert later_nodes <= nodes + 20  # texts that are empty now and then; 300 if any were kept
    assert later - heap < 200_000, (heap, later)
    revoke(signed_in, "长期")


def test_at_night_and_only_then_the_page_loads_itself_anew(
    visit: Callable[..., Any], signed_in: Any, busy_hall: Any
) -> None:
    screen = visit()
    page: Page = screen.page
    pair(screen, signed_in, "夜间")
    local = {"hour": 3}

    def at_that_hour(route: Route) -> None:
        answer = route.fetch()
        noon = datetime.now(ZoneInfo("Asia/Shanghai")).replace(hour=local["hour"], minute=30)
        route.fulfill(json=answer.json() | {"now_ms": int(noon.timestamp() * 1000)})

    page.route("**/screen/now", at_that_hour)
    page.clock.install()
    page.reload()
    expect(page.locator("[data-clock]")).to_have_text(re.compile("^03:30"))
    page.evaluate("window.isOld = true")
    page.clock.fast_forward(7 * 3_600_000)
    with page.expect_response("**/screen/now"):
        page.clock.run_for(12_000)
    assert page.evaluate("window.isOld")  # it has run for long, and it is not yet four
    local["hour"] = 4
    with page.expect_navigation():
        page.clock.run_for(12_000)
    expect(page.locator("[data-clock]")).to_have_text(re.compile("^04:30"))
    assert not page.evaluate("window.isOld")
    page.evaluate("window.isOld = true")
    with page.expect_response("**/screen/now"):
        page.clock.run_for(12_000)
    assert page.evaluate("window.isOld")  # once is enough
    revoke(signed_in, "夜间")


# ---- a hall of real processes


@dataclass
class Watched:
    """A page of a dashboard that may be away, with what went wrong on it."""

    page: Page
    url: str
    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def open(self, path: str) -> None:
        self.page.goto(self.url + path)


class ShownHall:
    """Broker, ingest, dashboard and one kiosk that a citizen presses."""

    def __init__(self, hall: HallUnderTest, web_port: int) -> None:
        self.hall = hall
        self.url = f"http://127.0.0.1:{web_port}"
        self.web: Program = hall.program(
            "web",
            *("-m", "collector", "web", "--config", str(hall.config)),
            COLLECTOR_WEB_PORT=str(web_port),
            COLLECTOR_WEB_MINIMUM_BASE="5",
        )
        self.pressed = 0
        hall.render_devices(
            hall.devices[:1],
            **{
                "panel.debounce_ms": "1",
                "uplink.resend_s": "2",
                "uplink.resend_max_s": "4",
            },
        )
        password = hall.folder / "password"
        password.write_text(PASSWORD + "\n")
        done = hall.collector("account", "add", "zhang", "--password-file", str(password))
        assert done.returncode == 0, done.stderr
        self.window = Window(hall.folder, hall.devices[0])
        self.window.service.start()
        hall.wait(lambda: self.window.service.snapshot().is_connected, "the kiosk")

    def start_web(self) -> None:
        self.web.start()
        self.hall.wait(self._answers, "the dashboard")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/login", timeout=2):
                return True
        except OSError:
            return False

    def press(self, times: int = 1) -> None:
        for _ in range(times):
            self.pressed += 1
            self.window.rate(self.pressed)

    def stored(self) -> int:
        rows = self.hall.query("SELECT count(*) FROM outcomes WHERE level IS NOT NULL")
        return int(rows[0][0]) if rows else 0


@pytest.fixture
def shown_hall(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[ShownHall]:
    """A hall with mosquitto; everything is stopped by its process id."""
    assert shutil.which("mosquitto"), "tests/install_servers.sh installs it"
    hall = HallUnderTest(tmp_path, "mosquitto", free_port())
    made = None
    try:
        hall.start()
        made = ShownHall(hall, free_port())
        made.start_web()
        yield made
    finally:
        if made is not None:
            made.window.service.stop()
        hall.stop()


@pytest.fixture
def watched(browser: Browser, shown_hall: ShownHall) -> Iterator[Callable[[], Watched]]:
    """Opens pages of that hall; afterwards none has asked another host or failed by itself."""
    contexts: list[BrowserContext] = []
    made: list[Watched] = []

    def open_one() -> Watched:
        context = browser.new_context(viewport={"width": 1920, "height": 1080})
        contexts.append(context)
        one = Watched(context.new_page(), shown_hall.url)
        one.page.on(
            "console",
            lambda m: one.problems.append(m.text) if m.type in ("error", "warning") else None,
        )
        one.page.on("pageerror", lambda error: one.problems.append(str(error)))
        one.page.on("request", lambda request: one.hosts.add(urlsplit(request.url).netloc))
        made.append(one)
        return one

    yield open_one
    for context in contexts:
        context.close()
    for one in made:
        # the browser itself notes each question that a server which is away leaves unanswered, and
        # so does htmx, by which the list of screens asks
        own = [
            problem
            for problem in one.problems
            if "Failed to load resource: net::ERR_" not in problem
            and not problem.startswith("htmx:")
        ]
        assert own == []
        assert one.hosts <= {urlsplit(shown_hall.url).netloc}


def test_the_screen_survives_restarts_of_broker_ingest_and_dashboard(
    shown_hall: ShownHall, watched: Callable[[], Watched]
) -> None:
    hall = shown_hall.hall
    admin, screen = watched(), watched()
    admin.open("/login")
    admin.page.fill("input[name=name]", "zhang")
    admin.page.fill("input[name=password]", PASSWORD)
    admin.page.click("form.stacked button[type=submit]")
    admin.page.wait_for_url(admin.url + "/")
    shown_hall.press(6)
    hall.wait(lambda: shown_hall.stored() == 6, "the first ratings")
    pair(screen, admin, "东门")
    page = screen.page
    base, state = page.locator("[data-rate-base]"), page.locator("body")
    expect(base).to_have_text("6", timeout=15_000)
    page.evaluate("window.isSamePage = true")

    hall.broker.kill()
    hall.ingest.kill()
    shown_hall.press()  # thanked, and kept on the device
    expect(base).to_have_text("6")
    hall.start_broker()
    hall.start_ingest()
    expect(base).to_have_text("7", timeout=60_000)

    shown_hall.web.kill()
    expect(state).to_have_attribute("data-state", "kept", timeout=30_000)
    expect(page.locator("[data-told]")).to_contain_text(re.compile(r"连接中断.*\d\d:\d\d:\d\d"))
    expect(base).to_have_text("7")  # the last figures stay, marked
    shown_hall.press()
    hall.wait(lambda: shown_hall.stored() == 8, "a rating while the dashboard is away")
    shown_hall.start_web()
    expect(base).to_have_text("8", timeout=30_000)
    expect(state).to_have_attribute("data-state", re.compile("live|unheard"))
    assert page.evaluate("window.isSamePage")  # it went on by itself, without being loaded anew


def test_a_hall_that_is_not_connected_says_so_on_the_screen(
    visit: Callable[..., Any], signed_in: Any, busy_hall: Any
) -> None:
    """The devices of the made ledger were last heard a day ago."""
    screen = visit()
    pair(screen, signed_in, "安静")
    expect(screen.page.locator("body")).to_have_attribute("data-state", "unheard")
    expect(screen.page.locator("[data-told]")).to_contain_text("起无评价器信号")
    revoke(signed_in, "安静")

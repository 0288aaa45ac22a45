"""The dashboard in a real browser. Afterwards each window is checked for errors and other hosts."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bench.add_session import add_session
from collector.ledger.checkpoints import make_checkpoint
from collector.ledger.gens import begin_gen
from collector.ledger.migrations import open_ledger
from firmware_config.keys import SigningKey
from tests.browser.pdf_text import page_texts

pytestmark = pytest.mark.browser

RATE = '.big [data-live="figures.net.rate"]'
WORDS = {5: "非常满意", 4: "满意", 3: "基本满意", 2: "不满意", 1: "非常不满意"}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_a_visitor_signs_in_and_out(visit: Callable[..., Any]) -> None:
    window = visit()
    window.open("/windows?period=7-days")
    assert "/login?next=" in window.page.url
    window.page.fill("input[name=name]", "zhang")
    window.page.fill("input[name=password]", "wrong password")
    window.expected.append("403")
    with window.page.expect_response("**/login") as refused:
        window.page.click("form.stacked button[type=submit]")
    assert refused.value.status == 403
    expect(window.page.get_by_role("alert")).to_contain_text("账号或密码不正确")
    window.page.fill("input[name=password]", "correct horse battery")
    window.page.keyboard.press("Enter")
    window.page.wait_for_url("**/windows?period=7-days")
    window.page.get_by_role("button", name="退出").click()
    window.page.wait_for_url("**/login")
    window.open("/")
    assert "/login" in window.page.url


@pytest.mark.alone
def test_a_press_is_on_the_screen_within_a_second(signed_in: Any, web: Any) -> None:
    page: Page = signed_in.page
    expect(page.locator("[data-live-state=on]")).to_be_visible()
    base = page.locator('[data-live="figures.net.rate.base"]')
    taken_s = []
    for level, word in WORDS.items():
        before = int(base.inner_text().replace(",", ""))
        started_s = time.monotonic()
        position = add_session(web.ledger, window="c05", level=level, at_ms=now_ms())
        row = page.locator(f'#latest li[data-position="{position}"]')
        row.wait_for(timeout=10_000)
        taken_s.append(time.monotonic() - started_s)
        expect(row).to_contain_text(word)
        expect(row).to_contain_text("C05")
        expect(base).to_have_text(str(before + 1))
        expect(page.locator(f'[data-live="figures.net.levels.{level}"]')).not_to_have_text("0")
    assert statistics.median(taken_s) < 1.0


def test_the_rate_on_the_screen_is_the_rate_of_the_api(signed_in: Any, web: Any) -> None:
    page: Page = signed_in.page
    expect(page.locator("[data-live-state=on]")).to_be_visible()
    position = 0
    for level in (5, 4, 4, 2, 5, 5, 3):
        position = add_session(web.ledger, window="a02", level=level, at_ms=now_ms())
    page.locator(f'#latest li[data-position="{position}"]').wait_for(timeout=10_000)
    told = page.evaluate("fetch('/api/v1/hall').then((answer) => answer.json())")["figures"]
    expect(page.locator(RATE)).to_have_text(told["net"]["rate"]["percent"])
    for level, count in told["net"]["levels"].items():
        expect(page.locator(f'[data-live="figures.net.levels.{level}"]')).to_have_text(f"{count:,}")
    page.reload()
    expect(page.locator(RATE)).to_have_text(told["net"]["rate"]["percent"])


def test_without_a_stream_the_page_asks_every_two_seconds(signed_in: Any, web: Any) -> None:
    page: Page = signed_in.page
    signed_in.expected.append("503")
    page.route("**/api/v1/live/stream*", lambda route: route.fulfill(status=503))
    page.reload()
    expect(page.locator("[data-live-state=poll]")).to_be_visible()
    position = add_session(web.ledger, window="a03", level=4, at_ms=now_ms())
    page.locator(f'#latest li[data-position="{position}"]').wait_for(timeout=10_000)


def test_the_chart_is_drawn_and_its_numbers_are_there_as_a_table(signed_in: Any) -> None:
    page: Page = signed_in.page
    expect(page.locator(".chart canvas")).to_be_visible()
    page.get_by_text("以表格查看").click()
    assert page.locator("[data-chart-table] tbody tr").count() >= 10
    page.locator(".chart").hover()  # the tip is drawn without breaking the content policy


@pytest.mark.parametrize("width", [800, 1440, 1920])
def test_on_paper_a_chart_covers_nothing_and_is_not_distorted(
    visit: Callable[..., Any], width: int
) -> None:
    window = visit(viewport={"width": width, "height": 1000})
    # while a browser prints, a page's scripts cannot draw its charts anew
    window.page.add_init_script("window.ResizeObserver = class { observe() {} }")
    window.sign_in()
    for path in ("/?period=30-days", "/windows/a03?period=30-days"):
        window.open(path)
        expect(window.page.locator(".chart canvas").first).to_be_visible()
        window.page.emulate_media(media="print")
        window.page.set_viewport_size({"width": 688, "height": 1000})  # A4 without its margins
        for chart in window.page.locator(".chart").all():
            place, picture = chart.bounding_box(), chart.locator("canvas").bounding_box()
            assert picture["x"] + picture["width"] <= 688, path
            assert picture["y"] + picture["height"] <= place["y"] + place["height"] + 1, path
            drawn = chart.locator("canvas").evaluate("(one) => one.width / one.height")
            assert abs(picture["width"] / picture["height"] - drawn) < 0.02, path
        window.page.emulate_media(media="screen")
        window.page.set_viewport_size({"width": width, "height": 1000})


@pytest.mark.parametrize("path", ["/departments", "/windows"])
def test_a_click_on_a_heading_sorts(
    signed_in: Any, numbers_of: Callable[[Page, str], list[float]], path: str
) -> None:
    page: Page = signed_in.page
    signed_in.open(f"{path}?period=30-days")
    for column, name in (("rated", "已评价"), ("bad", "差评")):
        heading = page.locator(f"th.c-{column} a")
        if page.locator(f"th.c-{column}").get_attribute("aria-sort") == "none":
            heading.click()
        expect(page.locator(f"th.c-{column}")).to_have_attribute("aria-sort", "descending")
        expect(heading).to_contain_text(name)
        numbers = numbers_of(page, column)
        assert numbers == sorted(numbers, reverse=True)
        assert len(numbers) >= 74
        heading.click()
        expect(page.locator(f"th.c-{column}")).to_have_attribute("aria-sort", "ascending")
        assert numbers_of(page, column) == sorted(numbers)
    assert "period=30-days" in page.url


def test_typing_a_name_finds_its_rows(signed_in: Any) -> None:
    page: Page = signed_in.page
    signed_in.open("/windows?period=30-days")
    page.get_by_placeholder("查找窗口或部门").fill("税务")
    shown = page.locator("#rows tbody tr:visible")
    assert 0 < shown.count() < 135
    for text in shown.all_inner_texts():
        assert "税务" in text
    page.get_by_placeholder("查找窗口或部门").fill("没有这个名字")
    expect(page.get_by_text("没有匹配的名称。")).to_be_visible()


def test_the_language_switch_changes_this_page_and_the_next(signed_in: Any) -> None:
    page: Page = signed_in.page
    signed_in.open("/departments?period=7-days")
    page.get_by_role("button", name="English").click()
    expect(page.locator("h1")).to_have_text("Departments")
    assert page.url.endswith("/departments?period=7-days")
    page.get_by_role("link", name="Windows").first.click()
    expect(page.locator("h1")).to_have_text("Windows")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("h1")).to_have_text("窗口")


def test_the_theme_follows_the_system_until_one_is_chosen(visit: Callable[..., Any]) -> None:
    window = visit(color_scheme="dark")
    window.sign_in()
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = window.page.evaluate(ground)
    window.page.get_by_role("button", name="浅色").click()
    expect(window.page.locator("html")).to_have_attribute("data-theme", "light")
    light = window.page.evaluate(ground)
    assert light != dark
    window.page.emulate_media(color_scheme="light")
    window.page.get_by_role("button", name="深色").click()
    expect(window.page.locator("html")).to_have_attribute("data-theme", "dark")
    assert window.page.evaluate(ground) == dark


def test_everything_can_be_reached_by_keyboard(signed_in: Any) -> None:
    page: Page = signed_in.page
    signed_in.open("/departments")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("跳到正文")
    seen = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.textContent.trim()"))
    for word in ("大厅", "窗口", "English", "退出", "近 7 天", "查看", "满意率"):
        assert word in seen


def test_a_person_who_cannot_see_hears_the_order_and_the_levels(signed_in: Any) -> None:
    page: Page = signed_in.page
    signed_in.open("/departments?period=30-days")
    bar = page.locator("#rows tbody tr svg.bar").first
    assert "非常满意" in (bar.get_attribute("aria-label") or "")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('a, button, input:not([type=hidden])')].filter((e) => "
        "!(e.textContent.trim() || e.getAttribute('aria-label') || e.labels?.length)).length"
    )
    assert unnamed == 0


def test_on_a_phone_the_menu_is_whole_and_has_the_themes(full_visit: Callable[..., Any]) -> None:
    window = full_visit(viewport={"width": 390, "height": 844})
    window.sign_in("director")
    page: Page = window.page
    page.click(".nav .menu > summary")
    box = page.locator(".menu-list").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    page.get_by_role("button", name="深色").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_on_paper_the_menus_are_gone_and_the_figures_black(signed_in: Any) -> None:
    page: Page = signed_in.page
    signed_in.open("/departments?period=30-days")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("header.top")).to_be_hidden()
    expect(page.locator(".periods")).to_be_hidden()
    expect(page.locator("#rows")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    assert len(page.pdf()) > 10_000


def test_on_paper_a_page_says_what_it_is_and_when_it_was_made(
    full_visit: Callable[..., Any],
) -> None:
    window = full_visit(timezone_id="Asia/Shanghai")
    window.sign_in("director")
    window.open("/ratings")
    page: Page = window.page
    today = page.locator("input[name=from]").input_value()
    times = page.locator(".outcomes tbody .c-time")
    assert today not in times.first.inner_text()
    expect(page.locator(".print-head")).to_be_hidden()
    page.emulate_media(media="print")
    assert times.first.inner_text().split()[0] == today
    head = page.locator(".print-head").inner_text()
    assert "会话与评价" in head
    assert "云泽市政务服务大厅" in head
    assert today in head
    sheets = page_texts(page.pdf(prefer_css_page_size=True))
    assert f"1 / {len(sheets)}" in sheets[0]


@pytest.mark.parametrize("language", ["zh_CN", "en"])
def test_a_checkpoint_is_one_sheet_of_a4(signed_in: Any, web: Any, language: str) -> None:
    on = date(2026, 9, 30 if language == "en" else 29)
    with closing(open_ledger(web.ledger)) as db:
        begin_gen(db, "restored", now_ms())  # with the life before it, the longest sheet
        key = SigningKey.from_seed(b"k" * 32)
        made = make_checkpoint(db, on, hall="yunze", key=key, now_ms=now_ms())
    page: Page = signed_in.page
    if language == "en":
        page.click("button[name=language][value=en]")
    signed_in.open("/integrity")
    page.click(f'a[href="/integrity/checkpoints/{made.id}"]')
    expect(page.locator(".sheet-code svg")).to_be_visible()

    paper = page.pdf(prefer_css_page_size=True)

    assert len(re.findall(rb"/Type */Page\b", paper)) == 1
    [box] = set(re.findall(rb"/MediaBox *\[([^]]*)\]", paper))
    assert [round(float(edge)) for edge in box.split()] == [0, 0, 595, 842]  # A4 in points
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 794, "height": 1123})
    spill = "(sheet) => sheet.scrollHeight - sheet.clientHeight"
    assert page.locator(".sheet").evaluate(spill) <= 0  # nothing is cut off at the foot
    expect(page.get_by_role("button", name="A4")).to_be_hidden()

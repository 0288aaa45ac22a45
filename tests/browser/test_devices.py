"""The devices page in a real browser: plan, filter, keyboard, refresh, identify."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from collector.wishes import Fate, Spool, Told

pytestmark = pytest.mark.browser


def heard(web: Any, device: str, *, age_s: float = 0.0, **said: Any) -> None:
    """A device was last heard so long ago, and said this of its health."""
    now_ms = time.time_ns() // 1_000_000 - int(age_s * 1000)
    row = "(SELECT id FROM devices WHERE code = ?)"
    with closing(sqlite3.connect(web.ledger)) as database, database:
        [(health,)] = database.execute(
            f"SELECT health FROM device_status WHERE device = {row}", [device]
        ).fetchall()
        database.execute(
            "UPDATE device_status SET state = 'online', status_ms = ?, health_ms = ?, health = ? "
            f"WHERE device = {row}",
            [now_ms, now_ms, json.dumps(json.loads(health) | said).encode(), device],
        )


@pytest.fixture
def devices(signed_in: Any, web: Any) -> Any:
    """The page, some devices heard just now."""
    for device in ("w-a01", "w-b01", "w-c20"):
        heard(web, device)
    signed_in.open("/devices")
    return signed_in


def test_the_plan_names_every_window_with_its_state_in_words_and_shapes(devices: Any) -> None:
    page: Page = devices.page
    expect(page.locator(".plan a.cell")).to_have_count(135)
    cell = page.locator("#plan-a01")
    expect(cell).to_have_class("cell cell-online")
    expect(cell).to_contain_text("在线")
    expect(page.locator("#plan-a02")).to_contain_text("离线")
    expect(page.locator("#plan-a02 .unseen")).to_contain_text("需要处理")
    shape = "(cell) => getComputedStyle(cell.querySelector('.state-mark')).borderRadius"
    assert cell.evaluate(shape) != page.locator("#plan-a02").evaluate(shape)
    first, same_row, below = (
        page.locator(f"#plan-{code}").bounding_box() for code in ("a01", "b01", "a09")
    )
    assert first
    assert same_row
    assert below
    assert first["y"] == same_row["y"]
    assert first["x"] == below["x"]
    assert below["y"] > first["y"]


def test_a_cell_is_reached_and_followed_by_keyboard(devices: Any) -> None:
    page: Page = devices.page
    page.locator("#plan-a01").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#plan-a02")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("w-a02")


def test_typing_narrows_table_and_plan_without_a_new_page(devices: Any) -> None:
    page: Page = devices.page
    page.evaluate("window.isSamePage = true")
    page.locator("#devices-q").press_sequentially("e1", delay=20)
    expect(page.locator("#rows tbody tr")).to_have_count(4)
    expect(page.locator("#devices-q")).to_be_focused()
    expect(page.locator("#devices-q")).to_have_value("e1")
    expect(page.locator("#plan-a01")).to_have_class("cell cell-online dimmed")
    assert page.url.endswith("q=e1")
    assert page.evaluate("window.isSamePage")
    page.reload()
    expect(page.locator("#rows tbody tr")).to_have_count(4)


def test_a_tally_filters_and_says_so(devices: Any) -> None:
    page: Page = devices.page
    page.locator("#tally-online").click()
    expect(page.locator("#tally-online")).to_have_attribute("aria-current", "true")
    expect(page.locator("#rows tbody tr")).to_have_count(
        int(page.locator("#tally-online .tally-number").inner_text())
    )
    page.locator("#rows thead .c-backlog a").click()
    assert "state=online" in page.url
    expect(page.locator("#rows thead .c-backlog")).to_have_attribute("aria-sort", "descending")


def test_it_refreshes_itself_and_leaves_focus_scroll_and_opened_lists_alone(
    visit: Callable[..., Any], web: Any
) -> None:
    window = visit(viewport={"width": 800, "height": 900})
    page: Page = window.page
    page.clock.install()
    window.sign_in()
    heard(web, "w-c20", cpu_temp_c=50.0)
    window.open("/devices")
    page.locator("#soon-summary").click()
    page.locator("#row-w-c20").focus()
    box = page.locator("[data-keep-scroll=table]")
    box.evaluate("(box) => { box.scrollLeft = 120; }")
    top = page.evaluate("scrollY")
    heard(web, "w-c20", cpu_temp_c=84.4)

    with page.expect_response(lambda answer: "/devices" in answer.url) as caught:
        page.clock.fast_forward(15_000)
    assert caught.value.ok

    expect(page.locator("#now-hot-w-c20")).to_be_visible()
    expect(page.locator("#row-w-c20")).to_be_focused()
    expect(page.locator("#soon")).to_have_attribute("open", "")
    assert box.evaluate("(box) => box.scrollLeft") == 120
    assert abs(page.evaluate("scrollY") - top) < 400  # a line was added above


def test_a_refresh_after_the_session_ended_leads_to_the_sign_in(
    visit: Callable[..., Any], web: Any
) -> None:
    window = visit()
    page: Page = window.page
    page.clock.install()
    window.sign_in()
    window.open("/devices")
    page.context.clear_cookies()
    page.clock.fast_forward(15_000)
    expect(page).to_have_url(re.compile(r"/login\?next=/devices"))


def test_identify_shows_what_becomes_of_the_wish(signed_in: Any, web: Any) -> None:
    """The service's side is played here; tests/system/test_wishes.py has the real one."""
    spool = Spool(web.ledger.parent / "wishes")
    spool.serve(now_ms=time.time_ns() // 1_000_000)
    page: Page = signed_in.page
    signed_in.open("/devices/w-a01")
    page.evaluate("window.isSamePage = true")
    page.get_by_role("button", name="定位").click()
    expect(page.locator("#fate")).to_have_class("fate fate-waiting")
    [wish] = spool.wishes()
    spool.tell(
        Told(id=wish.id, device="w-a01", fate=Fate.DONE, told_ms=time.time_ns() // 1_000_000)
    )
    expect(page.locator("#fate")).to_have_text("正在闪烁，持续 15 秒。")
    assert page.evaluate("window.isSamePage")


def test_on_a_phone_the_plan_is_whole_and_legible(visit: Callable[..., Any]) -> None:
    window = visit(viewport={"width": 390, "height": 844})
    window.sign_in()
    window.open("/devices")
    for code in ("a01", "b08", "e13"):
        box = window.page.locator(f"#plan-{code}").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["width"] >= 32
        assert box["height"] >= 38
    size = "parseFloat(getComputedStyle(document.querySelector('.cell-name')).fontSize)"
    assert window.page.evaluate(size) >= 11

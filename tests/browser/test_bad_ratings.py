"""The list of bad ratings in a real browser: filters without loading anew, back, one in full."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bench.add_session import add_session

pytestmark = pytest.mark.browser


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def bad_today(web: Any) -> int:
    """Three bad ratings of today at one window; gives the place of the last."""
    number = time.time_ns() // 1_000_000
    return [
        add_session(
            web.ledger, window="e03", level=level, at_ms=now_ms(), case_no=f"E3-{number + n}"
        )
        for n, level in enumerate((2, 1, 2))
    ][-1]


def open_list(window: Any) -> Page:
    page: Page = window.page
    window.open("/bad-ratings")
    expect(page.locator("h1")).to_have_text("差评")
    page.evaluate("window.isSamePage = true")
    return page


def test_filters_change_the_list_and_the_address_without_loading_anew(
    signed_in: Any, bad_today: int
) -> None:
    page = open_list(signed_in)
    everything = page.locator("#rows tbody tr").count()
    page.locator("#bad-window").select_option("e03")
    expect(page.locator("#rows tbody td.c-window")).to_contain_text(["E03"] * 3)
    assert 3 <= page.locator("#rows tbody tr").count() <= everything
    expect(page).to_have_url(re.compile("window=e03"))
    page.locator("#bad-level").select_option("1")
    expect(page.locator("#rows tbody th").first).to_contain_text("非常不满意")
    expect(page.locator("#rows tbody .chip.l2")).to_have_count(0)
    assert page.evaluate("window.isSamePage")

    page.get_by_role("link", name=re.compile("已办结")).click()
    expect(page.get_by_text("没有符合筛选条件的差评。")).to_be_visible()
    expect(page).to_have_url(re.compile("state=closed"))
    expect(page).to_have_url(re.compile("window=e03.*|level=1.*"))
    page.go_back()
    expect(page.locator("#rows tbody th").first).to_contain_text("非常不满意")
    page.reload()  # the address alone says what is shown
    expect(page.locator("#bad-window")).to_have_value("e03")
    expect(page.locator("#bad-level")).to_have_value("1")
    page.get_by_role("link", name="清除筛选").click()
    expect(page.locator("#bad-window")).to_have_value("")


def test_headings_sort_and_pages_go_on(signed_in: Any, bad_today: int) -> None:
    page = open_list(signed_in)
    page.locator("th.c-level a").click()
    expect(page.locator("th.c-level")).to_have_attribute("aria-sort", "ascending")
    levels = page.locator("#rows tbody .chip").all_inner_texts()
    assert levels == sorted(levels)
    page.locator(".segments").get_by_role("link", name="今年").click()
    expect(page).to_have_url(re.compile("period=year"))
    total = int(page.locator("nav[aria-label='状态'] b").first.inner_text().replace(",", ""))
    assert page.locator("#rows tbody tr").count() == min(50, total)
    following = page.get_by_role("link", name="下一页")
    assert following.count() == (1 if total > 50 else 0)
    if total > 50:
        first = page.locator("#rows tbody th a").first.get_attribute("href")
        following.click()
        expect(page.get_by_role("link", name="首页")).to_be_visible()
        assert page.locator("#rows tbody th a").first.get_attribute("href") != first


def test_a_rating_is_opened_and_found_again_by_its_case(signed_in: Any, bad_today: int) -> None:
    page = open_list(signed_in)
    page.locator("#bad-window").select_option("e03")
    expect(page).to_have_url(re.compile("window=e03"))
    case = page.locator("#rows tbody td.c-case").first.inner_text()
    page.locator("#rows tbody th a").first.click()
    expect(page.get_by_role("heading", name="经过")).to_be_visible()
    expect(page.locator(".history li")).to_have_count(3)
    expect(page.locator(".facts").first).to_contain_text(case)
    signed_in.open("/corrections")
    page.get_by_placeholder("办件编号").fill(case)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="申请剔除").click()
    expect(page.get_by_role("heading", name="申请剔除")).to_be_visible()
    expect(page.locator("main")).to_contain_text(case)


def test_a_filter_after_the_session_leads_to_the_sign_in(signed_in: Any) -> None:
    page = open_list(signed_in)
    page.context.clear_cookies()
    page.locator("#bad-level").select_option("1")
    expect(page.locator("input[name=password]")).to_be_visible()

"""A correction in a real browser: one proposes, another approves, an open hall page follows."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bench.add_session import add_session

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"
ROOT = Path(__file__).resolve().parents[2]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def second(web: Any) -> str:
    """The account of a second person, added by the command line."""
    password = web.config.parent / "password"
    given = ["li", "--role", "supervisor", "--password-file", str(password)]
    command = [sys.executable, "-m", "collector", "account", "add", *given]
    subprocess.run(
        [*command, "--config", str(web.config)], check=True, cwd=ROOT, capture_output=True
    )
    return "li"


def sign_in(window: Any, name: str) -> None:
    window.open("/login")
    window.page.fill("input[name=name]", name)
    window.page.fill("input[name=password]", PASSWORD)
    window.page.click("form.stacked button[type=submit]")
    window.page.wait_for_url(window.url + "/")


def numbers(page: Page, path: str) -> int:
    text = page.locator(f'[data-live="{path}"]').first.inner_text()
    return int(text.replace(",", ""))


def test_one_proposes_another_approves_and_the_open_page_follows(
    visit: Callable[..., Any], web: Any, second: str
) -> None:
    for level in (5, 5, 1):
        add_session(web.ledger, window="b02", level=level, at_ms=now_ms())
    watching, author, approver = visit(), visit(), visit()
    for window, name in ((watching, "zhang"), (author, "zhang"), (approver, second)):
        sign_in(window, name)
    expect(watching.page.locator("[data-live-state=on]")).to_be_visible()
    excluded = numbers(watching.page, "figures.excluded.ratings")
    base = numbers(watching.page, "figures.net.rate.base")
    line = watching.page.locator("[data-live-corrected]")

    page = author.page
    author.open("/windows/b02")
    row = page.locator("#outcomes tbody tr", has_text="非常不满意").first
    row.get_by_role("link", name="申请剔除").click()
    expect(page.get_by_role("heading", name="申请剔除")).to_be_visible()
    page.get_by_role("button", name="提交申请").click()
    assert "/corrections/new" in page.url  # the browser itself asks for a reason
    page.get_by_label("儿童按键").check()
    page.get_by_label("依据").fill("3 号监控")
    page.get_by_role("button", name="提交申请").click()
    page.wait_for_url(re.compile(r"/corrections/\d+$"))
    address = page.url
    expect(page.locator(".verdict-large")).to_have_text("待审批")
    assert page.get_by_role("button", name="同意", exact=True).count() == 0
    assert page.get_by_role("button", name="撤回").count() == 1

    page = approver.page
    approver.open("/corrections")
    page.locator(".corrections").first.get_by_role("link", name="#").first.click()
    page.wait_for_url(address)
    page.get_by_role("button", name="同意", exact=True).click()
    expect(page.locator(".verdict-large")).to_have_text("已剔除")

    expect(watching.page.locator('[data-live="figures.excluded.ratings"]')).to_have_text(
        str(excluded + 1)
    )
    expect(watching.page.locator('[data-live="figures.net.rate.base"]')).to_have_text(
        f"{base - 1:,}"
    )
    expect(line).to_contain_text("原始")
    expect(line).to_contain_text("净")
    live = line.inner_text()
    watching.page.reload()
    assert watching.page.locator("[data-live-corrected]").inner_text() == live

    author.open("/windows/b02")
    expect(author.page.locator("#outcomes .tag", has_text="剔除 #")).to_have_count(1)
    assert "原始" in author.page.locator(".headline .corrected").inner_text()


@pytest.mark.parametrize("width", [800, 390])
def test_the_pages_fit_a_narrow_screen(visit: Callable[..., Any], web: Any, width: int) -> None:
    add_session(web.ledger, window="b03", level=1, at_ms=now_ms())
    window = visit(viewport={"width": width, "height": 900})
    sign_in(window, "zhang")
    window.open("/windows/b03?period=30-days")
    form = window.page.locator("#outcomes").get_by_role("link", name="申请剔除").first
    assert form.is_visible()
    for path in ("/corrections", form.get_attribute("href"), "/windows/b03", "/integrity"):
        window.open(path)
        too_wide = window.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, path

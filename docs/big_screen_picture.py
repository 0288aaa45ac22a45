"""Pictures of the lobby's big screen: pairs one as a director would, and revokes it afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

SIZES: Final = {
    "big-screen": ("light", 1920, 1080),
    "big-screen-dark": ("dark", 1920, 1080),
    "big-screen-upright": ("light", 1080, 1920),
}
"""File name → theme and size."""
TURN_MS: Final = 3000
"""Until the first figures are there."""


def photograph_big_screen(
    browser: Browser, url: str, name: str, login: tuple[str, str], folder: Path
) -> Path:
    """Take one picture; returns its file.

    Args:
        browser: a running one.
        url: of the dashboard.
        name: a key of `SIZES`.
        login: name and password of a director or administrator.
        folder: where the picture goes.
    """
    theme, width, height = SIZES[name]
    context = browser.new_context(
        viewport={"width": width, "height": height}, reduced_motion="reduce"
    )
    screen = context.new_page()
    screen.goto(url + "/screen")
    code = screen.locator(".pairing-code").inner_text()
    office = browser.new_context(locale="zh-CN")
    page = office.new_page()
    page.goto(url + "/login")
    page.fill("input[name=name]", login[0])
    page.fill("input[name=password]", login[1])
    page.click("form.stacked button[type=submit]")
    page.wait_for_url(url + "/")
    page.goto(url + "/displays")
    form = page.locator("form[action='/displays']")
    form.locator("input[name=code]").fill(code)
    form.locator("input[name=name]").fill(name)
    form.locator("select[name=theme]").select_option(theme)
    form.locator("button[type=submit]").click()
    screen.locator("[data-rate-percent]").wait_for(timeout=30_000)
    screen.wait_for_timeout(TURN_MS)
    file = folder / f"{name}.png"
    screen.screenshot(path=file)
    page.locator("summary.revoke", has_text=name).click()
    page.locator("details.confirmed[open] button").click()
    context.close()
    office.close()
    return file

"""A token in a real browser: made by an administrator, seen once, used by a program, revoked."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
PASSWORD = "correct horse battery"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def administrator(web: Any) -> str:
    """The account of an administrator, added by the command line."""
    password = web.config.parent / "password"
    given = ["root", "--role", "administrator", "--password-file", str(password)]
    command = [sys.executable, "-m", "collector", "account", "add", *given]
    subprocess.run(
        [*command, "--config", str(web.config)], check=True, cwd=ROOT, capture_output=True
    )
    return "root"


def status(url: str, token: str) -> int:
    """What a program with the token is answered."""
    asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_a_token_is_shown_once_works_and_ends_when_it_is_revoked(
    visit: Callable[..., Any], web: Any, administrator: str
) -> None:
    window = visit()
    page = window.page
    window.open("/login?next=/tokens")
    page.fill("input[name=name]", administrator)
    page.fill("input[name=password]", PASSWORD)
    page.click("form.stacked button[type=submit]")
    page.wait_for_url(web.url + "/tokens")
    page.fill("input[name=name]", "grafana")
    page.check("input[value=figures]")
    page.click(".token-form button")
    token = page.locator("#token").inner_text()
    assert token.startswith("yiping_")
    assert status(web.url + "/api/v1/hall", token) == 200
    assert status(web.url + "/api/v1/integrity", token) == 403
    window.open("/tokens")
    expect(page.get_by_role("rowheader", name="grafana")).to_be_visible()
    assert token not in page.content()
    page.locator("summary", has_text="grafana").click()  # a second step confirms it
    assert status(web.url + "/api/v1/hall", token) == 200
    page.locator(".confirmed button", has_text="grafana").click()
    expect(page.locator(".ended")).to_contain_text("1")
    assert status(web.url + "/api/v1/hall", token) == 401


def test_the_page_about_the_api_opens_its_parts_without_a_script(
    signed_in: Any,
) -> None:
    page = signed_in.page
    signed_in.open("/api")
    address = page.locator("article", has_text="/api/v1/windows/{code}")
    address.first.locator("summary").click()
    expect(address.first.get_by_text("sessions", exact=True)).to_be_visible()
    page.get_by_role("link", name="SessionPart").first.click()
    expect(page.locator("#SessionPart")).to_be_in_viewport()

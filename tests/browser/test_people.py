"""First start, second factor and the accounts page in a real browser, as people use them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest

from bench.make_ledger import make_ledger
from collector.office.factors import STEP_S

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
OWN = "four words of my own"


@pytest.fixture(scope="module")
def new_hall(tmp_path_factory: pytest.TempPathFactory, serve: Callable[..., Any]) -> Iterator[Any]:
    """A dashboard on which nobody has ever signed in."""
    folder = tmp_path_factory.mktemp("new-hall")
    make_ledger(folder / "ledger.db", 2_000, until=datetime.now(UTC) - timedelta(days=1))
    with serve(folder, {}) as running:
        yield running


@pytest.fixture
def new_visit(open_windows: Callable[..., Any], new_hall: Any) -> Iterator[Callable[..., Any]]:
    """Opens browser windows on it."""
    with open_windows(new_hall) as open_one:
        yield open_one


def setup_code(hall: Any) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "collector", "account", "setup-code", "--config", hall.config],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def next_code(maker: pyotp.TOTP) -> str:
    """A code of the next step: this one's may be used already."""
    return maker.at(int(time.time()) + STEP_S)


def test_from_the_set_up_code_to_a_colleague_with_a_second_factor(
    new_visit: Callable[..., Any], new_hall: Any
) -> None:
    window = new_visit()
    page = window.page
    window.open("/")
    page.wait_for_url("**/setup")
    page.fill("input[name=code]", setup_code(new_hall))
    page.fill("input[name=name]", "li")
    page.fill("#password", OWN)
    page.click("[data-show-password=password]")
    assert page.get_attribute("#password", "type") == "text"
    page.fill("#again", OWN)
    page.click("form.stacked button[type=submit]")
    page.wait_for_url("**/people")

    page.fill("input[name=name]", "wang")
    page.select_option("select[name=role]", "department")
    page.check("input[name=department][value=tax]")
    page.click("section.card form.stacked button[type=submit] >> nth=0")
    first = page.locator(".secret-once code").inner_text()
    assert len(first) >= 16
    window.open("/people")
    page.check("input[name=role][value=department]")
    page.click("button[name=save]")
    page.wait_for_load_state()
    assert page.is_checked("input[name=role][value=department]")

    other = new_visit()
    colleague = other.page
    other.open("/login")
    colleague.fill("input[name=name]", "wang")
    colleague.fill("input[name=password]", first)
    colleague.press("input[name=password]", "Enter")
    colleague.wait_for_url("**/me/password")
    colleague.fill("#old", first)
    colleague.fill("#password", "another word of mine")
    colleague.fill("#again", "another word of mine")
    colleague.press("#again", "Enter")
    colleague.wait_for_url("**/me/factor")
    colleague.fill("#old", "another word of mine")
    colleague.press("#old", "Enter")
    colleague.wait_for_selector(".enrol img")
    assert colleague.evaluate("document.querySelector('.enrol img').naturalWidth") > 100
    maker = pyotp.TOTP(colleague.locator(".enrol code").inner_text().replace(" ", ""))
    colleague.fill("input[name=code]", maker.now())
    colleague.press("input[name=code]", "Enter")
    colleague.wait_for_selector(".codes li")
    recovery = colleague.locator(".codes li").first.inner_text()
    colleague.click(".secret-once a")
    colleague.wait_for_url(new_hall.url + "/")

    third = new_visit()
    for code in (next_code(maker), recovery):
        third.open("/login")
        third.page.fill("input[name=name]", "wang")
        third.page.fill("input[name=password]", "another word of mine")
        third.page.press("input[name=password]", "Enter")
        third.page.wait_for_url("**/login/code**")
        third.page.fill("input[name=code]", code)
        third.page.press("input[name=code]", "Enter")
        third.page.wait_for_url(new_hall.url + "/")
        third.page.click(".sign-out button")
        third.page.wait_for_url("**/login")


def test_a_disabled_account_loses_its_live_page_at_once_and_the_trail_tells_who_did_it(
    full_visit: Callable[..., Any], full_web: Any
) -> None:
    watcher, admin = full_visit(), full_visit()
    watcher.expected = ["404", "401", "503", "302", "EventSource", "MIME"]
    watcher.sign_in("director", "/**")
    admin.sign_in("administrator", "/**")
    database = sqlite3.connect(full_web.config.parent / "office.db")
    ((number,),) = database.execute("SELECT id FROM accounts WHERE name = 'director'").fetchall()
    try:
        admin.open(f"/people/{number}")
        admin.page.click("button[value=disabled]")
        admin.page.wait_for_selector("button[value=enabled]")
        watcher.open("/windows")
        watcher.page.wait_for_url("**/login**")
        admin.open("/audit?action=account.disable")
        row = admin.page.locator(".audit-rows tbody tr").first.inner_text()
        assert "administrator" in row
        assert "director" in row
        admin.page.click(".statement button")
        admin.page.wait_for_selector(".holds")
    finally:
        admin.open(f"/people/{number}")
        if admin.page.locator("button[value=enabled]").count():
            admin.page.click("button[value=enabled]")
            admin.page.wait_for_selector("button[value=disabled]")
        database.close()

"""The dashboard in the Firefox of an office PC: every page whole, silent, at home; presses live."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from bench.add_session import add_session
from collector.office.roles import Role
from collector.web.rights import home_of, may
from tests.browser.firefox import ENTER, Firefox, Window, running_firefox

pytestmark = pytest.mark.browser

PASSWORD: Final = "correct horse battery"
ROLES: Final = (Role.DIRECTOR, Role.SUPERVISOR, Role.OPERATOR, Role.ADMINISTRATOR)
SIZES: Final = ((800, 1000), (1920, 1080))
OVER: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
DRAWN: Final = """[...document.querySelectorAll("[data-chart]")].every((chart) => {
    const canvas = chart.querySelector("canvas");
    if (!canvas || canvas.clientWidth < chart.clientWidth - 1) return false;
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return new Set(new Uint32Array(pixels.buffer)).size > 3;
})"""
"""Every chart has a canvas of its width, with more on it than one colour and its edges."""
WRONG: Final = {
    "told by the page": "console.error('told by the page')",
    "undeclared": "setTimeout(() => undeclared())",
    "404: ": "fetch('/static/nowhere.js')",
    "content policy connect-src http://192.0.2.1": "fetch('http://192.0.2.1/').catch(() => 0)",
    "content policy img-src http://192.0.2.2": "new Image().src = 'http://192.0.2.2/'",
}
"""What a window must hear → what goes wrong in its page."""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """Debian's Firefox, without a display."""
    with running_firefox(tmp_path_factory.mktemp("firefox")) as running:
        yield running


@pytest.fixture
def window_of(firefox: Firefox, full_web: Any) -> Iterator[Callable[[str], Window]]:
    """Opens windows and signs in; afterwards none may have complained or asked another host."""
    windows: list[Window] = []

    def sign_in(name: str) -> Window:
        window = firefox.window(full_web.url)
        windows.append(window)
        assert window.open("/login") == 200
        window.type("input[name=name]", name)
        window.type("input[name=password]", PASSWORD + ENTER)
        window.wait_until("document.readyState === 'complete' && location.pathname !== '/login'")
        return window

    yield sign_in
    for window in windows:
        window.close()
        assert window.problems == []
        assert window.hosts - {""} <= {full_web.url.removeprefix("http://")}


@pytest.mark.parametrize("heard", WRONG)
def test_a_window_hears_what_goes_wrong(firefox: Firefox, full_web: Any, heard: str) -> None:
    window = firefox.window(full_web.url)
    window.open("/login")
    window.evaluate(f"void ({WRONG[heard]}) || 1")
    window.hear_until(lambda: any(heard in problem for problem in window.problems))
    window.close()


@pytest.mark.parametrize("role", ROLES)
def test_each_role_opens_all_its_pages_in_firefox(
    window_of: Callable[[str], Window], addresses: dict[str, str], role: Role
) -> None:
    window = window_of(role.value)
    opened = [
        endpoint
        for endpoint in addresses
        if may(role, endpoint) and endpoint != "account.login"  # leads home
    ]
    assert home_of(role) in opened
    charts = 0
    for width, height in SIZES:
        window.resize(width, height)
        for endpoint in opened:
            path = addresses[endpoint]
            assert window.open(path) == 200, path
            assert window.evaluate("document.querySelectorAll('h1').length") == 1, path
            over = window.evaluate(OVER)
            assert over <= 0, f"{path} is {over} px wider than {width} px"
            window.wait_until(DRAWN)
            charts += window.evaluate("document.querySelectorAll('[data-chart]').length")
            assert window.problems == [], path
    assert bool(charts) == may(role, "hall.page")


def test_a_press_is_on_the_hall_page_within_seconds_in_firefox(
    window_of: Callable[[str], Window], full_web: Any
) -> None:
    window = window_of(Role.DIRECTOR.value)
    window.open("/")
    window.wait_until("document.querySelector('[data-live-state=on]')?.checkVisibility()")
    rated = "document.querySelector('[data-live=\"figures.net.rate.base\"]').textContent"
    before = int(window.evaluate(rated).replace(",", ""))
    at_ms = time.time_ns() // 1_000_000
    position = add_session(full_web.ledger, window="c05", level=5, at_ms=at_ms)
    window.wait_until(
        f"document.querySelector('#latest li[data-position=\"{position}\"]') !== null", within_s=5
    )
    assert int(window.evaluate(rated).replace(",", "")) == before + 1


def test_a_big_screen_is_paired_and_shows_the_figures_in_firefox(
    window_of: Callable[[str], Window], firefox: Firefox, full_web: Any
) -> None:
    screen = firefox.window(full_web.url)
    screen.resize(1920, 1080)
    assert screen.open("/screen") == 200
    screen.wait_until("/[0-9]/.test(document.querySelector('.pairing-code')?.textContent)")
    code = screen.evaluate("document.querySelector('.pairing-code').textContent.trim()")

    director = window_of(Role.DIRECTOR.value)
    director.open("/displays")
    director.type("form[action='/displays'] input[name=code]", code)
    director.type("form[action='/displays'] input[name=name]", "东门" + ENTER)

    screen.wait_until("/^[0-9:]{8}$/.test(document.querySelector('[data-clock]')?.textContent)")
    screen.wait_until("/[0-9]/.test(document.querySelector('[data-rate-percent]').textContent)")
    assert screen.evaluate(OVER) <= 0
    assert screen.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0
    screen.close()
    assert screen.problems == []
    assert screen.hosts - {""} <= {full_web.url.removeprefix("http://")}


def test_a_hint_in_a_field_is_as_easy_to_read_as_a_label_in_firefox(
    window_of: Callable[[str], Window],
) -> None:
    window = window_of(Role.DIRECTOR.value)
    window.open("/windows")
    hint = "getComputedStyle(document.querySelector('.filter input'), '::placeholder')"
    label = "getComputedStyle(document.querySelector('.page-head .soft'))"
    assert window.evaluate(f"{hint}.opacity") == "1"
    assert window.evaluate(f"{hint}.color") == window.evaluate(f"{label}.color")


def test_a_field_for_a_name_is_no_wider_than_names_are_in_firefox(
    window_of: Callable[[str], Window],
) -> None:
    window = window_of(Role.SUPERVISOR.value)
    window.resize(1920, 1080)
    window.open("/audit")
    assert window.evaluate("document.querySelector('[name=account]').offsetWidth") < 240

"""Takes the pictures in `docs/img`: `python -m docs.screenshots`.

Without `--url` it makes a hall of its own: five weeks of a made ledger and a dashboard over it.
With `--url`, name and password file it photographs a running dashboard, e.g. that of the demo.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright
from waitress import create_server

from bench.full_hall import make_full_hall
from collector.web.app import create_app
from collector.web.dashboard import EXTENSION, WebOptions
from docs.big_screen_picture import SIZES as BIG_SCREENS
from docs.big_screen_picture import photograph_big_screen
from docs.press_page_picture import photograph_press_page
from docs.screen_scenes import SceneSource
from firmware_config.counter_settings import ScreenSettings
from kiosk.screen.server import Screen

FOLDER: Final = Path(__file__).parent / "img"
UNTIL: Final = datetime.fromisoformat("2026-05-13T15:42:00+08:00")
RECORDS: Final = 250_000
NAME: Final = "director"
PASSWORD: Final = "for the pictures only"
ARGUMENTS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDE: Final = {"width": 1600, "height": 1000}
TALL: Final = {"width": 1600, "height": 1150}
SHEET: Final = {"width": 1100, "height": 1330}
PHONE: Final = {"width": 390, "height": 844}
PICTURES: Final[dict[str, tuple[str, dict[str, int], dict[str, str]]]] = {
    "login": ("/login", WIDE, {}),
    "hall": ("/", TALL, {}),
    "hall-dark": ("/", TALL, {"color_scheme": "dark"}),
    "hall-en": ("/", TALL, {"language": "en"}),
    "hall-phone": ("/", PHONE, {}),
    "hall-month": ("/?period=month", TALL, {}),
    "departments": ("/departments?period=30-days", WIDE, {}),
    "department": ("/departments/market?period=30-days", TALL, {}),
    "windows": ("/windows?period=30-days", WIDE, {}),
    "windows-ranked": ("/windows?period=30-days&sort=rate", WIDE, {}),
    "window": ("/windows/a03?period=30-days", TALL, {}),
    "ratings": ("/ratings?period=30-days&level=bad", WIDE, {}),
    "staff": ("/staff?period=30-days&sort=rate", WIDE, {}),
    "ledger": ("/integrity", WIDE, {}),
    "corrections": ("/corrections", WIDE, {}),
    "correction": ("/corrections/9", WIDE, {}),
    "rules": ("/rules", WIDE, {}),
    "report": ("/reports?span=2026-04", TALL, {}),
    "bulletin": ("/reports/bulletin?span=2026-Q2", TALL, {}),
    "checkpoint": ("/integrity/checkpoints/1", SHEET, {}),
    "bad-ratings": ("/bad-ratings", WIDE, {}),
    "displays": ("/displays", WIDE, {}),
}
"""File name → address, size, and what differs from the default light Chinese page."""
SCREENS: Final[dict[str, tuple[str, str, tuple[int, int]]]] = {
    "screen-invitation": ("invitation-touch", "zh-CN", (1920, 1080)),
    "screen-idle": ("idle", "zh-CN", (800, 480)),
    "screen-thanks": ("thanks", "zh-CN", (800, 480)),
    "screen-upright": ("invitation", "en", (1080, 1920)),
}
"""File name → scene of the kiosk's screen, language, and size of the screen."""
PRESS_PAGE: Final = "press-page"
"""File name of the demo's press page."""


@contextmanager
def own_hall() -> Iterator[str]:
    """A dashboard over a made ledger; gives its address."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        ledger = Path(folder) / "ledger.db"
        sys.stderr.write("making a ledger …\n")
        corrections = Path(folder) / "corrections.db"
        make_full_hall(ledger, corrections, RECORDS, until=UNTIL)
        started_s = time.monotonic()
        app = create_app(
            WebOptions(
                ledger=ledger,
                office=Path(folder) / "office.db",
                corrections=corrections,
                shows_staff=True,
            ),
            clock=lambda: int((UNTIL.timestamp() + time.monotonic() - started_s) * 1000),
        )
        parts = app.extensions[EXTENSION]
        parts.accounts.add(NAME, PASSWORD, now_ms=parts.clock())
        parts.watcher.start()
        server = create_server(app, host="127.0.0.1", port=0, threads=16)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.effective_port}"
        finally:
            parts.watcher.stop()
            server.close()


def photograph(browser: Browser, url: str, name: str, login: tuple[str, str]) -> Path:
    """Take one picture; returns its file."""
    address, size, options = PICTURES[name]
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        locale="zh-CN",
        color_scheme=options.get("color_scheme", "light"),  # type: ignore[arg-type]
        reduced_motion="reduce",
        device_scale_factor=2 if size is PHONE else 1,
    )
    page = context.new_page()
    page.goto(url + "/login")
    if "language" in options:
        page.locator(f"button[name=language][value={options['language']}]").click()
    if address != "/login":
        page.fill("input[name=name]", login[0])
        page.fill("input[name=password]", login[1])
        page.click("form.stacked button[type=submit]")
        page.wait_for_url(url + "/")
        page.goto(url + address)
    if page.locator(".chart").count():
        page.locator(".chart canvas").first.wait_for()
        page.wait_for_timeout(600)  # the chart's own animation
    file = FOLDER / f"{name}.png"
    page.screenshot(path=file)
    context.close()
    return file


def photograph_screens(browser: Browser, names: list[str]) -> Iterator[Path]:
    """Take pictures of the kiosk's screen; gives their files."""
    source = SceneSource()
    screen = Screen(ScreenSettings(port=0), source)
    screen.start()
    try:
        for name in names:
            scene, language, (width, height) = SCREENS[name]
            source.show(screen, scene, language)
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(screen.url)
            page.locator(f"body[data-scene={source.shown.scene}]").wait_for()
            page.screenshot(path=FOLDER / f"{name}.png")
            page.close()
            yield FOLDER / f"{name}.png"
    finally:
        screen.stop()


def main() -> int:
    """Command line."""
    known = [*PICTURES, *BIG_SCREENS, *SCREENS, PRESS_PAGE]
    parser = argparse.ArgumentParser(prog="python -m docs.screenshots", description=__doc__)
    parser.add_argument("--url", help="a running dashboard, e.g. http://127.0.0.1:8080")
    parser.add_argument("--name", help="account to sign in with")
    parser.add_argument("--password-file", type=Path, help="file with its password")
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help=f"of {', '.join(known)}")
    given = parser.parse_args()
    unknown = sorted(set(given.pictures) - set(known))
    wanted = given.pictures or known
    halls = [name for name in wanted if name in PICTURES or name in BIG_SCREENS]
    if unknown:
        parser.error(f"expected names of {', '.join(known)}, got {', '.join(unknown)}")
    if given.url and not (given.name and given.password_file):
        parser.error("--url needs --name and --password-file")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        parser.error("expected chromium in the PATH, found none")
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        for file in photograph_screens(browser, [name for name in wanted if name in SCREENS]):
            sys.stderr.write(f"{file}\n")
        if PRESS_PAGE in wanted:
            file = photograph_press_page(browser, FOLDER / f"{PRESS_PAGE}.png")
            sys.stderr.write(f"{file}\n")
        if halls and given.url:
            password = given.password_file.read_text(encoding="utf-8").splitlines()[0]
            _take(browser, given.url.rstrip("/"), halls, (given.name, password))
        elif halls:
            with own_hall() as url:
                _take(browser, url, halls, (NAME, PASSWORD))
        browser.close()
    return 0


def _take(browser: Browser, url: str, names: list[str], login: tuple[str, str]) -> None:
    for name in names:
        if name in BIG_SCREENS:
            file = photograph_big_screen(browser, url, name, login, FOLDER)
        else:
            file = photograph(browser, url, name, login)
        sys.stderr.write(f"{file}\n")


if __name__ == "__main__":
    sys.exit(main())

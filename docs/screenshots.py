"""Takes the pictures in `docs/img`: `python -m docs.screenshots`.

It makes a hall of its own, with something on every page, and photographs every page of the
dashboard as one who may open it (`docs/dashboard_pictures.py`), the lobby's big screen, the kiosk's
screen, and the demo's press page.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from docs.big_screen_picture import SIZES as BIG_SCREENS
from docs.big_screen_picture import photograph_big_screen
from docs.dashboard_pictures import DIRECTOR, PICTURES, own_hall, photograph_pages
from docs.press_page_picture import photograph_press_page
from docs.screen_scenes import SceneSource
from firmware_config.counter_settings import ScreenSettings
from kiosk.screen.server import Screen

FOLDER: Final = Path(__file__).parent / "img"
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
SCREENS: Final[dict[str, tuple[str, str, tuple[int, int]]]] = {
    "screen-invitation": ("invitation-touch", "zh-CN", (1920, 1080)),
    "screen-idle": ("idle", "zh-CN", (800, 480)),
    "screen-thanks": ("thanks", "zh-CN", (800, 480)),
    "screen-upright": ("invitation", "en", (1080, 1920)),
}
"""File name → scene of the kiosk's screen, language, and size of the screen."""
PRESS_PAGE: Final = "press-page"
"""File name of the demo's press page."""


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
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help=f"of {', '.join(known)}")
    wanted = parser.parse_args().pictures or known
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        parser.error(f"expected names of {', '.join(known)}, got {', '.join(unknown)}")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        parser.error("expected chromium in the PATH, found none")
    FOLDER.mkdir(exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        for file in _taken(browser, wanted):
            sys.stderr.write(f"{file}\n")
        browser.close()
    return 0


def _taken(browser: Browser, wanted: list[str]) -> Iterator[Path]:
    yield from photograph_screens(browser, [name for name in wanted if name in SCREENS])
    if PRESS_PAGE in wanted:
        yield photograph_press_page(browser, FOLDER / f"{PRESS_PAGE}.png")
    big = [name for name in wanted if name in BIG_SCREENS]
    halls = [name for name in wanted if name in PICTURES]
    if big or halls:
        sys.stderr.write("making a hall …\n")
        with own_hall() as hall:
            for name in big:
                yield photograph_big_screen(browser, hall.url, name, DIRECTOR, FOLDER)
            yield from photograph_pages(browser, hall, halls, FOLDER)


if __name__ == "__main__":
    sys.exit(main())

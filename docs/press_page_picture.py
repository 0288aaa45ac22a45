"""The picture of the demo's press page: starts a demo of its own and invites at one window."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser

SIZE: Final = {"width": 1600, "height": 1000}
READY_S: Final = 90.0


@contextmanager
def demo() -> Iterator[str]:
    """A running demo hall; gives the press page's address."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as folder:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "firmware_config.demo",
                "--folder",
                folder,
                "--history-days",
                "0",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"SPEED": "1"},
        )
        try:
            assert process.stdout is not None
            for line in process.stdout:
                found = re.search(r"Press page\s+(http://\S+)", line)
                if found:
                    yield found[1]
                    break
            else:
                raise RuntimeError("the demo ended without naming its press page")
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=READY_S)


def photograph_press_page(browser: Browser, file: Path) -> Path:
    """Press the clerk's key of the first window and take the picture of the invitation."""
    with demo() as url:
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        page.goto(url)
        screen = page.frame_locator("iframe")
        screen.locator("body:not([data-scene=starting])").wait_for()
        page.keyboard.press("Space", delay=150)  # as long as a finger is on a key
        screen.locator("body[data-scene=invitation]").wait_for()
        page.wait_for_timeout(600)  # the lamps' own glow
        page.screenshot(path=file)
        page.close()
    return file

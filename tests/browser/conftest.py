"""A real `collector web` over a ledger of today, and a real headless Chromium."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from bench.full_hall import make_full_hall
from bench.make_ledger import make_ledger
from bench.sample_addresses import DEPARTMENTS, pages
from collector.office.roles import Role
from collector.web.app import create_app
from collector.web.dashboard import WebOptions
from firmware_config.fleet import sample_fleet_path

PASSWORD = "correct horse battery"
CHROMIUM_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ROOT = Path(__file__).resolve().parents[2]
EXPECT_MS = 20_000
"""How long a page may take to become what is expected: a busy machine is no reason to fail. What is
promised within a second is measured by the test that says so."""


@dataclass
class Web:
    """A running dashboard."""

    url: str
    ledger: Path
    config: Path


@dataclass
class Visit:
    """A page with all that went wrong on it."""

    page: Page
    url: str
    problems: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Parts of messages the browser itself writes about answers a test has asked for."""
    hosts: set[str] = field(default_factory=set)

    def open(self, path: str) -> None:
        """Go to a page of the dashboard."""
        self.page.goto(self.url + path)

    def sign_in(self, name: str = "zhang", home: str = "/") -> None:
        """Sign in by the form; `home` is where that leads to."""
        self.open("/login")
        self.page.fill("input[name=name]", name)
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("form.stacked button[type=submit]")
        self.page.wait_for_url(self.url + home)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Debian's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "the browser tests need chromium; tests/install_servers.sh installs it"
    return found


@pytest.fixture(scope="session")
def playwright_driver() -> Iterator[Playwright]:
    """The driver; one for all tests, because it cannot be started twice in a thread."""
    expect.set_options(timeout=EXPECT_MS)
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(playwright_driver: Playwright, chromium_path: str) -> Iterator[Browser]:
    """A headless Chromium with a profile of its own."""
    launched = playwright_driver.chromium.launch(
        executable_path=chromium_path, args=CHROMIUM_ARGUMENTS
    )
    yield launched
    launched.close()


@pytest.fixture(scope="session")
def web(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Web]:
    """`collector web` as a process, over the last weeks of a made hall."""
    folder = tmp_path_factory.mktemp("web")
    # yesterday's and older: the tests write today's ratings themselves
    make_ledger(folder / "ledger.db", 40_000, until=datetime.now(UTC) - timedelta(days=1))
    with serving(folder, {"zhang": []}, free_port()) as running:
        yield running


@pytest.fixture(scope="session")
def full_web(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[Web]:
    """The same over a hall with something on every page, and an account of each role."""
    folder = tmp_path_factory.mktemp("full-web")
    until = datetime.now(UTC)
    make_full_hall(folder / "ledger.db", folder / "corrections.db", 40_000, until=until)
    accounts = {role.value: ["--role", role.value] for role in Role}
    for code in DEPARTMENTS:
        accounts[Role.DEPARTMENT] += ["--department", code]
    with serving(folder, accounts, free_port()) as running:
        yield running


@pytest.fixture(scope="session")
def addresses(full_web: Web, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Endpoint → an address, of every page of that hall."""
    folder = tmp_path_factory.mktemp("pages")
    options = WebOptions(
        ledger=full_web.ledger, office=folder / "office.db", corrections=folder / "corrections.db"
    )
    return pages(create_app(options), full_web.ledger)


@contextmanager
def serving(folder: Path, accounts: dict[str, list[str]], port: int) -> Iterator[Web]:
    """`collector web` over the files in a folder; accounts: name → options of `account add`."""
    password = folder / "password"
    password.write_text(PASSWORD + "\n")
    config = folder / "collector.toml"
    values = {
        "hall": "yunze",
        "fleet": str(sample_fleet_path()),
        "device_keys": str(folder / "keys"),
        "key": str(folder / "collector.jwk"),
        "ledger": str(folder / "ledger.db"),
        "broker.host": "127.0.0.1",
        "web.port": port,
        "web.office": str(folder / "office.db"),
        "web.staff": True,
        "command.wishes": str(folder / "wishes"),
    }
    config.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))
    command = [sys.executable, "-m", "collector"]
    for name, options in accounts.items():
        subprocess.run(
            [
                *(*command, "account", "add", name, "--password-file", password),
                *(*options, "--config", config),
            ],
            check=True,
            cwd=ROOT,
            capture_output=True,
        )
    log = (folder / "web.log").open("w")
    process = subprocess.Popen([*command, "web", "--config", config], cwd=ROOT, stderr=log)
    url = f"http://127.0.0.1:{port}"
    _wait_for(url + "/login", process, folder / "web.log")
    yield Web(url, folder / "ledger.db", config)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    log.close()
    assert "Traceback" not in (folder / "web.log").read_text()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise AssertionError(f"the dashboard did not start: {log.read_text()}")


@pytest.fixture
def visit(browser: Browser, web: Web) -> Iterator[Callable[..., Visit]]:
    """Opens browser windows; afterwards none may have complained or asked another host."""
    with visiting(browser, web) as open_one:
        yield open_one


@pytest.fixture
def full_visit(browser: Browser, full_web: Web) -> Iterator[Callable[..., Visit]]:
    """The same for the dashboard with something on every page."""
    with visiting(browser, full_web) as open_one:
        yield open_one


@contextmanager
def visiting(browser: Browser, web: Web) -> Iterator[Callable[..., Visit]]:
    """Gives what opens a window on a dashboard with the options of `new_context`."""
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def open_one(**options: object) -> Visit:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        visit = Visit(context.new_page(), web.url)
        visit.page.on(
            "console",
            lambda m: visit.problems.append(m.text) if m.type in ("error", "warning") else None,
        )
        visit.page.on("pageerror", lambda error: visit.problems.append(str(error)))
        visit.page.on("request", lambda r: visit.hosts.add(urlsplit(r.url).netloc))
        visits.append(visit)
        return visit

    yield open_one
    for context in contexts:
        context.close()
    _forget_pairing_codes(web.config.parent / "office.db")
    for visit in visits:
        unexpected = [p for p in visit.problems if not any(e in p for e in visit.expected)]
        assert unexpected == []
        assert visit.hosts - {""} <= {urlsplit(web.url).netloc}


def _forget_pairing_codes(office: Path) -> None:
    """Codes of browser windows that are closed: only a few screens of one address may wait."""
    with closing(sqlite3.connect(office, timeout=10)) as database, database:
        database.execute("DELETE FROM display_pairings")


@pytest.fixture(scope="session")
def serve(free_port: Callable[[], int]) -> Callable[..., Any]:
    """`serving`, for tests that need a dashboard of their own."""
    return lambda folder, accounts: serving(folder, accounts, free_port())


@pytest.fixture
def open_windows(browser: Browser) -> Callable[..., Any]:
    """`visiting`, for the same."""
    return lambda web: visiting(browser, web)


@pytest.fixture
def signed_in(visit: Callable[..., Visit]) -> Visit:
    """A signed-in browser window."""
    opened = visit()
    opened.sign_in()
    return opened


@pytest.fixture
def numbers_of() -> Callable[[Page, str], list[float]]:
    """Reads the numbers of one column of the sortable table."""

    def read(page: Page, column: str) -> list[float]:
        texts = page.locator(f"#rows tbody .c-{column}").all_inner_texts()
        return [float(re.sub(r"[^0-9.]", "", text) or "nan") for text in texts]

    return read

"""Pictures of every page of the dashboard, over a hall of their own, as one who may open it.

`tests/bench/test_pictures.py` fails when a page of the application has no picture here.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext
from waitress import create_server

from bench.full_hall import make_full_hall
from bench.full_office import PEOPLE, add_people, add_rules, run_nightly_jobs, settings_of
from bench.sample_addresses import pages
from collector.office.roles import Role
from collector.web.app import create_app
from collector.web.care.options import CareOptions
from collector.web.dashboard import EXTENSION, WebOptions
from collector.web.rights import PUBLIC, may

UNTIL: Final = datetime.fromisoformat("2026-05-13T15:42:00+08:00")
RECORDS: Final = 250_000
SLOWER: Final = 20
"""The hall's clock is slow: its devices are not heard again, and would be late after 95 s."""
PASSWORD: Final = "for the pictures only"
LOGINS: Final = {role: (name, PASSWORD) for name, role in PEOPLE.items()}
DIRECTOR: Final = LOGINS[Role.DIRECTOR]

WIDE: Final = {"width": 1440, "height": 900}
SHEET: Final = {"width": 1100, "height": 1330}
PHONE: Final = {"width": 390, "height": 844}
CHART_MS: Final = 600
"""How long a chart takes to draw itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture.

    Attributes:
        endpoint: of the page.
        query: after its example address.
        address: instead of that.
        size: of the browser window; nothing below it is in the picture.
        dark: the dark theme.
        language: of the page.
        role: who opens it; None: the first role that may.
        opens: what is clicked before.
    """

    endpoint: str
    query: str = ""
    address: str = ""
    size: dict[str, int]
    dark: bool = False
    language: str = "zh-CN"
    role: Role | None = None
    opens: str = ""


def _page(endpoint: str, query: str = "", **options: Any) -> Picture:
    return Picture(endpoint=endpoint, query=query, **{"size": WIDE, **options})


MONTH: Final = "period=30-days"
PICTURES: Final[dict[str, Picture]] = {
    "login": _page("account.login"),
    "hall": _page("hall.page", size={"width": 1440, "height": 1080}),
    "hall-dark": _page("hall.page", dark=True),
    "hall-en": _page("hall.page", language="en"),
    "hall-phone": _page("hall.page", size=PHONE),
    "hall-month": _page("hall.page", "period=month"),
    "hall-department": _page("hall.page", role=Role.DEPARTMENT),
    "departments": _page("departments.index", MONTH),
    "department": _page("departments.one", MONTH),
    "windows": _page("windows.index", f"{MONTH}&sort=rate"),
    "windows-phone": _page("windows.index", MONTH, size=PHONE),
    "window": _page("windows.one", MONTH),
    "window-dark": _page("windows.one", MONTH, dark=True),
    "staff": _page("staff.index", f"{MONTH}&sort=rate"),
    "staff-one": _page("staff.one", MONTH),
    "ratings": _page("ratings.index", f"{MONTH}&level=bad"),
    "record": _page("records.one"),
    "bad-ratings": _page("bad.index"),
    "bad-rating": _page("bad.one"),
    "devices": _page("devices.index", role=Role.OPERATOR),
    "devices-dark": _page("devices.index", dark=True, role=Role.OPERATOR),
    "devices-phone": _page("devices.index", size=PHONE, role=Role.OPERATOR),
    "device": _page("devices.one", role=Role.OPERATOR),
    "report": _page("reports.index", "span=2026-04"),
    "bulletin": _page("reports.bulletin", "span=2026-Q2"),
    "corrections": _page("corrections.index", role=Role.SUPERVISOR),
    "correction": _page("corrections.one", address="/corrections/9", role=Role.SUPERVISOR),
    "correction-find": _page("corrections.find", "case_no=20260513a03000650", role=Role.DEPARTMENT),
    "correction-new": _page("corrections.new", role=Role.DEPARTMENT),
    "rules": _page("rules.index"),
    "rules-new": _page("rules.new"),
    "exports": _page("exports.index"),
    "ledger": _page("integrity.page"),
    "checkpoint": _page("integrity.checkpoint", size=SHEET),
    "displays": _page("displays.index"),
    "pairing": _page("screen.page"),
    "people": _page("people.index"),
    "person": _page("people.one"),
    "tokens": _page("tokens.index"),
    "me": _page("me.index"),
    "me-password": _page("me.password"),
    "me-factor": _page("me.factor"),
    "api": _page("api.index"),
    "audit": _page("audit.index", role=Role.SUPERVISOR),
    "menu": _page("hall.page", "period=month", opens=".nav .menu > summary"),
}
"""File name → picture. The audit trail comes late, so that it shows who looked before."""


@dataclass(frozen=True, slots=True)
class Hall:
    """A running dashboard: its address, and endpoint → example address of each page."""

    url: str
    addresses: dict[str, str]


@contextmanager
def own_hall() -> Iterator[Hall]:
    """A dashboard over a made ledger, with something on every page."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as name:
        folder = Path(name)
        settings = settings_of(folder)
        make_full_hall(
            settings.ledger, settings.corrections_file, RECORDS, until=UNTIL, is_signed=True
        )
        started_s = time.monotonic()
        app = create_app(
            WebOptions(
                ledger=settings.ledger,
                office=folder / "office.db",
                corrections=settings.corrections_file,
                reports=settings.web.reports,
                care=CareOptions(exports=settings.export.folder),
                shows_staff=True,
            ),
            clock=lambda: int((UNTIL.timestamp() + (time.monotonic() - started_s) / SLOWER) * 1000),
        )
        parts = app.extensions[EXTENSION]
        add_rules(parts, UNTIL.date())
        run_nightly_jobs(settings, UNTIL)
        add_people(parts, PASSWORD)
        parts.watcher.start()
        server = create_server(app, host="127.0.0.1", port=0, threads=16)
        threading.Thread(target=server.run, daemon=True).start()
        try:
            yield Hall(f"http://127.0.0.1:{server.effective_port}", pages(app, settings.ledger))
        finally:
            parts.watcher.stop()
            server.close()


def who_opens(picture: Picture) -> Role | None:
    """The role a picture is taken as; None: nobody has signed in."""
    if picture.role is not None or may(PUBLIC, picture.endpoint):
        return picture.role
    return next(role for role in Role if may(role, picture.endpoint))


def photograph_pages(
    browser: Browser, hall: Hall, names: Sequence[str], folder: Path
) -> Iterator[Path]:
    """Take pictures; gives their files.

    Raises:
        ValueError: a page did not answer as it should.
    """
    cookies: dict[Role | None, Any] = {None: []}
    for name in names:
        picture = PICTURES[name]
        role = who_opens(picture)
        context = browser.new_context(
            viewport=picture.size,  # type: ignore[arg-type]
            locale=picture.language,
            color_scheme="dark" if picture.dark else "light",
            reduced_motion="reduce",
            device_scale_factor=2 if picture.size is PHONE else 1,
        )
        if role is not None and role not in cookies:
            cookies[role] = _sign_in(context, hall.url, role)
        context.add_cookies(cookies[role])
        yield _photograph(context, hall, picture, folder / f"{name}.png")
        context.close()


def _sign_in(context: BrowserContext, url: str, role: Role) -> Any:
    page = context.new_page()
    page.goto(url + "/login")
    page.fill("input[name=name]", LOGINS[role][0])
    page.fill("input[name=password]", LOGINS[role][1])
    page.click("form.stacked button[type=submit]")
    page.wait_for_load_state()
    page.close()
    return [cookie for cookie in context.cookies() if "preferences" not in cookie["name"]]


def _photograph(context: BrowserContext, hall: Hall, picture: Picture, file: Path) -> Path:
    page = context.new_page()
    address = picture.address or hall.addresses[picture.endpoint]
    if picture.query:
        address += ("&" if "?" in address else "?") + picture.query
    answer = page.goto(hall.url + address)
    if answer is None or not answer.ok:
        raise ValueError(f"{address}: expected a page, got {answer and answer.status}")
    if page.locator(".chart").count():
        page.locator(".chart canvas").first.wait_for()
    page.wait_for_timeout(CHART_MS)
    if picture.language != "zh-CN":
        page.locator(f"button[name=language][value={picture.language}]").click()
        page.wait_for_timeout(CHART_MS)
    if picture.opens:
        page.click(picture.opens)
    page.screenshot(path=file)
    return file

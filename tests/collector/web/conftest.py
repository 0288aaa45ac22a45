"""A ledger of three days, a dashboard over a copy of it, and visitors."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BytecodeCache, FileSystemBytecodeCache

from bench.make_ledger import make_ledger
from collector.ledger.readers import LedgerReader
from collector.office.roles import Role
from collector.web.app import create_app
from collector.web.dashboard import EXTENSION, Dashboard, WebOptions

UNTIL = datetime.fromisoformat("2026-05-13T15:30:00+08:00")
PASSWORD = "correct horse battery"


class ManualClock:
    """A clock that stands until it is moved; UTC milliseconds."""

    def __init__(self, at_ms: int) -> None:
        self.at_ms = at_ms

    def __call__(self) -> int:
        return self.at_ms

    def advance_s(self, seconds: float) -> None:
        """Move it on."""
        self.at_ms += int(seconds * 1000)


@pytest.fixture(scope="session")
def made_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three days of the sample hall; never changed."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    make_ledger(path, 17_000, until=UNTIL)
    return path


@pytest.fixture
def ledger(made_ledger: Path, tmp_path: Path) -> Path:
    """A ledger of one's own."""
    path = tmp_path / "ledger.db"
    shutil.copyfile(made_ledger, path)
    return path


@pytest.fixture
def reader(ledger: Path) -> Iterator[LedgerReader]:
    """A reader of that ledger."""
    with LedgerReader(ledger) as opened:
        yield opened


@pytest.fixture
def clock() -> ManualClock:
    """The moment the ledger ends."""
    return ManualClock(int(UNTIL.timestamp() * 1000))


@pytest.fixture
def options(ledger: Path, tmp_path: Path) -> WebOptions:
    """Where the dashboard's files are."""
    return WebOptions(
        ledger=ledger, office=tmp_path / "office.db", corrections=tmp_path / "corrections.db"
    )


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> BytecodeCache:
    """Of all dashboards: a third of a test's time went into compiling the pages for its own."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def make_app(
    clock: ManualClock, templates: BytecodeCache
) -> Iterator[Callable[[WebOptions], Flask]]:
    """Makes dashboards with quick passwords; stops their watchers."""
    made: list[Flask] = []

    def make(options: WebOptions) -> Flask:
        hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        app = create_app(options, clock=clock, hasher=hasher)
        app.jinja_env.bytecode_cache = templates
        parts: Dashboard = app.extensions[EXTENSION]
        if parts.accounts.find("zhang") is None:
            parts.accounts.add("zhang", PASSWORD, now_ms=clock())
        made.append(app)
        return app

    yield make
    for app in made:
        app.extensions[EXTENSION].watcher.stop()
        app.extensions[EXTENSION].office.close()


@pytest.fixture
def app(make_app: Callable[[WebOptions], Flask], options: WebOptions) -> Flask:
    """A dashboard with one account, `zhang`; bugs are answered with 500, as in service."""
    return make_app(options)


@pytest.fixture
def dashboard(app: Flask) -> Dashboard:
    """The dashboard's parts."""
    parts: Dashboard = app.extensions[EXTENSION]
    return parts


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    """A browser that has not signed in."""
    return app.test_client()


@pytest.fixture
def token() -> Callable[[FlaskClient], str]:
    """Fetches the CSRF token of a browser from the sign-in page, or the page it leads to."""

    def fetch(client: FlaskClient) -> str:
        page = client.get("/login", follow_redirects=True).text
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found is not None
        return found[1]

    return fetch


@pytest.fixture
def sign_in(token: Callable[[FlaskClient], str]) -> Callable[..., int]:
    """Signs a browser in; gives the status of the answer."""

    def do(client: FlaskClient, name: str = "zhang", password: str = PASSWORD) -> int:
        form = {"csrf_token": token(client), "name": name, "password": password}
        return client.post("/login", data=form).status_code

    return do


@pytest.fixture
def client(app: Flask, sign_in: Callable[..., int]) -> FlaskClient:
    """A browser that has signed in."""
    browser = app.test_client()
    assert sign_in(browser) == 302
    return browser


@pytest.fixture
def next_day(client: FlaskClient, clock: ManualClock, sign_in: Callable[..., int]) -> FlaskClient:
    """The same on the next day, of which there are no ratings; sessions do not last that long."""
    clock.advance_s(86_400)
    assert sign_in(client) == 302
    return client


@pytest.fixture
def english(client: FlaskClient, token: Callable[[FlaskClient], str]) -> FlaskClient:
    """The same, in English."""
    form = {"csrf_token": token(client), "language": "en", "next": "/"}
    assert client.post("/preferences", data=form).status_code == 302
    return client


@pytest.fixture
def visit(
    app: Flask, dashboard: Dashboard, sign_in: Callable[..., int]
) -> Callable[..., FlaskClient]:
    """Signs somebody of a role in."""

    def enter(role: Role, *departments: str) -> FlaskClient:
        browser = app.test_client()
        name = f"{role.value}-{len(departments)}"
        dashboard.accounts.add(
            name, PASSWORD, now_ms=dashboard.clock(), role=role, departments=departments
        )
        assert sign_in(browser, name) == 302
        return browser

    return enter

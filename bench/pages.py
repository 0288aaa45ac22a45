"""Page time against the size of the ledger: what a page costs must not grow with history.

Ledgers of 10⁵, 10⁶ and 10⁷ records (`--quick`: without the last) are made in a temporary folder;
each page is asked for in full, through WSGI and signed in, as a browser would.
"""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from flask import Flask
from flask.testing import FlaskClient

from bench.figures import Figure, at_most
from bench.make_ledger import make_ledger
from collector.web.app import create_app
from collector.web.dashboard import EXTENSION, Dashboard, WebOptions

SIZES: Final = (100_000, 1_000_000, 10_000_000)
RUNS: Final = 60
WARM_UP: Final = 5
PASSWORD: Final = "for this benchmark only"
PAGES: Final = {
    "hall today": "/",
    "live event": "/api/v1/live?after=0",
    "departments today": "/departments",
    "departments 30 days": "/departments?period=30-days",
    "departments this year": "/departments?from={year_ago}&to={today}",
    "windows today": "/windows",
    "windows this year": "/windows?from={year_ago}&to={today}",
    "one window 30 days": "/windows/a01?period=30-days",
    "one window this year": "/windows/a01?from={year_ago}&to={today}",
    "hall 30 days": "/?period=30-days",
    "hall this year": "/?from={year_ago}&to={today}",
    "ratings this year": "/ratings?from={year_ago}&to={today}",
    "bad ratings this year": "/ratings?level=bad&from={year_ago}&to={today}",
    "ledger": "/integrity",
}
FLAT: Final = ("hall today", "live event", "departments today", "windows today", "ledger")
"""Pages whose period lies wholly in every one of the ledgers, so that a ratio means something."""


def run(*, quick: bool) -> list[Figure]:
    """Time every page for every size."""
    sizes = SIZES[:2] if quick else SIZES
    until = datetime.now(UTC).replace(hour=8, minute=0) - timedelta(days=1)
    with tempfile.TemporaryDirectory(prefix="bench-pages-") as folder:
        clients = {size: _dashboard(Path(folder), size, until) for size in sizes}
        times = _measure(clients, until)
    largest = sizes[-1]
    figures = [
        at_most(f"{name}, {largest:.0e} records", p50, 50, f"median; p95 {p95:.1f} ms", unit="ms")
        for name, (p50, p95) in times[largest].items()
    ]
    figures += [
        at_most(
            f"{name}: {largest:.0e} against {sizes[0]:.0e} records",
            times[largest][name][0] / times[sizes[0]][name][0],
            1.5,
            "ratio of medians; " + _row(times, name),
        )
        for name in FLAT
    ]
    figures += [
        Figure(
            name=f"{name}: {largest:.0e} against {sizes[0]:.0e} records",
            value=times[largest][name][0] / times[sizes[0]][name][0],
            unit="ratio",
            note="the smaller ledger holds fewer days than the period; " + _row(times, name),
        )
        for name in PAGES
        if name not in FLAT
    ]
    return figures


def _row(times: dict[int, dict[str, tuple[float, float]]], name: str) -> str:
    return ", ".join(f"{size:.0e}: {of[name][0]:.1f} ms" for size, of in times.items())


def _dashboard(folder: Path, size: int, until: datetime) -> FlaskClient:
    """A browser signed in to a dashboard over a ledger of that size."""
    ledger = folder / f"{size}.db"
    made = make_ledger(ledger, size, until=until)
    print(f"ledger of {made:,} records, {ledger.stat().st_size / 2**30:.2f} GiB", flush=True)
    now_ms = int(until.timestamp() * 1000)
    app = create_app(
        WebOptions(
            ledger=ledger,
            office=folder / f"office-{size}.db",
            corrections=folder / f"corrections-{size}.db",
        ),
        clock=lambda: now_ms,
    )
    return _signed_in(app)


def _measure(
    clients: dict[int, FlaskClient], until: datetime
) -> dict[int, dict[str, tuple[float, float]]]:
    """Size → page → median and 95th percentile, milliseconds.

    The sizes take turns at every page, so that whatever else the machine does hits all alike.
    """
    year_ago = (until - timedelta(days=364)).date()
    found: dict[int, dict[str, tuple[float, float]]] = {size: {} for size in clients}
    for name, pattern in PAGES.items():
        address = pattern.format(year_ago=year_ago, today=until.date())
        taken: dict[int, list[float]] = {size: [] for size in clients}
        for number in range(RUNS + WARM_UP):
            for size, client in clients.items():
                before_s = time.perf_counter()
                answer = client.get(address)
                if number >= WARM_UP:
                    taken[size].append((time.perf_counter() - before_s) * 1000)
                assert answer.status_code == 200, (address, answer.status_code)
        for size, times in taken.items():
            found[size][name] = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    return found


def _signed_in(app: Flask) -> FlaskClient:
    parts: Dashboard = app.extensions[EXTENSION]
    parts.accounts.add("bench", PASSWORD, now_ms=parts.clock())
    client = app.test_client()
    token = re.search(r'csrf_token" value="([^"]+)"', client.get("/login").text)
    assert token is not None
    form = {"csrf_token": token[1], "name": "bench", "password": PASSWORD}
    assert client.post("/login", data=form).status_code == 302
    return client

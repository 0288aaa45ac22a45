"""Page time against the size of the ledger: what a page costs must not grow with history.

Ledgers of 10⁵, 10⁶ and 10⁷ records; every page of the application, see `page_table`, is asked for
in full and signed in: in turns over the sizes through WSGI, and once more from a real `collector
web` over the largest. A page is compared between the largest ledger and the smallest that holds its
whole period. The main question is asked of the rows too, by SQLite and by DuckDB.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import duckdb
from flask import Flask
from flask.testing import FlaskClient

from bench.figures import Figure, at_least, at_most
from bench.ledgers import UNTIL, kept_ledger
from bench.page_table import Page, PageTable, page_table, periods
from bench.row_questions import Answer, by_duckdb, by_rollups, by_sqlite, export_parquet
from bench.web_process import ROLES, Visitor, prepare, sign_in_form, web_process
from collector.ledger.readers import LedgerReader, counts
from collector.periods import between
from collector.settings import load_collector_settings
from collector.web.app import create_app
from collector.web.dashboard import WebOptions

OPTIONS: Final = ("ledgers", "records")
SIZES: Final = (100_000, 1_000_000, 10_000_000)
ROUNDS: Final = 3
RUNS: Final = 20
"""In each round."""
WARM_UP: Final = 2
MOST_MS: Final = 100.0
FLAT: Final = 1.5
"""Ratio of processor times up to which a page counts as flat; time by the clock is noisier."""


@dataclass(frozen=True, slots=True)
class Took:
    """How long a page took, milliseconds: median, 95th percentile, median of processor time."""

    p50: float
    p95: float
    processor: float

    def __str__(self) -> str:
        """Median and 95th percentile."""
        return f"{self.p50:.1f} / {self.p95:.1f}"


Times = dict[str, Took]
"""Page → medians of the rounds."""


def run(*, quick: bool, ledgers: Path | None = None, records: int | None = None) -> list[Figure]:
    """Time every page for every size.

    Args:
        quick: two small ledgers, one round.
        ledgers: folder in which made ledgers are kept; None: they are made for this run.
        records: the largest ledger; None: ten million.
    """
    sizes = SIZES[:2] if quick else [size for size in SIZES if size <= (records or SIZES[-1])]
    rounds = 1 if quick else ROUNDS
    with tempfile.TemporaryDirectory(prefix="bench-pages-") as name:
        folder = Path(name)
        paths = {size: kept_ledger(ledgers or folder, size) for size in sizes}
        configs = {size: prepare(folder / str(size), path) for size, path in paths.items()}
        largest = sizes[-1]
        readers = {size: LedgerReader(path).open() for size, path in paths.items()}
        clients = {size: signed_in(config) for size, config in configs.items()}
        tables = {
            size: page_table(*clients[size], reader, UNTIL.date())
            for size, reader in readers.items()
        }
        asks = {size: _without_server(of_role) for size, (_app, of_role) in clients.items()}
        times = measure({size: table.pages for size, table in tables.items()}, asks, rounds)
        with (
            web_process(folder / str(largest), configs[largest]) as web,
            through_server(web.port) as ask,
        ):
            served = measure({largest: tables[largest].pages}, {largest: ask}, rounds)[largest]
        figures = _page_figures(tables[largest], times, served, readers)
        figures += _question_figures(readers[largest], paths[largest], folder, rounds)
        for reader in readers.values():
            reader.close()
    return figures


def signed_in(config: Path) -> tuple[Flask, dict[str, FlaskClient]]:
    """The dashboard of those settings without a server; role → a browser signed in to it."""
    settings = load_collector_settings(config, {}, {})
    app = create_app(
        WebOptions(
            ledger=settings.ledger,
            office=settings.web.office,
            shows_staff=settings.web.staff,
            corrections=settings.corrections_file,
            follows_records=True,
        )
    )
    clients = {}
    for role in ROLES:
        client = clients[role] = app.test_client()
        answer = client.post("/login", data=sign_in_form(client.get("/login").text, role))
        assert answer.status_code == HTTPStatus.FOUND
    return app, clients


Ask = Callable[[Page], tuple[int, bytes]]


def _without_server(clients: Mapping[str, FlaskClient]) -> Ask:
    def ask(page: Page) -> tuple[int, bytes]:
        answer = clients[page.role].get(page.address)
        return answer.status_code, answer.data

    return ask


@contextmanager
def through_server(port: int) -> Iterator[Ask]:
    """How to ask a running `collector web`, signed in on a connection of each role's own."""
    visitors = {role: Visitor(port) for role in ROLES}
    try:
        for role, visitor in visitors.items():
            visitor.sign_in(role)
        yield lambda page: visitors[page.role].get(page.address)
    finally:
        for visitor in visitors.values():
            visitor.close()


def measure(
    pages: Mapping[int, list[Page]], asks: Mapping[int, Ask], rounds: int
) -> dict[int, Times]:
    """Size → times of every page that the largest ledger has; by name: each ledger has addresses
    of its own.

    The sizes take turns at every request, so that whatever else the machine does hits all alike.

    Raises:
        AssertionError: a page did not answer with 200.
    """
    taken: dict[int, dict[str, list[Took]]] = {size: {} for size in asks}
    named = {size: {page.name: page for page in of_size} for size, of_size in pages.items()}
    for _ in range(rounds):
        for name in named[max(named)]:
            asked = {size: of_size[name] for size, of_size in named.items() if name in of_size}
            now: dict[int, list[tuple[float, float]]] = {size: [] for size in asked}
            for number in range(RUNS + WARM_UP):
                for size, page in asked.items():
                    before_s, used_s = time.perf_counter(), time.thread_time()
                    status, body = asks[size](page)
                    took_s = time.perf_counter() - before_s, time.thread_time() - used_s
                    if status != HTTPStatus.OK:
                        raise AssertionError(f"{page.address}: {status} {body[:300]!r}")
                    if number >= WARM_UP:
                        now[size].append(took_s)
            for size, found in now.items():
                taken[size].setdefault(name, []).append(_round(found))
    return {
        size: {name: _median(found) for name, found in of_page.items()}
        for size, of_page in taken.items()
    }


def _round(found: list[tuple[float, float]]) -> Took:
    wall, processor = ([s * 1000 for s in column] for column in zip(*found, strict=True))
    return Took(
        statistics.median(wall), statistics.quantiles(wall, n=20)[-1], statistics.median(processor)
    )


def _median(rounds: list[Took]) -> Took:
    columns = zip(*((took.p50, took.p95, took.processor) for took in rounds), strict=True)
    return Took(*(statistics.median(column) for column in columns))


def _page_figures(
    table: PageTable, times: dict[int, Times], served: Times, readers: dict[int, LedgerReader]
) -> list[Figure]:
    largest = max(times)
    figures = []
    for page in table.pages:
        row = ", ".join(
            f"{size:.0e}: {of[page.name]}" for size, of in times.items() if page.name in of
        )
        note = f"p50 / p95 at {row}; served: {served[page.name]}"
        figures.append(
            at_most(f"`{page.name}`, p95", times[largest][page.name].p95, MOST_MS, note, unit="ms")
        )
    for page in table.pages:
        smaller = _smallest_that_holds(page, readers)
        if smaller != largest and page.name in times[smaller]:
            least, most = times[smaller][page.name], times[largest][page.name]
            name = f"`{page.name}`, {largest:.0e} ÷ {smaller:.0e} records"
            note = (
                f"processor time {most.processor:.1f} ms; by the clock {most.p50 / least.p50:.2f}"
            )
            figures.append(at_most(name, most.processor / least.processor, FLAT, note))
    if table.left_out:
        told = "; ".join(f"`{rule}`: {why}" for rule, why in table.left_out.items())
        figures.append(
            Figure(name="routes not measured", value=len(table.left_out), unit="", note=told)
        )
    return figures


def _smallest_that_holds(page: Page, readers: dict[int, LedgerReader]) -> int:
    """The size of the smallest ledger that has records from the page's first day on."""
    for size, reader in readers.items():
        known = counts.days_with_records(reader)
        if known is not None and known[0] <= page.first_on.isoformat():
            return size
    return max(readers)


def _question_figures(
    reader: LedgerReader, ledger: Path, folder: Path, rounds: int
) -> list[Figure]:
    """The main question for 30 days, a year, everything: three ways, in turns.

    Raises:
        AssertionError: the three do not agree.
    """
    parquet = folder / "outcomes.parquet"
    export_parquet(ledger, parquet)
    figures = []
    with duckdb.connect() as database:
        for name, first_on in periods(reader, UNTIL.date()).items():
            period = between(first_on, UNTIL.date())
            ways: dict[str, Callable[[], Answer]] = {
                "rollups": lambda period=period: by_rollups(reader, period),
                "SQLite": lambda period=period: by_sqlite(reader, period),
                "DuckDB": lambda period=period: by_duckdb(database, parquet, period),
            }
            figures += _compared(name, ways, rounds)
    return figures


def _compared(name: str, ways: dict[str, Callable[[], Answer]], rounds: int) -> list[Figure]:
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds + 1):  # the first one warms up
        answers = {}
        for way, ask in ways.items():
            before_s = time.perf_counter()
            answers[way] = ask()
            taken[way].append((time.perf_counter() - before_s) * 1000)
        for way, answer in answers.items():
            if answer != answers["rollups"]:
                raise AssertionError(f"{name}: {way} counts otherwise than the rollups")
    ours, *others = (statistics.median(times[1:]) for times in taken.values())
    rated = sum(sum(row[:5]) for row in answers["rollups"].values())
    note = f"identical counts of {len(answers['rollups'])} windows, {rated:,} ratings"
    about = f"rates of all windows, {name}"
    return [
        Figure(name=f"{about}: from the rollups", value=ours, unit="ms", note=note),
        *(
            at_least(f"{about}: rows by {way} ÷ rollups", other / ours, 1, f"{other:.1f} ms")
            for way, other in zip(list(ways)[1:], others, strict=True)
        ),
    ]

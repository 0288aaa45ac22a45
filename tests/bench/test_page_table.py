"""Every page of the application is found by itself, or it is said why it is not measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bench.ledgers import UNTIL
from bench.page_table import PageTable, page_table
from bench.pages import RUNS, WARM_UP, Ask, measure, signed_in
from collector.ledger.readers import LedgerReader
from collector.web.dashboard import EXTENSION
from collector.web.rights import PUBLIC, matrix

TODAY = UNTIL.date()


@pytest.fixture(scope="module")
def table(config: Path, kept: Path) -> PageTable:
    """The pages over a small ledger."""
    app, clients = signed_in(config)
    with LedgerReader(kept) as reader:
        return page_table(app, clients, reader, TODAY)


def test_every_route_is_a_page_or_has_a_reason(table: PageTable, config: Path) -> None:
    app, _ = signed_in(config)
    named = {page.name.partition(",")[0] for page in table.pages} | set(table.left_out)
    gettable = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert named == gettable - {app.url_map._rules_by_endpoint["static"][0].rule}


def test_routes_with_arguments_get_some_that_exist(table: PageTable) -> None:
    routes = {page.name.partition(",")[0] for page in table.pages}
    assert {
        "/departments/<code>",
        "/windows/<code>",
        "/corrections/<int:number>",
        "/corrections/new",
        "/bad-ratings/<device>/<epoch>/<int:seq>",
        "/staff/<path:staff_no>",
        "/integrity/checkpoints/<int:number>",
    } <= routes


def test_a_page_with_a_period_is_asked_for_every_length_of_it(table: PageTable) -> None:
    lengths = {
        page.name.partition(", ")[2]: page.first_on
        for page in table.pages
        if page.name.startswith("/windows,")
    }
    assert lengths == {
        "a day": TODAY,
        "30 days": date(2026, 4, 14),
        "a year": date(2025, 5, 14),
        "all": min(lengths.values(), key=lambda on: abs((TODAY - on).days - 3)),
    }
    assert [page.name for page in table.pages if page.name.startswith("/integrity")] == [
        "/integrity",
        "/integrity/checkpoints/<int:number>",
    ]


def test_streams_and_refusals_are_named(config: Path, kept: Path) -> None:
    app, clients = signed_in(config)
    watcher = app.extensions[EXTENSION].watcher
    watcher.start()
    try:
        with LedgerReader(kept) as reader:
            left_out = page_table(app, clients, reader, TODAY).left_out
    finally:
        watcher.stop()
    assert "a stream" in left_out["/api/v1/live/stream"]
    assert left_out["/login"] == "Found"


def test_a_page_is_asked_for_by_a_role_that_may(table: PageTable) -> None:
    known = {role for roles in matrix().values() for role in roles} - {PUBLIC}
    assert {page.role for page in table.pages} <= known


def test_a_page_that_fails_stops_the_measurement(table: PageTable) -> None:
    with pytest.raises(AssertionError, match="500 b'broken'"):
        measure({1: table.pages}, {1: lambda _page: (500, b"broken")}, 1)


def test_the_ledgers_take_turns_and_each_is_asked_its_own_addresses(table: PageTable) -> None:
    asked: list[tuple[int, str]] = []
    small = [replace(table.pages[0], address="/small")]
    large = [replace(page, address="/large") for page in table.pages[:2]]

    def ask_of(size: int) -> Ask:
        return lambda page: asked.append((size, page.address)) or (200, b"")

    times = measure({1: small, 2: large}, {1: ask_of(1), 2: ask_of(2)}, 1)
    assert asked[:4] == [(1, "/small"), (2, "/large")] * 2
    assert len(asked) == 3 * (RUNS + WARM_UP)
    assert list(times[1]) == [table.pages[0].name]
    assert list(times[2]) == [page.name for page in table.pages[:2]]

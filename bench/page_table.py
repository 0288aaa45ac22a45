"""Which pages there are: every GET route of the application, with arguments that exist.

Nobody has to list a new page: its route is found in the application's `url_map`, its arguments are
tried from what the ledger holds, and whether it takes a period is asked of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from collector.ledger.readers import LedgerReader, counts

MOST_TRIES: Final = 60
"""Combinations of arguments that are tried for one route."""
NO_ANSWER: Final = frozenset({"static"})
"""Endpoints that are no pages."""
LOOKED_BACK_DAYS: Final = 90
"""How far pages without a period look back at most: the devices, for the last press of a key."""
OF_ALL_DAYS: Final = frozenset({"/exports", "/api/v1/exports"})
"""Pages without a period that list every day of the hall."""
ANY: Final = "any"
QUERIES: Final = {"/corrections/new": ("device", "epoch", "seq")}
"""Route → arguments behind the question mark without which there is no such page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page as it is asked for.

    Attributes:
        name: route and period, e.g. `/windows/<code>, a year`.
        address: path and query.
        role: who asks: the first one that may.
        first_on: the first day it speaks of, as far as it is told by its address.
    """

    name: str
    address: str
    role: str
    first_on: date


@dataclass(frozen=True, slots=True)
class PageTable:
    """The pages that answer, and why the other routes are not among them."""

    pages: list[Page]
    left_out: dict[str, str]


def page_table(
    app: Flask, clients: Mapping[str, FlaskClient], reader: LedgerReader, today: date
) -> PageTable:
    """All pages of an application.

    Args:
        app: the dashboard.
        clients: role → a browser that is signed in to it; a page is asked for by the first that
            gets it.
        reader: its ledger.
        today: the day the pages speak of when they are not told another.
    """
    samples = sample_arguments(reader)
    pages: list[Page] = []
    left_out: dict[str, str] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if "GET" not in (rule.methods or ()) or rule.endpoint in NO_ANSWER:
            continue
        reasons: list[str] = []
        for (role, client), address in itertools.product(
            clients.items(), _addresses(app, rule, samples)
        ):
            reason = _answer(client, address)
            if not reason:
                pages += _in_periods(rule.rule, address, role, client, reader, today)
                break
            reasons.append(reason)
        else:
            left_out[rule.rule] = ", ".join(dict.fromkeys(reasons))
    return PageTable(pages, left_out)


def _answer(client: FlaskClient, address: str) -> str:
    """Why an address is no page to be measured; empty when it is one."""
    answer = client.get(address)
    is_stream = answer.mimetype == "text/event-stream"
    answer.close()  # unread: a stream has no end
    if is_stream:
        return "a stream, see viewers"
    return "" if answer.status_code == HTTPStatus.OK else HTTPStatus(answer.status_code).phrase


def takes_period(client: FlaskClient, address: str) -> bool:
    """Whether the page reads a period from its address: then it refuses only a senseless one.

    A page without periods ignores both, and the API refuses both.
    """
    joint = "&" if "?" in address else "?"
    good, bad = (f"{address}{joint}from={day}&to={day}" for day in ("2026-01-01", "x"))
    answers = [client.get(asked).status_code for asked in (good, bad)]
    return answers == [HTTPStatus.OK, HTTPStatus.BAD_REQUEST]


def _in_periods(
    rule: str, address: str, role: str, client: FlaskClient, reader: LedgerReader, today: date
) -> list[Page]:
    """The page once, or once for every period."""
    if not takes_period(client, address):
        first_on = today - timedelta(days=LOOKED_BACK_DAYS - 1)
        if rule in OF_ALL_DAYS:
            first_on = periods(reader, today)["all"]
        return [Page(name=rule, address=address, role=role, first_on=first_on)]
    return [
        Page(
            name=f"{rule}, {name}",
            address=f"{address}?from={first_on}&to={today}",
            role=role,
            first_on=first_on,
        )
        for name, first_on in periods(reader, today).items()
    ]


def periods(reader: LedgerReader, today: date) -> dict[str, date]:
    """Name → first day; each ends today."""
    known = counts.days_with_records(reader)
    first_on = date.fromisoformat(known[0]) if known else today
    return {
        "a day": today,
        "30 days": today - timedelta(days=29),
        "a year": today - timedelta(days=364),
        "all": first_on,
    }


def sample_arguments(reader: LedgerReader) -> dict[str, list[str | int]]:
    """Argument of a route → values that exist; under `ANY` those for every other name.

    The record is a bad rating, so that it has every page that a record can have.
    """
    position, device, epoch, seq, staff_no, window, department = reader.rows(
        "SELECT o.position, d.code, e.epoch, r.seq, o.staff_no, w.code, p.code FROM outcomes o "
        "JOIN records r ON r.position = o.position JOIN epochs e ON e.id = o.epoch "
        "JOIN devices d ON d.id = o.device JOIN windows w ON w.id = o.window "
        "JOIN departments p ON p.id = o.department "
        "WHERE o.level <= 2 AND o.is_repeat = 0 AND o.staff_no <> '' "
        "ORDER BY o.position DESC LIMIT 1"
    )[0]
    codes = [window, department, device, staff_no]
    return {
        "position": [position],
        "device": [device],
        "epoch": [epoch],
        "seq": [seq],
        "staff": [staff_no],
        "staff_no": [staff_no],
        "code": codes,
        ANY: [*codes, position, 1],
    }


def _addresses(app: Flask, rule: Rule, samples: dict[str, list[str | int]]) -> list[str]:
    addresses: list[str] = []
    arguments = sorted(rule.arguments)
    choices = [samples.get(name, samples[ANY]) for name in arguments]
    for values in itertools.islice(itertools.product(*choices), MOST_TRIES):
        with app.test_request_context(), suppress(ValueError):  # a text where a number is wanted
            told: dict[str, Any] = dict(zip(arguments, values, strict=True))
            addresses.append(app.url_for(rule.endpoint, **told))
    if rule.rule in QUERIES:
        addresses = [f"{address}?{_query(samples, QUERIES[rule.rule])}" for address in addresses]
    return addresses


def _query(samples: dict[str, list[str | int]], names: tuple[str, ...]) -> str:
    return urlencode({name: samples.get(name, samples[ANY])[0] for name in names})

"""Which pages there are: every GET route of the application, with arguments that exist.

Nobody has to list a new page: its route is found in the application's `url_map`, its arguments are
tried from what the ledger holds, and whether it takes a period is asked of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import Final

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from collector.ledger.readers import LedgerReader, counts

MOST_TRIES: Final = 60
"""Combinations of arguments that are tried for one route."""
NO_ANSWER: Final = frozenset({"static"})
"""Endpoints that are no pages."""
ANY: Final = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page as it is asked for.

    Attributes:
        name: route and period, e.g. `/windows/<code>, a year`.
        address: path and query.
        first_on: the first day it speaks of, as far as it is told by its address.
    """

    name: str
    address: str
    first_on: date


@dataclass(frozen=True, slots=True)
class PageTable:
    """The pages that answer, and why the other routes are not among them."""

    pages: list[Page]
    left_out: dict[str, str]


def page_table(app: Flask, client: FlaskClient, reader: LedgerReader, today: date) -> PageTable:
    """All pages of an application.

    Args:
        app: the dashboard.
        client: a browser that is signed in to it.
        reader: its ledger.
        today: the day the pages speak of when they are not told another.
    """
    samples = sample_arguments(reader)
    pages: list[Page] = []
    left_out: dict[str, str] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if "GET" not in (rule.methods or ()) or rule.endpoint in NO_ANSWER:
            continue
        told = HTTPStatus.NOT_FOUND.phrase
        for address in _addresses(app, rule, samples):
            told = _answer(client, address)
            if not told:
                break
        if told:
            left_out[rule.rule] = told
        elif takes_period(client, address):
            pages += _in_periods(rule.rule, address, reader, today)
        else:
            pages.append(Page(name=rule.rule, address=address, first_on=today))
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
    """Whether the page reads a period from its address: then it refuses a senseless one."""
    return client.get(f"{address}?from=x&to=x").status_code == HTTPStatus.BAD_REQUEST


def _in_periods(rule: str, address: str, reader: LedgerReader, today: date) -> list[Page]:
    return [
        Page(
            name=f"{rule}, {name}",
            address=f"{address}?from={first_on}&to={today}",
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
    """Argument of a route → values that exist; under `ANY` those for every other name."""
    position, device, epoch, seq, staff_no, window, department = reader.rows(
        "SELECT o.position, d.code, e.epoch, r.seq, o.staff_no, w.code, p.code FROM outcomes o "
        "JOIN records r ON r.position = o.position JOIN epochs e ON e.id = o.epoch "
        "JOIN devices d ON d.id = o.device JOIN windows w ON w.id = o.window "
        "JOIN departments p ON p.id = o.department "
        "WHERE o.level IS NOT NULL AND o.staff_no <> '' ORDER BY o.position DESC LIMIT 1"
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


def _addresses(app: Flask, rule: Rule, samples: dict[str, list[str | int]]) -> Iterator[str]:
    arguments = sorted(rule.arguments)
    choices = [samples.get(name, samples[ANY]) for name in arguments]
    for values in itertools.islice(itertools.product(*choices), MOST_TRIES):
        with app.test_request_context(), suppress(ValueError):  # a text where a number is wanted
            yield app.url_for(rule.endpoint, **dict(zip(arguments, values, strict=True)))

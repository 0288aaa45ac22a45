"""An example address for every page that needs one: for benchmarks, pictures and tests.

A page without variables needs no entry; one with variables and no entry is an error where it is
asked for, so that a new page cannot be forgotten.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from flask import Flask
from werkzeug.routing import Rule

from bench.add_corrections import last_ratings
from collector.ledger.readers import LedgerReader

WINDOW: Final = "a03"
"""A window of the sample fleet that a full hall has corrections of."""
DEPARTMENTS: Final = ("exit-entry", "household")
"""Departments whose manager may open every example: of `WINDOW`, and of one more."""
NOT_PAGES: Final = frozenset(
    {
        *("static", "hall.overview", "screen.now", "records.at", "identify.fate"),
        *("exports.file", "health.check", "metrics.index"),
        *("reports.xlsx", "reports.csv", "reports.summary"),
        *("audit.download", "account.code", "account.setup"),
    }
)
"""Addresses outside /api/ that answer no whole page, or none once everybody has signed in."""


def examples(ledger: Path) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Endpoint → values of its variables, and endpoint → query without which it makes no sense."""
    rating = last_ratings(ledger, WINDOW, 12)[-1]  # older than those with a correction
    bad = last_bad_rating(ledger)
    values = {
        "departments.one": {"code": DEPARTMENTS[0]},
        "windows.one": {"code": WINDOW},
        "corrections.one": {"number": "1"},
        "integrity.checkpoint": {"number": "1"},
        "bad.one": bad,
        "records.one": bad,
        "devices.one": {"code": bad["device"]},
        "staff.one": {"staff_no": _staff_no(ledger)},
        "people.one": {"number": "1"},
    }
    queries = {
        "corrections.new": f"device={rating.device}&epoch={rating.epoch}&seq={rating.seq}",
        "staff.one": "period=30-days",  # today they may not have worked yet
    }
    return values, queries


def _staff_no(ledger: Path) -> str:
    """A member of staff of one of `DEPARTMENTS`, as records name them."""
    with LedgerReader(ledger) as reader:
        row = reader.row(
            "SELECT max(s.staff_no) FROM day_rollups s JOIN departments p ON p.id = s.department"
            " WHERE p.code IN (?, ?)",
            *DEPARTMENTS,
        )
    if row is None or not row[0]:
        raise LookupError(f"{ledger}: expected staff of {DEPARTMENTS}, found none")
    return str(row[0])


def last_bad_rating(ledger: Path) -> dict[str, str]:
    """What names the last bad rating of one of `DEPARTMENTS`."""
    with LedgerReader(ledger) as reader:
        row = reader.row(
            "SELECT d.code, e.epoch, r.seq FROM outcomes o JOIN records r ON r.position ="
            " o.position JOIN epochs e ON e.id = r.epoch JOIN devices d ON d.id = e.device"
            " JOIN departments p ON p.id = o.department WHERE o.level <= 2 AND o.is_repeat = 0"
            " AND p.code IN (?, ?) ORDER BY o.pressed_ms DESC LIMIT 1",
            *DEPARTMENTS,
        )
    if row is None:
        raise LookupError(f"{ledger}: expected a bad rating of {DEPARTMENTS}, found none")
    return {"device": row[0], "epoch": row[1], "seq": str(row[2])}


def address_of(rule: Rule, values: dict[str, str], query: str = "") -> str:
    """An address of a route.

    Raises:
        KeyError: it has a variable without a value.
    """
    path = re.sub(r"<(?:[^:<>]+:)?([^<>]+)>", lambda variable: values[variable[1]], rule.rule)
    return f"{path}?{query}" if query else path


def page_rules(app: Flask) -> list[Rule]:
    """The routes of every page for people: GET, outside /api/, a whole document."""
    return [
        rule
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
        if "GET" in (rule.methods or ())
        and rule.endpoint not in NOT_PAGES
        and not rule.rule.startswith("/api/")
    ]


def pages(app: Flask, ledger: Path) -> dict[str, str]:
    """Endpoint → an address, of every page for people."""
    values, queries = examples(ledger)
    return {
        rule.endpoint: address_of(
            rule, values.get(rule.endpoint, {}), queries.get(rule.endpoint, "")
        )
        for rule in page_rules(app)
    }

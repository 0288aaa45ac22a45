"""Whatever is asked of any address by any role gets an answer, and never a 5xx.

Nobody lists parameters here: a first request notes which names a view looks up in its address and
its form; then each of them gets values that are wrong in every way, alone and together.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

import pytest
from flask import Flask, Request
from flask.testing import FlaskClient
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import Rule

from bench.add_corrections import add_corrections, last_ratings
from bench.page_table import ANY, sample_arguments
from bench.sample_addresses import address_of
from collector.ledger.readers import LedgerReader
from collector.office.roles import Role
from collector.web.dashboard import Dashboard, WebOptions
from collector.web.rights import may

PASSWORD = "correct horse battery"
ROUNDS = 6
LAB_ROUNDS = 60
WRONG: tuple[str, ...] = (
    *("", " ", "0", "-1", "1", "2", "1.5", "1e9", "+1", "01", "١", "9" * 18, "9" * 19, "9" * 400),
    *("2026-05-13", "2026-13-45", "2026-05", "2026-W20", "2026-Q2", "0001-01-01", "9999-12-31"),
    *("today", "month", "asc", "desc", "rate", "rated", "zh_CN", "xx_YY", "true", "None", "null"),
    *("a01", "A01", "w-a01", "exit-entry", "tax", "director", "department", "1/0", "5,4", "5,,x"),
    *(
        "\x00",
        "a\x00b",
        "\r\nX-Header: 1",
        "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
    ),
    *("'", "' OR 1=1 --", '"', "%", "_%", "\\", "../../etc/passwd", "//example.invalid/", "/", "?"),
    *("<script>alert(1)</script>", "{{7*7}}", "%(x)s", "%s%n", "=1+1", "\u202e", "评价" * 2000),
    *("x" * 5_000, "[]", "{}", '{"a":1}', "\ufeff", "🙂", "\u0000\u0001", "1;2", "1&2=3"),
)


Values = dict[str, list[str]]
"""Name → its values, mostly one."""


class Noted(ImmutableMultiDict[str, str]):
    """Parameters that note which of them were looked up."""

    names: ClassVar[set[str]] = set()

    def __getitem__(self, key: str) -> Any:
        """See MultiDict."""
        self.names.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        """See MultiDict."""
        self.names.add(str(key))
        return super().__contains__(key)

    def get(self, key: str, *rest: Any, **named: Any) -> Any:
        """See MultiDict."""
        self.names.add(key)
        return super().get(key, *rest, **named)

    def getlist(self, key: str, *rest: Any, **named: Any) -> Any:
        """See MultiDict."""
        self.names.add(key)
        return super().getlist(key, *rest, **named)


class NotedRequest(Request):
    """A request with such parameters."""

    parameter_storage_class = Noted


class Attacker:
    """Somebody of a role who asks for anything, signed in anew whenever that ended a session."""

    def __init__(self, app: Flask, dashboard: Dashboard, seed: int) -> None:
        self.app = app
        self.dashboard = dashboard
        self.random = random.Random(seed)
        self.broken: list[str] = []
        self.asked = 0
        self._number = 0
        self._clients: dict[str, tuple[FlaskClient, str]] = {}

    def client_of(self, role: Role) -> tuple[FlaskClient, str]:
        """A browser that is signed in, and its CSRF token."""
        known = self._clients.get(role.value)
        if known is not None and known[0].get("/me").status_code == 200:
            return known
        self._number += 1
        name = f"{role.value}{self._number}"
        departments = ["exit-entry", "tax"] if role is Role.DEPARTMENT else []
        self.dashboard.accounts.add(name, PASSWORD, now_ms=1, role=role, departments=departments)
        client = self.app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"127.1.{self._number // 250}.{self._number % 250}"
        form = {"csrf_token": _token(client.get("/login").text), "name": name, "password": PASSWORD}
        assert client.post("/login", data=form).status_code == 302
        self._clients[role.value] = client, _token(client.get("/me").text)
        return self._clients[role.value]

    def ask(self, role: Role, method: str, path: str, query: Values, form: Values) -> None:
        """Ask, and keep what must not be."""
        client, token = self.client_of(role)
        data = {"csrf_token": [token], **form} if method != "GET" else None
        answer = client.open(path, method=method, query_string=query, data=data)
        if answer.mimetype != "text/event-stream":
            answer.get_data()
        answer.close()
        self.asked += 1
        if answer.status_code >= 500:
            self.broken.append(f"{answer.status_code} {role} {method} {path!r} {query} {form}")

    def attack(
        self, role: Role, method: str, rule: Rule, samples: dict[str, Any], rounds: int
    ) -> None:
        """An address with what exists, then with what does not."""
        Noted.names.clear()
        for path in itertools.islice(_paths(rule, samples), 3):
            self.ask(role, method, path, {}, {})
        for number in range(rounds):
            names = sorted(Noted.names - {"csrf_token", "X-CSRFToken"})  # more show themselves
            if number % 2:
                names = self.random.sample(names, min(2, len(names)))
            values = {name: [self._value(samples, name)] for name in names}
            for name in names[:: self.random.randint(2, 9)]:
                values[name].append(self._value(samples, name))
            is_true = self.random.random() < 0.6
            path = next(_paths(rule, samples)) if is_true else self._wrong_path(rule, samples)
            query, form = (values, {}) if method == "GET" else ({}, values)
            self.ask(role, method, path, query, form)

    def _value(self, samples: dict[str, Any], name: str) -> str:
        true = [str(one) for one in samples.get(name, samples[ANY])]
        return self.random.choice(true if self.random.random() < 0.2 else WRONG)

    def _wrong_path(self, rule: Rule, samples: dict[str, Any]) -> str:
        values = {name: self._value(samples, name) for name in rule.arguments}
        for name, value in values.items():
            if f"<int:{name}>" in rule.rule and not value.isdecimal():
                values[name] = "9" * 25
        return address_of(rule, {name: quote(value, safe="") for name, value in values.items()})


def _token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


def _paths(rule: Rule, samples: dict[str, Any]) -> Iterator[str]:
    """Addresses with what exists."""
    names = sorted(rule.arguments)
    for values in itertools.product(*(samples.get(name, samples[ANY]) for name in names)):
        yield address_of(rule, dict(zip(names, map(str, values), strict=True)))


def _role_that_may(endpoint: str) -> list[Role]:
    return [role for role in Role if may(role, endpoint)]


@pytest.fixture
def options(options: WebOptions, tmp_path: Any) -> WebOptions:
    """With all that a hall can switch on."""
    return replace(
        options,
        shows_staff=True,
        wishes=tmp_path / "wishes",
        reports=tmp_path / "reports",
        command_log=tmp_path / "commands.jsonl",
    )


@pytest.mark.parametrize(
    ("seed", "rounds"),
    [
        pytest.param(1, ROUNDS, id="every-time"),
        pytest.param(2, LAB_ROUNDS, id="long", marks=pytest.mark.lab),
    ],
)
def test_no_parameter_and_no_form_breaks_a_page(
    app: Flask, dashboard: Dashboard, reader: LedgerReader, ledger: Any, seed: int, rounds: int
) -> None:
    app.request_class = NotedRequest
    add_corrections(dashboard.corrections, last_ratings(ledger, "a01", 3), now_ms=dashboard.clock())
    attacker = Attacker(app, dashboard, seed)
    samples = sample_arguments(reader)
    dashboard.watcher.start()  # stopped with the application
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint == "static":
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            for role in _role_that_may(rule.endpoint) or list(Role)[:1]:
                attacker.attack(role, method, rule, samples, rounds)
    assert attacker.asked > 1_000
    assert attacker.broken == []

"""The matrix of roles and routes holds for every route there is."""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from collector.office.roles import Role
from collector.web import rights
from collector.web.dashboard import Dashboard
from collector.web.rights import PUBLIC, InvalidMatrix, home_of, matrix, may

PASSWORD = "correct horse battery"
DEPARTMENTS = {Role.DEPARTMENT: ["market"]}


def address(rule: Rule) -> str:
    """An address of a route, with something in place of each variable."""
    return re.sub(r"<[^>]+>", "1", rule.rule)


def test_every_route_stands_in_the_matrix_and_every_line_is_a_route(app: Flask) -> None:
    routes = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert routes == set(matrix())


@pytest.mark.parametrize("role", [*Role, PUBLIC])
def test_each_role_opens_what_the_matrix_says_and_nothing_else(
    role: str,
    app: Flask,
    dashboard: Dashboard,
    sign_in: Callable[..., int],
    token: Callable[[FlaskClient], str],
) -> None:
    browser = app.test_client()
    if role != PUBLIC:
        dashboard.accounts.add(
            "someone",
            PASSWORD,
            now_ms=dashboard.clock(),
            role=Role(role),
            departments=DEPARTMENTS.get(Role(role), []),
        )
        assert sign_in(browser, "someone") == HTTPStatus.FOUND
    csrf = token(browser)
    for rule in app.url_map.iter_rules():
        if rule.endpoint in ("account.sign_in", "account.sign_out"):
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            answer = browser.open(
                address(rule), method=method, data={"csrf_token": csrf} if method == "POST" else {}
            )
            answer.close()
            allowed = may(role, rule.endpoint)
            place = f"{role} {method} {rule.rule}"
            where = answer.headers.get("Location", "")
            if role == PUBLIC:
                turned_away = answer.status_code == HTTPStatus.UNAUTHORIZED or "/login" in where
            elif rule.endpoint == "hall.page" and not allowed:
                turned_away = answer.status_code == HTTPStatus.FOUND
            else:
                turned_away = answer.status_code == HTTPStatus.FORBIDDEN
            if allowed:
                assert answer.status_code not in (401, 403, 500), place
            else:
                assert turned_away, place


def test_each_role_begins_with_a_page_it_may_open(app: Flask) -> None:
    for role in Role:
        assert home_of(role) in app.view_functions
        assert may(role, home_of(role))


def test_a_role_that_does_not_exist_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("matrix") / "rights.toml"
    file.write_text('[hall]\npage = ["king"]\n')
    monkeypatch.setattr(rights, "MATRIX", file)
    matrix.cache_clear()
    try:
        with pytest.raises(InvalidMatrix, match="king"):
            matrix()
    finally:
        monkeypatch.undo()
        matrix.cache_clear()

"""The API describes every address it has, and takes nothing that it does not describe."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask
from flask.testing import FlaskClient

from collector.office.roles import Role
from collector.web.api.document import SCHEMAS, document
from collector.web.api.operations import operations
from collector.web.api.reading import chapters, type_text
from collector.web.dashboard import Dashboard
from collector.web.described import description_of
from collector.web.token_groups import ADDRESSES, ANY, Group, group_of

PASSWORD = "correct horse battery"


@pytest.fixture
def told(client: FlaskClient) -> dict[str, Any]:
    """The document as a signed-in program gets it."""
    answer = client.get("/api/v1/openapi.json")
    assert answer.mimetype == "application/json"
    found: dict[str, Any] = answer.get_json()
    return found


def api_rules(app: Flask) -> list[Any]:
    return [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]


def test_every_api_address_describes_itself(app: Flask) -> None:
    bare = [
        rule.rule
        for rule in api_rules(app)
        if description_of(app.view_functions[rule.endpoint]) is None
    ]
    assert not bare, f"{bare}: mark each with @described(Answer, parameters …)"


def test_every_api_address_belongs_to_a_group_of_tokens(app: Flask) -> None:
    alone = [rule.rule for rule in api_rules(app) if group_of(rule.rule) is None]
    assert not alone, f"{alone}: add each to collector/web/token_groups.py"


def test_the_document_has_every_address_with_answer_refusals_and_keys(
    app: Flask, told: dict[str, Any]
) -> None:
    assert told["openapi"].startswith("3.1.")
    assert set(told["paths"]) == {one.path for one in operations(app)}
    for path, methods in told["paths"].items():
        for operation in methods.values():
            assert operation["summary"].endswith("."), path
            assert set(operation["responses"]) >= {"200", "400", "401", "403", "429", "503"}, path
            assert {"session": []} in operation["security"], path
            names = [one["name"] for one in operation["parameters"] if one["in"] == "path"]
            assert all("{" + name + "}" in path for name in names)
    assert "404" in told["paths"]["/api/v1/windows/{code}"]["get"]["responses"]


def test_every_schema_referred_to_is_there_and_is_a_json_schema(told: dict[str, Any]) -> None:
    known = told["components"]["schemas"]

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            where = node.get("$ref")
            assert where is None or where.removeprefix(SCHEMAS) in known, where
            for value in node.values():
                visit(value)
        elif isinstance(node, list):
            for value in node:
                visit(value)

    visit(told)
    for schema in known.values():
        jsonschema_rs.meta.validate(
            {**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"}
        )


def test_a_stream_is_described_as_events(told: dict[str, Any]) -> None:
    answer = told["paths"]["/api/v1/live/stream"]["get"]["responses"]["200"]
    body = answer["content"]["text/event-stream"]
    assert body["schema"] == {"type": "string"}
    assert body["x-data-schema"]["$ref"].endswith("LiveAnswer")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/api/v1/hall?period=today", "period"),
        ("/api/v1/windows?token=yiping_x", "token"),
        ("/api/v1/live?after=1&after=2", "after"),
        ("/api/v1/departments?period=today&period=month", "period"),
    ],
)
def test_an_unknown_or_repeated_parameter_is_refused_by_name(
    client: FlaskClient, address: str, name: str
) -> None:
    answer = client.get(address)
    assert answer.status_code == 400
    assert f"“{name}”" in answer.get_json()["error"]["detail"]


def test_the_page_for_people_names_every_address_and_who_may(
    client: FlaskClient, app: Flask
) -> None:
    page = client.get("/api").text
    for one in operations(app):
        assert f"<code>{one.path}</code>" in page
    assert "bearer" not in page.lower() or "Authorization: Bearer yiping_…" in page
    assert "大厅主任" in page


@pytest.mark.parametrize("role", list(Role))
def test_every_role_may_read_the_description(
    role: Role,
    app: Flask,
    dashboard: Dashboard,
    sign_in: Callable[..., int],
) -> None:
    departments = ["market"] if role is Role.DEPARTMENT else []
    dashboard.accounts.add(
        "someone", PASSWORD, now_ms=dashboard.clock(), role=role, departments=departments
    )
    browser = app.test_client()
    assert sign_in(browser, "someone") == 302
    assert browser.get("/api").status_code == 200
    assert browser.get("/api/v1/openapi.json").status_code == 200


def test_fields_are_told_in_a_few_words(app: Flask) -> None:
    found = chapters(document(operations(app), version="1"))
    windows = next(one for one in found if one.name == "windows")
    index = next(one for one in windows.addresses if one.path == "/api/v1/windows")
    assert {line.name: line.type for line in index.fields}["windows"] == "list of RankedWindow"
    assert {line.name: line.type for line in index.parameters}["from"] == "date"
    assert type_text({"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]}) == (
        "integer ≥ 0 | null"
    )


@pytest.mark.parametrize(
    ("rule", "group"),
    [
        ("/api/v1/windows", Group.FIGURES),
        ("/api/v1/windows/<code>", Group.RECORDS),
        ("/api/v1/windowsill", None),
        ("/api/v1/live/stream", Group.FIGURES),
        ("/api/v1/openapi.json", ANY),
        ("/metrics", Group.METRICS),
        ("/tokens", None),
        ("/", None),
    ],
)
def test_the_longest_beginning_of_an_address_decides_its_group(
    rule: str, group: str | None
) -> None:
    assert group_of(rule) == group


def test_every_group_has_an_address() -> None:
    assert set(Group) <= set(ADDRESSES.values())


def test_no_two_types_of_the_api_have_one_name(told: dict[str, Any]) -> None:
    # msgspec tells two of one name apart by their modules, which are ours alone
    assert not [name for name in told["components"]["schemas"] if "." in name]

"""The OpenAPI document, made from what the views say of themselves. Pure.

Source: OpenAPI 3.1.1, https://spec.openapis.org/oas/v3.1.1.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from collector.web.answers import ProblemAnswer
from collector.web.described import JSON, Description

VERSION: Final = "3.1.1"
SCHEMAS: Final = "#/components/schemas/"
REFUSALS: Final = {
    "400": "The request makes no sense: the detail says what was expected and what came.",
    "401": "Neither a session nor a token that holds.",
    "403": "The session's role or the token may not see this.",
    "404": "There is no such thing, or it is not the visitor's to see.",
    "429": "Too many wrong tokens came from this address; `Retry-After` says how long to wait.",
    "503": "The ledger cannot be read now; try again after `Retry-After` seconds.",
}
"""Status → when; the body is a `ProblemAnswer`."""
INFO: Final = (
    "The same figures, records and states as the pages, read-only. `first_on`, `last_on`, `on` and "
    "`month` are local days and months of the hall; times that end in `_ms` are UTC milliseconds "
    "since 1970. A department manager, and a token of some departments, is told of those "
    "departments only, in sums too. An unknown parameter, or one that is given twice, is an error."
)
_FIELD: Final = re.compile(r"^\s*(\w+(?:, \w+)*): ", re.MULTILINE)
_VARIABLE: Final = re.compile(r"<(?:(?P<kind>[^:<>]+):)?(?P<name>[^<>]+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One address of the API.

    Attributes:
        rule: as the router has it, e.g. `/api/v1/windows/<code>`.
        method: `GET` or another one.
        endpoint: the view's name; unique.
        summary: one sentence, and what follows it.
        description: what it takes and answers.
        roles: that may open it, in order.
        group: of tokens that may open it; empty: none.
    """

    rule: str
    method: str
    endpoint: str
    summary: str
    description: Description
    roles: tuple[str, ...]
    group: str

    @property
    def path(self) -> str:
        """The address with `{name}` in place of variables."""
        return _VARIABLE.sub(lambda found: "{" + found["name"] + "}", self.rule)


def document(operations: Iterable[Operation], *, version: str) -> dict[str, Any]:
    """The whole document.

    Args:
        operations: in any order.
        version: of the program.
    """
    known = sorted(operations, key=lambda one: (one.rule, one.method))
    types: list[Any] = [ProblemAnswer]
    for one in known:
        types.append(one.description.answer)
        types += [parameter.type for parameter in one.description.parameters]
    found, components = msgspec.json.schema_components(types, ref_template=SCHEMAS + "{name}")
    for component in components.values():
        _explain(component)
    schemas = iter(found)
    problem = next(schemas)
    paths: dict[str, dict[str, Any]] = {}
    for one in known:
        answer = next(schemas)
        given = [next(schemas) for _parameter in one.description.parameters]
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, answer, given, problem)
    return {
        "openapi": VERSION,
        "info": {"title": "Yiping", "version": version, "description": INFO},
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "yiping_session",
                    "description": "The cookie of somebody who has signed in.",
                },
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token that an administrator made; cookies are ignored then.",
                },
            },
        },
    }


def _operation(
    one: Operation, answer: Mapping[str, Any], given: list[dict[str, Any]], problem: dict[str, Any]
) -> dict[str, Any]:
    summary, _, rest = one.summary.partition("\n\n")
    is_event = one.description.media != JSON
    body = (
        {"schema": {"type": "string"}, "x-data-schema": answer} if is_event else {"schema": answer}
    )
    refusals = {
        status: {"description": text, "content": {JSON: {"schema": problem}}}
        for status, text in REFUSALS.items()
        if status != "404" or "<" in one.rule or one.description.is_optional
    }
    return {
        "operationId": one.endpoint,
        "summary": " ".join(summary.split()),
        **({"description": " ".join(rest.split())} if rest.strip() else {}),
        "parameters": [
            *(_in_path(found["kind"], found["name"]) for found in _VARIABLE.finditer(one.rule)),
            *(
                {
                    "name": parameter.name,
                    "in": "query",
                    "description": parameter.help,
                    "schema": schema,
                }
                for parameter, schema in zip(one.description.parameters, given, strict=True)
            ),
        ],
        "responses": {
            "200": {
                "description": "Events; the data of each is JSON." if is_event else "The answer.",
                "content": {one.description.media: body},
            },
            **refusals,
        },
        "security": [{"session": []}, *([{"token": []}] if one.group else [])],
        "x-roles": list(one.roles),
        "x-token-group": one.group or None,
    }


def _explain(component: dict[str, Any]) -> None:
    """Hand what a docstring says under `Attributes:` on to the fields themselves."""
    text, _, attributes = str(component.get("description", "")).partition("Attributes:")
    if text.strip():
        component["description"] = " ".join(text.split())
    else:
        component.pop("description", None)
    fields = component.get("properties", {})
    lines = _FIELD.split(attributes)[1:]
    for names, meaning in zip(lines[::2], lines[1::2], strict=True):
        for name in names.split(", "):
            if name in fields:
                fields[name] = {**fields[name], "description": " ".join(meaning.split())}


def _in_path(kind: str | None, name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "minLength": 1, "pattern": "^[^/]+$"}
    if kind == "int":
        schema = {"type": "integer", "minimum": 0}
    return {"name": name, "in": "path", "required": True, "schema": schema}

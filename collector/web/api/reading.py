"""The OpenAPI document as people read it: chapters of addresses, fields of answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_PREFIX: Final = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Line:
    """A parameter, or a field of an answer."""

    name: str
    type: str
    text: str


@dataclass(frozen=True, slots=True)
class Type:
    """A type that answers are made of."""

    name: str
    text: str
    fields: list[Line]


@dataclass(frozen=True, slots=True)
class Address:
    """One address."""

    method: str
    path: str
    anchor: str
    summary: str
    text: str
    roles: tuple[str, ...]
    group: str
    parameters: list[Line]
    fields: list[Line]
    media: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """The addresses that begin alike."""

    name: str
    addresses: list[Address]


def chapters(document: Mapping[str, Any]) -> list[Chapter]:
    """Addresses by the first word after the version."""
    found: dict[str, list[Address]] = {}
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        name = path.split("/")[3]
        for method, operation in methods.items():
            found.setdefault(name, []).append(_address(path, method, operation, schemas))
    return [Chapter(name, addresses) for name, addresses in found.items()]


def _address(
    path: str, method: str, operation: Mapping[str, Any], schemas: Mapping[str, Any]
) -> Address:
    ((media, body),) = operation["responses"]["200"]["content"].items()
    answer = schemas[name_of(body.get("x-data-schema", body["schema"])) or ""]
    return Address(
        method=method.upper(),
        path=path,
        anchor=operation["operationId"],
        summary=operation["summary"],
        text=operation.get("description", ""),
        roles=tuple(operation["x-roles"]),
        group=operation["x-token-group"] or "",
        parameters=[
            Line(one["name"], type_text(one["schema"]), one.get("description", ""))
            for one in operation["parameters"]
        ],
        fields=_fields(answer),
        media=media,
    )


def _fields(schema: Mapping[str, Any]) -> list[Line]:
    return [
        Line(name, type_text(field), field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]


def types(document: Mapping[str, Any]) -> list[Type]:
    """Every type, by name."""
    return [
        Type(name, schema.get("description", ""), _fields(schema))
        for name, schema in document["components"]["schemas"].items()
    ]


def name_of(schema: Mapping[str, Any]) -> str | None:
    """The component a schema refers to; None: it is a schema itself."""
    where = schema.get("$ref")
    return None if where is None else str(where).removeprefix(_PREFIX)


def type_text(schema: Mapping[str, Any]) -> str:
    """A schema in a few words, e.g. `list of WindowAnswer`, `integer ≥ 1`, `today | week`."""
    named = name_of(schema)
    if named is not None:
        return named
    if "anyOf" in schema:
        return " | ".join(type_text(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {type_text(schema.get('items', {}))}"
    if kind == "integer" and "minimum" in schema:
        most = f" ≤ {schema['maximum']}" if "maximum" in schema else ""
        return f"integer ≥ {schema['minimum']}{most}"
    return str(schema.get("format", kind))

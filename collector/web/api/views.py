"""The OpenAPI document, and a page made from it."""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue

from collector.web.answers import Answer
from collector.web.api.document import document
from collector.web.api.operations import operations
from collector.web.api.reading import chapters, types
from collector.web.described import described
from firmware_config import __version__

blueprint = Blueprint("api", __name__)


class DocumentAnswer(Answer):
    """The OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
    components: dict[str, Any]


def _document() -> dict[str, Any]:
    return document(operations(current_app), version=__version__)


@blueprint.get("/api/v1/openapi.json")
@described(DocumentAnswer)
def openapi() -> ResponseReturnValue:
    """This description of the API (OpenAPI 3.1)."""
    return Response(msgspec.json.encode(_document()), mimetype="application/json")


@blueprint.get("/api")
def index() -> ResponseReturnValue:
    """The same for people."""
    found = _document()
    return render_template(
        "api/index.html",
        chapters=chapters(found),
        types=types(found),
        origin=request.host_url.rstrip("/"),
    )

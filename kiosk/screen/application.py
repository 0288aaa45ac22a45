"""The Flask application of the screen.

Answers only requests that name a loopback host (a page elsewhere cannot rebind its name to us) and
do not come from another site; takes touches only with the token this page was served with and from
its own origin. It asks nothing of any other host and nothing is cached.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from flask import Blueprint, Flask, Response, abort, g, render_template, request

from kiosk.screen.source import ScreenSource
from kiosk.screen.streams import HEARTBEAT_S, Streams
from kiosk.screen.words import say

TOKEN_HEADER: Final = "X-Yiping-Token"
POLL_MS: Final = 1_000
"""How often the page asks while it has no stream."""
_LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_OWN_SITES: Final = frozenset({"same-origin", "none"})
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors "
)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class _Touch(msgspec.Struct, forbid_unknown_fields=True):
    """What the page sends when a face is touched."""

    level: int


def create_app(source: ScreenSource, streams: Streams, *, token: str | None = None) -> Flask:
    """The application that shows one device's screen at `/`."""
    app = Flask(__name__, static_folder=None, template_folder=None)
    app.before_request(refuse_strangers)  # also where no page is
    app.register_blueprint(create_blueprint(lambda: source, streams=streams, token=token))
    return app


def create_blueprint(
    source_of: Callable[..., ScreenSource],
    *,
    streams: Streams | None = None,
    token: str | None = None,
    poll_ms: int = POLL_MS,
    is_framed: bool = False,
) -> Blueprint:
    """The screen's pages, to be mounted at `/` or, with places in the prefix, for many devices.

    Args:
        source_of: gives the source; called with the places of the prefix. Raises KeyError.
        streams: None: the page polls.
        token: what touches must carry; None: a random one.
        poll_ms: how often the page asks where it has no stream.
        is_framed: whether a page of the same origin may frame it.
    """
    screen = Blueprint(
        "screen", __name__, static_folder="static", static_url_path="/static",
        template_folder="templates",
    )  # fmt: skip
    token = token or secrets.token_urlsafe(16)
    start = secrets.token_urlsafe(8)
    edition = _edition()
    policy = _POLICY + ("'self'" if is_framed else "'none'")

    @screen.url_value_preprocessor
    def find(_endpoint: str | None, values: dict[str, Any] | None) -> None:
        values = values or {}
        places = {name: values.pop(name) for name in list(values) if name in ("language", "device")}
        try:
            g.screen = source_of(**places)
        except KeyError:
            abort(404)

    screen.before_request(refuse_strangers)

    @screen.after_request
    def protect(response: Response) -> Response:
        response.headers.update(_HEADERS)
        response.headers["Content-Security-Policy"] = policy
        return response

    def told() -> bytes:
        return _told(g.screen, start)

    @screen.get("/")
    def page() -> str:
        language = g.screen.view().language
        return render_template(
            "screen.html",
            language=language,
            lost=[say(key, language) for key in ("out-of-service", "out-of-service.more")],
            token=token,
            start=start,
            edition=edition,
            has_stream=streams is not None,
            poll_ms=poll_ms,
            silence_ms=round(HEARTBEAT_S * 1000),
        )

    @screen.get("/view")
    def view() -> Response:
        return Response(told(), mimetype="application/json")

    @screen.get("/stream")
    def stream() -> Response:
        if streams is None:
            abort(404)
        ticket, source = streams.open(), g.screen
        gone = request.environ.get("waitress.client_disconnected", lambda: False)
        events = streams.events(ticket, lambda: _told(source, start), gone)
        response = Response(events, mimetype="text/event-stream")
        # on close and not in the generator: one that was never started runs no `finally`
        response.call_on_close(lambda: streams.leave(ticket))
        return response

    @screen.get("/photo/<path:staff_no>")
    def photo(staff_no: str) -> Response:
        found = g.screen.photo(staff_no)
        if found is None:
            abort(404)
        return Response(found.body, mimetype=found.media_type)

    @screen.post("/press")
    def press() -> tuple[str, int]:
        shown = request.headers.get(TOKEN_HEADER, "")
        if not secrets.compare_digest(shown.encode(), token.encode()):
            abort(403, "this touch did not come from the screen's page")
        if request.headers.get("Origin") != f"http://{request.host}":
            abort(403, "this touch came from another origin")
        if not request.is_json:
            abort(415, "expected JSON")
        try:
            touch = msgspec.json.decode(request.get_data(), type=_Touch)
        except (msgspec.MsgspecError, RecursionError):
            abort(400, "expected a level")
        return "", 202 if g.screen.press(touch.level) else 409

    return screen


def refuse_strangers() -> None:
    """Stop a request that names another host or was made by another site's page."""
    host = request.host
    name = host if host.endswith("]") else host.rsplit(":", 1)[0]
    if name not in _LOOPBACK_NAMES:
        abort(403, "this page answers on the local device only")
    if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
        abort(403, "this page answers its own requests only")


def _edition() -> str:
    """Changes when the page's files do; a page of the same edition need not be loaded anew."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted((*folder.glob("static/*"), *folder.glob("templates/*"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _told(source: ScreenSource, start: str) -> bytes:
    """The view for the page, and which start of the program tells it."""
    return msgspec.json.encode({"start": start, "view": source.view()})

"""The Flask application of the press page.

Answers only requests that name a loopback host (a page elsewhere cannot rebind its name to us),
and takes key presses only with the token that this page was served with.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any, Final

from flask import Flask, Response, abort, jsonify, render_template, request
from markupsafe import Markup

from firmware_config.levels import LEVEL_NAMES
from kiosk.screen.application import create_blueprint
from kiosk.simulator.page.views import PressableHall, WindowRow

TOKEN_HEADER: Final = "X-Yiping-Token"
CLERK_KEY: Final = "clerk"
SCREEN_POLL_MS: Final = 200
"""The one screen in view asks so often; streams would each hold a thread of this server."""
_LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_POLICY: Final = "default-src 'self'; frame-ancestors 'none'"


def create_app(hall: PressableHall, *, dashboard: str = "", token: str | None = None) -> Flask:
    """The application that shows and drives `hall`.

    Args:
        dashboard: address of the dashboard, such as `http://127.0.0.1:8080`; empty: no links.
        token: what presses must carry; None: a random one.
    """
    app = Flask(__name__)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    token = token or secrets.token_urlsafe(16)
    hall_json = _embedded(_hall_json(hall, dashboard))

    @app.before_request
    def refuse_foreign_hosts() -> None:
        name = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
        if name not in _LOOPBACK_NAMES:
            abort(403, "this page answers on the local computer only")

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", _POLICY)  # the screens' is their own
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    app.register_blueprint(
        create_blueprint(hall.screen, poll_ms=SCREEN_POLL_MS, is_framed=True),
        url_prefix="/screen/<language>/<device>",
    )

    @app.get("/")
    def page() -> str:
        return render_template(
            "press.html", hall=hall.hall, hall_json=hall_json, dashboard=dashboard, token=token
        )

    @app.get("/api/hall")
    def hall_now() -> Response:
        return _json(hall.hall_view())

    @app.get("/api/device/<device>")
    def device_now(device: str) -> Response:
        return _json(_found(lambda: hall.device_view(device)))

    @app.post("/api/key")
    def key() -> tuple[str, int]:
        shown = request.headers.get(TOKEN_HEADER, "")
        if not secrets.compare_digest(shown.encode(), token.encode()):
            abort(403, "this press did not come from the press page")
        asked = request.get_json()
        match asked:
            case {"device": str(device), "key": str(name), "down": bool(is_down)}:
                _found(lambda: hall.turn_key(device, name, is_down=is_down))
            case _:
                abort(400, "expected device, key and down")
        return "", 204

    return app


def _found(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except KeyError as error:
        abort(404, f"no such device or key: {error}")


def _json(view: Any) -> Response:
    return jsonify({name: getattr(view, name) for name in type(view).__slots__})


def _embedded(value: object) -> Markup:
    """JSON that may stand inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _hall_json(hall: PressableHall, dashboard: str) -> dict[str, Any]:
    departments: dict[str, dict[str, Any]] = {}
    for row in hall.rows:
        department = departments.setdefault(
            row.department.id,
            {
                "id": row.department.id,
                "name": row.department.name,
                "name_en": row.department.name_en,
                "windows": [],
            },
        )
        department["windows"].append(_window_json(row, dashboard))
    return {
        "departments": list(departments.values()),
        "panels": {
            name: [{slot: getattr(key, slot) for slot in type(key).__slots__} for key in keys]
            for name, keys in hall.panels.items()
        },
        "colours": {int(level): name.colour for level, name in LEVEL_NAMES.items()},
    }


def _window_json(row: WindowRow, dashboard: str) -> dict[str, str]:
    return {
        "id": row.window.id,
        "label": row.window.id.upper(),
        "name": row.window.name,
        "name_en": row.window.name_en,
        "device": row.device,
        "panel": row.panel,
        "page": f"{dashboard}/windows/{row.window.id}" if dashboard else "",
    }

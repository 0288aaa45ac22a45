"""Who may see what, and the headers that keep it so.

Deny by default: every route needs a session and a role that `rights.toml` names for it.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFProtect

from collector.office.accounts import Account
from collector.office.sessions import Stage
from collector.web import bearer
from collector.web.dashboard import dashboard, real_ms
from collector.web.metrics import local
from collector.web.rights import PUBLIC, home_of, may

SESSION_COOKIE: Final = "yiping_session"
ALWAYS: Final = frozenset({"static", "account.sign_out", "account.preferences"})
"""Open to who must first take a step: see `next_step`."""
STEPS: Final[dict[str, frozenset[str]]] = {
    "me.password": frozenset({"me.password", "me.change_password"}),
    "me.factor": frozenset({"me.factor", "me.begin_factor", "me.confirm_factor"}),
}
"""A step's page → the endpoints it is made of."""
HALL_PAGE: Final = "hall.page"
"""Where everybody arrives; who may not see it is led on to the first page of the own role."""
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; object-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""No inline script or style, nothing from another host. Source: OWASP ASVS 5.0, 3.4.3."""
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
HSTS: Final = "max-age=31536000; includeSubDomains"
"""Source: OWASP ASVS 5.0, 3.4.1."""
STATIC_MAX_AGE_S: Final = 31_536_000
"""Static files carry a version in their address, so a browser may keep them for a year."""


class FormGuard(CSRFProtect):  # type: ignore[misc]
    """Forms need their token; a request that shows a token of its own is no browser's."""

    def protect(self, **options: Any) -> None:
        """Check the form of this request."""
        if not bearer.is_shown():
            super().protect(**options)


csrf = FormGuard()


def wants_json() -> bool:
    """Whether the request is a program's, to be answered in JSON."""
    return request.path.startswith(("/api/", "/metrics")) or bearer.is_shown()


def address() -> str:
    """The visitor's address, as the server sees it."""
    return request.remote_addr or ""


def local_target(target: str) -> str:
    """A place on this site to go on to, from an untrusted text; the hall page otherwise."""
    try:
        parts = urlsplit(target)
    except ValueError:  # "//[" is no address at all
        return url_for(HALL_PAGE)
    is_local = (
        target.startswith("/")
        and not target.startswith(("//", "/\\"))
        and not parts.scheme
        and not parts.netloc
        and "\\" not in target
        and target.isprintable()
    )
    return target if is_local else url_for(HALL_PAGE)


def cookie_name(name: str, is_https: bool) -> str:
    """A cookie's name; behind HTTPS with the prefix that binds it to this host.

    Source: OWASP ASVS 5.0, 3.3.3.
    """
    return f"__Host-{name}" if is_https else name


def session_id_of(asked: Request) -> str:
    """The session id a request carries; empty for none."""
    name = cookie_name(SESSION_COOKIE, dashboard().options.is_https)
    return asked.cookies.get(name, "")[:200]


def start_session(who: Account, response: Response, stage: Stage = Stage.FULL) -> None:
    """Begin a session and give its id to the browser."""
    parts = dashboard()
    session_id = parts.sessions.start(
        who, address=address(), agent=request.user_agent.string, now_ms=real_ms(), stage=stage
    )
    response.set_cookie(
        cookie_name(SESSION_COOKIE, parts.options.is_https),
        session_id,
        max_age=parts.sessions.absolute_s,
        httponly=True,
        secure=parts.options.is_https,
        samesite="Lax",
    )


def end_session(response: Response) -> None:
    """End this browser's session."""
    parts = dashboard()
    session_id = session_id_of(request)
    if session_id:
        parts.sessions.end(session_id)
    response.delete_cookie(
        cookie_name(SESSION_COOKIE, parts.options.is_https),
        httponly=True,
        secure=parts.options.is_https,
        samesite="Lax",
    )


def next_step(who: Account) -> str | None:
    """The page of the step an account must take before anything else; None: it may go on."""
    if who.must_change:
        return "me.password"
    if who.needs_factor and not who.has_factor:
        return "me.factor"
    return None


def _check_host() -> None:
    """Refuse a request that calls us by a name that is not ours."""
    allowed = dashboard().options.allowed_hosts
    name = urlsplit(f"//{request.host}").hostname or ""
    if allowed and name not in {host.casefold() for host in allowed}:
        abort(HTTPStatus.BAD_REQUEST)


def still_allowed() -> Callable[[], bool]:
    """What says, long after this request began, whether its session or token still holds."""
    parts, token_id = dashboard(), bearer.token_id()
    if token_id is not None:
        return lambda: parts.tokens.holds(token_id, now_ms=parts.clock())
    session_id = session_id_of(request)
    return lambda: parts.sessions.is_running(session_id, now_ms=parts.clock())


def _leave_for_sign_in() -> ResponseReturnValue:
    """For a part of a page: the whole page goes to the sign-in, and comes back to itself."""
    shown = request.headers.get("HX-Current-URL", "").partition("://")[2].partition("/")[2]
    login = url_for("account.login", next=local_target("/" + shown))
    return "", HTTPStatus.NO_CONTENT, {"HX-Redirect": login}


def _know_visitor() -> ResponseReturnValue | None:
    """Before every request: find the session; turn away who needs one and has none."""
    g.account = None
    _check_host()
    if request.endpoint == "static":
        return None
    if bearer.is_shown():
        bearer.know_visitor()
        return None
    session_id = session_id_of(request)
    if session_id:
        g.account = dashboard().sessions.account_of(session_id, now_ms=real_ms())
    endpoint = request.endpoint
    step = next_step(g.account) if g.account else None
    if step is not None and endpoint is not None and endpoint not in ALWAYS | STEPS[step]:
        if wants_json():
            abort(HTTPStatus.FORBIDDEN)
        return redirect(url_for(step))
    role = g.account.role if g.account else PUBLIC
    if endpoint is not None and may(role, endpoint):
        return None
    if g.account is not None:
        if endpoint is None:
            return None  # answered with 404, or 405
        if endpoint == HALL_PAGE and role != PUBLIC:
            return redirect(url_for(home_of(role)))
        abort(HTTPStatus.FORBIDDEN)
    if local.is_open():
        return None
    if wants_json():
        abort(HTTPStatus.UNAUTHORIZED)
    if request.headers.get("HX-Request") == "true":
        return _leave_for_sign_in()
    target = request.full_path.rstrip("?") if request.method == "GET" else ""
    known = target if endpoint and target != "/" else None
    return redirect(url_for("account.login", next=known))


def _add_headers(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if dashboard().options.is_https:
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    if request.endpoint == "static":
        is_versioned = "v" in request.args or "/vendor/" in request.path
        age_s = STATIC_MAX_AGE_S if is_versioned and response.status_code < 400 else 0
        response.headers["Cache-Control"] = f"public, max-age={age_s}"
    else:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def protect(app: Flask) -> None:
    """Switch all of this on for an application."""
    csrf.init_app(app)
    app.before_request(_know_visitor)
    app.after_request(_add_headers)

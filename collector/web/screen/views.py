"""The big screen itself. Its addresses need no session; each figure needs a display's token.

`/screen` shows the figures to a browser that holds such a token, and a pairing code to any other.
`/screen/now` is what both ask every few seconds. The token is an HttpOnly cookie that goes to these
two addresses only.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, jsonify, make_response, render_template, request
from flask.typing import ResponseReturnValue

from collector.ledger.readers import counts, fleet
from collector.office.displays import Display, Displays
from collector.periods import single_day
from collector.web.access import address
from collector.web.dashboard import dashboard, hall, now_ms, reader, real_ms, today, view_of
from collector.web.hall.today import hours_of
from collector.web.places import places
from collector.web.screen import figures
from collector.web.screen.words import build, rule_words, screen_words
from collector.web.view import WHOLE_HALL

blueprint = Blueprint("screen", __name__)

COOKIE: Final = "yiping_display"
COOKIE_S: Final = 400 * 86_400
"""The longest a browser keeps one; given anew each night. Source: RFC 6265bis, 5.5."""


def displays() -> Displays:
    """The hall's big screens."""
    return Displays(dashboard().office)


def _token() -> str:
    return request.cookies.get(COOKIE, "")[:100]


def _display() -> Display | None:
    """The screen that asks; None: it was never paired, or revoked."""
    token = _token()
    if not token:
        return None
    return displays().of_token(token, now_ms=real_ms(), address=address())


@blueprint.get("/screen")
def page() -> ResponseReturnValue:
    """The figures, or a code by which somebody can let this screen show them."""
    shown = _display()
    if shown is not None:
        words = screen_words()
        response = make_response(
            render_template("screen/screen.html", display=shown, words=words, build=build())
        )
        _keep(response, _token())
        return response
    pairing = displays().begin(_token(), now_ms=real_ms(), address=address())
    response = make_response(
        render_template(
            "screen/pairing.html",
            pairing=pairing,
            left_s=max(1, (pairing.ends_ms - real_ms()) // 1000) if pairing else 60,
        ),
        HTTPStatus.OK if pairing else HTTPStatus.TOO_MANY_REQUESTS,
    )
    if pairing is not None and pairing.token:
        _keep(response, pairing.token)
    return response


def _keep(response: Any, token: str) -> None:
    response.set_cookie(
        COOKIE,
        token,
        max_age=COOKIE_S,
        path="/screen",
        httponly=True,
        secure=dashboard().options.is_https,
        samesite="Strict",
    )


@blueprint.get("/screen/now")
def now() -> ResponseReturnValue:
    """The figures of this moment; to a screen that is not paired only that it is not."""
    shown = _display()
    if shown is None:
        return jsonify(is_paired=False)
    return jsonify(
        is_paired=True,
        build=build(),
        look=[shown.theme, shown.is_bilingual],
        **_figures(),
    )


def _figures() -> dict[str, Any]:
    least = figures.least_base(dashboard().options.minimum_base)
    on, this_hall = today(), hall()
    view = view_of(single_day(on), WHOLE_HALL)
    by_hour = counts.by_hour_of_day(reader(), on)
    past = view_of(figures.department_period(on), WHOLE_HALL)
    whole = places(reader(), view, now_ms()).hall
    heard_ms = max((one.heard_ms or 0 for one in fleet.devices(reader(), now_ms())), default=0)
    return {
        "now_ms": now_ms(),
        "timezone": this_hall.timezone,
        "hall": {"zh": this_hall.name, "en": this_hall.name_en},
        "heard_ms": heard_ms or None,
        "is_heard": real_ms() - heard_ms <= figures.HEARD_AFTER_MS,
        "rule": {"name": str(whole.rule), **rule_words(whole.rule)._asdict()},
        "least": least,
        "days": figures.DEPARTMENT_DAYS,
        **figures.told_hall(whole, least),
        "hours": figures.told_hours(hours_of(view, by_hour, view.excluded), least),
        "departments": figures.told_departments(
            places(reader(), past, now_ms()).departments, least
        ),
    }

"""Big screens: pair one that shows a code, change its name and look, revoke it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext

from collector.office.displays import (
    LONGEST_NAME,
    MOST_DISPLAYS,
    Display,
    DisplayRefused,
    Displays,
    Theme,
    UnknownDisplay,
)
from collector.web.audit import note
from collector.web.dashboard import dashboard, real_ms, visitor

blueprint = Blueprint("displays", __name__)

PROBLEMS: dict[str, Any] = {
    "code": lazy_gettext("No screen shows this code now. Look at the screen and type it again."),
    "name": lazy_gettext("A name has 1 to 40 characters."),
    "many": lazy_gettext("There are too many screens. Revoke one first."),
}
THEMES: dict[Theme, Any] = {
    Theme.AUTO: lazy_gettext("as the screen’s computer"),
    Theme.LIGHT: lazy_gettext("light"),
    Theme.DARK: lazy_gettext("dark"),
}
SEEN_LATELY_MS = 130_000
"""A screen in use is noted once a minute; two of those, and some slack."""


def _displays() -> Displays:
    return Displays(dashboard().office)


def _page(problem: str = "") -> str:
    these = _displays().all()
    now_ms = real_ms()
    return render_template(
        "displays/index.html",
        in_use=[one for one in these if one.revoked_ms is None],
        revoked=[one for one in these if one.revoked_ms is not None],
        is_showing=lambda one: _is_showing(one, now_ms),
        problem=problem,
        given=request.form,
        themes=THEMES,
        longest_name=LONGEST_NAME,
        most=MOST_DISPLAYS,
    )


def _is_showing(one: Display, now_ms: int) -> bool:
    return one.seen_ms is not None and 0 <= now_ms - one.seen_ms < SEEN_LATELY_MS


def _look() -> tuple[Theme, bool]:
    try:
        return Theme(request.form.get("theme", Theme.AUTO)), request.form.get("english") == "yes"
    except ValueError:
        abort(HTTPStatus.BAD_REQUEST)


def _by() -> str:
    who = visitor()
    return who.name if who else ""


@blueprint.get("/displays")
def index() -> ResponseReturnValue:
    """All screens, and the form that pairs one."""
    return _page()


@blueprint.post("/displays")
def pair() -> ResponseReturnValue:
    """Let the screen that shows the code show the figures."""
    theme, is_bilingual = _look()
    try:
        made = _displays().pair(
            request.form.get("code", ""),
            request.form.get("name", ""),
            theme=theme,
            is_bilingual=is_bilingual,
            by=_by(),
            now_ms=real_ms(),
        )
    except DisplayRefused as error:
        return _page(str(PROBLEMS[error.why])), HTTPStatus.BAD_REQUEST
    note("display.pair", str(made.id), name=made.name, screen_address=made.address)
    return redirect(url_for("displays.index"), HTTPStatus.SEE_OTHER)


@blueprint.post("/displays/<int:number>")
def change(number: int) -> ResponseReturnValue:
    """Give a screen another name or look."""
    theme, is_bilingual = _look()
    try:
        made = _displays().change(
            number, request.form.get("name", ""), theme=theme, is_bilingual=is_bilingual
        )
    except UnknownDisplay:
        abort(HTTPStatus.NOT_FOUND)
    except DisplayRefused as error:
        return _page(str(PROBLEMS[error.why])), HTTPStatus.BAD_REQUEST
    note("display.change", str(number), name=made.name, theme=made.theme)
    return redirect(url_for("displays.index"), HTTPStatus.SEE_OTHER)


@blueprint.post("/displays/<int:number>/revoke")
def revoke(number: int) -> ResponseReturnValue:
    """End what a screen may show."""
    try:
        ended = _displays().revoke(number, by=_by(), now_ms=real_ms())
    except UnknownDisplay:
        abort(HTTPStatus.NOT_FOUND)
    note("display.revoke", str(number), name=ended.name)
    return redirect(url_for("displays.index"), HTTPStatus.SEE_OTHER)

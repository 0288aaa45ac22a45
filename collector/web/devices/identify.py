"""Finding a device: a wish is written down, and a service of another user makes it blink."""

from __future__ import annotations

import re
import secrets
from http import HTTPStatus

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from collector.web import audit
from collector.web.asked import BadParameter
from collector.web.dashboard import dashboard, real_ms, visitor
from collector.web.devices.one import find_device
from collector.web.problems import answer
from collector.web.rights import may
from collector.wishes import WISH_ID, Spool, Told, Wish

blueprint = Blueprint("identify", __name__)


def _spool() -> Spool | None:
    folder = dashboard().options.wishes
    return None if folder is None else Spool(folder)


def may_identify() -> bool:
    """Whether the visitor is offered it: by role, and where the hall has set it up."""
    who = visitor()
    return who is not None and may(who.role, "identify.ask") and _spool() is not None


def asked_wish(device: str) -> Told | None:
    """What became of the wish that the address names; None for none, or another device's.

    Raises:
        BadParameter: it is no id of a wish.
    """
    id, spool = request.args.get("wish", ""), _spool()
    if not id or spool is None:
        return None
    if re.fullmatch(WISH_ID, id) is None:
        raise BadParameter(
            _("“wish”: expected the id of a wish, got “%(text)s”.") % {"text": id[:40]}
        )
    told = spool.fate(id, now_ms=real_ms())
    return told if told is not None and told.device == device else None


@blueprint.post("/devices/<code>/identify")
def ask(code: str) -> ResponseReturnValue:
    """Write a wish down; the page then shows what becomes of it."""
    device, who, spool = find_device(code).device.code, visitor(), _spool()
    if spool is None or who is None:
        abort(HTTPStatus.NOT_FOUND)
    wish = Wish(
        id=secrets.token_urlsafe(16),
        do="identify",
        device=device,
        asked_by=who.name[:64],
        asked_ms=real_ms(),
    )
    audit.note("device.identify", device, wish=wish.id)
    try:
        spool.ask(wish)
    except OSError:
        return answer(
            HTTPStatus.CONFLICT,
            _("The wish cannot be written down: see that the folder of command.wishes is set up."),
        )
    if request.headers.get("HX-Request"):
        return render_template(
            "devices/_fate.html", code=device, told=spool.fate(wish.id, now_ms=real_ms())
        )
    return redirect(url_for("devices.one", code=device, wish=wish.id), HTTPStatus.SEE_OTHER)


@blueprint.get("/devices/<code>/identify")
def fate(code: str) -> ResponseReturnValue:
    """What became of the wish `wish`, for a page that waits."""
    device = find_device(code).device.code
    return render_template("devices/_fate.html", code=device, told=asked_wish(device))

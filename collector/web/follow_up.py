"""How many bad ratings somebody follows up, and where those that nobody does are listed."""

from __future__ import annotations

from typing import Any

from flask import Flask, url_for

from collector.ledger.readers.outcomes import outcomes_at
from collector.office.follow_ups import FollowUps, FollowUpState
from collector.web.asked import AskedPeriod
from collector.web.bad.marks import begun
from collector.web.dashboard import dashboard, reader, zone
from collector.web.view import View


def followed_up(view: View, *, window: int | None = None, staff_no: str | None = None) -> int:
    """Bad ratings of a view whose follow-up has begun; excluded ones are left out.

    The view's net bad ratings less these are open.

    Args:
        view: period and departments.
        window: row id; None: all.
        staff_no: None: everybody.
    """
    marks = begun(reader(), FollowUps(dashboard().office), view, zone())
    if window is not None:
        marks = [mark for mark in marks if mark.window == window]
    if staff_no is not None:
        found = outcomes_at(reader(), [mark.position for mark in marks])
        return sum(outcome.staff_no == staff_no for outcome in found)
    return len(marks)


def open_address(asked: AskedPeriod, link: dict[str, Any]) -> str:
    """Where the open bad ratings of a place are listed; empty: the list has no such filter."""
    if link.keys() - {"department", "window"}:
        return ""
    period = asked.parameters or {"period": asked.name}
    return url_for("bad.index", **{**period, "state": FollowUpState.OPEN.value, **link})


def register(app: Flask) -> None:
    """Make the address known to an application's templates."""
    app.jinja_env.globals["open_address"] = open_address

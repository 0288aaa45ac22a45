"""How many bad ratings are followed up, as far as the hall keeps it."""

from __future__ import annotations

from collector.web.view import View


def followed_up(view: View) -> int | None:
    """Bad ratings of a view whose follow-up is finished.

    Returns:
        None: no follow-ups are kept here, so nothing is said about them.
    """
    return None

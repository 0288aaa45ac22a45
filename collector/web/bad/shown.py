"""The words of the follow-up of bad ratings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from flask_babel import lazy_gettext, ngettext

from collector.office.follow_ups import FollowUpState

STATES: Final[Mapping[FollowUpState, Any]] = {
    FollowUpState.OPEN: lazy_gettext("to be called back"),
    FollowUpState.IN_PROGRESS: lazy_gettext("being called back"),
    FollowUpState.RECTIFIED: lazy_gettext("rectified"),
    FollowUpState.CLOSED: lazy_gettext("closed"),
    FollowUpState.EXCLUDED: lazy_gettext("excluded as mis-rating"),
}


def state_text(state: FollowUpState) -> str:
    """A state in words."""
    return str(STATES[state])


def age_text(days: int) -> str:
    """An age in whole days."""
    return str(ngettext("%(num)d day", "%(num)d days", days))


def filters() -> dict[str, Callable[..., str]]:
    """What templates may call."""
    return {"follow_up_state": state_text, "age_in_days": age_text}

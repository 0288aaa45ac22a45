"""What is said when the machine's situation changes, and when nothing is. Pure.

Nothing said may hint at the level that was pressed: a citizen is not to be overheard, nor a clerk
to learn it. Only the self-test names keys, and those it waits for, not those that were pressed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import time
from typing import Final

from firmware_config.hours import OpenSpan, is_in
from firmware_config.levels import Level
from firmware_config.prompts import TEST_PROMPTS, Prompt
from kiosk.situation import SelfTest, Situation, State

__all__ = ["Prompt", "gain_of", "is_quiet", "prompt_between"]

STAFF_ASKED: Final = frozenset(
    {
        Prompt.TEST_BEGIN,
        *TEST_PROMPTS.values(),
        Prompt.TEST_PASSED,
        Prompt.TEST_FAILED,
        Prompt.IDENTIFY,
    }
)
"""Said while the hall is closed too: who looks after a device does so before it opens."""
_LOUDNESS_EXPONENT: Final = math.log2(10) / 2


def prompt_between(
    before: Situation,
    after: Situation,
    *,
    levels: Mapping[str, int],
    is_walkup: bool = False,
) -> Prompt | None:
    """What to say after the machine went from one situation to the next; None: nothing.

    When several things happened at once the first of these is said: a citizen's answer (thanks, or
    that it was not stored), the invitation, the self-test, pause, identify, sign-in.

    Args:
        before: the situation as it was.
        after: as it is, once it was known what could be stored.
        levels: name of each rating key → its level, as the pin profile has it.
        is_walkup: whether a press without an invitation is a rating too.
    """
    thanks = after.thanks
    if thanks is not None and thanks != before.thanks:
        return Prompt.THANKS
    is_error_new = after.error_until_ms not in (None, before.error_until_ms)
    if is_error_new or _is_press_lost(before, after, is_walkup=is_walkup):
        return Prompt.NOT_STORED
    number = after.session.number if after.session is not None else None
    was_open = before.session is not None and before.session.number == number
    if after.state is State.INVITED and not (before.state is State.INVITED and was_open):
        return Prompt.INVITE
    return (
        _of_test(before, after, levels)
        or _of_pause(before.state, after.state)
        or _of_people(before, after)
    )


def _is_press_lost(before: Situation, after: Situation, *, is_walkup: bool) -> bool:
    """Whether something could not be stored while a press was waited for: most likely a press.

    It may also have been the clerk's key. Then “may not have been saved” is said needlessly, which
    is the lesser evil: a citizen who is told nothing believes to have been heard.
    """
    is_awaited = after.state is State.INVITED or (is_walkup and after.state is State.IDLE)
    return is_awaited and after.lost > before.lost


def _of_test(before: Situation, after: Situation, levels: Mapping[str, int]) -> Prompt | None:
    is_testing, was_testing = after.state is State.TESTING, before.state is State.TESTING
    test = after.test
    if test is None or not (is_testing or was_testing):
        return None
    if not is_testing:
        return Prompt.TEST_PASSED if _is_passed(test, levels) else Prompt.TEST_FAILED
    asked_before = before.test.asked if was_testing and before.test is not None else ""
    if test.asked and test.asked != asked_before and test.asked in levels:
        return TEST_PROMPTS[Level(levels[test.asked])]
    return None if was_testing else Prompt.TEST_BEGIN


def _is_passed(test: SelfTest, levels: Mapping[str, int]) -> bool:
    return not test.missed and set(levels) <= set(test.passed)


def _of_pause(before: State, after: State) -> Prompt | None:
    if after is State.PAUSED and before not in (State.PAUSED, State.TESTING):
        return Prompt.PAUSED
    if before is State.PAUSED and after is State.IDLE:
        return Prompt.RESUMED
    return None


def _of_people(before: Situation, after: Situation) -> Prompt | None:
    until_ms = after.identify_until_ms
    if until_ms is not None and until_ms != before.identify_until_ms:
        return Prompt.IDENTIFY
    if after.staff_no == before.staff_no:
        return None
    return Prompt.SIGNED_IN if after.staff_no else Prompt.SIGNED_OUT


def is_quiet(
    prompt: Prompt,
    at: time | None,
    *,
    volume: int,
    quiet_hours: Iterable[OpenSpan],
    is_open: bool,
) -> bool:
    """Whether a prompt is to be left unsaid.

    Args:
        at: local time of day; None: the clock is not synchronised, so it is not known whether it
            is a quiet hour. Then it is said: who cannot see the lights depends on it.
        volume: in percent; 0 says nothing.
        quiet_hours: stretches in which nothing is said.
        is_open: the hall's opening hours; outside them only what staff asks for is said.
    """
    if volume == 0 or (at is not None and is_in(quiet_hours, at)):
        return True
    return not is_open and prompt not in STAFF_ASKED


def gain_of(volume: int) -> float:
    """The factor for samples at a volume of 0 to 100 %, so that 50 % sounds half as loud.

    Loudness doubles with every 10 dB: 50 % is −10 dB, 25 % −20 dB, 80 % −3.2 dB.

    Source: the sone scale (S. S. Stevens, 1936; ISO 532-1): 10 phon for twice as loud.
    """
    return math.pow(volume / 100, _LOUDNESS_EXPONENT)

"""Which lights are on in a situation. Pure.

`button names` are the lights beside the keys; `status`, `error` and `buzzer` the single outputs.
"""

from __future__ import annotations

from typing import Final

from kiosk.selftest import next_light_ms, shown_light
from kiosk.situation import Situation, State

STATUS: Final = "status"
ERROR: Final = "error"
BUZZER: Final = "buzzer"
BEEP_MS: Final = 120
"""Length of the beep that goes with the thanks. Our choice."""
FIND_ME_MS: Final = 250
"""Half a period of all lights while the device is to be found. Our choice: unlike anything else."""
BLINK_MS: Final = 1_000
"""Half a period of the status light without a connection. Our choice: one wake-up a second."""


def lit(
    situation: Situation, buttons: tuple[str, ...], *, is_connected: bool, now_ms: int
) -> frozenset[str]:
    """Names of the outputs that are on.

    All keys glow while an invitation is open, all alike: no level is easier to find. The key that
    was pressed alone is lit for thanks. Status: steady in service, blinking without a connection,
    off while paused. Error: something was not, or cannot be, kept. In the self-test one output at
    a time, and nothing else. A device that is to be found blinks with all key lights and the
    status light, unless a citizen is being asked or thanked: then with the status light alone.
    """
    if situation.state is State.TESTING and situation.test is not None:
        return frozenset({shown_light(situation.test, buttons, now_ms)})
    on: set[str] = set()
    if situation.state is State.INVITED:
        on.update(buttons)
    thanks = situation.thanks
    if thanks is not None and now_ms < thanks.until_ms:
        on.add(thanks.button)
        if now_ms < thanks.since_ms + BEEP_MS:
            on.add(BUZZER)
    is_paused = situation.state is State.PAUSED
    if _is_to_be_found(situation, now_ms):
        if now_ms // FIND_ME_MS % 2 == 0:
            is_asking = situation.state is State.INVITED or thanks is not None
            on.update((STATUS,) if is_asking else (STATUS, *buttons))
    elif not is_paused and (is_connected or now_ms // BLINK_MS % 2 == 0):
        on.add(STATUS)
    is_answer = situation.error_until_ms is not None and now_ms < situation.error_until_ms
    if is_answer or situation.failing_since_ms is not None or not situation.may_thank:
        on.add(ERROR)
    return frozenset(on)


def next_change_ms(situation: Situation, *, is_connected: bool, now_ms: int) -> int | None:
    """When `lit` changes by itself before the machine's own next deadline; None: it does not."""
    times = []
    if situation.state is State.TESTING and situation.test is not None:
        return next_light_ms(situation.test, now_ms)
    if _is_to_be_found(situation, now_ms):
        times.append((now_ms // FIND_ME_MS + 1) * FIND_ME_MS)
    thanks = situation.thanks
    if thanks is not None and now_ms < thanks.since_ms + BEEP_MS:
        times.append(thanks.since_ms + BEEP_MS)
    if situation.state is not State.PAUSED and not is_connected:
        times.append((now_ms // BLINK_MS + 1) * BLINK_MS)
    return min(times, default=None)


def _is_to_be_found(situation: Situation, now_ms: int) -> bool:
    until_ms = situation.identify_until_ms
    return until_ms is not None and now_ms < until_ms

"""The guided self-test: first every light in turn, then every key, each asked for by its light.

Only what was asked for counts: the key's TEST record is the proof that this key gives this level.
A key that is not pressed in time is missed (FAULT `test-failed`). Pure.
"""

from __future__ import annotations

from typing import Final

from kiosk.situation import SelfTest

LIGHT_MS: Final = 600
"""How long each light is shown at the beginning. Our choice: long enough to be seen and counted."""
KEY_MS: Final = 15_000
"""How long each key is waited for. Our choice: walk round the counter, read, press."""
SINGLE_LIGHTS: Final = ("status", "error", "buzzer")
"""Outputs that are not beside a key; shown after the keys' lights."""


def lights_ms(keys: tuple[str, ...]) -> int:
    """How long showing all lights takes."""
    return LIGHT_MS * (len(keys) + len(SINGLE_LIGHTS))


def shown_light(test: SelfTest, keys: tuple[str, ...], now_ms: int) -> str:
    """The one output that is on now: in turn at the beginning, then beside the asked key."""
    if test.asked:
        return test.asked
    order = (*keys, *SINGLE_LIGHTS)
    return order[min(max(now_ms - test.since_ms, 0) // LIGHT_MS, len(order) - 1)]


def next_light_ms(test: SelfTest, now_ms: int) -> int | None:
    """When `shown_light` changes by itself; None: it does not."""
    if test.asked:
        return None
    return test.since_ms + (max(now_ms - test.since_ms, 0) // LIGHT_MS + 1) * LIGHT_MS


def is_last(test: SelfTest, keys: tuple[str, ...]) -> bool:
    """Whether the key that is asked for is the last one."""
    return test.asked == keys[-1]


def progressed(test: SelfTest, keys: tuple[str, ...], *, is_passed: bool | None) -> SelfTest:
    """The test after a key was pressed (True), missed (False), or after the lights (None)."""
    if is_passed is None:
        return SelfTest(since_ms=test.since_ms, asked=keys[0])
    at = keys.index(test.asked) + 1
    return SelfTest(
        since_ms=test.since_ms,
        asked=keys[at] if at < len(keys) else "",
        passed=(*test.passed, test.asked) if is_passed else test.passed,
        missed=test.missed if is_passed else (*test.missed, test.asked),
    )

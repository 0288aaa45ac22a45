"""Two hundred citizens at one window: every press thanked, and counted once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.hil.device import HilDevice

pytestmark = [pytest.mark.lab, pytest.mark.hil]

PRESSES = 200


def test_two_hundred_presses_are_thanked_by_their_own_light_and_counted_once(
    shared: HilDevice, figure: Callable[[str, Any], None]
) -> None:
    shared.wait_ready()
    levels = [5 - number % 5 for number in range(PRESSES)]

    thanked = shared.serve(levels)
    rated = shared.check_counted_once(thanked)

    assert [thanks.level for thanks in thanked] == levels
    assert rated == PRESSES
    assert shared.silent == 0, "thanked without a beep"
    assert {kind for kind in Counter(r["kind"] for r in shared.records())} <= {
        "BOOT", "INVITED", "RATED", "CLOCK"
    }  # fmt: skip
    assert "0 problems" in shared.verify()
    waits = [thanks.thanked_ms - thanks.pressed_ms for thanks in thanked]
    late = [
        record["mono_ms"] - thanks.pressed_ms
        for thanks, record in zip(thanked, shared.records("RATED"), strict=True)
    ]
    for name, values in (("press to thanks", waits), ("press to its date", late)):
        values.sort()
        median, p95 = values[PRESSES // 2], values[PRESSES * 95 // 100]
        figures = f"median {median:.0f}, 95 % {p95:.0f}, longest {values[-1]:.0f}"
        figure(f"{name}, ms", figures)

"""Two hundred citizens at one window: every press thanked, and counted once."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.hil.device import HilDevice

pytestmark = [pytest.mark.lab, pytest.mark.hil]

PRESSES = 200


def test_two_hundred_presses_are_thanked_by_their_own_light_and_counted_once(
    shared: HilDevice, record_testsuite_property: Callable[[str, Any], None]
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
    waits = sorted(thanks.thanked_ms - thanks.pressed_ms for thanks in thanked)
    for name, value in (
        ("median", statistics.median(waits)),
        ("p95", waits[int(len(waits) * 0.95)]),
        ("longest", waits[-1]),
    ):
        record_testsuite_property(f"press to thanks, {name}, ms", round(value, 1))
    print([round(statistics.median(waits)), round(waits[-1])])  # noqa: T201

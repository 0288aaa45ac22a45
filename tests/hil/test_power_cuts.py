"""The plug is pulled, again and again, at any moment: what was thanked is there, once."""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.hil.device import HilDevice

pytestmark = [pytest.mark.lab, pytest.mark.hil]

CUTS = int(os.environ.get("YIPING_HIL_CUTS", "10"))
LONGEST_S = 6.0
"""Every other cut comes at any time within so many seconds, the others at a thanks."""


def test_every_thanked_press_survives_power_cuts(
    make_device: Callable[..., Any], figure: Callable[[str, Any], None]
) -> None:
    moment = random.Random()
    thanked = []
    tried = 0
    rounds_s = []
    with make_device() as device:
        device: HilDevice
        for number in range(CUTS):
            begun = time.monotonic()
            device.wait_ready()
            levels = [moment.randint(1, 5) for _ in range(500)]
            device.send_presses(levels)
            if number % 2:
                time.sleep(moment.uniform(0.2, LONGEST_S))  # the moment is the point of this test
            else:  # in the very moment of a thanks
                thanked += device.thanks(levels, until=moment.randint(1, 10))
                tried += device.tried
            device.pi.cut_power()
            thanked += device.thanks(levels)
            tried += device.tried
            device.pi.switch_on()
            rounds_s.append(time.monotonic() - begun)

        device.wait_ready()
        thanked += device.serve([5, 4, 3, 2, 1])
        rated = device.check_counted_once(thanked)
        verified = device.verify()
        boots = {record["boot"] for record in device.records("BOOT")}
        damaged = device.pi.shell("ls /var/lib/yiping-kiosk")

    assert len(boots) == CUTS + 1
    assert len(thanked) > CUTS
    assert rated <= tried + 5
    assert rated - len(thanked) <= CUTS  # at most the one that was under way at each cut
    assert "0 problems" in verified
    assert "damaged" not in damaged
    for name, value in (
        ("power cuts", CUTS),
        ("presses thanked", len(thanked)),
        ("stored, thanks not seen", rated - len(thanked)),
        ("median round, s", round(statistics.median(rounds_s), 1)),
    ):
        figure(name, value)

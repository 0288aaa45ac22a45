"""The kiosk dies or hangs: systemd starts it anew, and the journal holds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.hil.device import LIGHTS, PROFILE, HilDevice, key

pytestmark = [pytest.mark.lab, pytest.mark.hil]


def restarts(device: HilDevice) -> int:
    return int(device.shown("NRestarts")["NRestarts"])


def test_kill_9_is_answered_by_restart_and_an_open_session_ends_unrated(shared: HilDevice) -> None:
    shared.wait_ready()
    thanked = shared.serve([5, 2])
    shared.invite()
    head, pid, before = shared.head(), shared.pid(), restarts(shared)

    shared.pi.shell(f"kill -9 {pid}")
    assert shared.is_shown([], LIGHTS)
    shared.wait_ready(not_pid=pid)

    assert restarts(shared) == before + 1
    assert "code=killed, status=9/KILL" in shared.log()
    found = shared.records(after=head)
    assert [(r["kind"], r.get("reason")) for r in found[:2]] == [
        ("BOOT", None),
        ("UNRATED", "interrupted"),
    ]
    thanked += shared.serve([4])
    assert "0 problems" in shared.verify()
    shared.check_counted_once(thanked)


def test_kill_9_amid_presses_loses_no_thanked_one(shared: HilDevice) -> None:
    shared.wait_ready()
    levels = [5, 4, 3, 2, 1] * 10
    moment = random.Random()
    thanked = []
    for _ in range(5):
        pid = shared.pid()
        after_s = moment.uniform(0.5, 2.5)  # the moment is the point of this test
        shared.pi.shell(f"(sleep {after_s:.3f}; kill -9 {pid}) >/dev/null 2>&1 &")
        shared.send_presses(levels, within_s=2)
        answer = shared.pi.answer(120)
        thanked += shared.thanks(levels)
        assert "failed" in answer, "not killed in time"
        shared.wait_ready(not_pid=pid)

    assert len(thanked) > 5
    assert "0 problems" in shared.verify()
    shared.check_counted_once(thanked)


def test_a_hanging_kiosk_is_ended_by_the_watchdog(
    shared: HilDevice, figure: Callable[[str, Any], None]
) -> None:
    shared.wait_ready()
    thanked = shared.serve([3])
    pid, before = shared.pid(), restarts(shared)

    shared.pi.shell(f"kill -STOP {pid}")
    begun = time.monotonic()
    shared.wait_ready(not_pid=pid)
    took_s = time.monotonic() - begun

    assert restarts(shared) == before + 1
    assert "Watchdog timeout" in shared.log()
    assert took_s > 20, "restarted by something else than the watchdog"
    assert shared.is_shown([PROFILE.status_gpio], [key(3).led_gpio])
    thanked += shared.serve([1])
    assert "0 problems" in shared.verify()
    shared.check_counted_once(thanked)
    figure("stopped kiosk to a new one that is ready, s", round(took_s, 1))

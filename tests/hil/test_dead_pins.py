"""Pins that have gone, or are not heard any more: never a kiosk that looks alive with dead keys."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.hil.device import PROFILE, READY_S, HilDevice

pytestmark = [pytest.mark.lab, pytest.mark.hil]

NOTICED_S = 15.0
"""Longest until the process ends; far above the second between two looks, far below the watchdog's
30 s."""
CLERK = PROFILE.clerk_gpio


def wait_gone(device: HilDevice, pid: int) -> float:
    """Seconds until a process has ended."""
    begun = time.monotonic()
    while device.pi.shell(f"kill -0 {pid} 2>&1", may_fail=True) == "":
        assert time.monotonic() < begun + 60, f"still there after 60 s\n{device.log()}"
    return time.monotonic() - begun


def test_when_lgpio_s_thread_has_died_the_kiosk_is_started_anew(
    shared: HilDevice, figure: Callable[[str, Any], None]
) -> None:
    shared.wait_ready()
    thanked = shared.serve([5])
    pid = shared.pid()

    shared.pi.shell("touch /run/hil-break-notify")
    shared.edges((0, CLERK, True), (60, CLERK, False))
    took_s = wait_gone(shared, pid)
    shared.pi.shell("rm /run/hil-break-notify")
    shared.wait_ready(not_pid=pid)

    assert took_s < NOTICED_S
    assert "the thread that reports key presses has ended" in shared.log()
    thanked += shared.serve([2])
    shared.check_counted_once(thanked)
    figure("dead lgpio thread to exit, s", round(took_s, 1))


def test_when_the_chip_goes_away_the_kiosk_ends_and_says_why_until_it_is_back(
    make_device: Callable[..., Any], figure: Callable[[str, Any], None]
) -> None:
    with make_device() as device:
        device: HilDevice
        device.wait_ready()
        thanked = device.serve([5])
        pid = device.pid()

        device.pi.ask("power_chip", is_on=False)
        took_s = wait_gone(device, pid)
        wanted = "kiosk: error: pin profile five-key: 'can not open gpiochip'"
        end = time.monotonic() + READY_S
        while wanted not in device.log():
            assert time.monotonic() < end, device.log()
        assert device.shown("ActiveState")["ActiveState"] != "active"
        assert "status=4" in device.log()

        # this kernel gives a chip that was taken away in use another number when it is back
        device.pi.cut_power()
        device.pi.switch_on()
        device.wait_ready()
        thanked += device.serve([2])
        device.check_counted_once(thanked)

    assert took_s < NOTICED_S
    figure("chip gone to exit, s", round(took_s, 1))

"""kill -9 of kiosk, broker or collector at any moment: every thanked press once in the ledger."""

from __future__ import annotations

import random
import signal
import time
from typing import Any

import pytest

from tests.system.thanked import DRIVER, check_every_thanked_press, said

KILLS_OF_EACH = 20
WINDOWS = 10

pytestmark = pytest.mark.system


def run_kills(hall: Any, kills_of_each: int) -> None:
    devices = hall.devices[:WINDOWS]
    hall.render_devices(
        devices, **{"panel.debounce_ms": "1", "uplink.resend_s": "1", "uplink.resend_max_s": "2"}
    )
    kiosks = hall.program("kiosks", str(DRIVER), str(hall.folder), *devices)
    kiosks.start()
    hall.wait(lambda: hall.size() > 50, "the first records")

    moment = random.Random()
    victims = [hall.broker, hall.ingest, kiosks] * kills_of_each
    moment.shuffle(victims)
    # at the end without a restart of the kiosks, which would send again whatever was forgotten
    victims += [hall.broker, hall.ingest, hall.broker]
    for victim in victims:
        thanked = len(said([kiosks], "thanked"))
        time.sleep(moment.uniform(0.05, 0.35))  # the moment of the kill is the point of this test
        assert victim.is_running, f"{victim.name} ended by itself:\n{victim.tail()}"
        victim.kill()
        time.sleep(moment.uniform(0.0, 0.1))
        victim.start()
        hall.wait(lambda n=thanked: len(said([kiosks], "thanked")) > n, "a thanks")

    kiosks.process.send_signal(signal.SIGUSR1)  # no more presses; the same kiosks go on sending

    def is_drained() -> bool:
        held = hall.ledger_records()
        return all(hall.journal(device) <= set(held) for device in devices)

    hall.wait(is_drained, "all journals to be in the ledger", 120)
    kiosks.kill()
    check_every_thanked_press(hall, devices, [kiosks])


def test_every_thanked_press_is_in_the_ledger_once_after_kill_9_of_kiosk_broker_and_collector(
    hall: Any,
) -> None:
    run_kills(hall, KILLS_OF_EACH)


@pytest.mark.lab
def test_the_same_after_a_thousand_kills(hall: Any) -> None:
    run_kills(hall, 334)

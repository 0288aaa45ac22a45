"""kill -9 of kiosk, broker or collector at any moment: every thanked press once in the ledger."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

DRIVER = Path(__file__).with_name("press_driver.py")
KILLS_OF_EACH = 20
WINDOWS = 10

pytestmark = pytest.mark.system


def said(hall: Any, word: str) -> list[tuple[str, int]]:
    """`(case, level)` of every complete line the driver printed that begins with a word."""
    lines = (hall.folder / "kiosks.log").read_text(errors="replace").split("\n")[:-1]
    parts = [line.split(" ") for line in lines]
    return [(part[1], int(part[2])) for part in parts if part[0] == word and len(part) == 3]


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
        thanked = len(said(hall, "thanked"))
        time.sleep(moment.uniform(0.05, 0.35))  # the moment of the kill is the point of this test
        assert victim.is_running, f"{victim.name} ended by itself:\n{victim.tail()}"
        victim.kill()
        time.sleep(moment.uniform(0.0, 0.1))
        victim.start()
        hall.wait(lambda n=thanked: len(said(hall, "thanked")) > n, "a thanks")

    kiosks.process.send_signal(signal.SIGUSR1)  # no more presses; the same kiosks go on sending

    def is_drained() -> bool:
        held = hall.ledger_records()
        return all(hall.journal(device) <= set(held) for device in devices)

    hall.wait(is_drained, "all journals to be in the ledger", 120)
    kiosks.kill()
    check(hall, devices)


def check(hall: Any, devices: list[str]) -> None:
    held = hall.ledger_records()
    written = set().union(*(hall.journal(device) for device in devices))
    assert len(held) == len(set(held))
    assert set(held) == written

    counted = hall.query("SELECT case_no, level FROM outcomes WHERE level IS NOT NULL")
    thanked, tried = said(hall, "thanked"), said(hall, "tried")
    assert len(thanked) > 100
    assert len(set(thanked)) == len(thanked)
    assert all(times == 1 for times in Counter(counted).values())
    assert set(thanked) <= set(counted)
    assert set(counted) <= set(tried)
    [(rated, repeats)] = hall.query(
        "SELECT sum(level5 + level4 + level3 + level2 + level1), sum(repeats) FROM day_rollups"
    )
    assert (rated, repeats) == (len(counted), 0)
    assert hall.query("SELECT count(*) FROM conflicts") == [(0,)]
    assert hall.query("SELECT count(*) FROM quarantine") == [(0,)]


def test_every_thanked_press_is_in_the_ledger_once_after_kill_9_of_kiosk_broker_and_collector(
    hall: Any,
) -> None:
    run_kills(hall, KILLS_OF_EACH)


@pytest.mark.lab
def test_the_same_after_a_thousand_kills(hall: Any) -> None:
    run_kills(hall, 334)

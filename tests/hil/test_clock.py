"""A Pi without a clock of its own starts years ago: presses count, and say so."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.hil.device import HilDevice

pytestmark = [pytest.mark.lab, pytest.mark.hil]


def test_presses_of_the_year_2000_count_and_get_their_true_time(
    make_device: Callable[..., Any],
) -> None:
    with make_device(rtc="2000-01-01T00:00:00") as device:
        device: HilDevice
        device.pi.shell("date -s 2000-01-01T00:00:00")  # systemd knows when it was built
        device.pi.shell("systemctl restart kiosk.service")
        device.wait_ready()
        head = device.head()
        pressed_s = time.time()
        thanked = device.serve([5, 3])
        early = device.records("RATED", after=head)

        device.pi.ask("set_clock", wall_s=time.time(), is_synced=True)
        found = device.wait_records(
            lambda found: any(_is_set(record) for record in found), after=head
        )
        thanked += device.serve([1])
        late = device.records("RATED", after=head)[2:]
        device.check_counted_once(thanked)

        assert [record["wall"][:4] for record in early] == ["2000", "2000"]
        assert [record["synced"] for record in early] == [False, False]
        [clock] = [record for record in found if _is_set(record)]
        step_s = datetime.now(UTC).timestamp() - datetime(2000, 1, 1, tzinfo=UTC).timestamp()
        assert abs(clock["step_ms"] / 1000 - step_s) < 300
        assert clock["synced"] is True
        assert [record["synced"] for record in late] == [True]
        assert abs(datetime.fromisoformat(late[0]["wall"]).timestamp() - time.time()) < 300

        device.hall.wait(
            lambda: all(
                abs(pressed_ms / 1000 - pressed_s) < 120
                for [pressed_ms] in device.hall.query(
                    "SELECT pressed_ms FROM outcomes WHERE level IS NOT NULL"
                )
            ),
            "the ledger to know the true times",
        )
        qualities = device.hall.query(
            "SELECT time_quality FROM outcomes WHERE level IS NOT NULL ORDER BY position"
        )
        assert qualities == [("offset",), ("offset",), ("synced",)]


def _is_set(record: dict[str, Any]) -> bool:
    """Whether a record says that the clock was set; those of receipts have a `server_time`."""
    return record["kind"] == "CLOCK" and "server_time" not in record

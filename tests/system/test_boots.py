"""A device that does not know the time, over three days: real kiosk, broker and ingest.

On Tuesday the network is down. All three days' ratings must count on their own days; Tuesday's come
on Wednesday, and are the only ones that are an estimate. Boot ids and clocks are played, because
one computer cannot be switched off and on within a test; the collector lives in the same time.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from collector.ingest import IngestService
from collector.ledger.readers import LedgerReader, outcomes
from collector.settings import CollectorSettings
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.keys import load_or_create_signing_key, save_verify_key
from firmware_config.kiosk_settings import KioskSettings, StorageSettings
from firmware_config.pins import load_pin_profile
from firmware_config.settings_broker import BrokerSettings
from kiosk.clock import Clock
from kiosk.events import ClerkKey
from kiosk.service import KioskService
from kiosk.simulator.clock import SimulatedClock

pytestmark = pytest.mark.system

MONDAY_MS = 1_782_691_200_000  # 2026-06-29, 08:00 in Shanghai
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DEVICE = "w-a01"
KEYS = {int(b.level): b.gpio for b in load_pin_profile("five-key").buttons}
Wait = Callable[..., None]


def clock_from(begun_ms: int) -> SimulatedClock:
    """Another boot, which believes that it is 1970."""
    return SimulatedClock(begun_ms, Clock(), reads_ms=0, is_synced=False, shares_time=True)


class Hall:
    """Collector and one window, in a time of their own."""

    def __init__(self, folder: Path, port: int, wait_until: Wait) -> None:
        self.folder = folder
        self.port = port
        self.wait_until = wait_until
        self.fleet = load_fleet(sample_fleet_path())
        self.clock = clock_from(MONDAY_MS)
        self.key = load_or_create_signing_key(folder / "collector.jwk")
        save_verify_key(folder / "collector-public.jwk", self.key.public)
        device_key = load_or_create_signing_key(folder / "device.jwk")
        save_verify_key(folder / "keys" / f"{DEVICE}.jwk", device_key.public)
        self.ingest = IngestService(
            CollectorSettings(
                hall=self.fleet.hall.id,
                fleet=sample_fleet_path(),
                device_keys=folder / "keys",
                key=folder / "collector.jwk",
                ledger=folder / "ledger.db",
                broker=BrokerSettings(host="127.0.0.1", port=port),
            ),
            fleet=self.fleet,
            key=self.key,
            clock_ms=lambda: self.clock.hall_ms(),
            monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
        )
        self.ingest.start()

    def query(self, sql: str) -> list[Any]:
        with closing(sqlite3.connect(self.folder / "ledger.db")) as db:
            return db.execute(sql).fetchall()

    def day(self, begun_ms: int, levels: dict[float, int], *, is_connected: bool) -> list[int]:
        """Switch the device on, rate at these hours after that, switch it off; the true times."""
        self.clock = clock_from(begun_ms)
        pins, pressed = MockFactory(), []
        service = KioskService(
            KioskSettings(
                hall=self.fleet.hall.id,
                device=DEVICE,
                timezone=self.fleet.hall.timezone,
                journal=self.folder / "journal.db",
                key=self.folder / "device.jwk",
                collector_key=self.folder / "collector-public.jwk",
                broker=BrokerSettings(host="127.0.0.1", port=self.port if is_connected else 9),
                storage=StorageSettings(allow_volatile=True, min_free_bytes=1_048_576),
            ),
            pin_factory=pins,
            clock=self.clock,
            password="",
        )
        service.start()
        try:
            for hour, level in levels.items():
                if is_connected:
                    self.wait_until(lambda: self.is_delivered(service))
                self.clock.move_to(begun_ms + round(hour * HOUR_MS))
                service.post(ClerkKey(at_ms=self.clock.mono_ms()))
                assert service.settle(10)
                pressed.append(self.clock.hall_ms())
                pins.pin(KEYS[level]).drive_low()
                assert service.settle(10)
                pins.pin(KEYS[level]).drive_high()
                assert service.settle(10)
            if is_connected:
                self.wait_until(lambda: self.is_delivered(service))
        finally:
            service.stop()
            pins.close()
        assert service.failure is None
        return pressed

    @staticmethod
    def is_delivered(service: KioskService) -> bool:
        now = service.snapshot()
        return now.is_connected and now.stored == now.head


@pytest.fixture
def hall(open_broker: Any, tmp_path: Path, wait_until: Wait) -> Iterator[Hall]:
    with ExitStack() as stack:
        hall = Hall(tmp_path, open_broker.port, wait_until)
        stack.callback(hall.ingest.stop)
        yield hall


def test_ratings_of_a_day_without_the_network_count_on_that_day_within_true_bounds(
    hall: Hall,
) -> None:
    work = {1.0: 5, 9.5: 4}
    true_ms = hall.day(MONDAY_MS, work, is_connected=True)
    true_ms += hall.day(MONDAY_MS + DAY_MS, {1.0: 1, 9.5: 2}, is_connected=False)
    true_ms += hall.day(MONDAY_MS + 2 * DAY_MS, work, is_connected=True)
    assert hall.ingest.failure is None

    assert hall.query(
        "SELECT level, on_date, hour, time_quality FROM outcomes WHERE level IS NOT NULL"
        " ORDER BY position"
    ) == [
        (5, "2026-06-29", 9, "offset"),
        (4, "2026-06-29", 17, "offset"),
        (1, "2026-06-30", 9, "bounded"),
        (2, "2026-06-30", 17, "bounded"),
        (5, "2026-07-01", 9, "offset"),
        (4, "2026-07-01", 17, "offset"),
    ]
    with LedgerReader(hall.folder / "ledger.db") as reader:
        rows = outcomes.latest_ratings(reader, after=0, limit=9)[::-1]
    for row, true in zip(rows, true_ms, strict=True):
        assert row.earliest_ms is not None
        assert row.latest_ms is not None
        assert row.earliest_ms - 2 <= true <= row.latest_ms + 2  # clocks here read whole ms
        is_estimate = row.time_quality == "bounded"
        assert is_estimate or abs(row.pressed_ms - true) < 5_000
        assert is_estimate == (row.latest_ms - row.earliest_ms > HOUR_MS)
    # what the device wrote is kept as it was: it believed that it was 1970
    walls = {
        json.loads(payload)["wall"][:4] for (payload,) in hall.query("SELECT payload FROM records")
    }
    assert walls == {"1970"}
    meetings = [
        json.loads(payload)
        for (payload,) in hall.query(
            "SELECT payload FROM records WHERE kind = 'CLOCK' ORDER BY position"
        )
    ]
    assert {record["server_time"][:10] for record in meetings} == {"2026-06-29", "2026-07-01"}

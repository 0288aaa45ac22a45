"""Health values beside their limits, and what follows from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from collector.devices.limits import Grade, Value, readings
from collector.devices.needs import Known, Reason, needs_of
from collector.devices.state import DeviceState
from firmware_config.contract import Health

WELL: dict[str, Any] = {
    "dev": "w-a01",
    "v": 1,
    "uptime_s": 7200,
    "head": 100,
    "stored": 100,
    "archived": 90,
    "receipt_age_s": 2.0,
    "synced": True,
    "disk": "ok",
    "disk_free_bytes": 20_000_000_000,
    "cpu_temp_c": 50.0,
    "power": [],
    "memory_bytes": 40_000_000,
    "threads": {"writer": True},
}
QUIET = Known(
    state=DeviceState.ONLINE,
    heard_ms=1,
    has_window=True,
    has_key=True,
    health=Health(**WELL),
    readings=readings(Health(**WELL), 5),
    is_idle=False,
    one_sided=(),
    unproven=(),
    conflicts=0,
    quarantined=0,
    missing=0,
)


def known(**said: Any) -> Known:
    health = Health(**(WELL | said))
    return replace(QUIET, health=health, readings=readings(health, 5))


def reasons(one: Known) -> list[Reason]:
    return [need.reason for need in needs_of(one)]


def test_a_device_that_is_well_needs_nothing() -> None:
    assert reasons(QUIET) == []
    assert {reading.grade for reading in QUIET.readings} == {Grade.OK}
    assert [reading.value for reading in QUIET.readings] == list(Value)


@pytest.mark.parametrize(
    ("said", "value", "grade"),
    [
        ({"cpu_temp_c": 69.9}, Value.TEMPERATURE, Grade.OK),
        ({"cpu_temp_c": 70.0}, Value.TEMPERATURE, Grade.WATCH),
        ({"cpu_temp_c": 80.0}, Value.TEMPERATURE, Grade.BAD),
        ({"cpu_temp_c": None}, Value.TEMPERATURE, Grade.UNKNOWN),
        ({"power": ["under-voltage"]}, Value.POWER, Grade.BAD),
        ({"power": ["throttled-since-boot"]}, Value.POWER, Grade.WATCH),
        ({"power": ["under-voltage-since-boot", "throttled"]}, Value.POWER, Grade.BAD),
        ({"power": None}, Value.POWER, Grade.UNKNOWN),
        ({"memory_bytes": 200 * 2**20}, Value.MEMORY, Grade.WATCH),
        ({"disk": "low"}, Value.DISK, Grade.WATCH),
        ({"disk": "short"}, Value.DISK, Grade.BAD),
        ({"disk": "", "may_thank": False}, Value.DISK, Grade.BAD),
        ({"disk": ""}, Value.DISK, Grade.UNKNOWN),
        ({"synced": False}, Value.CLOCK, Grade.WATCH),
        ({"head": 101, "receipt_age_s": 110.0}, Value.RECEIPT, Grade.OK),
        ({"head": 101, "receipt_age_s": 116.0}, Value.RECEIPT, Grade.WATCH),
        ({"head": 101, "receipt_age_s": 600.0}, Value.RECEIPT, Grade.BAD),
        ({"receipt_age_s": 9000.0}, Value.RECEIPT, Grade.OK),
        ({"receipt_age_s": None, "uptime_s": 30}, Value.RECEIPT, Grade.WATCH),
        ({"receipt_age_s": None}, Value.RECEIPT, Grade.BAD),
        ({"head": 120}, Value.BACKLOG, Grade.WATCH),
        ({"head": 700}, Value.BACKLOG, Grade.BAD),
        ({"head": 50}, Value.BACKLOG, Grade.OK),
        ({"edges": {"key-5": 540}, "presses": {"key-5": 1}}, Value.EDGES, Grade.OK),
        ({"edges": {"key-5": 541}, "presses": {"key-5": 1}}, Value.EDGES, Grade.WATCH),
        ({"spikes": 201}, Value.EDGES, Grade.WATCH),
        ({"stuck": ["key-5"]}, Value.STUCK, Grade.BAD),
        ({"threads": {"writer": True, "uplink": False}}, Value.THREADS, Grade.BAD),
        ({"broker_reasons": {"0x87": 2}}, Value.REFUSALS, Grade.WATCH),
    ],
)
def test_a_value_is_graded_by_its_limit(said: dict[str, Any], value: Value, grade: Grade) -> None:
    found = {reading.value: reading for reading in known(**said).readings}
    assert found[value].grade is grade


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"may_thank": False}, Reason.NO_THANKS),
        ({"stuck": ["key-5"]}, Reason.STUCK),
        ({"alarms": ["checkpoint"]}, Reason.ALARM),
        ({"power": ["under-voltage"]}, Reason.POWER),
        ({"cpu_temp_c": 81.0}, Reason.HOT),
        ({"threads": {"uplink": False}}, Reason.THREADS),
        ({"head": 110, "receipt_age_s": 700.0}, Reason.RECEIPT),
        ({"disk": "low", "alarms": ["disk-low"]}, Reason.DISK),
        ({"head": 900}, Reason.BACKLOG),
        ({"synced": False}, Reason.CLOCK),
        ({"power": ["throttled-since-boot"]}, Reason.POWER_BEFORE),
        ({"edges": {"key-5": 9000}}, Reason.EDGES),
    ],
)
def test_what_a_device_says_of_itself_is_one_reason(said: dict[str, Any], reason: Reason) -> None:
    assert reasons(known(**said)) == [reason]


@pytest.mark.parametrize(
    ("change", "reason", "is_urgent"),
    [
        ({"state": DeviceState.OFFLINE}, Reason.OFFLINE, True),
        ({"state": DeviceState.NEVER, "health": None, "readings": ()}, Reason.NEVER, True),
        ({"state": DeviceState.LATE}, Reason.LATE, False),
        ({"has_key": False}, Reason.NO_KEY, True),
        ({"is_idle": True}, Reason.IDLE, True),
        ({"one_sided": (2,), "unproven": (2,)}, Reason.ONE_SIDED, True),
        ({"unproven": (2, 1)}, Reason.UNPROVEN, False),
        ({"conflicts": 1}, Reason.CONFLICT, True),
        ({"quarantined": 3}, Reason.QUARANTINE, False),
        ({"missing": 4}, Reason.GAP, False),
    ],
)
def test_what_is_known_of_a_device_is_one_reason(
    change: dict[str, Any], reason: Reason, is_urgent: bool
) -> None:
    [need] = needs_of(replace(QUIET, **change))
    assert (need.reason, need.is_urgent) == (reason, is_urgent)


def test_a_spare_in_the_store_needs_no_hand_but_a_copied_card_does() -> None:
    spare = replace(
        QUIET,
        state=DeviceState.OFFLINE,
        has_window=False,
        has_key=False,
        unproven=(2,),
        is_idle=True,
    )
    assert reasons(spare) == []
    assert reasons(replace(spare, conflicts=1)) == [Reason.CONFLICT]


def test_old_health_of_a_device_that_is_gone_is_no_reason() -> None:
    hot = replace(known(cpu_temp_c=90.0), state=DeviceState.OFFLINE)
    assert reasons(hot) == [Reason.OFFLINE]


def test_the_gravest_reason_comes_first() -> None:
    one = replace(known(cpu_temp_c=90.0, synced=False), conflicts=1, unproven=(1,))
    assert reasons(one) == [Reason.CONFLICT, Reason.HOT, Reason.CLOCK, Reason.UNPROVEN]

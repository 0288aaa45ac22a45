"""Loading the fleet: idempotent, append-only where the past depends on it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from collector.errors import FleetMoved, ImmutableFleet
from collector.ledger.fleet_loader import compare_fleet, load_into_ledger, read_device_keys
from collector.ledger.migrations import open_empty_ledger, open_ledger
from firmware_config.errors import InvalidSettings
from firmware_config.fleet import (
    Department,
    Device,
    DeviceAssignment,
    Hall,
    WindowAssignment,
    load_fleet,
    sample_fleet_path,
)
from firmware_config.keys import SigningKey, save_verify_key

TABLES = ("meta", "departments", "windows", "devices", "device_keys", "staff")
ASSIGNMENTS = ("device_windows", "window_departments", "staff_windows")


def test_the_sample_hall_loads_completely_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    fleet = load_fleet(sample_fleet_path())
    keys = {
        device.id: SigningKey.from_seed(number.to_bytes(32, "big")).public
        for number, device in enumerate(fleet.devices)
    }
    db = open_ledger(tmp_path / "ledger.db")
    changes = load_into_ledger(db, fleet, keys, now_ms=7)
    counts = [db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES]
    assert counts == [7, 74, 135, 135, 135, len(fleet.staff)]
    assert fleet.staff
    assert len(changes) == 1 + 74 + 135 + 135 + 135 + len(fleet.staff) + len(
        fleet.device_assignments + fleet.window_assignments + fleet.staff_assignments
    )
    before = [db.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES + ASSIGNMENTS]
    assert load_into_ledger(db, fleet, keys, now_ms=8) == []
    assert [
        db.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES + ASSIGNMENTS
    ] == before
    db.close()


def test_comparing_tells_what_loading_would_do_and_does_nothing(small_fleet: Any) -> None:
    db = open_empty_ledger()
    told = compare_fleet(db.conn, small_fleet(), {})
    assert db.execute("SELECT count(*) FROM devices").fetchone() == (0,)
    assert told.changes == load_into_ledger(db, small_fleet(), {}, now_ms=0)
    db.close()


def test_nothing_is_loaded_but_what_was_agreed_to(ledger: Any, small_fleet: Any) -> None:
    fleet = small_fleet(departments=small_fleet().departments[::-1])
    agreed = compare_fleet(ledger.db.conn, fleet, ledger.keys).changes
    before = ledger.table("departments")
    other = small_fleet(departments=())
    with pytest.raises(FleetMoved, match="look again"):
        load_into_ledger(ledger.db, other, ledger.keys, now_ms=0, agreed=agreed)
    assert ledger.table("departments") == before
    assert not ledger.db.conn.in_transaction
    load_into_ledger(ledger.db, fleet, ledger.keys, now_ms=0, agreed=agreed)
    assert ledger.table("departments") != before


def test_names_may_change_and_what_left_the_file_is_kept(ledger: Any, small_fleet: Any) -> None:
    fleet = small_fleet(
        hall=Hall(id="hall-1", name="新大厅", name_en="Hall", timezone="Asia/Shanghai", opens=()),
        departments=(Department(id="tax", name="税务局（新）", name_en="Tax"),),
        devices=small_fleet().devices[:2],
    )
    changes = load_into_ledger(ledger.db, fleet, ledger.keys, now_ms=0)
    assert [(change.action, change.what, change.code) for change in changes] == [
        ("rename", "hall", "hall-1"),
        ("rename", "department", "tax"),
        ("absent", "department", "market"),
        ("absent", "device", "dev-3"),
        ("unused", "key", "dev-3"),
    ]
    assert ledger.query("SELECT name FROM departments ORDER BY id") == [
        ("税务局（新）",),
        ("市场监管局",),
    ]


def test_new_devices_keys_and_assignments_are_added(ledger: Any, small_fleet: Any) -> None:
    fleet = small_fleet()
    future = date(2030, 1, 1)
    more = small_fleet(
        devices=(*fleet.devices, Device(id="dev-4", profile="five-key")),
        device_assignments=(
            *fleet.device_assignments,
            DeviceAssignment(device="dev-1", window=None, from_on=future),
            DeviceAssignment(device="dev-4", window="w1", from_on=future),
        ),
        window_assignments=(
            *fleet.window_assignments,
            WindowAssignment(window="w1", department="market", from_on=future),
        ),
    )
    new_key = SigningKey.from_seed(b"n" * 32).public
    changes = load_into_ledger(ledger.db, more, {**ledger.keys, "dev-1": new_key}, now_ms=9)
    assert [str(change) for change in changes] == [
        "add device dev-4",
        f"add key dev-1: {new_key.kid}",
        "keyless device dev-4",
        "add device at window dev-1: none from 2030-01-01",
        "add device at window dev-4: w1 from 2030-01-01",
        "add window of department w1: market from 2030-01-01",
    ]
    assert ledger.query("SELECT count(*) FROM device_keys WHERE device = 1") == [(2,)]


MOVED = DeviceAssignment(device="dev-1", window="w2", from_on=date(2026, 1, 1))
ELSEWHERE = Hall(id="hall-9", name="大厅", name_en="Hall", timezone="Asia/Tokyo", opens=())


@pytest.mark.parametrize(
    ("changes", "keys", "problems"),
    [
        (
            lambda fleet: {"device_assignments": (MOVED, fleet.device_assignments[1])},
            lambda keys: keys,
            [
                "device at window: dev-1: expected w1, got w2 from 2026-01-01",
                "device at window: dev-3: expected w3 from 2026-01-01, got nothing",
            ],
        ),
        (
            lambda fleet: {"hall": ELSEWHERE},
            lambda keys: {"dev-2": keys["dev-1"]},
            [
                "hall: expected hall-1, got hall-9",
                "timezone: expected Asia/Shanghai, got Asia/Tokyo",
                "key of dev-2: {kid} is the key of dev-1 already",
            ],
        ),
    ],
)
def test_everything_that_would_change_the_past_is_refused_at_once(
    ledger: Any, small_fleet: Any, changes: Any, keys: Any, problems: list[str]
) -> None:
    before = [ledger.table(name) for name in TABLES + ASSIGNMENTS]
    with pytest.raises(ImmutableFleet) as caught:
        load_into_ledger(
            ledger.db, small_fleet(**changes(small_fleet())), keys(ledger.keys), now_ms=0
        )
    assert caught.value.problems == [
        problem.format(kid=ledger.keys["dev-1"].kid) for problem in problems
    ]
    assert [ledger.table(name) for name in TABLES + ASSIGNMENTS] == before
    assert not ledger.db.conn.in_transaction


def test_key_files_are_read_by_device_and_every_bad_one_is_told(tmp_path: Path) -> None:
    assert read_device_keys(tmp_path / "nowhere") == {}
    key = SigningKey.from_seed(b"k" * 32).public
    save_verify_key(tmp_path / "dev-1.jwk", key)
    assert {code: one.kid for code, one in read_device_keys(tmp_path).items()} == {"dev-1": key.kid}
    (tmp_path / "dev-2.jwk").write_text("{}")
    (tmp_path / "dev-3.jwk").write_text("no JSON")
    with pytest.raises(InvalidSettings) as caught:
        read_device_keys(tmp_path)
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "dev-2.jwk",
        "dev-3.jwk",
    ]

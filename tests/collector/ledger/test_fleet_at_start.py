"""Ingest stores presses whatever state the fleet file is in, and recounts no past by itself."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from collector.commands.ingest import _fleet_or_problems
from collector.errors import ImmutableFleet
from collector.ledger.fleet_at_start import load_at_start
from collector.ledger.migrations import open_ledger
from collector.ledger.rebuild import DERIVED_TABLES
from collector.settings import CollectorSettings
from firmware_config.errors import InvalidSettings
from firmware_config.fleet import Device, DeviceAssignment
from firmware_config.keys import SigningKey, save_verify_key
from firmware_config.settings_broker import BrokerSettings


@pytest.fixture
def key_folder(tmp_path: Path, journal_of: Any) -> Path:
    for number in (1, 2, 3, 4):
        key = journal_of(f"dev-{number}").key.public
        save_verify_key(tmp_path / "keys" / f"dev-{number}.jwk", key)
    return tmp_path / "keys"


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]


def test_what_is_new_is_loaded_and_what_changes_the_past_is_named_and_left(
    ledger: Any,
    journal_of: Any,
    small_fleet: Any,
    key_folder: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal = journal_of("dev-1")
    journal.rate()
    ledger.writer.store([journal.message()])
    before = {name: ledger.table(name) for name in DERIVED_TABLES}
    fleet = small_fleet()
    moved = DeviceAssignment(device="dev-1", window="w3", from_on=date(2026, 6, 30))
    new = DeviceAssignment(device="dev-4", window="w1", from_on=date(2026, 6, 30))
    fleet = small_fleet(
        devices=(*fleet.devices, Device(id="dev-4", profile="five-key")),
        device_assignments=(*fleet.device_assignments, moved, new),
    )
    for _ in range(2):  # the next start says it again
        load_at_start(ledger.db, fleet, [], key_folder, ledger.now_ms)
    assert errors(caplog) == 2 * [
        "not loaded, it changes stored ratings: device at window dev-1: w3 from 2026-06-30; see "
        "`collector fleet diff`, then `collector fleet load`"
    ]
    assert {name: ledger.table(name) for name in DERIVED_TABLES} == before
    other = journal_of("dev-4")
    other.rate()
    ledger.new_writer().store([other.message()])
    assert ledger.query(
        "SELECT d.code, w.code FROM outcomes o JOIN devices d ON d.id = o.device"
        " JOIN windows w ON w.id = o.window ORDER BY position"
    ) == [("dev-1", "w1"), ("dev-4", "w1")]


def test_a_file_that_contradicts_the_ledger_is_told_and_the_ledgers_fleet_goes_on(
    ledger: Any, small_fleet: Any, key_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = small_fleet(device_assignments=small_fleet().device_assignments[1:])
    load_at_start(ledger.db, fleet, [], key_folder, ledger.now_ms)
    assert errors(caplog) == [
        "fleet file not loaded, going on with the fleet the ledger knows: device at window: dev-1: "
        "expected w1 from 2026-01-01, got nothing"
    ]


def test_a_new_ledger_does_not_begin_with_a_contradiction(
    tmp_path: Path, small_fleet: Any, key_folder: Path
) -> None:
    key = SigningKey.from_seed(b"k" * 32).public
    for device in ("dev-1", "dev-2"):
        save_verify_key(key_folder / f"{device}.jwk", key)
    db = open_ledger(tmp_path / "ledger.db")
    with pytest.raises(ImmutableFleet):
        load_at_start(db, small_fleet(), [], key_folder, 0)
    db.close()


def test_a_key_file_that_cannot_be_read_keeps_no_other_key_out(
    new_ledger: Any, small_fleet: Any, key_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = new_ledger(small_fleet(devices=small_fleet().devices[:2], device_assignments=()))
    (key_folder / "dev-1.jwk").write_text("{}")
    load_at_start(ledger.db, small_fleet(), [], key_folder, 0)
    [error] = errors(caplog)
    assert error.startswith("device key not loaded: dev-1.jwk: ")
    assert ledger.query(
        "SELECT d.code FROM device_keys k JOIN devices d ON d.id = k.device ORDER BY 1"
    ) == [("dev-1",), ("dev-2",), ("dev-3",)]


def test_an_unreadable_fleet_file_stops_only_a_hall_that_has_no_ledger_yet(
    tmp_path: Path, ledger: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "fleet.toml").write_text("no TOML")
    settings = CollectorSettings(
        hall="hall-1",
        fleet=tmp_path / "fleet.toml",
        device_keys=tmp_path / "keys",
        key=tmp_path / "unused",
        ledger=tmp_path / "none.db",
        broker=BrokerSettings(host="127.0.0.1"),
    )
    with pytest.raises(InvalidSettings):
        _fleet_or_problems(settings)
    (tmp_path / "none.db").touch()
    fleet, problems = _fleet_or_problems(settings)
    assert fleet is None
    load_at_start(ledger.db, fleet, problems, tmp_path / "keys", 0)
    [error] = errors(caplog)
    assert error.startswith("fleet file not loaded, going on with the fleet the ledger knows: fl")

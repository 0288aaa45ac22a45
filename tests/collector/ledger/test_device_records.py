"""What devices write of themselves: stored once, counted nowhere, found by index."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from collector.ledger.readers import LedgerReader
from collector.ledger.readers.devices import DeviceSettings, device_settings, last_tests
from collector.ledger.rebuild import rebuild
from firmware_config.contract import Channel, Health, Kind, encode, topic

HALL = "hall-1"
OF_ITSELF: list[tuple[Kind, dict[str, Any]]] = [
    (Kind.TEST, {"level": 5, "button": "key-5"}),
    (Kind.TEST, {"level": 1, "button": "key-1"}),
    (Kind.SETTINGS, {"version": 1_782_900_000_000, "values": {"voice.volume": "40"}}),
    (Kind.SETTINGS, {"version": 1_782_900_000_001, "values": {}}),
    (Kind.PAUSED, {"staff_no": "017", "via": "command"}),
    (Kind.RESUMED, {"via": "command"}),
    (Kind.RESUMED, {"via": "test"}),
    (Kind.SIGNIN, {"staff_no": "017", "via": "command"}),
    (Kind.SIGNOUT, {"staff_no": "017", "via": "reader"}),
    (Kind.FAULT, {"reason": "under-voltage", "detail": "supply"}),
    (Kind.CLOCK, {"step_ms": -12}),
]


@pytest.mark.parametrize(("kind", "fields"), OF_ITSELF, ids=lambda value: str(value)[:40])
def test_a_record_of_the_device_itself_is_stored_once_and_changes_no_rate(
    ledger: Any, journal_of: Any, kind: Kind, fields: dict[str, Any]
) -> None:
    journal = journal_of("dev-1")
    journal.rate(level=5)
    ledger.writer.store([journal.message()])
    derived = (
        "outcomes",
        "day_rollups",
        "hour_rollups",
        "month_rollups",
        "month_hour_rollups",
        "month_staff_rollups",
    )
    before = [ledger.table(name) for name in derived]
    token = journal.add(kind, **fields)

    first = ledger.writer.store([journal.message(token)])
    again = ledger.writer.store([journal.message(token), journal.message()])

    assert (first.accepted, first.quarantined) == (1, 0)
    assert (again.accepted, again.quarantined, again.repeats) == (0, 0, 3)
    assert ledger.seqs(journal.epoch) == [1, 2]
    assert ledger.query("SELECT kind FROM records WHERE seq = 2") == [(kind.value,)]
    assert [ledger.table(name) for name in derived] == before
    ledger.db.execute("BEGIN IMMEDIATE")
    rebuild(ledger.db)
    ledger.db.execute("COMMIT")
    assert [ledger.table(name) for name in derived] == before


def test_an_answer_that_reaches_ingest_is_put_aside_and_holds_nothing_up(
    ledger: Any, journal_of: Any, sent: Any
) -> None:
    journal = journal_of("dev-1")
    journal.boot_up()
    answer = sent(topic(HALL, "dev-1", Channel.ANSWER), b"whatever")

    stored = ledger.writer.store([answer, journal.message()])

    assert (stored.accepted, stored.quarantined) == (1, 1)
    assert ledger.reasons() == ["topic"]


def test_health_is_kept_as_it_came_however_often_it_comes(ledger: Any, sent: Any) -> None:
    full = Health(
        dev="dev-1",
        v=1,
        uptime_s=1,
        head=7,
        stored=5,
        archived=0,
        settings_version=2**53 - 1,
        cpu_temp_c=61.5,
        power=["under-voltage"],
        memory_bytes=1,
        stuck=["key-5"],
        alarms=["disk-low"],
        threads={"writer": True},
        broker_reasons={"0x87": 2},
        presses={"screen-5": 1},
    )
    name = topic(HALL, "dev-1", Channel.HEALTH)
    for uptime_s in (1, 2, 3):
        ledger.writer.store(
            [sent(name, encode(msgspec.structs.replace(full, uptime_s=uptime_s)))] * 2
        )

    [(state, kept)] = ledger.query("SELECT state, health FROM device_status")
    assert state == "unknown"
    assert kept == encode(msgspec.structs.replace(full, uptime_s=3))
    assert ledger.reasons() == []


def test_the_last_test_of_every_level_is_found_over_all_journals(
    ledger: Any, journal_of: Any, now_ms: int
) -> None:
    old, new = journal_of("dev-1", number=1), journal_of("dev-1", number=2)
    for level in (5, 4, 3, 2, 1):
        old.add(Kind.TEST, level=level, button="key", wall_ms=now_ms - 9_000_000 + level)
    old.rate()
    old.add(Kind.TEST, level=4, button="key", wall_ms=now_ms - 8_000_000)
    new.add(Kind.TEST, level=5, button="key", wall_ms=now_ms - 1000)
    new.add(Kind.TEST, level=3, button="key", wall_ms=1, mono_ms=9, synced=False)
    ledger.writer.store([old.message()])
    ledger.writer.store([new.message()])

    with LedgerReader(ledger.path) as reader:
        [tested] = [levels for levels in last_tests(reader).values() if levels]
        [plan] = reader.rows(
            "EXPLAIN QUERY PLAN SELECT payload FROM records WHERE kind IN ('TEST', 'SETTINGS')"
            " AND kind = 'TEST' AND epoch = 1 ORDER BY seq DESC LIMIT 60"
        )

    assert tested == {
        5: now_ms - 1000,
        4: now_ms - 8_000_000,
        3: now_ms,  # its clock was not set: when it was received
        2: now_ms - 9_000_000 + 2,
        1: now_ms - 9_000_000 + 1,
    }
    assert "USING INDEX records_about_devices (kind=? AND epoch=?)" in plan[3]


def test_settings_are_what_health_reports_with_the_values_of_that_version(
    ledger: Any, journal_of: Any, sent: Any
) -> None:
    first, second = journal_of("dev-1"), journal_of("dev-2")
    first.add(Kind.SETTINGS, version=5, values={"voice.volume": "40"})
    second.add(Kind.SETTINGS, version=6, values={"voice.volume": "50"})
    name = topic(HALL, "dev-1", Channel.HEALTH)

    def heard(version: int) -> dict[str, DeviceSettings]:
        health = Health(
            dev="dev-1", v=1, uptime_s=1, head=1, stored=1, archived=0, settings_version=version
        )
        ledger.writer.store([first.message(), second.message(), sent(name, encode(health))])
        with LedgerReader(ledger.path) as reader:
            return device_settings(reader)

    by_record = DeviceSettings(version=6, values={"voice.volume": "50"}, written=6)
    assert heard(5) == {
        "dev-1": DeviceSettings(version=5, values={"voice.volume": "40"}, written=5),
        "dev-2": by_record,
    }
    assert heard(7)["dev-1"] == DeviceSettings(version=7, values=None, written=5)
    assert heard(0)["dev-1"] == DeviceSettings(version=0, values={}, written=5)

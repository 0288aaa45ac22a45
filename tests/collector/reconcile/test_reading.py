"""What a reconciliation sees in a real ledger."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from collector.reconcile.model import DayVerdict, DeviceState, Reconciliation
from collector.reconcile.reading import read_reconciliation
from collector.reconcile.report import details, rows, summary_line
from firmware_config.contract import Kind

TODAY, DAY = date(2026, 7, 1), date(2026, 6, 30)
NIGHT_MS = 1_782_835_200_000
"""2026-06-30T16:00:00Z, midnight in Shanghai: where DAY ends."""
HOUR_MS = 3_600_000


@pytest.fixture
def journal(ledger: Any, journal_of: Any) -> Any:
    """A journal of dev-1 with an invitation and a rating on DAY, the day closed, all unsent."""
    ledger.now_ms = NIGHT_MS + HOUR_MS
    made = journal_of("dev-1")
    made.boot_up(wall_ms=NIGHT_MS - 5 * HOUR_MS)
    made.invite(wall_ms=NIGHT_MS - 4 * HOUR_MS)
    made.rate(5, session=1, wall_ms=NIGHT_MS - 4 * HOUR_MS + 1000)
    counts = {"BOOT": 1, "INVITED": 1, "RATED": 1, "RATED.5": 1, "UNRATED": 0}
    made.add(Kind.DAYCLOSE, on=DAY.isoformat(), counts=counts, wall_ms=NIGHT_MS + 6000)
    return made


def look(ledger: Any) -> Reconciliation:
    return read_reconciliation(ledger.path, [DAY], ledger.now_ms)


def of(found: Reconciliation, device: str = "dev-1") -> DeviceState:
    return next(one for one in found.devices if one.device == device)


def test_a_closed_day_with_the_same_counts_balances(ledger: Any, journal: Any) -> None:
    ledger.writer.store([journal.hello(), journal.message()])

    found = look(ledger)

    assert [day.verdict for day in of(found).days] == [DayVerdict.BALANCED]
    assert found.is_good, list(details(found))
    assert {one.device for one in found.devices} == {"dev-1", "dev-2", "dev-3"}
    assert summary_line(found).startswith("GOOD  2026-06-30: 3 devices, days 1 balanced, 2 waiting")


def test_a_record_that_is_missing_shows_as_a_gap_and_as_a_difference(
    ledger: Any, journal: Any
) -> None:
    """I8: exported counts = ledger counts = day-closes."""
    tokens = journal.tokens
    ledger.writer.store([journal.hello(), journal.message(*tokens[:2], *tokens[3:])])

    found = look(ledger)

    [gap] = of(found).journals
    assert (gap.stored, gap.head, gap.missing, gap.ask_from) == (2, 4, ((3, 3),), 3)
    assert [day.verdict for day in of(found).days] == [DayVerdict.DIFFERS]
    assert set(details(found)) >= {
        "dev-1 2026-06-30: RATED: device 1, ledger 0",
        "dev-1 2026-06-30: RATED.5: device 1, ledger 0",
        f"dev-1 {journal.epoch}: missing seq 3-3",
    }
    assert not found.is_good
    assert [row[0] for row in rows(found)] == ["dev-1"]


def test_a_head_that_the_device_has_spoken_of_is_missed(ledger: Any, journal: Any) -> None:
    ledger.writer.store([journal.hello()])

    [gap] = of(look(ledger)).journals

    assert (gap.epoch, gap.is_current, gap.head, gap.told_head) == (journal.epoch, True, 0, 4)
    assert gap.missing_records == 4


def test_a_journal_no_longer_written_cannot_be_asked_for(
    ledger: Any, journal: Any, journal_of: Any
) -> None:
    ledger.writer.store([journal.message(journal.tokens[0], journal.tokens[2])])
    newer = journal_of("dev-1", number=2)
    newer.boot_up()
    ledger.writer.store([newer.hello(), newer.message()])

    [gap] = of(look(ledger)).journals

    assert (gap.epoch, gap.is_current) == (journal.epoch, False)


def test_a_device_heard_of_since_that_has_not_closed_the_day_is_told(
    ledger: Any, journal: Any
) -> None:
    ledger.writer.store([journal.message(*journal.tokens[:3])])
    assert [day.verdict for day in of(look(ledger)).days] == [DayVerdict.WAITING]

    ledger.writer.store([journal.health()])

    assert [day.verdict for day in of(look(ledger)).days] == [DayVerdict.OPEN]


def test_a_fork_is_told(ledger: Any, journal: Any, journal_of: Any) -> None:
    ledger.writer.store([journal.hello(), journal.message()])
    clone = journal_of("dev-1")
    clone.boot_up(wall_ms=NIGHT_MS - HOUR_MS)
    ledger.writer.store([clone.message()])

    found = look(ledger)

    assert of(found).conflicts == 1
    assert not found.is_good


def test_nobody_asks_a_device_about_days_before_its_first_record(ledger: Any, journal: Any) -> None:
    ledger.writer.store([journal.hello(), journal.message()])
    before = date(2026, 6, 29)

    found = read_reconciliation(ledger.path, [before, DAY], ledger.now_ms)

    assert [day.on for day in of(found).days] == [DAY]

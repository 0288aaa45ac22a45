"""Boots that met the collector, and boots that did not: where their ratings land, and stay."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.migrations import migrations, open_ledger
from collector.ledger.rebuild import DERIVED_TABLES, rebuild
from collector.ledger.writer import LedgerWriter
from firmware_config.fleet import Hall, WindowAssignment

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NO_CLOCK = {"synced": False, "wall": "1970-01-01T00:01:00.000Z"}
DAY_LENGTH_MS = 9 * HOUR_MS + HOUR_MS // 2
EIGHT_MS = 1_782_691_200_000  # Monday 2026-06-29, 08:00 in Shanghai


def content(db: Any) -> dict[str, list[Any]]:
    return {
        name: sorted(db.execute(f"SELECT * FROM {name}").fetchall(), key=repr)
        for name in DERIVED_TABLES
    }


def rebuilt(db: Any) -> dict[str, list[Any]]:
    db.execute("BEGIN")
    rebuild(db)
    db.execute("COMMIT")
    return content(db)


def work(journal: Any, hours: list[float]) -> None:
    """Ratings of one boot, at these hours after it began."""
    for hour in hours:
        journal.rate(mono_ms=round(hour * HOUR_MS), **NO_CLOCK)


def store(ledger: Any, journal: Any, begun_at_ms: int, first: int, *, hour: float = 0.0) -> None:
    """Receive what a journal has from `first` on, at an hour after the boot began."""
    ledger.now_ms = begun_at_ms + round(hour * HOUR_MS)
    ledger.writer.store([journal.message(*journal.tokens[first:])])


def days(ledger: Any) -> list[tuple[str, int, str]]:
    return ledger.query("SELECT on_date, hour, time_quality FROM outcomes ORDER BY position")


def test_a_day_without_the_network_counts_on_its_own_day_with_the_bounds_of_its_neighbours(
    ledger: Any, journal_of: Any
) -> None:
    journal = journal_of("dev-1")
    for day in (0, 1, 2):  # Monday, Tuesday without the network, Wednesday
        journal.power_cycle()
        first = len(journal.tokens)
        begun_ms = EIGHT_MS + day * DAY_MS
        journal.boot_up(mono_ms=0, **NO_CLOCK)
        if day != 1:
            journal.meet(begun_ms + 1000, mono_ms=1000)
        work(journal, [1, 9.5])
        if day == 0:
            store(ledger, journal, begun_ms, first, hour=9.5)
        if day == 2:
            store(ledger, journal, begun_ms, 4, hour=9.5)  # Tuesday's come on Wednesday evening

    assert days(ledger) == [
        ("2026-06-29", 9, "offset"),
        ("2026-06-29", 17, "offset"),
        ("2026-06-30", 9, "bounded"),
        ("2026-06-30", 17, "bounded"),
        ("2026-07-01", 9, "offset"),
        ("2026-07-01", 17, "offset"),
    ]
    begun_ms = EIGHT_MS + DAY_MS
    [(offset_ms, earliest_ms, latest_ms)] = ledger.query(
        "SELECT offset_ms, earliest_ms, latest_ms FROM boots WHERE time_quality = 'bounded'"
    )
    assert offset_ms == begun_ms
    assert earliest_ms <= begun_ms <= latest_ms
    assert (earliest_ms, latest_ms) == (
        EIGHT_MS + DAY_LENGTH_MS,
        EIGHT_MS + 2 * DAY_MS - DAY_LENGTH_MS,
    )
    assert ledger.query("SELECT on_date, sum(level5) FROM day_rollups GROUP BY 1") == [
        ("2026-06-29", 2),
        ("2026-06-30", 2),
        ("2026-07-01", 2),
    ]
    live = content(ledger.db)
    assert rebuilt(ledger.db) == live


def test_a_boot_delivered_late_stands_where_it_came_until_more_is_known_then_moves(
    ledger: Any, journal_of: Any
) -> None:
    journal = journal_of("dev-1")
    journal.boot_up(mono_ms=0, **NO_CLOCK)
    journal.meet(EIGHT_MS, mono_ms=0)
    work(journal, [9.5])
    store(ledger, journal, EIGHT_MS, 0, hour=9.5)
    journal.power_cycle()
    journal.boot_up(mono_ms=0, **NO_CLOCK)
    work(journal, [1, 9.5])
    raw = ledger.query("SELECT payload, received_ms FROM records ORDER BY position")

    store(ledger, journal, EIGHT_MS + 2 * DAY_MS, 3)
    assert days(ledger)[1:] == [
        ("2026-06-30", 23, "bounded"),
        ("2026-07-01", 8, "bounded"),
    ]
    journal.power_cycle()
    journal.boot_up(mono_ms=0, **NO_CLOCK)
    store(ledger, journal, EIGHT_MS + 2 * DAY_MS, 6)
    ledger.new_writer()  # as after a restart of ingest
    journal.meet(EIGHT_MS + 2 * DAY_MS + 40, mono_ms=40)
    store(ledger, journal, EIGHT_MS + 2 * DAY_MS + 60, 7)

    assert days(ledger)[1:] == [
        ("2026-06-30", 9, "bounded"),
        ("2026-06-30", 17, "bounded"),
    ]
    assert ledger.query("SELECT on_date, hour, level5 FROM hour_rollups ORDER BY 1, 2") == [
        ("2026-06-29", 17, 1),
        ("2026-06-30", 9, 1),
        ("2026-06-30", 17, 1),
    ]
    assert ledger.query("SELECT payload, received_ms FROM records ORDER BY position")[:3] == raw
    live = content(ledger.db)
    assert rebuilt(ledger.db) == live


@pytest.mark.parametrize(
    ("zone", "midnight_ms", "before", "after"),
    [
        # local midnights as UTC; the day and month the rating leaves, and those it goes to
        ("Asia/Shanghai", 1_782_835_200_000, "2026-07-01", "2026-06-30"),  # a month ends
        ("Europe/Berlin", 1_774_738_800_000, "2026-03-29", "2026-03-28"),  # a day of 23 hours
        ("Europe/Berlin", 1_792_969_200_000, "2026-10-26", "2026-10-25"),  # after one of 25
        ("America/St_Johns", 1_798_774_200_000, "2027-01-01", "2026-12-31"),  # a year
    ],
)
def test_a_time_that_moves_over_midnight_moves_day_month_and_place(
    new_ledger: Callable[..., Any],
    small_fleet: Any,
    journal_of: Any,
    zone: str,
    midnight_ms: int,
    before: str,
    after: str,
) -> None:
    hall = Hall(id="hall-1", name="大厅", name_en="Hall", timezone=zone, opens=((),) * 7)
    since = date(2026, 1, 1)
    moves = (
        WindowAssignment(window="w1", department="tax", from_on=since),
        WindowAssignment(window="w1", department="market", from_on=date.fromisoformat(before)),
    )
    ledger = new_ledger(small_fleet(hall=hall, window_assignments=moves))
    journal = journal_of("dev-1")
    journal.invite(mono_ms=0, **NO_CLOCK)
    journal.rate(session=1, mono_ms=1000, **NO_CLOCK)

    store(ledger, journal, midnight_ms + 1000, 0)
    where = "SELECT r.on_date, p.code, r.invited, r.level5 FROM {} r JOIN departments p"
    where += " ON p.id = r.department"
    found = ledger.query(where.format("day_rollups"))
    assert found == [(before, "market", 1, 1)]

    journal.meet(midnight_ms - 5, mono_ms=1000)  # it was a second too late
    ledger.new_writer()
    store(ledger, journal, midnight_ms - 5, 2)

    assert ledger.query(where.format("day_rollups")) == [(after, "tax", 1, 1)]
    assert ledger.query(where.format("hour_rollups").replace("on_date", "hour")) == [
        (23, "tax", 1, 1)
    ]
    assert ledger.query(where.format("month_rollups").replace("on_date", "on_month")) == [
        (after[:7], "tax", 1, 1)
    ]
    assert ledger.query("SELECT on_date, time_quality FROM outcomes") == [(after, "offset")]
    live = content(ledger.db)
    assert rebuilt(ledger.db) == live


boots_of = st.lists(
    st.fixed_dictionaries(
        {
            "minutes": st.lists(st.integers(0, 24 * 60), min_size=1, max_size=4),
            "off_minutes": st.integers(0, 40 * 60),
            "meets": st.booleans(),
            "synced": st.sampled_from([False, False, False, True]),
            "wrong_ms": st.sampled_from([0, 0, 0, DAY_MS, -DAY_MS, -40_000]),
        }
    ),
    min_size=1,
    max_size=6,
)


def write_boots(journal: Any, boots: list[Any]) -> None:
    at_ms = EIGHT_MS
    for boot in boots:
        journal.power_cycle()
        length = 0
        for minute in sorted(boot["minutes"]):
            mono_ms = length = minute * 60_000
            clock: dict[str, Any] = dict(NO_CLOCK)
            if boot["synced"]:
                clock = {"synced": True, "wall_ms": at_ms + mono_ms + boot["wrong_ms"]}
            journal.rate(mono_ms=mono_ms, **clock)
        if boot["meets"]:
            journal.meet(at_ms + length + boot["wrong_ms"], mono_ms=length)
        at_ms += length + boot["off_minutes"] * 60_000


def told(db: Any) -> dict[str, list[Any]]:
    """What the ledger says, by seq instead of by order of arrival."""
    return {
        "boots": sorted(db.execute("SELECT * FROM boots").fetchall(), key=repr),
        "outcomes": db.execute(
            "SELECT r.seq, o.pressed_ms, o.on_date, o.hour, o.time_quality, o.boot, o.window"
            " FROM outcomes o JOIN records r ON r.position = o.position ORDER BY r.seq"
        ).fetchall(),
        **{
            name: sorted(db.execute(f"SELECT * FROM {name}").fetchall())
            for name in (
                "day_rollups",
                "hour_rollups",
                "month_rollups",
                "month_hour_rollups",
                "month_staff_rollups",
            )
        },
    }


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    boots=boots_of,
    delays=st.lists(st.integers(0, 5 * 24 * 60), min_size=1, max_size=8),
    orders=st.lists(st.randoms(use_true_random=False), min_size=2, max_size=2),
    lost=st.integers(0, 30),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5),
)
def test_times_depend_on_what_was_received_when_and_not_on_the_order(
    journal_of: Any,
    small_fleet: Any,
    boots: list[Any],
    delays: list[int],
    orders: list[Any],
    lost: int,
    sizes: list[int],
) -> None:
    journal = journal_of("dev-1")
    write_boots(journal, boots)
    received: dict[int, list[bytes]] = {}
    for at, token in enumerate(journal.tokens):
        if at + 1 != lost:  # a gap, perhaps
            ms = EIGHT_MS + DAY_MS + delays[at % len(delays)] * 60_000
            received.setdefault(ms, []).append(token)
    groups = [
        (ms, tokens[at : at + sizes[0]])
        for ms, tokens in received.items()
        for at in range(0, len(tokens), sizes[0])
    ]
    results = []
    for order in orders:
        order.shuffle(groups)
        with (
            tempfile.TemporaryDirectory() as folder,
            closing(open_ledger(Path(folder) / "ledger.db")) as db,
        ):
            keys = {journal.device: journal.key.public}
            load_into_ledger(db, small_fleet(), keys, now_ms=0)
            clock = {"ms": 0}
            writer = LedgerWriter(db, hall="hall-1", clock_ms=lambda clock=clock: clock["ms"])
            for number, (ms, tokens) in enumerate(groups):
                clock["ms"] = ms
                assert writer.store([journal.message(*tokens)]).accepted == len(tokens)
                if sizes[number % len(sizes)] == 1:
                    writer = LedgerWriter(
                        db, hall="hall-1", clock_ms=lambda clock=clock: clock["ms"]
                    )
            live = content(db)
            results.append(told(db))
            assert rebuilt(db) == live
    assert results[0] == results[1]


def test_boots_in_a_row_move_without_touching_those_that_met(ledger: Any, journal_of: Any) -> None:
    journal = journal_of("dev-1")
    for day in range(5):
        journal.power_cycle()
        journal.boot_up(mono_ms=0, **NO_CLOCK)
        if day in (0, 4):
            journal.meet(EIGHT_MS + day * DAY_MS, mono_ms=0)
        work(journal, [9.5])
    store(ledger, journal, EIGHT_MS + 4 * DAY_MS, 0, hour=9.5)

    assert days(ledger) == [
        ("2026-06-29", 17, "offset"),
        ("2026-06-30", 17, "bounded"),
        ("2026-07-01", 17, "bounded"),
        ("2026-07-02", 17, "bounded"),
        ("2026-07-03", 17, "offset"),
    ]


def test_boots_of_two_journals_of_a_device_do_not_bound_each_other(
    ledger: Any, journal_of: Any
) -> None:
    """Which of them is older nothing says for sure."""
    first, second = journal_of("dev-1"), journal_of("dev-1", number=2)
    first.meet(EIGHT_MS, mono_ms=0)
    work(second, [1])
    store(ledger, first, EIGHT_MS, 0)
    store(ledger, second, EIGHT_MS + DAY_MS, 0)

    assert ledger.query("SELECT earliest_ms FROM boots WHERE met_ms IS NULL") == [(None,)]


def test_a_ledger_of_the_former_rule_is_derived_anew_and_nothing_received_is_lost(
    ledger: Any, journal_of: Any, tmp_path: Path
) -> None:
    journal = journal_of("dev-1")
    journal.meet(EIGHT_MS, mono_ms=0)
    work(journal, [9.5])
    journal.power_cycle()
    work(journal, [1])
    journal.power_cycle()
    journal.meet(EIGHT_MS + 2 * DAY_MS, mono_ms=0)
    store(ledger, journal, EIGHT_MS + 2 * DAY_MS, 0)
    expected = content(ledger.db)
    path = tmp_path / "former.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as plain:
        former = Database(plain, strict=True)
        migrations.apply(former, stop_before="0006_times")
        plain.execute(f"ATTACH '{ledger.path}' AS new")
        plain.execute("DELETE FROM meta")
        plain.execute("DELETE FROM ledger_state")
        for name in ("meta", "departments", "windows", "devices", "device_keys", "device_windows"):
            plain.execute(f"INSERT INTO {name} SELECT * FROM new.{name}")
        plain.execute("DELETE FROM meta WHERE key = 'purge_salt'")  # not known then
        for name in ("window_departments", "epochs", "records", "ledger_state"):
            plain.execute(f"INSERT INTO {name} SELECT * FROM new.{name}")
        plain.execute("INSERT INTO boots VALUES (1, 'f', 7)")
        plain.execute(
            "INSERT INTO day_rollups (on_date, window, department, staff_no, item, level5)"
            " VALUES ('2026-07-01', 1, 1, '', '', 2)"
        )
        kept = plain.execute("SELECT * FROM records ORDER BY position").fetchall()

    for _ in range(2):
        with closing(open_ledger(path)) as db:
            assert content(db) == expected
            assert db.execute("SELECT * FROM records ORDER BY position").fetchall() == kept
            assert db.execute("SELECT 1 FROM meta WHERE key = 'derived'").fetchone() is None
    assert json.loads(kept[0][7])["kind"] == "CLOCK"

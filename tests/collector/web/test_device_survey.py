"""What is judged of devices by their history in a real ledger."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.devices.needs import Reason
from collector.devices.opening import NO_SPECIAL_DAYS
from collector.devices.survey import Surveyed, survey
from collector.ledger.readers import LedgerReader
from collector.rules.entries import DayKind

ZONE = ZoneInfo("Asia/Shanghai")
LEVELS = "level5, level4, level3, level2, level1"


def ms(text: str) -> int:
    """A local time of the hall as UTC milliseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC).timestamp() * 1000)


NOW = ms("2026-05-13T15:30")


class History:
    """A ledger whose days before today are written by the test; opened for it alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run("DELETE FROM day_rollups WHERE on_date < '2026-05-13'")

    def run(self, sql: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute(sql, values)

    def day(self, on: date, window: str | None = None, *, levels: tuple[int, ...]) -> None:
        """What every window, or one, rated on a day; as many sessions again were not rated."""
        where = "WHERE code = ?" if window else ""
        self.run(
            "INSERT OR REPLACE INTO day_rollups (on_date, window, department, staff_no,"
            f" staff_from, item, {LEVELS}, unrated)"
            " SELECT ?, id, 1, '', '', '', ?, ?, ?, ?, ?, ? FROM windows"
            f" {where}",
            *(on.isoformat(), *levels, sum(levels), *([window] if window else [])),
        )

    def working_days(self, number: int) -> list[date]:
        """The last working days before today, Sundays left out."""
        days = [date(2026, 5, 13) - timedelta(days=back) for back in range(1, 60)]
        return [day for day in days if day.weekday() != 6][:number]

    def look(
        self, now_ms: int = NOW, special: Mapping[date, DayKind] = NO_SPECIAL_DAYS
    ) -> dict[str, Surveyed]:
        with LedgerReader(self.path) as reader:
            found = survey(reader, now_ms=now_ms, real_ms=now_ms, zone=ZONE, special=special)
        return {one.code: one for one in found}


def reasons(one: Surveyed) -> set[Reason]:
    return {need.reason for need in one.needs}


@pytest.fixture
def history(ledger: Path) -> History:
    made = History(ledger)
    # as if all had been there for long: days before a device came are not its own
    for table in ("device_windows", "window_departments"):
        made.run(f"DROP TRIGGER {table}_are_never_changed")
        made.run(f"UPDATE {table} SET from_ms = ?", ms("2025-01-01T00:00"))
    for day in made.working_days(20):
        made.day(day, levels=(12, 2, 1, 1, 1))
    return made


def test_a_window_where_nothing_happens_while_the_others_work_is_told(history: History) -> None:
    def silent(found: dict[str, Surveyed]) -> set[str]:
        return {code for code, one in found.items() if Reason.IDLE in reasons(one)}

    since = ms("2026-05-13T10:00")
    before = silent(history.look())
    history.run("DELETE FROM outcomes WHERE window = 60 AND pressed_ms > ?", since)
    found = history.look()
    [code] = [one.code for one in found.values() if one.window and one.window.id == 60]
    assert silent(found) - before == {code}
    assert not silent(history.look(special={date(2026, 5, 13): DayKind.HOLIDAY}))
    assert found[code].session_ms is not None
    assert found[code].session_ms <= since


@pytest.mark.parametrize("now", ["2026-05-13T12:30", "2026-05-13T17:30", "2026-05-17T10:00"])
def test_nobody_is_silent_at_noon_in_the_evening_and_on_sundays(history: History, now: str) -> None:
    history.run("DELETE FROM outcomes WHERE window = 60 AND pressed_ms > ?", ms("2026-05-13T09:00"))
    assert not any(Reason.IDLE in reasons(one) for one in history.look(ms(now)).values())


def test_without_opening_hours_nobody_is_called_silent(history: History) -> None:
    history.run("DELETE FROM outcomes WHERE window = 60 AND pressed_ms > ?", ms("2026-05-13T10:00"))
    history.run("DELETE FROM meta WHERE key = 'hall_opens'")
    assert not any(Reason.IDLE in reasons(one) for one in history.look().values())


def test_a_level_that_is_missing_at_one_window_is_told_until_its_key_is_tested(
    history: History, clock: Any
) -> None:
    for day in history.working_days(20):
        history.day(day, "c06", levels=(14, 2, 1, 0, 0))
    history.run(
        "UPDATE day_rollups SET level2 = 0, level1 = 0 WHERE window ="
        " (SELECT id FROM windows WHERE code = 'c06')"
    )
    found = history.look()
    assert {code for code, one in found.items() if Reason.ONE_SIDED in reasons(one)} == {"w-c06"}
    [need] = [need for need in found["w-c06"].needs if need.reason is Reason.ONE_SIDED]
    assert need.facts == {"levels": (2, 1)}


def test_presses_before_a_device_came_are_not_its_own(history: History) -> None:
    came = ms("2026-05-11T00:00")
    history.run("INSERT INTO devices (id, code) VALUES (900, 'w-new')")
    history.run("INSERT INTO device_windows VALUES (1, ?, NULL)", came)
    history.run("INSERT INTO device_windows VALUES (900, ?, 1)", came)
    history.run("DELETE FROM day_rollups WHERE window = 1 AND on_date = '2026-05-13'")
    new, old = history.look()["w-new"], history.look()["w-a01"]
    assert {key.level: key.presses for key in new.keys} == {5: 24, 4: 4, 3: 2, 2: 2, 1: 2}
    assert new.from_ms == came
    assert old.window is None
    assert {key.presses for key in old.keys} == {0}


def test_conflicts_and_refused_messages_are_told_while_they_are_news(history: History) -> None:
    history.run(
        "INSERT INTO conflicts (epoch, seq, stored_digest, other_digest, token, first_ms, last_ms)"
        " VALUES (1, 5, x'00', x'01', x'02', ?, ?)",
        *(NOW, NOW),
    )
    found = history.look()
    assert reasons(found["w-a01"]) >= {Reason.CONFLICT, Reason.QUARANTINE}
    later = history.look(NOW + 31 * 86_400_000)["w-a01"]
    assert not reasons(later) & {Reason.CONFLICT, Reason.QUARANTINE}


def test_a_journal_with_a_hole_is_told(history: History) -> None:
    history.run("UPDATE epochs SET stored = stored - 7 WHERE device = 3")
    [need] = [n for n in history.look()["w-a03"].needs if n.reason is Reason.GAP]
    assert need.facts == {"number": 7}


def test_the_page_of_a_device_tells_its_faults_and_starts(
    client: Any, ledger: Path, dashboard: Any
) -> None:
    with closing(sqlite3.connect(ledger)) as database, database:
        database.execute("DROP TRIGGER records_follow_each_other")
        [(head, key)] = database.execute(
            "SELECT e.head, k.id FROM epochs e JOIN device_keys k ON k.device = e.device"
            " WHERE e.device = 1"
        ).fetchall()
        for at, (kind, said) in enumerate(
            [
                ("BOOT", '"version":"1.4.0","pins":"five-key"'),
                ("CLOCK", '"step_ms":1234'),
                ("FAULT", '"reason":"disk-low","detail":"<b>12 MB</b>"'),
            ],
            start=1,
        ):
            payload = f'{{"wall":"2026-05-13T01:0{at}:00.000Z","synced":true,{said}}}'
            database.execute(
                "INSERT INTO records VALUES ((SELECT max(position) + 1 FROM records), 1, ?, x'00',"
                " ?, ?, ?, ?, x'00')",
                (head + at, kind, key, NOW, payload.encode()),
            )
    events = client.get("/api/v1/devices/w-a01").json["events"]
    assert [(one["kind"], one["reason"], one["step_ms"]) for one in events] == [
        ("FAULT", "disk-low", None),
        ("CLOCK", "", 1234),
        ("BOOT", "1.4.0", None),
    ]
    page = client.get("/devices/w-a01").text
    assert "&lt;b&gt;12 MB" in page
    assert "09:03:00" in page
    assert "调整 1,234 毫秒" in page

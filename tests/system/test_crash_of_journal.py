"""A power cut at every point of what SQLite writes of a journal: no thanked press is lost (I1).

The product's own code runs on a recorded disk (`recorded_sqlite`); then every state that a power
cut could leave (`crashed_disk`) is opened again by the product's own code and checked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from firmware_config.contract import Kind, Trigger
from firmware_config.keys import SigningKey
from kiosk.clock import ManualClock
from kiosk.drafts import Draft, Session
from kiosk.journal import Journal, open_journal
from kiosk.window import Watermarks
from tests.system.crashed_disk import near_moves_of_the_log, sweep
from tests.system.recorded_sqlite import Event, Recorder

KEY = SigningKey.from_seed(b"k" * 32)
ZONE = ZoneInfo("Asia/Shanghai")

pytestmark = pytest.mark.system
Record = Callable[[str, object], None]


class JournalRun:
    """A journal's life on a recorded disk.

    Attributes:
        tokens: what was appended, by seq.
        heads: where transactions ended.
        kept: every watermark it was given.
    """

    def __init__(self, folder: Path, pragma: str = "") -> None:
        folder.mkdir()
        self.path = folder / "journal.db"
        self.recorder = Recorder(folder)
        self.clock = ManualClock()
        self.pragma = pragma
        self.heads = {0}
        self.kept = {Watermarks()}
        self.tokens: dict[int, bytes] = {}
        self.epoch = ""
        self.session = 0

    def open(self, path: Path | None = None) -> Journal:
        return open_journal(path or self.path, key=KEY, device="w-a01", zone=ZONE, wall_ms=0)

    def start(self) -> Journal:
        journal = self.open()
        if self.pragma:
            journal.query(self.pragma)
        self.epoch = journal.epoch
        return journal

    def append(self, journal: Journal, count: int = 1) -> None:
        """One transaction of so many records, promised as the light does: when it returned."""
        drafts = []
        for _ in range(count):
            self.session += 1
            self.clock.advance(1000)
            session = Session(
                number=self.session,
                trigger=Trigger.CASE,
                invited_ms=self.clock.mono_ms(),
                case_no=f"C-{self.session}",
            )
            drafts.append(Draft(Kind.INVITED, self.clock.mono_ms(), session.fields()))
        head = journal.append(drafts, self.clock.stamp())
        self.recorder.promise((head, journal.watermarks.gen))
        self.heads.add(head)
        self.tokens |= dict(journal.tokens(range(head - count + 1, head + 1)))

    def keep(self, journal: Journal, gen: str) -> None:
        marks = Watermarks(gen=gen, stored=journal.head, archived=0, server_ms=0, has_fork=False)
        self.kept.add(marks)
        journal.keep(marks)

    def check(self, folder: Path) -> Callable[[Any], None]:
        def look(promise: tuple[int, str] | None) -> None:
            journal = self.open(folder / "journal.db")
            try:
                assert journal.set_aside is None or promise is None, "set aside"
                rows = journal.query("SELECT seq, token FROM records ORDER BY seq")
                if promise is None:
                    assert len(rows) <= min(self.heads - {0})
                    return
                head, gen = promise
                assert journal.epoch == self.epoch, "another epoch"
                assert journal.head >= head, f"lost: expected {head}, got {journal.head}"
                assert journal.head in self.heads, f"half a transaction: {journal.head}"
                assert rows == [(seq, self.tokens[seq]) for seq in range(1, journal.head + 1)]
                assert journal.watermarks in self.kept, "a watermark nobody gave"
                assert not gen or journal.watermarks.gen, "a gen was forgotten"
                assert journal.watermarks.stored <= journal.head
                assert journal.append([Draft(Kind.BOOT, 1, {"version": "1"})], self.clock.stamp())
            finally:
                journal.close()

        return look

    def play(self, appends: int) -> list[Event]:
        """Two lives of the program, with receipts and moves of the log in between."""
        with self.recorder.recording():
            journal = self.start()
            for number in range(appends):
                self.append(journal, 1 + number % 3)
                if number % 5 == 2:
                    self.keep(journal, f"gen-{number // 10}")
                if number == appends // 2:
                    journal.checkpoint()
            journal.close()
            journal = self.start()
            for _ in range(3):
                self.append(journal)
            events = list(self.recorder.events)
            journal.close()
        return events


def test_a_power_cut_at_every_write_and_sync_of_the_journal_loses_no_thanked_press(
    tmp_path: Path, record_testsuite_property: Record
) -> None:
    """I1: thanks ⇒ durable on the device."""
    run = JournalRun(tmp_path / "live")
    events = run.play(12)
    found = sweep(events, tmp_path / "found", run.check(tmp_path / "found"), shuffles=12)
    record_testsuite_property("journal, every point: points", found.points)
    record_testsuite_property("journal, every point: states", found.states)
    assert found.faults == []
    assert found.states > 700


@pytest.mark.parametrize("level", ["NORMAL", "OFF"])
def test_the_sweep_of_the_journal_finds_what_a_weaker_setting_loses(
    tmp_path: Path, level: str
) -> None:
    run = JournalRun(tmp_path / "live", f"PRAGMA synchronous = {level}")
    found = sweep(run.play(12), tmp_path / "found", run.check(tmp_path / "found"), shuffles=2)
    assert any("lost: expected" in fault for fault in found.faults)


@pytest.mark.parametrize(
    ("every", "shuffles"), [(12, 3), pytest.param(1, 12, marks=pytest.mark.lab)]
)
def test_so_it_is_where_the_journals_log_is_full_and_moves_into_the_file(
    tmp_path: Path, every: int, shuffles: int, record_testsuite_property: Record
) -> None:
    run = JournalRun(tmp_path / "live")
    events = run.play(500)
    points = near_moves_of_the_log(events, every)
    found = sweep(
        events, tmp_path / "found", run.check(tmp_path / "found"), shuffles=shuffles, points=points
    )
    record_testsuite_property("journal, log moves: points", found.points)
    record_testsuite_property("journal, log moves: states", found.states)
    assert found.faults == []
    assert found.states > 100

"""A power cut at every point of what SQLite writes of a ledger: receipts stay true (I2–I4, I7).

The product's own code runs on a recorded disk (`recorded_sqlite`); then every state that a power
cut could leave (`crashed_disk`) is opened again by the product's own code and checked.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.migrations import open_ledger
from collector.ledger.rebuild import DERIVED_TABLES, rebuild
from collector.ledger.writer import LedgerWriter
from collector.merkle import Frontier
from firmware_config.chain import b64url
from tests.collector.conftest import HALL, NOW_MS, JournalOf, small_fleet
from tests.system.crashed_disk import from_the_first_promise, near_moves_of_the_log, sweep
from tests.system.recorded_sqlite import Event, Recorder

pytestmark = pytest.mark.system
Record = Callable[[str, object], None]


class LedgerRun:
    """A ledger's life on a recorded disk.

    Attributes:
        digests: of the rows, in order.
        sizes: where groups ended.
        receipts: what was told to devices.
    """

    def __init__(self, folder: Path, pragma: str = "") -> None:
        folder.mkdir()
        self.path = folder / "ledger.db"
        self.recorder = Recorder(folder)
        self.pragma = pragma
        self.sizes = {0}
        self.gen = ""
        self.digests: list[bytes] = []
        self.journals = [JournalOf(f"dev-{number}") for number in (1, 2, 3)]
        self.fleet = small_fleet()
        self.keys = {journal.device: journal.key.public for journal in self.journals}

    def writer(self, db: Any) -> LedgerWriter:
        return LedgerWriter(db, hall=HALL, clock_ms=lambda: NOW_MS)

    def start(self) -> Any:
        db = open_ledger(self.path)
        if self.pragma:
            db.execute(self.pragma)
        load_into_ledger(db, self.fleet, self.keys, now_ms=NOW_MS)
        return db

    def store(self, writer: LedgerWriter, number: int, count: int) -> None:
        """One group of several devices, promised as ingest does: receipts after the COMMIT."""
        messages = []
        for journal in self.journals[: 1 + number % 3]:
            begun = len(journal.tokens)
            for _ in range(count):
                journal.rate(level=1 + number % 5, case_no=f"C-{number}" if number % 4 else "")
            messages.append(journal.message(*journal.tokens[begun:]))
        writer.store(messages)
        receipts = [writer.receipt((j.device, j.epoch)) for j in self.journals]
        self.sizes.add(writer.size)
        self.recorder.promise((writer.size, tuple(r for r in receipts if r)))

    def play(self, groups: int, count: int) -> list[Event]:
        """Two lives of ingest."""
        with self.recorder.recording():
            db = self.start()
            writer = self.writer(db)
            for number in range(groups):
                self.store(writer, number, count)
            db.close()
            db = self.start()
            writer = self.writer(db)
            for number in range(3):
                self.store(writer, number, count)
            events = list(self.recorder.events)
            rows = db.execute("SELECT digest FROM records ORDER BY position").fetchall()
            self.digests = [digest for (digest,) in rows]
            self.gen = db.execute("SELECT value FROM meta WHERE key = 'gen'").fetchone()[0]
            db.close()
        return events

    def check(self, folder: Path, *, is_rebuilt: bool) -> Callable[[Any], None]:
        def look(promise: tuple[int, tuple[Any, ...]] | None) -> None:
            with closing(open_ledger(folder / "ledger.db")) as db:
                if promise is None:
                    [(rows,)] = db.execute("SELECT count(*) FROM records").fetchall()
                    assert rows <= min(self.sizes - {0})
                    return
                self._check(db, *promise, is_rebuilt=is_rebuilt)

        return look

    def _check(self, db: Any, size: int, receipts: tuple[Any, ...], *, is_rebuilt: bool) -> None:
        writer = self.writer(db)  # refuses a ledger whose rows and size differ
        assert writer.size >= size, f"lost: expected {size}, got {writer.size}"
        assert writer.size in self.sizes, f"half a group: {writer.size}"
        rows = db.execute("SELECT position, digest FROM records ORDER BY position").fetchall()
        assert rows == [(at + 1, self.digests[at]) for at in range(writer.size)]
        for receipt in receipts:
            now = writer.receipt((receipt.dev, receipt.epoch))
            assert now.gen == self.gen == receipt.gen
            assert now.stored >= receipt.stored, "a receipt claimed more than is stored"
            frontier = Frontier()
            frontier.extend(self.digests[: receipt.ledger_size])
            assert b64url(frontier.root()).decode() == receipt.ledger_root
        if is_rebuilt:
            live = [sorted(db.execute(f"SELECT * FROM {name}")) for name in DERIVED_TABLES]
            db.execute("BEGIN")
            rebuild(db)
            again = [sorted(db.execute(f"SELECT * FROM {name}")) for name in DERIVED_TABLES]
            db.execute("ROLLBACK")
            assert live == again, "what is derived does not fit the records"
        # the devices send everything again
        stored = writer.store(
            [journal.message(token) for journal in self.journals for token in journal.tokens]
        )
        assert (stored.quarantined, stored.conflicts) == (0, 0)
        assert writer.size == sum(len(journal.tokens) for journal in self.journals)


def test_a_power_cut_at_every_write_and_sync_of_the_ledger_loses_no_acknowledged_row(
    tmp_path: Path, record_testsuite_property: Record
) -> None:
    """I2, I3, I4, I7: what a receipt said is true of every disk that may be found."""
    run = LedgerRun(tmp_path / "live")
    events = run.play(4, 2)
    found = sweep(
        events,
        tmp_path / "found",
        run.check(tmp_path / "found", is_rebuilt=True),
        shuffles=3,
        points=from_the_first_promise(events, before=9),
    )
    record_testsuite_property("ledger, every point: points", found.points)
    record_testsuite_property("ledger, every point: states", found.states)
    assert found.faults == []
    assert found.states > 500


def test_the_sweep_of_the_ledger_finds_what_a_weaker_setting_loses(tmp_path: Path) -> None:
    run = LedgerRun(tmp_path / "live", "PRAGMA synchronous = NORMAL")
    events = run.play(4, 2)
    found = sweep(
        events,
        tmp_path / "found",
        run.check(tmp_path / "found", is_rebuilt=False),
        shuffles=1,
        points=from_the_first_promise(events, before=50),
    )
    assert any("lost: expected" in fault for fault in found.faults)


@pytest.mark.parametrize(
    ("every", "shuffles"), [(12, 3), pytest.param(1, 12, marks=pytest.mark.lab)]
)
def test_so_it_is_where_the_ledgers_log_is_full_and_moves_into_the_file(
    tmp_path: Path, every: int, shuffles: int, record_testsuite_property: Record
) -> None:
    run = LedgerRun(tmp_path / "live")
    events = run.play(60, 5)
    points = near_moves_of_the_log(events, every)
    found = sweep(
        events,
        tmp_path / "found",
        run.check(tmp_path / "found", is_rebuilt=False),
        shuffles=shuffles,
        points=points,
    )
    record_testsuite_property("ledger, log moves: points", found.points)
    record_testsuite_property("ledger, log moves: states", found.states)
    assert found.faults == []
    assert found.states > 100

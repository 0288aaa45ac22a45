"""The receiver's program over copied cards: journals that a real kiosk wrote."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, contextmanager

import pytest

from collector.export import yiping_verify
from firmware_config.contract import Kind
from firmware_config.keys import SigningKey, save_verify_key
from kiosk.clock import Stamp
from kiosk.drafts import Draft
from kiosk.journal.opening import open_journal
from kiosk.window import Watermarks
from tests.collector.export.ledger_hall import ZONE
from tests.collector.export.sample_hall import at

KEY = SigningKey.from_seed(b"a device whose card is copied...")
BOOT = "0" * 32


class Card:
    """A device's data folder, and what the program says of it."""

    def __init__(self, folder):
        self.folder = folder / "card"
        self.path = self.folder / "journal.db"
        self.keys = folder / "device.jwk"
        save_verify_key(self.keys, KEY.public)

    @contextmanager
    def open(self, day=2, hour=9):
        """The journal, open for writing as on that day."""
        now_ms = int(at(day, hour).timestamp() * 1000)
        journal = open_journal(self.path, key=KEY, device="w-a01", zone=ZONE, wall_ms=now_ms)
        try:
            yield journal
        finally:
            journal.close()

    def write(self, journal, kind, day, **fields):
        """Append one record, as on that day."""
        now_ms = int(at(day, 9).timestamp() * 1000)
        journal.append([Draft(kind, 1000, fields)], Stamp(BOOT, now_ms, is_synced=True))

    def report(self, path=None, *options):
        """What the program says of the card, or of a copy of it."""
        report = yiping_verify.Report()
        told = [str(path or self.folder), "--keys", str(self.keys), *map(str, options)]
        yiping_verify.check(yiping_verify.arguments(told), report)
        return report


@pytest.fixture
def card(tmp_path):
    """A card with a few records of 2 and 3 November, and the close of the 2nd."""
    card = Card(tmp_path)
    with card.open() as journal:
        for day in (2, 3):
            card.write(journal, Kind.BOOT, day, version="1")
            card.write(journal, Kind.TEST, day, level=5, button="key5")
            if day == 2:
                counts = {"BOOT": 1, "TEST": 1, "RATED": 0, "RATED.5": 0}
                card.write(journal, Kind.DAYCLOSE, 3, on="2026-11-02", counts=counts)
    return card


def codes(report):
    return [(f.code, f.place) for f in report.findings]


def test_a_card_as_the_kiosk_left_it_passes(card):
    report = card.report()

    assert report.findings == []
    assert report.figures["signatures"] == report.figures["records"] == 5
    assert report.figures["day_closes"] == 1


def test_what_is_only_in_the_write_ahead_log_is_read_too_and_nothing_is_moved(card, tmp_path):
    copied = tmp_path / "copied"
    with card.open() as journal:
        card.write(journal, Kind.BOOT, 3, version="2")
        shutil.copytree(card.folder, copied)  # as pulled out while it ran
    before = {p.name: p.read_bytes() for p in copied.iterdir()}
    assert before["journal.db-wal"]

    assert card.report(copied / "journal.db").figures["records"] == 6
    assert {p.name: p.read_bytes() for p in copied.iterdir()} == before


def test_a_journal_set_aside_is_checked_with_the_one_in_use(card):
    card.path.rename(card.folder / "journal.db.damaged-20261103T000000Z")
    with card.open() as journal:
        card.write(journal, Kind.BOOT, 3, version="1")

    report = card.report()

    assert report.findings == []
    assert (report.figures["journals"], report.figures["records"]) == (2, 6)


def test_one_set_aside_that_cannot_be_read_is_told_and_fails_nothing(card):
    (card.folder / "journal.db.damaged-20261101T000000Z").write_bytes(b"not a database, at all")

    report = card.report()

    assert report.findings == []
    assert "journal.db.damaged-20261101T000000Z" in report.notes["set-aside"][1]


def test_a_journal_in_use_that_cannot_be_read_fails(card):
    card.path.write_bytes(card.path.read_bytes()[:5000])

    assert codes(card.report()) == [("card", "journal.db")]


def test_a_pruned_card_passes_and_says_what_is_gone(card):
    with card.open() as journal:
        journal.keep(Watermarks(gen="g", stored=5, archived=3, server_ms=0, has_fork=False))
        card.write(journal, Kind.INVITED, 3, session=1, trigger="clerk", invited_mono_ms=1)
        assert journal.prune("2026-11-03") == 2

    report = card.report()

    assert report.findings == []
    assert report.notes["pruned"] == (2, "")
    assert report.notes["close-pruned"] == (1, "")


def test_more_pruned_than_was_archived_is_found(card):
    with closing(sqlite3.connect(card.path)) as connection, connection:
        connection.execute("DROP TRIGGER only_archived_records_are_pruned")
        connection.execute("DELETE FROM records WHERE seq < 3")

    assert ("seq-gap", "journal.db") in codes(card.report())


def test_a_fork_and_watermarks_that_cannot_be_are_found(card):
    with closing(sqlite3.connect(card.path)) as connection, connection:
        connection.execute("UPDATE watermarks SET has_fork = 1, stored = 2, archived = 4")

    assert codes(card.report()) == [("watermark", "journal.db"), ("fork", "journal.db")]


def test_another_key_is_found(card, tmp_path):
    save_verify_key(card.keys, SigningKey.from_seed(bytes(32)).public)

    assert codes(card.report()) == [("key-unknown", "journal.db w-a01")]


def test_a_view_in_place_of_the_records_is_refused(card):
    with closing(sqlite3.connect(card.path)) as connection, connection:
        connection.execute("ALTER TABLE records RENAME TO true_records")
        connection.execute("CREATE VIEW records AS SELECT * FROM true_records WHERE seq > 2")

    assert codes(card.report()) == [("card", "journal.db")]


def test_a_day_in_another_zone_is_told_by_that_zone(card):
    assert card.report(None, "--timezone", "Asia/Shanghai").findings == []
    assert "card-column" in {
        code for code, _ in codes(card.report(None, "--timezone", "America/Los_Angeles"))
    }

"""What a restore believes of a copy: whose it is, which is the newest, and what it archives."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collector.backup.choosing import newest
from collector.backup.found import Found, just_made
from collector.backup.manifest import LedgerMark, Manifest
from collector.backup.restoring import Restored, restore
from collector.errors import UsageError
from collector.ledger.migrations import open_ledger

NAME = "20260701T100000Z"


def put_back(hall: Any, what: str = "latest", **options: Any) -> Restored:
    return restore(
        hall.settings,
        what,
        **{"is_from_sftp": False, "now": lambda: hall.now, "tell": hall.tell, **options},
    )


def archived(path: Path) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT stored, archived FROM epochs ORDER BY device").fetchall()


@pytest.fixture
def backed_up(hall: Any, journals: dict[str, Any]) -> Any:
    """A backup of 60 records, ten more in the ledger since, and nobody writing."""
    hall.back_up()
    hall.store_more(journals["dev-1"])
    hall.ledger.db.close()
    return hall


def test_the_ledger_that_was_kept_claims_no_more_than_a_backup_holds(backed_up: Any) -> None:
    kept = put_back(backed_up).kept

    done = put_back(backed_up, str(kept), is_unsigned_taken=True)

    assert archived(backed_up.settings.ledger) == [(40, 30), (30, 30)]
    assert not done.is_archived
    assert "has no manifest that our key signed" in done.warnings[0]


def test_a_signed_copy_archives_only_what_a_configured_place_holds(
    backed_up: Any, tmp_path: Path
) -> None:
    stick = tmp_path / NAME
    shutil.copytree(backed_up.disk / "ledger" / NAME, stick)
    assert put_back(backed_up, str(stick)).is_archived
    assert archived(backed_up.settings.ledger) == [(30, 30), (30, 30)]

    shutil.rmtree(backed_up.disk / "ledger" / NAME)
    done = put_back(backed_up, str(stick))
    assert archived(backed_up.settings.ledger) == [(30, 0), (30, 0)]  # as when it was made
    assert "holds no backup with our signature that is this copy" in done.warnings[0]


def test_a_copy_that_is_not_signed_by_our_key_is_refused_unless_asked_for(backed_up: Any) -> None:
    ledger, folder = backed_up.settings.ledger, backed_up.disk / "ledger" / NAME
    before = ledger.read_bytes()
    (folder / "manifest.jws").unlink()
    for what in ("latest", str(folder), str(folder / "ledger.db")):
        with pytest.raises(UsageError, match="--unsigned takes it"):
            put_back(backed_up, what)
    assert ledger.read_bytes() == before

    assert not put_back(backed_up, is_unsigned_taken=True).is_archived
    assert archived(ledger) == [(30, 0), (30, 0)]


def test_without_the_key_it_is_said_that_nobody_knows_whose_copy_it_is(backed_up: Any) -> None:
    backed_up.settings.key.unlink()

    done = put_back(backed_up)

    assert "whether we signed it is not known" in done.warnings[0]
    assert archived(backed_up.settings.ledger) == [(30, 0), (30, 0)]


def test_two_restores_in_one_second_keep_both_ledgers(backed_up: Any) -> None:
    first, second = put_back(backed_up), put_back(backed_up)

    assert first.kept is not None
    assert second.kept is not None
    assert first.kept != second.kept
    assert archived(first.kept)[0] == (40, 30)
    assert archived(second.kept)[0] == (30, 30)


def test_a_log_that_was_kept_alone_is_not_joined_by_another_ledger(backed_up: Any) -> None:
    ledger = backed_up.settings.ledger
    alone = ledger.with_name(f"{ledger.name}.before-{NAME}-wal")
    alone.write_bytes(b"of another")

    kept = put_back(backed_up).kept

    assert kept == ledger.with_name(f"{ledger.name}.before-20260701T100001Z")
    assert alone.read_bytes() == b"of another"


def test_the_latest_is_the_one_with_the_most_records_whatever_the_clock_said(
    hall: Any, journals: dict[str, Any]
) -> None:
    hall.now += timedelta(days=60)
    ahead = hall.back_up().name
    hall.now -= timedelta(days=60)
    hall.store_more(journals["dev-1"])
    hall.back_up()
    hall.ledger.db.close()

    done = put_back(hall)

    assert done.mark.size == 70
    assert any(f"{ahead}: is of a time that has not come" in told for told in done.warnings)


def test_the_latest_is_of_the_later_life_even_with_fewer_records(
    hall: Any, journals: dict[str, Any]
) -> None:
    hall.set(keep_daily=9)
    hall.back_up()
    hall.store_more(journals["dev-1"])
    hall.now += timedelta(days=60)
    hall.back_up()
    hall.now -= timedelta(days=59)
    hall.ledger.db.close()
    gen = put_back(hall, str(hall.disk / "ledger" / NAME)).gen
    name = hall.back_up().name
    with closing(open_ledger(hall.settings.ledger)) as db:
        lives = [gen for (gen,) in db.execute("SELECT gen FROM gens ORDER BY id").fetchall()]
    manifest = json.loads((hall.disk / "ledger" / name / "manifest.json").read_text())
    assert manifest["ledger"]["lives"] == lives

    done = put_back(hall)

    assert (done.mark.size, done.mark.gen) == (60, gen)


def test_a_name_in_the_future_costs_no_backup_its_place_in_the_rotation(hall: Any) -> None:
    hall.set(keep_daily=2, keep_weekly=0, keep_monthly=0)
    hall.now += timedelta(days=60)
    names = [hall.back_up().name]
    hall.now -= timedelta(days=60)
    for _ in range(2):
        names.insert(-1, hall.back_up().name)
        hall.now += timedelta(days=1)

    assert sorted(path.name for path in (hall.disk / "ledger").iterdir()) == names


def test_the_rotation_keeps_the_backup_that_went_furthest(
    hall: Any, journals: dict[str, Any]
) -> None:
    """An older copy was put there by hand, and without the key nothing refuses its backup."""
    hall.set(keep_daily=1, keep_weekly=0, keep_monthly=0)
    hall.settings.key.unlink()
    hall.back_up()
    older = (hall.disk / "ledger" / NAME / "ledger.db").read_bytes()
    hall.store_more(journals["dev-1"])
    hall.now += timedelta(days=1)
    furthest = hall.back_up().name
    hall.ledger.db.close()
    hall.settings.ledger.write_bytes(older)
    hall.now += timedelta(days=1)

    report = hall.back_up()

    names = sorted(path.name for path in (hall.disk / "ledger").iterdir())
    assert names == [furthest, report.name]


def found(gen: str, size: int, day: int, lives: str = "") -> Found:
    at_name = f"202607{day:02}T100000Z"
    made_at = f"2026-07-{day:02}T10:00:00Z"
    mark = LedgerMark(
        gen=gen, timezone="UTC", size=size, root="", journals=[], signatures=0, lives=[*lives]
    )
    manifest = Manifest(
        what="backup", v=1, hall="h", made_at=made_at, program="", files={}, ledger=mark
    )
    return just_made(at_name, "disk", manifest, is_signed=True)


@pytest.mark.parametrize(
    ("copies", "best"),
    [
        ([("a", 5, 1, "a"), ("a", 9, 2, "a"), ("a", 7, 3, "a")], 1),
        ([("a", 9, 9, "a"), ("b", 5, 2, "ab")], 1),
        ([("a", 9, 9, "a"), ("b", 5, 2, "ab"), ("c", 3, 1, "abc")], 2),
        ([("a", 5, 1, "a"), ("a", 5, 2, "a")], 1),
        ([("a", 5, 1, "a"), ("a", 5, 30, "a")], 0),  # the other name is of the future
        ([("b", 5, 3, "ab"), ("c", 9, 2, "ac")], 0),  # neither followed the other
        ([("b", 5, 30, "ab"), ("c", 9, 2, "ac")], 1),
        ([("a", 9, 1), ("b", 5, 2)], 1),  # of a program that did not note the lives
        ([("a", 9, 1, "ba"), ("b", 5, 2, "ab")], 1),  # no honest history
    ],
)
def test_the_newest_is_chosen_by_the_ledger_in_it(copies: list[Any], best: int) -> None:
    all_found = [found(*one) for one in copies]
    now = found("a", 0, 20).at

    assert newest(all_found, now) is all_found[best]
    assert newest(all_found[::-1], now) is all_found[best]
    assert newest([], now) is None

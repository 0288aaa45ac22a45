"""After a purge the export leaves the days alone whose records are gone, and says so."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta

import pytest

from collector.errors import UsageError
from collector.ledger.gens import begin_gen
from collector.ledger.purge import plan_purge, purge_records
from firmware_config.errors import ExitCode
from tests.collector.export.ledger_hall import ZONE

PURGED, HALF_PURGED, HELD = "2026-11-02", "2026-11-03", "2026-11-04"


@pytest.fixture
def hall(hall, at):
    """Three exported days; the records of the 2nd and the morning of the 3rd are purged."""
    device = hall.devices["w-a01"]
    for day in (2, 3, 4):
        for number in range(80):
            device.serve(at(day, 9) + timedelta(minutes=number), 5 - number % 5)
        device.close_day(at(day).date(), INVITED=80, RATED=80)
        hall.store(at(day + 1, 0, 1))
    assert hall.export(now=at(5, 2)) is ExitCode.OK
    hall.shown = hall.ratings()  # an exclusion proposed before the purge, approved after it
    hall.db.execute("UPDATE epochs SET archived = stored")
    plan = plan_purge(hall.db.conn, hall._ms(at(4, 12)))
    moment = hall._ms(at(5, 3))
    done = purge_records(
        hall.db, plan, by="li", sign=lambda purged: purged.root, clock_ms=lambda: moment
    )
    assert [one.up_to for one in done] == [256]
    return hall


def names(hall):
    return sorted(p.name for p in hall.exports.iterdir() if not p.name.startswith("."))


def bad_rating(hall, day):
    """A rating of level 1 that was given on a day."""
    return next(
        one
        for one in hall.shown
        if one.level == 1
        and f"{datetime.fromtimestamp(one.pressed_ms / 1000, ZONE):%Y-%m-%d}" == day
    )


def new_life(hall, at: datetime) -> None:
    begin_gen(hall.db, "renewed", hall._ms(at))


def test_a_new_gen_after_a_purge_makes_no_revision(hall, at, capsys, tree):
    before = tree(hall.exports)
    new_life(hall, at(5, 4))

    assert hall.export(now=at(5, 5), recheck_days=30) is ExitCode.OK

    assert tree(hall.exports) == before
    assert capsys.readouterr().err == ""
    assert hall.check().findings == []


def test_a_lost_state_after_a_purge_makes_no_revision(hall, at, tree):
    before = tree(hall.exports)
    (hall.exports / ".state.json").unlink()

    assert hall.export(now=at(5, 5)) is ExitCode.OK

    assert tree(hall.exports) == before


@pytest.mark.parametrize("day", [PURGED, HALF_PURGED])
def test_a_correction_of_a_purged_day_is_told_and_publishes_nothing(hall, at, capsys, tree, day):
    before = tree(hall.exports)
    hall.exclude(bad_rating(hall, day))

    assert hall.export(now=at(5, 5)) is ExitCode.FAILURE

    assert tree(hall.exports) == before
    told = capsys.readouterr().err
    expected = f"warning: {day}: cannot be exported anew, purge 1 of 2026-11-05 (up to record 256)"
    assert expected in told
    assert told.count("warning:") == 1
    assert hall.check().findings == []


def test_a_correction_of_a_day_that_is_held_still_makes_its_revision(hall, at):
    hall.exclude(bad_rating(hall, HELD))

    assert hall.export(now=at(5, 5)) is ExitCode.OK

    assert names(hall) == [PURGED, HALF_PURGED, HELD, f"{HELD}.r2"]
    assert hall.check().findings == []


def test_a_late_rating_of_a_purged_day_is_told(hall, at, capsys):
    hall.devices["w-b01"].serve(at(2, 15), 1)
    hall.store(at(5, 9))

    assert hall.export(now=at(6, 2)) is ExitCode.FAILURE

    assert names(hall) == [PURGED, HALF_PURGED, HELD, "2026-11-05"]
    assert f"warning: {PURGED}: cannot be exported anew, purge 1" in capsys.readouterr().err


@pytest.mark.parametrize("options", [("--day", PURGED), ("--from", PURGED, "--to", HALF_PURGED)])
def test_purged_days_asked_for_are_a_usage_error_that_names_the_purge(hall, at, options):
    with pytest.raises(UsageError, match=r"2026-11-02.*purge 1 of 2026-11-05"):
        hall.export(*options, now=at(5, 5))


def test_of_a_range_asked_for_the_days_that_are_held_are_looked_at(hall, at, capsys):
    code = hall.export("--from", PURGED, "--to", HELD, "--json", now=at(5, 5))

    assert code is ExitCode.FAILURE
    told = json.loads(capsys.readouterr().out)
    assert [day["folder"] for day in told["days"]] == [HELD]
    assert re.match(r"2026-11-02, 2026-11-03: .* purge 1 ", told["warnings"][0])


def test_a_purged_day_that_has_no_export_is_told_and_not_made_up(hall, at, capsys):
    moved = hall.folder / "moved"
    hall.exports.rename(moved)

    assert hall.export(now=at(5, 5)) is ExitCode.FAILURE

    assert names(hall) == [HELD]
    assert "2026-11-02, 2026-11-03: cannot be exported anew" in capsys.readouterr().err

"""`collector export` on a real ledger: what a night writes, catches up, revises, leaves alone."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import date, timedelta

import pytest

from collector.errors import LedgerMismatch, UsageError
from collector.export.folders import ExportBusy, ExportFolder, ExportUnwritable
from firmware_config import chain
from firmware_config.errors import ExitCode
from firmware_config.fleet import WindowAssignment


def rows(folder, name, day="2026-11-02"):
    text = (folder / day / f"{name}.csv").read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def manifest(folder, name="2026-11-02"):
    return json.loads((folder / name / "manifest.json").read_bytes())


def names(hall):
    return sorted(p.name for p in hall.exports.iterdir() if not p.name.startswith("."))


def passes(hall):
    report = hall.check()
    assert report.findings == []
    return report.figures["exports"]


@pytest.fixture
def one_day(hall, at):
    """Ratings of 2 November: 5, 5, 4, 2 and one unrated at a01; 5 at b01; an ignored press."""
    device = hall.devices["w-a01"]
    tokens = [device.serve(at(2, 9, minute), level) for minute, level in enumerate((5, 5, 4, 2))]
    device.serve(at(2, 10), None)
    device.ignore(at(2, 11))
    hall.devices["w-b01"].serve(at(2, 9), 5, case_no="3301", item="old age", staff_no="17")
    hall.store(at(2, 18))
    hall.tokens = tokens
    return hall


def test_a_day_has_its_outcomes_its_figures_and_a_manifest_that_balances(one_day, at):
    code = one_day.export(now=at(3, 2))

    assert code is ExitCode.OK
    assert names(one_day) == ["2026-11-02"]
    detail = rows(one_day.exports, "detail")
    assert [(r["device"], r["seq"], r["level"]) for r in detail] == [
        ("w-a01", "2", "5"),
        ("w-a01", "4", "5"),
        ("w-a01", "6", "4"),
        ("w-a01", "8", "2"),
        ("w-a01", "10", ""),
        ("w-b01", "2", "5"),
    ]
    digest = chain.b64url(chain.digest(one_day.tokens[0])).decode()
    assert detail[0] | {"digest": digest} == detail[0]
    assert detail[0]["level_name"] == "非常满意"
    assert detail[0]["window_name"] == "一号窗口"
    assert detail[0]["department_name"] == "税务局"
    assert detail[0]["pressed_local"] == "2026-11-02T09:00:00.000+08:00"
    assert detail[0]["pressed_utc"] == "2026-11-02T01:00:00.000Z"
    assert detail[4]["kind"] == "UNRATED"
    assert detail[4]["reason"] == "timeout"
    assert detail[5]["case_no"] == "3301"
    assert (detail[5]["staff_no"], detail[5]["staff_from"]) == ("17", "record")

    first = rows(one_day.exports, "windows")[0]
    assert first["window"] == "a01"
    assert (first["invited"], first["rated"], first["unrated"], first["ignored"]) == (
        "5",
        "4",
        "1",
        "1",
    )
    assert first["satisfaction_numerator"] == "3"
    assert first["satisfaction_base"] == "4"
    assert first["satisfaction_percent"] == "75.000"
    assert first["rule"] == "satisfied-4-5/rated"
    assert rows(one_day.exports, "windows")[1]["satisfaction_percent"] == ""  # a02: no rating
    assert [r["department"] for r in rows(one_day.exports, "departments")] == ["land", "tax"]

    statement = manifest(one_day.exports)
    assert statement["balanced"] is True
    assert statement["counts"]["rated"] == 5
    assert statement["ledger"]["size"] == 13
    for name, entry in statement["files"].items():
        content = (one_day.exports / "2026-11-02" / name).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
        assert entry["bytes"] == len(content)
    assert passes(one_day) == 1


def test_two_runs_make_the_same_bytes(one_day, at, tree):
    one_day.export(now=at(3, 2))
    before = tree(one_day.exports)

    assert one_day.export(now=at(3, 4)) is ExitCode.OK
    assert one_day.export("--day", "2026-11-02", now=at(3, 5)) is ExitCode.OK

    assert tree(one_day.exports) == before


def test_a_day_without_ratings_makes_an_export_too(one_day, at):
    one_day.export(now=at(4, 2))

    assert names(one_day) == ["2026-11-02", "2026-11-03"]
    assert rows(one_day.exports, "detail", "2026-11-03") == []
    windows = rows(one_day.exports, "windows", "2026-11-03")
    assert [r["window"] for r in windows] == ["a01", "a02", "b01"]
    assert manifest(one_day.exports, "2026-11-03")["counts"]["rated"] == 0
    assert passes(one_day) == 2


def test_five_missed_days_are_caught_up_in_order_and_chained(one_day, at):
    one_day.export(now=at(3, 2))

    one_day.export(now=at(8, 2))

    assert names(one_day) == [f"2026-11-0{day}" for day in range(2, 8)]
    for day in range(3, 8):
        before = one_day.exports / f"2026-11-0{day - 1}" / "manifest.json"
        previous = manifest(one_day.exports, f"2026-11-0{day}")["previous"]
        assert previous == {
            "folder": f"2026-11-0{day - 1}",
            "sha256": hashlib.sha256(before.read_bytes()).hexdigest(),
        }
    assert passes(one_day) == 6


def test_a_late_record_makes_a_revision_beside_the_old_export(one_day, at, tree):
    one_day.export(now=at(4, 2))
    before = tree(one_day.exports)
    one_day.devices["w-a02"].serve(at(2, 16), 1)
    one_day.store(at(4, 9))

    one_day.export(now=at(5, 2))

    assert names(one_day) == ["2026-11-02", "2026-11-02.r2", "2026-11-03", "2026-11-04"]
    after = tree(one_day.exports)
    assert {name: after[name] for name in before} == before
    revised = manifest(one_day.exports, "2026-11-02.r2")
    assert revised["revision"] == 2
    assert revised["counts"]["rated"] == 6
    assert revised["replaces"]["folder"] == "2026-11-02"
    assert revised["previous"]["folder"] == "2026-11-03"
    assert manifest(one_day.exports, "2026-11-04")["previous"]["folder"] == "2026-11-02.r2"
    assert passes(one_day) == 4
    assert one_day.export(now=at(5, 3)) is ExitCode.OK
    assert len(names(one_day)) == 4


def test_a_late_record_of_a_day_long_past_is_found_by_the_counts(one_day, at):
    one_day.export(now=at(10, 2), recheck_days=0)
    one_day.devices["w-a02"].serve(at(3, 16), 1)
    one_day.store(at(10, 9))

    one_day.export(now=at(11, 2), recheck_days=0)

    assert "2026-11-03.r2" in names(one_day)
    assert passes(one_day) == 10


def test_a_late_ignored_press_is_found_by_the_counts(one_day, at):
    one_day.export(now=at(10, 2), recheck_days=0)
    one_day.devices["w-a02"].ignore(at(3, 16))
    one_day.store(at(10, 9))

    one_day.export(now=at(11, 2), recheck_days=0)

    assert manifest(one_day.exports, "2026-11-03.r2")["counts"]["ignored"] == 1


def test_a_window_moved_in_the_past_makes_revisions_from_that_day_on(one_day, at):
    one_day.devices["w-a01"].serve(at(3, 9), 5)
    one_day.store(at(3, 18))
    one_day.export(now=at(10, 2), recheck_days=0)
    one_day.moves = [WindowAssignment(window="a01", department="land", from_on=date(2026, 11, 3))]
    one_day.load_fleet()

    one_day.export(now=at(10, 3), recheck_days=0)

    assert [name for name in names(one_day) if ".r" in name] == ["2026-11-03.r2"]
    assert rows(one_day.exports, "detail", "2026-11-03.r2")[0]["department"] == "land"
    assert passes(one_day) == 9


def test_staff_typed_in_late_makes_revisions_of_the_days_it_changes(one_day, at):
    one_day.export(now=at(10, 2), recheck_days=0)
    one_day.staff = {"18": "a01"}
    one_day.load_fleet()

    one_day.export(now=at(10, 3), recheck_days=0)

    assert [name for name in names(one_day) if ".r" in name] == ["2026-11-02.r2"]
    detail = rows(one_day.exports, "detail", "2026-11-02.r2")
    assert {r["staff_no"] for r in detail if r["window"] == "a01"} == {"18"}


def test_a_new_name_or_a_new_window_changes_no_past_export(one_day, at):
    one_day.export(now=at(3, 2))
    one_day.departments["tax"] = "国家税务总局"
    one_day.windows["c01"] = "四号窗口"
    one_day.moves = [WindowAssignment(window="c01", department="tax", from_on=date(2026, 11, 3))]
    one_day.load_fleet()

    one_day.export(now=at(4, 2))

    assert names(one_day) == ["2026-11-02", "2026-11-03"]
    assert "c01" in [r["window"] for r in rows(one_day.exports, "windows", "2026-11-03")]


def test_a_press_time_refined_by_milliseconds_makes_no_revision(hall, at):
    hall.devices["w-a01"].serve(at(2, 9, 30), 5, synced=False)
    hall.store(at(2, 9, 31))
    hall.export(now=at(3, 2))
    before = hall.db.execute("SELECT pressed_ms FROM outcomes").fetchall()
    hall.devices["w-a01"].serve(at(3, 9, 30), 5, synced=False)
    hall.store(at(3, 9, 30) + timedelta(milliseconds=40))
    assert hall.db.execute("SELECT pressed_ms FROM outcomes").fetchone() not in before

    hall.export(now=at(4, 2))

    assert names(hall) == ["2026-11-02", "2026-11-03"]
    assert hall.db.execute("SELECT DISTINCT time_quality FROM outcomes").fetchall() == [
        ("bounded",)
    ]


def test_a_press_time_that_moves_to_another_day_revises_both_days(hall, at):
    device = hall.devices["w-a01"]
    device.switch_on(at(2, 8), meets=True)
    device.serve(at(2, 17), 4, synced=False)
    hall.store(at(2, 17))
    device.switch_on(at(3, 8), meets=False)  # the network is down
    device.serve(at(3, 9), 1, synced=False)
    hall.store(at(4, 8))  # these come on the fourth, what follows them only on the fifth
    hall.export(now=at(5, 2))
    assert names(hall) == ["2026-11-02", "2026-11-03", "2026-11-04"]
    assert rows(hall.exports, "windows", "2026-11-04")[0]["level1"] == "1"

    device.switch_on(at(4, 8), meets=True)
    hall.store(at(5, 8))
    hall.export(now=at(6, 2))

    revised = [name for name in names(hall) if name.endswith(".r2")]
    assert revised == ["2026-11-03.r2", "2026-11-04.r2"]
    assert rows(hall.exports, "windows", "2026-11-04.r2")[0]["rated"] == "0"
    [moved] = rows(hall.exports, "detail", "2026-11-03.r2")
    assert (moved["level"], moved["time_quality"]) == ("1", "bounded")
    assert manifest(hall.exports, "2026-11-04.r2")["balanced"] is True


def test_yesterday_is_due_from_run_at_on_or_now(one_day, at):
    one_day.export(now=at(3, 1))
    assert names(one_day) == []

    one_day.export("--now", now=at(3, 1))
    assert names(one_day) == ["2026-11-02"]


def test_no_day_that_is_not_over_is_exported(one_day, at):
    with pytest.raises(UsageError, match="over"):
        one_day.export("--day", "2026-11-02", now=at(2, 23))


def test_a_day_the_ledger_does_not_have_is_refused(one_day, at):
    with pytest.raises(UsageError, match="2026-11-02 to 2026-11-04"):
        one_day.export("--day", "2026-10-02", now=at(5))


def test_an_empty_ledger_exports_nothing(hall, at):
    assert hall.export(now=at(5)) is ExitCode.OK
    assert names(hall) == []
    assert hall.export("--status", now=at(5)) is ExitCode.OK


def test_days_asked_for_are_made_alone(one_day, at):
    one_day.export("--from", "2026-11-04", "--to", "2026-11-05", now=at(10))

    assert names(one_day) == ["2026-11-04", "2026-11-05"]
    one_day.export(now=at(10))
    assert names(one_day) == [f"2026-11-{day:02}" for day in range(2, 10)]
    assert passes(one_day) == 8


def test_a_repeat_is_in_the_detail_and_in_no_level(one_day, at):
    one_day.devices["w-a02"].serve(at(2, 17), 1, case_no="3301")
    one_day.store(at(2, 18))

    assert one_day.export(now=at(3, 2)) is ExitCode.OK

    repeat = next(r for r in rows(one_day.exports, "detail") if r["device"] == "w-a02")
    assert (repeat["level"], repeat["is_repeat"]) == ("1", "1")
    counts = manifest(one_day.exports)["counts"]
    assert (counts["repeats"], counts["level1"], counts["rated"]) == (1, 0, 5)


def test_a_rollup_that_lost_a_rating_marks_the_day_as_not_balanced(one_day, at, capsys):
    one_day.tamper("UPDATE day_rollups SET level5 = level5 - 1 WHERE level5 = 1")

    assert one_day.export(now=at(3, 2)) is ExitCode.FAILURE

    statement = manifest(one_day.exports)
    assert statement["balanced"] is False
    assert statement["differences"][0] == {
        "what": "window b01, department land: level5",
        "found": {"detail": 1, "outcomes": 1, "day_rollups": 0, "hour_rollups": 1},
    }
    assert "NOT BALANCED" in capsys.readouterr().out
    found = [(f.code, f.place, f.expected, f.got) for f in one_day.check().findings]
    assert found[0] == ("sum", "2026-11-02/windows.csv:4 level5", "1", "0")
    assert [code for code, *_ in found] == ["sum", "not-balanced"]  # a receiver is told as well


def test_a_level_that_is_not_the_signed_one_marks_the_day(one_day, at):
    one_day.tamper("UPDATE outcomes SET level = 5 WHERE level = 2")

    assert one_day.export(now=at(3, 2)) is ExitCode.FAILURE

    found = {d["what"]: d["found"] for d in manifest(one_day.exports)["differences"]}
    epoch = one_day.devices["w-a01"].epoch
    assert found[f"record w-a01/{epoch}/8: level"] == {"outcome": 5, "record": 2}


def test_a_removed_outcome_marks_the_day(one_day, at):
    one_day.tamper("DELETE FROM outcomes WHERE level = 2")

    assert one_day.export(now=at(3, 2)) is ExitCode.FAILURE
    assert manifest(one_day.exports)["balanced"] is False


def test_a_dayclose_that_agrees_is_counted_and_one_that_does_not_is_listed(one_day, at):
    one_day.devices["w-a01"].close_day(
        date(2026, 11, 2), INVITED=5, RATED=4, RATED_5=2, RATED_4=1, RATED_2=1, UNRATED=1, IGNORED=1
    )
    one_day.devices["w-b01"].close_day(date(2026, 11, 2), RATED=2, RATED_5=2, UNRATED=0)
    one_day.store(at(3, 0, 1))

    assert one_day.export(now=at(3, 2)) is ExitCode.FAILURE

    statement = manifest(one_day.exports)
    assert statement["day_closes"]["compared"] == 2
    assert statement["day_closes"]["missing"] == ["w-a02"]
    epoch = one_day.devices["w-b01"].epoch
    assert statement["day_closes"]["mismatches"] == [
        {"what": f"device w-b01, epoch {epoch}: RATED", "found": {"device": 2, "ledger": 1}},
        {"what": f"device w-b01, epoch {epoch}: RATED.5", "found": {"device": 2, "ledger": 1}},
    ]
    assert statement["balanced"] is False


def test_a_late_dayclose_is_a_revision_only_when_it_disagrees(one_day, at):
    one_day.export(now=at(3, 2))
    one_day.devices["w-b01"].close_day(date(2026, 11, 2), RATED=1, RATED_5=1)
    one_day.store(at(3, 8))
    one_day.export(now=at(3, 9))
    assert names(one_day) == ["2026-11-02"]

    one_day.devices["w-a01"].close_day(date(2026, 11, 2), RATED=9)
    one_day.store(at(3, 9))
    assert one_day.export(now=at(3, 10)) is ExitCode.FAILURE
    assert names(one_day) == ["2026-11-02", "2026-11-02.r2"]


def test_a_record_the_ledger_does_not_have_yet_makes_a_mismatch_and_then_a_revision(hall, at):
    device = hall.devices["w-a01"]
    device.serve(at(2, 9), 5)
    device.serve(at(2, 10), 4)
    held_back = [device.waiting.pop(-1) for _ in range(2)][::-1]
    device.close_day(date(2026, 11, 2), INVITED=2, RATED=2, RATED_5=1, RATED_4=1)
    hall.store(at(3, 0, 1))
    assert hall.export(now=at(3, 2)) is ExitCode.FAILURE
    assert [d["found"] for d in manifest(hall.exports)["day_closes"]["mismatches"]] == [
        {"device": 2, "ledger": 1},
        {"device": 2, "ledger": 1},
        {"device": 1, "ledger": 0},
    ]

    device.waiting = held_back
    hall.store(at(3, 9))

    assert hall.export(now=at(3, 10)) is ExitCode.OK
    assert manifest(hall.exports, "2026-11-02.r2")["balanced"] is True


def test_a_device_with_a_wrong_clock_is_compared_by_that_clock(hall, at):
    device = hall.devices["w-a01"]
    device.serve(at(2, 9), 5, synced=False)  # really on 5 November
    device.close_day(date(2026, 11, 2), synced=False, RATED=1, RATED_5=1)
    hall.store(at(5, 20))

    assert hall.export(now=at(6, 2)) is ExitCode.OK
    assert rows(hall.exports, "detail", "2026-11-05")[0]["time_quality"] == "bounded"


def test_the_last_dayclose_of_a_day_is_meant_and_counts_what_was_written_before_it(hall, at):
    device = hall.devices["w-a01"]
    device.serve(at(2, 9), 5)
    device.close_day(date(2026, 11, 2), RATED=1, RATED_5=1)
    device.serve(at(2, 23), 5)  # the clock was set back
    hall.store(at(3, 0, 1))
    assert hall.export(now=at(3, 2)) is ExitCode.OK

    device.close_day(date(2026, 11, 2), RATED=7)
    hall.store(at(3, 3))

    assert hall.export(now=at(3, 4)) is ExitCode.FAILURE
    mismatch = manifest(hall.exports, "2026-11-02.r2")["day_closes"]["mismatches"]
    assert [d["found"] for d in mismatch] == [{"device": 7, "ledger": 2}]


def test_a_window_that_opens_the_day_after_is_not_listed(one_day, at):
    one_day.windows["c01"] = "四号窗口"
    one_day.moves = [WindowAssignment(window="c01", department="tax", from_on=date(2026, 11, 3))]
    one_day.load_fleet()

    one_day.export(now=at(3, 2))

    assert [r["window"] for r in rows(one_day.exports, "windows")] == ["a01", "a02", "b01"]


def test_a_dayclose_of_a_clock_set_ahead_is_left_out(one_day, at):
    one_day.devices["w-b01"].close_day(date(2026, 11, 9), RATED=7)
    one_day.store(at(3, 0, 1))

    assert one_day.export(now=at(12, 2)) is ExitCode.OK
    assert manifest(one_day.exports, "2026-11-09")["day_closes"]["compared"] == 0


def test_exports_of_another_hall_in_the_folder_are_refused(one_day, at):
    one_day.export(now=at(3, 2))
    path = one_day.exports / "2026-11-02" / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"hall-1"', b'"hall-9"'))

    with pytest.raises(LedgerMismatch, match="hall-9"):
        one_day.export(now=at(4, 2))


@pytest.mark.parametrize("pressed_ms", [2**62, -(2**62)])
def test_a_press_time_no_calendar_has_still_makes_an_export_marked_so(one_day, at, pressed_ms):
    one_day.tamper("UPDATE outcomes SET pressed_ms = ? WHERE level = 2", pressed_ms)

    assert one_day.export(now=at(3, 2)) is ExitCode.FAILURE
    assert manifest(one_day.exports)["balanced"] is False


def test_two_exports_at_once_are_refused(one_day, at):
    with ExportFolder(one_day.exports).locked(), pytest.raises(ExportBusy):
        one_day.export(now=at(3, 2))

    assert one_day.export(now=at(3, 2)) is ExitCode.OK


def test_a_folder_that_is_in_the_way_is_never_overwritten(one_day, at):
    stranger = one_day.exports / "2026-11-02"
    stranger.mkdir(parents=True)
    (stranger / "notes.txt").write_text("mine")

    assert one_day.export(now=at(3, 2)) is ExitCode.FAILURE  # says that it cannot read it

    assert (stranger / "notes.txt").read_text() == "mine"
    assert names(one_day) == ["2026-11-02", "2026-11-02.r2"]


def test_a_file_in_the_way_of_the_folder_is_an_input_output_error(one_day, at):
    one_day.exports.write_text("not a folder")

    with pytest.raises(ExportUnwritable) as caught:
        one_day.export(now=at(3, 2))

    assert caught.value.exit_code is ExitCode.IO


def test_the_ledger_of_another_hall_is_refused(one_day, at):
    one_day.tamper("UPDATE meta SET value = 'hall-2' WHERE key = 'hall'")

    with pytest.raises(LedgerMismatch, match="hall-2"):
        one_day.export(now=at(3, 2))


def test_the_status_names_what_is_missing_and_is_a_failure_when_behind(one_day, at, capsys):
    assert one_day.export("--status", now=at(3, 2)) is ExitCode.OK  # within the hour of grace
    assert one_day.export("--status", now=at(3, 3)) is ExitCode.FAILURE
    one_day.export(now=at(3, 3))
    assert one_day.export("--status", now=at(3, 3)) is ExitCode.OK
    capsys.readouterr()

    assert one_day.export("--status", "--json", now=at(6)) is ExitCode.FAILURE

    status = json.loads(capsys.readouterr().out)
    assert status["last"] == "2026-11-02"
    assert status["missing"] == ["2026-11-03", "2026-11-04", "2026-11-05"]


def test_a_ledger_that_became_smaller_is_said_aloud(one_day, at, capsys):
    one_day.devices["w-a02"].serve(at(3, 9), 5)
    one_day.store(at(3, 10))
    one_day.export(now=at(4, 2))
    one_day.tamper("UPDATE ledger_state SET size = 3")

    assert one_day.export(now=at(5, 2)) is ExitCode.FAILURE
    assert "expected at least the 15 records" in capsys.readouterr().err


def test_a_rating_dated_long_before_the_ledger_calls_for_no_empty_days(one_day, at):
    one_day.tamper(
        "INSERT INTO day_rollups (on_date, window, department, staff_no, item, ignored)"
        " VALUES ('2020-01-01', 0, 0, '', '', 1)"
    )

    one_day.export(now=at(4, 2))

    assert names(one_day) == ["2020-01-01", "2026-11-02", "2026-11-03"]


def test_without_a_byte_order_mark_when_the_setting_says_so(one_day, at):
    one_day.export(now=at(3, 2), csv_bom=False)

    assert (one_day.exports / "2026-11-02" / "detail.csv").read_bytes()[:3] == b"day"
    assert passes(one_day) == 1


def test_rare_characters_and_formulas_come_through_unharmed(one_day, at):
    one_day.departments["tax"] = "\U00020bb7\U0002a6a5\u3007税务㐱"
    one_day.windows["a01"] = '=HYPERLINK("http://x","一号")'
    one_day.load_fleet()
    one_day.devices["w-a02"].serve(at(2, 15), 3, item='=1+1,"x"\r\n\ty', case_no="＝cmd|' /C'!A0")
    one_day.store(at(2, 18))

    one_day.export(now=at(3, 2))

    detail = rows(one_day.exports, "detail")
    assert detail[0]["department_name"] == "\U00020bb7\U0002a6a5\u3007税务㐱"
    assert detail[0]["window_name"] == '\'=HYPERLINK("http://x","一号")'
    risky = next(r for r in detail if r["device"] == "w-a02")
    assert risky["item"] == '\'=1+1,"x"\r\n\ty'
    assert risky["case_no"] == "'＝cmd|' /C'!A0"
    assert passes(one_day) == 1


def test_a_restored_ledger_is_compared_with_every_export(one_day, at):
    one_day.export(now=at(10, 2), recheck_days=0)
    one_day.tamper("UPDATE meta SET value = 'another' WHERE key = 'gen'")
    one_day.tamper("UPDATE outcomes SET level = 4 WHERE level = 2")

    one_day.export(now=at(10, 3), recheck_days=0)

    assert [name for name in names(one_day) if ".r" in name] == ["2026-11-02.r2"]


def test_a_number_is_not_given_again_when_the_last_export_was_taken_away(one_day, at):
    one_day.export(now=at(4, 2))
    for path in (one_day.exports / "2026-11-03").iterdir():
        path.unlink()
    (one_day.exports / "2026-11-03").rmdir()

    one_day.export(now=at(5, 2))

    assert manifest(one_day.exports, "2026-11-03")["number"] == 3
    assert [(f.code, f.place, f.got) for f in one_day.check().findings] == [
        ("previous", "2026-11-03/manifest.json", "missing")
    ]


def test_a_rating_of_the_one_who_works_there_says_so_and_balances(one_day, at):
    one_day.staff = {"18": "a01", "19": "b01"}
    one_day.load_fleet()

    assert one_day.export(now=at(3, 2)) is ExitCode.OK

    detail = rows(one_day.exports, "detail")
    assert {(r["window"], r["staff_no"], r["staff_from"]) for r in detail} == {
        ("a01", "18", "assignment"),
        ("b01", "17", "record"),
    }


def test_a_person_put_in_the_place_of_who_signed_in_shows(one_day, at):
    one_day.tamper(
        "UPDATE outcomes SET staff_no = '18', staff_from = 'assignment' WHERE staff_no <> ''"
    )

    assert one_day.export(now=at(3, 2)) is ExitCode.FAILURE

    epoch = one_day.devices["w-b01"].epoch
    found = {entry["what"]: entry["found"] for entry in manifest(one_day.exports)["differences"]}
    assert found[f"record w-b01/{epoch}/2: staff_no"] == {"outcome": "", "record": "17"}

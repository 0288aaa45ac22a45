"""Corrections in the export: raw, excluded and net add up, and a later one makes a revision."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest

from collector.corrections.entries import Verdict
from collector.corrections.writing import decide, propose_exclusion, propose_restore
from collector.export import yiping_verify
from collector.export.csv_format import parse_csv
from firmware_config.errors import ExitCode


@pytest.fixture
def exports(hall, at):
    """Two days: on the 2nd one child pressed, excluded before the export; the 3rd has none."""
    for day in (2, 3):
        for level in (5, 5, 1):
            hall.devices["w-a01"].serve(at(day, 9 + level), level)
        hall.devices["w-b01"].serve(at(day, 10), 2)
        hall.devices["w-b01"].serve(at(day, 11), None)
        hall.store(at(day, 18))
    hall.exclude(child(hall, "2026-11-02"))
    assert hall.export(now=at(4, 2)) is ExitCode.OK
    return hall.exports


def child(hall, day):
    """The rating of level 1 at window a01 on a day."""
    noon_ms = 1_793_577_600_000 + (int(day[-2:]) - 2) * 86_400_000  # 2026-11-02T00:00+08:00
    return next(
        rating
        for rating in hall.ratings()
        if rating.level == 1 and noon_ms <= rating.pressed_ms < noon_ms + 86_400_000
    )


def table(folder, name):
    return [*parse_csv(name, (folder / f"{name}.csv").read_bytes()).dicts()]


def manifest(folder):
    return json.loads((folder / "manifest.json").read_bytes())


def problems(folder):
    return [(f.code, f.place, f.expected) for f in found_in(folder).findings]


def found_in(folder):
    """What a receiver's program says of exports."""
    report = yiping_verify.Report()
    yiping_verify.check(yiping_verify.arguments([str(folder)]), report)
    return report


def test_raw_excluded_and_net_add_up_in_every_file(exports):
    day = exports / "2026-11-02"
    [row] = [row for row in table(day, "windows") if row["window"] == "a01"]
    assert (row["rated"], row["excluded"], row["excluded1"], row["excluded5"]) == (
        *("3", "1", "1", "0"),
    )
    assert (row["satisfaction_numerator"], row["satisfaction_base"]) == ("2", "3")
    assert (row["net_satisfaction_numerator"], row["net_satisfaction_base"]) == ("2", "2")
    assert (row["satisfaction_percent"], row["net_satisfaction_percent"]) == ("66.667", "100.000")
    assert row["participation_numerator"] == "3"
    [tax] = [row for row in table(day, "departments") if row["department"] == "tax"]
    assert (tax["excluded1"], tax["net_satisfaction_base"]) == ("1", "2")
    counts = manifest(day)["counts"]
    assert (counts["rated"], counts["excluded"], counts["net_satisfaction_base"]) == (4, 1, 3)
    assert [row["level"] for row in table(day, "detail") if row["excluded"]] == ["1"]
    assert problems(exports) == []


def test_corrections_csv_says_who_and_why_and_no_note(exports, hall):
    [row] = table(exports / "2026-11-02", "corrections")
    rating = child(hall, "2026-11-02")
    assert (row["correction"], row["reason"], row["author"], row["approver"]) == (
        *("1", "child", "wang", "li"),
    )
    assert (row["device"], row["epoch"], row["seq"]) == (
        *(rating.device, rating.epoch, str(rating.seq)),
    )
    assert row["proposed_utc"] == row["approved_utc"] == "2026-11-03T10:00:00.000Z"
    assert b"Liu" not in (exports / "2026-11-02" / "corrections.csv").read_bytes()
    assert table(exports / "2026-11-03", "corrections") == []
    said = manifest(exports / "2026-11-02")["corrections"]
    assert (said["entries"], said["in_day"], said["alarms"]) == (2, [1], [])
    assert manifest(exports / "2026-11-03")["corrections"]["in_day"] == []


def test_a_correction_approved_later_makes_a_revision_of_its_day(exports, hall, at):
    before = hashlib.sha256(hall.ledger.read_bytes()).hexdigest()
    number = hall.exclude(child(hall, "2026-11-03"))
    assert hall.export(now=at(4, 3)) is ExitCode.OK
    names = sorted(path.name for path in exports.iterdir() if not path.name.startswith("."))
    assert names == ["2026-11-02", "2026-11-03", "2026-11-03.r2"]
    assert manifest(exports / "2026-11-03.r2")["counts"]["excluded"] == 1
    assert manifest(exports / "2026-11-03.r2")["counts"]["rated"] == 4
    hall.export(now=at(4, 4))
    assert len(names) == 3
    ending = propose_restore(hall.corrections, number, note="wrong", author="li", now_ms=1)
    decide(hall.corrections, ending, Verdict.APPROVED, decider="wang", note="", now_ms=2)
    assert hall.export(now=at(4, 5)) is ExitCode.OK
    assert manifest(exports / "2026-11-03.r3")["counts"]["excluded"] == 0
    assert problems(exports) == []
    assert hashlib.sha256(hall.ledger.read_bytes()).hexdigest() == before


def test_an_old_day_is_made_again_when_other_ratings_of_it_are_excluded(hall, at):
    """Long before the days that are looked at each night, and with as many excluded as before."""
    for level in (1, 1, 5):
        hall.devices["w-a01"].serve(at(2, 9), level)
    hall.store(at(2, 18))
    first, second, _third = hall.ratings()
    number = hall.exclude(first)
    hall.export(now=at(10, 2), recheck_days=0)
    ending = propose_restore(hall.corrections, number, note="wrong", author="li", now_ms=1)
    decide(hall.corrections, ending, Verdict.APPROVED, decider="wang", note="", now_ms=2)
    again = hall.exclude(second)
    hall.export(now=at(10, 3), recheck_days=0)
    assert manifest(hall.exports / "2026-11-02.r2")["corrections"]["in_day"] == [again]


def test_an_open_or_rejected_correction_changes_no_export(exports, hall, at):
    rating = child(hall, "2026-11-03")
    texts = {"reason": "test", "note": "", "evidence": "x"}
    number = propose_exclusion(hall.corrections, rating, author="wang", now_ms=1, **texts)
    hall.export(now=at(4, 3))
    decide(hall.corrections, number, Verdict.REJECTED, decider="li", note="no", now_ms=2)
    hall.export(now=at(4, 4))
    assert not (exports / "2026-11-03.r2").exists()


def test_too_large_a_share_is_an_alarm_in_the_manifest_and_on_the_terminal(hall, at, capsys):
    for _ in range(6):
        hall.devices["w-a01"].serve(at(2, 9), 1)
    hall.store(at(2, 18))
    for rating in hall.ratings()[:4]:
        hall.exclude(rating)
    hall.export(now=at(3, 2))
    assert manifest(hall.exports / "2026-11-02")["corrections"]["alarms"] == []
    hall.exclude(hall.ratings()[4])
    hall.export(now=at(3, 3))
    alarms = manifest(hall.exports / "2026-11-02.r2")["corrections"]["alarms"]
    assert alarms == [
        "2026-11: hall: 83.333 % of the ratings excluded (5/6)",
        "2026-11: department tax: 83.333 % of the ratings excluded (5/6)",
        "2026-11: window a01: 83.333 % of the ratings excluded (5/6)",
        "2026-11: pair wang + li: 83.333 % of the ratings excluded (5/6)",
    ]
    assert "alarm: 2026-11: window a01" in capsys.readouterr().err
    assert found_in(hall.exports).notes["alarm"] == (4, alarms[0])


def test_entries_cut_off_the_chain_are_a_warning_of_the_next_run(exports, hall, at, capsys):
    hall.corrections.path.unlink()
    assert hall.export(now=at(4, 3)) is ExitCode.FAILURE
    assert "corrections: 2026-11-02: 2 entries then, 0 now" in capsys.readouterr().err


def test_corrections_that_cannot_be_read_stop_the_export(exports, hall, at):
    hall.corrections.path.write_bytes(b"broken" * 1000)
    with pytest.raises(OSError, match="corrections"):
        hall.export(now=at(4, 3))


def forge(folder, name, change):
    """Change a file, and make its size and digest right in the manifest."""
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    statement = manifest(folder)
    content = path.read_bytes()
    statement["files"][name] |= {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": content.count(b"\r\n") - 1,
    }
    text = json.dumps(statement, indent=2, ensure_ascii=False)
    (folder / "manifest.json").write_bytes(text.encode() + b"\n")


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        (
            "corrections.csv",
            lambda content: content.split(b"\r\n")[0] + b"\r\n",
            "correction",
        ),
        ("corrections.csv", lambda content: content.replace(b",li,", b",wang,"), "two-people"),
        (
            "corrections.csv",
            lambda content: content.replace(b",1,child", b",5,child"),
            "correction",
        ),
        (
            "detail.csv",
            lambda content: content.replace(b",1\r\n", b",\r\n", 1),
            "correction",
        ),
    ],
)
def test_a_forged_correction_is_found(exports, tmp_path, name, change, found):
    copy = tmp_path / "copy" / "2026-11-02"
    shutil.copytree(exports / "2026-11-02", copy)
    before = (copy / name).read_bytes()
    forge(copy, name, change)
    assert (copy / name).read_bytes() != before
    assert found in [code for code, _place, _expected in problems(copy)]


@pytest.mark.parametrize(
    "said",
    [
        {"entries": 1},
        {"entries": 2, "in_day": [2]},  # number 2 is the third entry at least
        {"head": ""},
    ],
)
def test_fewer_entries_than_the_exclusions_need_are_found(exports, tmp_path, said):
    copy = tmp_path / "copy" / "2026-11-02"
    shutil.copytree(exports / "2026-11-02", copy)
    statement = manifest(copy)
    statement["corrections"] |= said
    text = json.dumps(statement, indent=2, ensure_ascii=False)
    (copy / "manifest.json").write_bytes(text.encode() + b"\n")
    places = [place for code, place, _expected in problems(copy) if code == "correction"]
    assert f"2026-11-02/manifest.json {'head' if 'head' in said else 'entries'}" in places

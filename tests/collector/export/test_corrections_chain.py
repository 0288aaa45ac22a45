"""While the chain of corrections is not the one that exports name, no export follows it."""

from __future__ import annotations

import json
import shutil

import pytest

from firmware_config.errors import ExitCode


@pytest.fixture
def exports(hall, at):
    """The 2nd with a child's press excluded, the 3rd and the 4th without any exclusion."""
    for day in (2, 3, 4):
        for level in (5, 5, 1):
            hall.devices["w-a01"].serve(at(day, 9 + level), level)
        hall.store(at(day, 18))
        if day == 2:
            hall.exclude(hall.ratings()[2])
    assert hall.export(now=at(4, 2)) is ExitCode.OK
    return hall.exports


def names(exports):
    return sorted(path.name for path in exports.iterdir() if not path.name.startswith("."))


def entries(exports, name):
    return json.loads((exports / name / "manifest.json").read_bytes())["corrections"]["entries"]


def codes(hall):
    return [(finding.code, finding.place) for finding in hall.check().findings]


def test_a_lost_chain_takes_no_exclusion_back_and_new_days_are_made(exports, hall, at, capsys):
    hall.corrections.path.unlink()

    assert hall.export(now=at(5, 2)) is ExitCode.FAILURE

    assert names(exports) == ["2026-11-02", "2026-11-03", "2026-11-04"]
    told = capsys.readouterr().err
    assert "warning: corrections: 2026-11-02: 2 entries then, 0 now" in told
    assert "warning: 2026-11-02: left as exported until the corrections are again those" in told
    assert codes(hall) == [("corrections-back", "2026-11-04/manifest.json corrections")]


def test_asked_for_by_name_it_is_left_too(exports, hall, at, capsys):
    hall.corrections.path.unlink()

    assert hall.export("--day", "2026-11-02", now=at(5, 2)) is ExitCode.FAILURE

    assert names(exports) == ["2026-11-02", "2026-11-03"]
    assert "warning: 2026-11-02: left as exported" in capsys.readouterr().err


def test_another_chain_of_the_same_numbers_makes_no_revision(exports, hall, at, capsys):
    hall.corrections.path.unlink()
    hall.exclude(hall.ratings()[0], author="zhao", approver="qian")

    assert hall.export(now=at(5, 2)) is ExitCode.FAILURE

    assert names(exports) == ["2026-11-02", "2026-11-03", "2026-11-04"]
    assert "entry 2 had another digest then" in capsys.readouterr().err
    assert codes(hall) == [("corrections-head", "2026-11-04/manifest.json corrections")]


def test_a_mark_that_a_revision_replaced_is_still_remembered(exports, hall, at, capsys):
    """A day without exclusions is revised while the chain is gone; its first mark still counts."""
    hall.corrections.path.unlink()
    shutil.rmtree(exports / "2026-11-02")
    hall.devices["w-b01"].serve(at(3, 15), 4)
    hall.store(at(4, 18))
    hall.export("--day", "2026-11-03", now=at(5, 2))
    assert entries(exports, "2026-11-03.r2") == 0
    capsys.readouterr()

    assert hall.export("--day", "2026-11-03", now=at(5, 3)) is ExitCode.FAILURE

    assert "warning: corrections: 2026-11-03: 2 entries then, 0 now" in capsys.readouterr().err


def test_days_made_meanwhile_are_made_again_when_the_chain_is_back(exports, hall, at):
    away = hall.folder / "away.db"
    hall.corrections.path.rename(away)
    hall.export(now=at(5, 2))
    hall.export(now=at(5, 3))
    assert names(exports) == ["2026-11-02", "2026-11-03", "2026-11-04"]
    away.rename(hall.corrections.path)

    assert hall.export(now=at(5, 4), recheck_days=1) is ExitCode.OK

    assert names(exports)[-1] == "2026-11-04.r2"
    assert [entries(exports, name) for name in names(exports)] == [2, 2, 0, 2]
    report = hall.check()
    assert report.findings == []
    assert report.notes["settled"] == (1, "2026-11-04/manifest.json corrections")
    hall.export(now=at(5, 5))
    assert names(exports)[-1] == "2026-11-04.r2"

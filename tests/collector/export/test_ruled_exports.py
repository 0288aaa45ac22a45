"""Exports by a rule of the hall's own: made, revised, verified; a wrong one fails."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date

import msgspec
import pytest

from collector.rates import Rounding
from collector.rules.book import RuleBook
from collector.rules.entries import Version, first_rules
from firmware_config.errors import ExitCode

STRICT = msgspec.structs.replace(first_rules(10), satisfied=(5,), rounding=Rounding.DOWN)


@pytest.fixture
def book(hall):
    """The hall's rule book with its first version."""
    book = RuleBook(hall.folder / "rules.db", minimum_base=10)
    book.prepare(hall._ms(hall.now))
    return book


@pytest.fixture
def rated(hall, at):
    """The 2nd, 3rd and 4th: a 5, a 4 and a 1 each."""
    for day in (2, 3, 4):
        for level in (5, 4, 1):
            hall.devices["w-a01"].serve(at(day, 9 + level), level)
        hall.store(at(day, 18))
    return hall


def add(book, from_on, *, past="", now_ms=1_793_000_000_000, today=date(2026, 11, 4)):
    draft = Version(
        number=0,
        from_on=from_on,
        rules=STRICT,
        author="wu",
        reason="council decision 7",
        past_reason=past,
        made_ms=now_ms,
        prev=b"",
    )
    return book.add(draft, today=today, after=len(book.versions()))


def manifest(hall, name):
    return json.loads((hall.exports / name / "manifest.json").read_bytes())


def codes(hall):
    return {finding.code for finding in hall.check().findings}


def test_each_day_goes_by_the_rule_of_its_day_and_the_verifier_follows(rated, book, at):
    add(book, date(2026, 11, 3), past="decided on the 3rd")

    assert rated.export(now=at(5, 2)) is ExitCode.OK

    before, after = manifest(rated, "2026-11-02"), manifest(rated, "2026-11-03")
    assert (before["rule"]["name"], before["rule"]["version"]) == ("satisfied-4-5/rated", 1)
    assert (after["rule"]["name"], after["rule"]["version"]) == ("satisfied-5/rated", 2)
    assert before["counts"]["satisfaction_numerator"] == 2
    assert after["counts"]["satisfaction_numerator"] == 1
    assert after["rule"]["book"]["reason"] == "council decision 7"
    assert after["rule"]["book"]["prev"] == before["rule"]["book"]["digest"]
    windows = (rated.exports / "2026-11-03" / "windows.csv").read_text("utf-8-sig")
    assert "33.333" in windows
    assert codes(rated) == set()


def test_rounding_of_the_rule_is_in_the_cells_and_is_verified(rated, book, at):
    rated.devices["w-b01"].serve(at(4, 19), 5)
    rated.store(at(4, 20))
    add(book, date(2026, 11, 4))

    assert rated.export(now=at(5, 2)) is ExitCode.OK

    # all of the hall: 2 of 4; of the tax office 1 of 3, rounded down
    text = (rated.exports / "2026-11-04" / "departments.csv").read_text("utf-8-sig")
    assert "33.333" in text
    assert "satisfied-5/rated,2" in text
    assert codes(rated) == set()


def test_a_rule_that_begins_in_the_past_makes_revisions(rated, book, at):
    assert rated.export(now=at(5, 2)) is ExitCode.OK
    add(book, date(2026, 11, 3), past="the council decided it for November")

    assert rated.export(now=at(5, 3)) is ExitCode.OK

    names = sorted(path.name for path in rated.exports.iterdir() if path.name[0] != ".")
    assert names == ["2026-11-02", "2026-11-03", "2026-11-03.r2", "2026-11-04", "2026-11-04.r2"]
    assert manifest(rated, "2026-11-03.r2")["rule"]["version"] == 2
    assert codes(rated) == set()


def test_without_a_rule_book_the_first_rule_is_named_without_text(rated, at):
    assert rated.export(now=at(5, 2)) is ExitCode.OK

    assert manifest(rated, "2026-11-02")["rule"] == {
        "name": "satisfied-4-5/rated",
        "version": 1,
        "satisfied": [5, 4],
        "base": "rated",
    }
    assert codes(rated) == set()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda rule: rule.update(satisfied=[5, 4]), "rule"),
        (lambda rule: rule.update(name="satisfied-4-5/rated"), "rule"),
        (lambda rule: rule["book"].update(reason="another"), "rule-text"),
        (lambda rule: rule["book"]["rules"].update(minimum_base=0), "rule-text"),
        (lambda rule: rule["book"]["rules"].update(rounding="up"), "rule-text"),
        (lambda rule: rule["book"].update(from_on="2026-12-01"), "rule-text"),
        (lambda rule: rule["book"].update(digest="A" * 43), "rule-changed"),
    ],
)
def test_a_manifest_with_another_rule_than_was_used_fails(rated, book, at, change, code):
    add(book, date(2026, 11, 3), past="late")
    assert rated.export(now=at(5, 2)) is ExitCode.OK

    path = rated.exports / "2026-11-04" / "manifest.json"
    told = json.loads(path.read_bytes())
    change(told["rule"])
    path.write_bytes((json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode())

    assert code in codes(rated)


def test_a_book_that_lost_its_newest_version_is_told_and_changes_no_export(rated, book, at, capsys):
    add(book, date(2026, 11, 3), past="late")
    assert rated.export(now=at(5, 2)) is ExitCode.OK
    with closing(sqlite3.connect(rated.folder / "rules.db")) as connection, connection:
        connection.execute("DROP TRIGGER versions_are_never_deleted")
        connection.execute("DELETE FROM versions WHERE number = 2")

    assert rated.export(now=at(5, 3)) is ExitCode.FAILURE

    assert "was made by version 2, which is not there now" in capsys.readouterr().err
    assert not (rated.exports / "2026-11-03.r2").exists()

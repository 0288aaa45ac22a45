"""`collector rates --rule N`: the same counts by another version of the hall's rules."""

from __future__ import annotations

import argparse
import json
from datetime import UTC, date, datetime

import msgspec
import pytest

from bench.make_ledger import make_ledger
from collector.commands import rates
from collector.errors import UsageError
from collector.rules.book import RuleBook
from collector.rules.entries import Version, first_rules
from collector.settings import CollectorSettings
from firmware_config.errors import ExitCode
from firmware_config.settings_broker import BrokerSettings

UNTIL = datetime.fromisoformat("2026-05-13T15:30:00+08:00")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """Three days of May."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    make_ledger(path, 9_000, until=UNTIL)
    return path


@pytest.fixture
def told(ledger, tmp_path, capsys):
    """Runs `collector rates` by a book whose second version began today."""
    settings = CollectorSettings(
        hall="hall-1",
        fleet=tmp_path / "f.toml",
        device_keys=tmp_path / "k",
        key=tmp_path / "c",
        ledger=ledger,
        broker=BrokerSettings(host="localhost"),
    )
    book = RuleBook(settings.rules_file, minimum_base=10)
    if len(book.versions()) == 1:
        book.prepare(1)
        draft = Version(
            number=0,
            from_on=date(2026, 5, 13),
            rules=msgspec.structs.replace(first_rules(10), satisfied=(5,), decimals=1),
            author="wu",
            reason="decided",
            past_reason="",
            made_ms=5,
            prev=b"",
        )
        book.add(draft, today=date(2026, 5, 13), after=1)

    def run(*arguments):
        parser = argparse.ArgumentParser()
        rates.add_parser(parser.add_subparsers())
        args = parser.parse_args(["rates", *arguments])
        assert rates.run(args, settings, clock=lambda: UNTIL.astimezone(UTC)) is ExitCode.OK
        return capsys.readouterr().out

    return run


def test_the_rule_of_the_last_day_is_used_and_another_one_when_asked_for(told):
    (today,) = json.loads(told("--period", "month", "--json"))
    (first,) = json.loads(told("--period", "month", "--json", "--rule", "1"))
    (before,) = json.loads(told("--from", "2026-05-11", "--to", "2026-05-12", "--json"))
    assert today["rule"] == "satisfied-5/rated v2"
    assert (today["numerator"], today["percent"].index(".")) == (today["levels"]["5"], 2)
    assert first["rule"] == before["rule"] == "satisfied-4-5/rated v1"
    assert first["numerator"] == first["levels"]["5"] + first["levels"]["4"]
    assert len(first["percent"].split()[0].partition(".")[2]) == 3
    assert len(today["percent"].split()[0].partition(".")[2]) == 1


def test_the_table_names_the_rule(told):
    assert "rule satisfied-5/rated v2" in told()
    assert "rule satisfied-4-5/rated v1" in told("--rule", "1")


def test_a_version_that_is_not_there_is_a_usage_error(told):
    with pytest.raises(UsageError, match="from 1 to 2, got 3"):
        told("--rule", "3")

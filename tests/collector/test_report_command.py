"""`collector report`: the summary of a month, made once, whole, listed by the dashboard."""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import json
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from openpyxl import load_workbook

from bench.make_ledger import make_ledger
from collector.commands import report
from collector.errors import UsageError
from collector.rules.book import RuleBook
from collector.rules.entries import Version, first_rules
from collector.settings import CollectorSettings, WebSettings
from collector.settings_care import CorrectionSettings
from collector.web.reports.summaries import found_summary, summaries_in
from firmware_config.errors import ExitCode
from firmware_config.settings_broker import BrokerSettings

UNTIL = datetime.fromisoformat("2026-05-13T15:30:00+08:00")
JUNE = datetime.fromisoformat("2026-06-02T03:10:00+08:00")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """Three days of May."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    make_ledger(path, 17_000, until=UNTIL)
    return path


@pytest.fixture
def settings(ledger, tmp_path):
    return CollectorSettings(
        hall="hall-1",
        fleet=tmp_path / "f.toml",
        device_keys=tmp_path / "k",
        key=tmp_path / "c",
        ledger=ledger,
        broker=BrokerSettings(host="localhost"),
        web=WebSettings(reports=tmp_path / "reports"),
        corrections=CorrectionSettings(file=tmp_path / "corrections.db"),
    )


def run(settings, *arguments, now=JUNE):
    parser = argparse.ArgumentParser()
    report.add_parser(parser.add_subparsers())
    args = parser.parse_args(["report", *arguments])
    return report.run(args, settings, clock=lambda: now.astimezone(UTC))


def contents(settings):
    return {path.name: path.read_bytes() for path in sorted(settings.web.reports.iterdir())}


def test_last_month_is_made_in_three_forms_that_its_json_names(settings, capsys):
    assert run(settings) is ExitCode.OK

    made = contents(settings)
    assert sorted(made) == [
        "2026-05-departments.csv",
        "2026-05-windows.csv",
        "2026-05.json",
        "2026-05.xlsx",
    ]
    told = json.loads(made["2026-05.json"])
    for name, digest in told["files"].items():
        assert hashlib.sha256(made[name]).hexdigest() == digest
    assert told["rule"] == "satisfied-4-5/rated v1"
    book = load_workbook(io.BytesIO(made["2026-05.xlsx"]))
    assert book.sheetnames == ["部门", "窗口", "说明"]
    assert made["2026-05-windows.csv"].startswith("\ufeff名次,编号,名称,部门".encode())
    assert "made" in capsys.readouterr().out
    assert (settings.web.reports / "2026-05.json").stat().st_mode & 0o777 == 0o640


def test_the_same_figures_again_write_nothing(settings, capsys):
    run(settings)
    before = contents(settings)
    assert run(settings, now=JUNE.replace(day=3)) is ExitCode.OK
    assert contents(settings) == before
    assert "unchanged" in capsys.readouterr().out


def test_another_rule_makes_it_anew(settings, tmp_path):
    run(settings)
    book = RuleBook(settings.rules_file, minimum_base=10)
    book.prepare(1)
    rules = msgspec.structs.replace(first_rules(10), satisfied=(5,))
    book.add(
        Version(
            number=0,
            from_on=date(2026, 5, 31),
            rules=rules,
            author="wu",
            reason="decided",
            past_reason="late",
            made_ms=5,
            prev=b"",
        ),
        today=date(2026, 6, 1),
        after=1,
    )
    run(settings)
    assert json.loads(contents(settings)["2026-05.json"])["rule"] == "satisfied-5/rated v2"
    run(settings, "--rule", "1")
    assert json.loads(contents(settings)["2026-05.json"])["rule"] == "satisfied-4-5/rated v1"
    with pytest.raises(UsageError, match="from 1 to 2"):
        run(settings, "--rule", "3")


@pytest.mark.parametrize("name", ["2026-05.xlsx", "2026-05-windows.csv", "2026-05.json"])
def test_a_run_that_was_cut_off_shows_and_is_mended(settings, name):
    run(settings)
    (settings.web.reports / name).write_bytes(b"half")
    found = found_summary(settings.web.reports, "2026-05")
    assert found.summary is None
    assert found.problem
    assert run(settings) is ExitCode.OK
    assert [one.problem for one in summaries_in(settings.web.reports)] == [""]


def test_a_json_that_names_other_files_is_not_believed(settings, tmp_path):
    run(settings)
    path = settings.web.reports / "2026-05.json"
    told = json.loads(path.read_bytes())
    secret = tmp_path / "secret"
    secret.write_bytes(b"x")
    told["files"]["../secret"] = hashlib.sha256(b"x").hexdigest()
    path.write_text(json.dumps(told))
    assert "expected a file of this month" in found_summary(settings.web.reports, "2026-05").problem


def test_a_month_without_records_is_made_and_is_an_alarm(settings, capsys, caplog):
    assert run(settings, "--month", "2026-04") is ExitCode.FAILURE
    assert (settings.web.reports / "2026-04.xlsx").exists()
    assert "without records" in caplog.text


@pytest.mark.parametrize("month", ["2026-06", "2026-07", "2026-13", "May", "2026-5", "２０２６-05"])
def test_a_month_that_is_none_or_not_over_is_a_usage_error(settings, month):
    with pytest.raises(UsageError, match="--month"):
        run(settings, "--month", month)
    assert not settings.web.reports.exists()


def test_without_a_folder_it_says_which_setting_is_missing(settings):
    bare = dataclasses.replace(settings, web=WebSettings())
    with pytest.raises(UsageError, match=r"web\.reports"):
        run(bare)


def test_output_and_language_are_chosen(settings, tmp_path):
    assert run(settings, "--output", str(tmp_path / "en"), "--language", "en") is ExitCode.OK
    head = Path(tmp_path / "en" / "2026-05-departments.csv").read_text("utf-8-sig")
    assert head.startswith("Rank,Code,Name,Invited")

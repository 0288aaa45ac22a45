"""The command line: tables, JSON, exit codes, and every problem of the settings at once."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from collector.cli import build_parser, main
from firmware_config.errors import ExitCode
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.keys import save_verify_key

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tmp_path: Path, journal_of: Any) -> Path:
    """Settings of the sample hall; the first device has a key."""
    device = load_fleet(sample_fleet_path()).devices[0].id
    save_verify_key(tmp_path / "keys" / f"{device}.jwk", journal_of(device).key.public)
    path = tmp_path / "collector.toml"
    path.write_text(
        f'hall = "yunze"\nfleet = "{sample_fleet_path()}"\ndevice_keys = "keys"\n'
        'key = "collector.jwk"\nledger = "ledger.db"\n[broker]\nhost = "127.0.0.1"\n',
        encoding="utf-8",
    )
    return path


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("rates", "--json")` → exit code, standard output, standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--config", str(config)], environ={})
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def filled(config: Path, run: Run, journal_of: Any) -> Any:
    """A ledger in which the first device rated 5, 5, 4, 1 on 2026-07-01; and one unread message."""
    from collector.ledger.migrations import open_ledger
    from collector.ledger.writer import LedgerWriter

    assert run("fleet", "load", "--yes")[0] == 0
    journal = journal_of(load_fleet(sample_fleet_path()).devices[0].id)
    journal.topic = journal.topic.replace("hall-1", "yunze")
    for level in (5, 5, 4, 1):
        journal.invite()
        journal.rate(session=journal.session, level=level, item="A")
    journal.invite()
    db = open_ledger(config.with_name("ledger.db"))
    writer = LedgerWriter(db, hall="yunze", clock_ms=lambda: 1_782_900_000_000)
    writer.store([journal.message(token) for token in journal.tokens])
    writer.store([journal.message(b"not a token")])
    db.close()
    return journal


def test_check_tells_what_it_read_and_opens_no_database(run: Run, config: Path) -> None:
    code, out, err = run("check")
    assert (code, err) == (0, "")
    counts, keyless = out.splitlines()
    assert counts == "yunze: 74 departments, 135 windows, 135 devices, 1 with keys"
    assert keyless.startswith(f"no key in {config.parent}/keys: w-")
    assert len(keyless.split(", ")) == 134
    assert not config.with_name("ledger.db").exists()
    assert 'hall = "yunze"' in run("check", "--print")[1]


def test_check_names_keys_that_belong_to_no_device(run: Run, config: Path, journal_of: Any) -> None:
    save_verify_key(config.parent / "keys" / "w-a1.jwk", journal_of("w-a1").key.public)

    code, out, _ = run("check")

    assert code == 0
    assert out.splitlines()[-1] == "keys of no device of the fleet: w-a1"


def test_a_key_file_in_which_nothing_is_says_so(run: Run, config: Path) -> None:
    (config.parent / "keys" / "w-a02.jwk").write_text("\n")

    code, _, err = run("check")

    assert code == ExitCode.CONFIGURATION
    assert "w-a02.jwk: is empty; expected a JWK" in err


def test_every_problem_of_the_settings_is_told_at_once(run: Run) -> None:
    code, out, err = run("check", "--set", "broker.port=0", "--set", "hall=Hall 1", "--set", "x=1")
    assert (code, out) == (ExitCode.CONFIGURATION, "")
    lines = err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("collector: error: --set: ") for line in lines)


def test_a_fleet_of_another_hall_is_a_configuration_error(run: Run) -> None:
    code, _, err = run("fleet", "load", "--set", "hall=elsewhere")
    assert code == ExitCode.CONFIGURATION
    assert "hall.id: expected elsewhere, got yunze" in err


def test_fleet_diff_shows_what_load_then_does_and_makes_no_ledger(run: Run, config: Path) -> None:
    code, told, _ = run("fleet", "diff")
    assert code == 0
    assert not config.with_name("ledger.db").exists()
    assert run("fleet", "load", "--yes") == (0, told, "")
    assert "add department tax" in told
    document = json.loads(run("fleet", "diff", "--json")[1])
    assert {change["action"] for change in document["changes"]} == {"keyless"}
    assert (document["ratings_moved"], document["moved_since"]) == (0, None)
    assert run("fleet", "load")[1].count("\n") == 134  # the devices that have no key yet


@pytest.mark.usefixtures("filled")
def test_rates_show_numerator_base_participation_and_rule(run: Run) -> None:
    period = ("--from", "2026-07-01", "--to", "2026-07-01")
    code, out, _ = run("rates", *period, "--json")
    [hall] = json.loads(out)
    assert code == 0
    assert (hall["id"], hall["numerator"], hall["base"], hall["percent"]) == (
        "yunze",
        3,
        4,
        "75.000 %",
    )
    assert hall["rule"] == "satisfied-4-5/rated v1"
    assert hall["levels"] == {"5": 2, "4": 1, "3": 0, "2": 0, "1": 1}
    assert hall["participation"] == {
        "rule": "rated/invited v1",
        "numerator": 4,
        "base": 5,
        "percent": "80.00 %",
    }

    rows = list(csv.DictReader(io.StringIO(run("rates", *period, "--csv", "--by", "window")[1])))
    assert len(rows) == 135
    assert [row["rate"] for row in rows if row["base"] != "0"] == ["75.000 %"]

    table = run("rates", *period, "--by", "department")[1].splitlines()
    assert table[0].startswith("2026-07-01 – 2026-07-01 · rule satisfied-4-5/rated v1")
    assert len(table) == 2 + 74
    assert sum("75.000 %" in line for line in table) == 1


@pytest.mark.usefixtures("filled")
def test_a_period_without_ratings_has_no_rate(run: Run) -> None:
    [hall] = json.loads(run("rates", "--period", "last-year", "--json")[1])
    assert (hall["base"], hall["percent"]) == (0, None)
    assert "—" in run("rates", "--period", "yesterday")[1]


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    "arguments",
    [
        ("--period", "today", "--from", "2026-01-01"),
        ("--from", "2026-01-02", "--to", "2026-01-01"),
    ],
)
def test_a_period_that_makes_no_sense_is_a_usage_error(
    run: Run, arguments: tuple[str, ...]
) -> None:
    code, out, err = run("rates", *arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith("collector: error: period: ") or "--period" in err


@pytest.mark.usefixtures("filled")
def test_today_is_the_halls_today(config: Path) -> None:
    from collector.commands.rates import run as run_rates
    from collector.settings import load_collector_settings

    settings = load_collector_settings(config, {}, {})
    args = build_parser().parse_args(["rates", "--json"])
    late = datetime(2026, 7, 1, 0, 30, tzinfo=ZoneInfo("Asia/Shanghai"))  # 30 June in UTC
    assert run_rates(args, settings, clock=lambda: late) == 0


def test_db_tells_size_root_watermarks_quarantine(run: Run, filled: Any) -> None:
    document = json.loads(run("db", "--json")[1])
    assert (document["hall"], document["size"], document["quarantine"]) == ("yunze", 9, 1)
    assert document["journals"] == [
        {
            "device": filled.device,
            "epoch": filled.epoch,
            "stored": 9,
            "head": 9,
            "missing": 0,
            "archived": 0,
        }
    ]
    assert filled.epoch in run("db")[1]
    [row] = json.loads(run("db", "quarantine", "--json")[1])
    assert (row["reason"], row["bytes"], row["times"]) == ("malformed", 11, 1)
    assert run("db", "quarantine", "--raw", str(row["id"]))[1] == "not a token\n"
    assert run("db", "quarantine", "--raw", "99")[0] == ExitCode.USAGE
    assert json.loads(run("db", "conflicts", "--json")[1]) == []
    assert run("db", "conflicts")[1].startswith("id ")


@pytest.mark.usefixtures("filled")
def test_what_changes_the_ledger_needs_yes(run: Run) -> None:
    for part in ("rebuild-rollups", "renew-gen"):
        code, _, err = run("db", part)
        assert code == ExitCode.USAGE
        assert "--yes" in err
    before = run("rates", "--from", "2026-07-01", "--json")[1]
    assert run("db", "rebuild-rollups", "--yes") == (0, "rebuilt from 9 records\n", "")
    assert run("rates", "--from", "2026-07-01", "--json")[1] == before
    gen = json.loads(run("db", "--json")[1])["gen"]
    assert run("db", "renew-gen", "--yes")[0] == 0
    assert json.loads(run("db", "--json")[1])["gen"] != gen


def test_without_a_ledger_reading_is_a_database_error(run: Run, config: Path) -> None:
    code, out, err = run("rates")
    assert (code, out) == (ExitCode.DATABASE, "")
    assert "ledger.db: expected the ledger, found no file" in err
    assert not config.with_name("ledger.db").exists()


def test_every_command_takes_the_common_options_and_has_help() -> None:
    parser = build_parser()
    for command in (["ingest"], ["rates"], ["db", "quarantine"], ["fleet", "load"], ["check"]):
        args = parser.parse_args([*command, "--config", "c.toml", "--set", "a=b", "-v"])
        assert (args.config, args.set, args.verbosity) == (Path("c.toml"), [("a", "b")], 1)
        assert callable(args.run)
    assert "COLLECTOR_BROKER_HOST" in parser.format_help()


@pytest.mark.parametrize(
    "arguments",
    [
        ("reconcile", "--no-ask", "--day"),
        ("rates", "--from"),
        ("rates", "--from", "2026-07-01", "--to"),
        ("export", "--day"),
        ("verify", "--since"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("filled")
def test_days_outside_the_calendar_of_records_are_a_mistake_of_usage(
    run: Run, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    for day in ("0001-01-01", "1969-12-31", "9999-12-31", "2026-7-1", "2026-02-30"):
        with pytest.raises(SystemExit) as ended:
            run(*arguments, day)
        assert ended.value.code == ExitCode.USAGE
        assert "expected YYYY-MM-DD, 1970-01-01 to 9999-12-30" in capsys.readouterr().err


@pytest.mark.usefixtures("filled")
def test_the_first_and_the_last_day_are_days_like_any_other(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # reports go into folders here
    assert run("rates", "--from", "1970-01-01", "--to", "9999-12-30")[0] == 0
    assert run("rates", "--from", "9999-12-30", "--to", "9999-12-30")[0] == 0
    assert run("reconcile", "--no-ask", "--day", "1970-01-01")[0] in (0, 1)
    assert run("export", "--day", "1970-01-01")[0] in (0, ExitCode.USAGE)
    code, _, err = run("reconcile", "--no-ask", "--day", "9999-12-30")
    assert (code, "expected a day that is over" in err) == (ExitCode.USAGE, True)


def test_no_command_waits_for_what_only_another_one_needs() -> None:
    heavy = "{'rich', 'paramiko', 'segno', 'multiprocessing', 'collector.export.yiping_verify'}"
    program = f"import sys, collector.cli; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "\n"), done.stderr

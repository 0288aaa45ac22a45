"""`collector correction` and what `collector rates` says of corrections."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.corrections.entries import Verdict
from collector.corrections.file import CorrectionsFile
from collector.corrections.person import who
from collector.corrections.reading import chain_mark
from collector.corrections.writing import decide
from firmware_config.errors import ExitCode

LOGIN_UID = 54_321
Run = Callable[..., tuple[int, str, str]]
DAY = ("--from", "2026-07-01", "--to", "2026-07-01")


@pytest.fixture(autouse=True)
def logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says that this user logged in; the suite may run where nobody did."""
    monkeypatch.setattr("collector.corrections.person.login_uid", lambda: LOGIN_UID)


@pytest.fixture
def file(tmp_path: Path) -> CorrectionsFile:
    """The corrections where the settings' default puts them: beside the ledger."""
    return CorrectionsFile(tmp_path / "corrections.db")


@pytest.fixture
def run(ledger: Any, journal_of: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("correction", "list")` → exit code, output, messages.

    Ratings of 5, 5, 4, 1 at positions 2, 4, 6, 8, and six of 2 from position 10 on.
    """
    for device, levels in (("dev-1", (5, 5, 4, 1)), ("dev-3", (2,) * 6)):
        journal = journal_of(device)
        for level in levels:
            journal.invite()
            journal.rate(level, session=journal.session)
        ledger.writer.store([journal.message()])
    config = tmp_path / "collector.toml"
    config.write_text(
        f'hall = "hall-1"\nfleet = "fleet.toml"\ndevice_keys = "keys"\nkey = "c.jwk"\n'
        f'ledger = "{ledger.path}"\n[broker]\nhost = "127.0.0.1"\n',
        encoding="utf-8",
    )

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--config", str(config)], environ={})
        out, err = capsys.readouterr()
        return code, out, err

    return call


def propose(run: Run, rating: str, *more: str) -> tuple[int, str, str]:
    given = ("--reason", "child", "--evidence", "camera 3")
    return run("correction", "propose", rating, *given, *more)


def approve(file: CorrectionsFile, number: int) -> None:
    decide(file, number, Verdict.APPROVED, decider="li", note="", now_ms=2)


def test_author_and_approver_differ_at_the_command_line(run: Run, file: CorrectionsFile) -> None:
    code, out, _ = propose(run, "8")
    assert code == ExitCode.OK
    assert out == f"correction 1: proposed by {who()}; another person decides\n"
    for part in (("approve", "1"), ("reject", "1", "--note", "mine")):
        code, out, err = run("correction", *part)
        assert (code, out) == (ExitCode.USAGE, "")
        assert "expected another person than its author" in err
    approve(file, 1)
    code, _, err = run("correction", "withdraw", "1")
    assert code == ExitCode.USAGE
    assert "approved already" in err


def test_an_account_of_the_same_name_is_the_same_person(run: Run, file: CorrectionsFile) -> None:
    assert propose(run, "8")[0] == ExitCode.OK
    with pytest.raises(ValueError, match="another person"):
        decide(
            file,
            1,
            Verdict.APPROVED,
            decider=who().removeprefix("unix:"),
            note="",
            now_ms=2,
        )


@pytest.mark.parametrize(
    "part",
    [
        ("propose", "10", "--reason", "test", "--evidence", "x"),
        ("approve", "1"),
        ("reject", "1", "--note", "x"),
        ("withdraw", "1"),
        ("propose", "--restore", "2", "--note", "x"),
    ],
    ids=" ".join,
)
def test_where_nobody_logged_in_nobody_proposes_or_decides(
    run: Run, file: CorrectionsFile, monkeypatch: pytest.MonkeyPatch, part: tuple[str, ...]
) -> None:
    """The effective user is a service's: everybody who can start one would be another person."""
    propose(run, "8")
    propose(run, "6")
    approve(file, 2)
    before = chain_mark(file)
    monkeypatch.setattr("collector.corrections.person.login_uid", lambda: None)
    code, out, err = run("correction", *part)
    assert (code, out) == (ExitCode.USAGE, "")
    assert "nobody logged in" in err
    assert "dashboard" in err
    assert chain_mark(file) == before
    assert run("correction", "list")[0] == ExitCode.OK
    assert run("correction", "show", "1")[0] == ExitCode.OK


def test_the_author_is_who_logged_in_whatever_the_effective_user(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    propose(run, "8")
    told = json.loads(run("correction", "show", "1", "--json")[1])
    assert told["author"] == f"unix:uid-{LOGIN_UID}"


def test_a_rating_is_named_by_position_or_record(run: Run) -> None:
    assert propose(run, "8")[0] == ExitCode.OK
    shown = json.loads(run("correction", "show", "1", "--json")[1])
    assert (shown["level"], shown["window"], shown["state"]) == (1, "w1", "open")
    code, _, err = propose(run, shown["record"])
    assert code == ExitCode.USAGE
    assert "correction 1 is open already" in err
    for wrong in ("7", "99", "dev-1/x/2", "dev-1/x", "one"):
        assert propose(run, wrong)[0] == ExitCode.USAGE, wrong
    assert run("correction", "propose", "2", "--evidence", "x")[0] == ExitCode.USAGE
    assert run("correction", "propose")[0] == ExitCode.USAGE
    assert run("correction", "show", "9")[0] == ExitCode.USAGE


@pytest.mark.parametrize(
    "arguments",
    [
        ("correction", "show"),
        ("correction", "approve"),
        ("correction", "reject", "--note", "x"),
        ("correction", "propose", "--note", "x", "--restore"),
        ("correction", "propose", "--reason", "test", "--evidence", "x"),
        ("checkpoint", "prove", "1"),
        ("checkpoint", "prove-record", "dev-1", "x"),
        ("db", "quarantine", "--raw"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("number", [str(2**63), "9" * 5000, "1_0", "-1"])
def test_a_number_nothing_can_have_is_a_mistake_of_usage(
    run: Run, file: CorrectionsFile, arguments: tuple[str, ...], number: str
) -> None:
    file.prepare()
    try:
        code = run(*arguments, number)[0]
    except SystemExit as ended:  # argparse's own way
        code = int(ended.code or 0)
    assert code == ExitCode.USAGE


def test_lists_are_for_people_and_machines(run: Run, file: CorrectionsFile) -> None:
    propose(run, "8", "--note", "a boy\nran by")
    propose(run, "10")
    approve(file, 1)
    assert [row["state"] for row in json.loads(run("correction", "list", "--json")[1])] == [
        *("approved", "open"),
    ]
    rows = csv.DictReader(io.StringIO(run("correction", "list", "--csv", "--state", "open")[1]))
    assert [row["id"] for row in rows] == ["2"]
    assert len(run("correction", "list")[1].splitlines()) == 3
    shown = run("correction", "show", "1")[1]
    assert "decider        li" in shown
    assert "note           a boy\n               ran by\n" in shown


def test_verify_says_pass_and_names_what_is_wrong(run: Run, file: CorrectionsFile) -> None:
    propose(run, "8")
    approve(file, 1)
    code, out, _ = run("correction", "verify")
    assert code == ExitCode.OK
    assert out.startswith("PASS: 2 entries, head ")
    for name in ("proposals_are_never_changed", "decisions_are_never_changed"):
        with file.writing() as connection:
            connection.execute(f"DROP TRIGGER {name}")
    with file.writing() as connection:
        connection.execute("UPDATE proposals SET reason = 'test'")
    code, out, _ = run("correction", "verify", "--json")
    assert code == ExitCode.FAILURE
    assert "correction 1: its digest is not that of its content" in json.loads(out)["problems"]


@pytest.mark.parametrize("by", ["hall", "department", "window"])
def test_raw_excluded_and_net_add_up_in_rates(run: Run, file: CorrectionsFile, by: str) -> None:
    before = list(csv.DictReader(io.StringIO(run("rates", *DAY, "--by", by, "--csv")[1])))
    for number, position in enumerate(("8", "2"), start=1):
        propose(run, position)
        approve(file, number)
    rows = list(csv.DictReader(io.StringIO(run("rates", *DAY, "--by", by, "--csv")[1])))
    for row, was in zip(rows, before, strict=True):
        assert {name: row[name] for name in ("rate", "numerator", "base", "participation")} == {
            name: was[name] for name in ("rate", "numerator", "base", "participation")
        }
        assert int(row["base"]) == int(row["net_base"]) + int(row["excluded"])
        out = [int(row[f"excluded{level}"]) for level in (5, 4, 3, 2, 1)]
        assert sum(out) == int(row["excluded"])
        assert int(row["numerator"]) == int(row["net_numerator"]) + out[0] + out[1]
    assert sum(int(row["excluded"]) for row in rows) == 2
    first = json.loads(run("rates", *DAY, "--by", by, "--json")[1])[0]
    assert first["excluded"] == {"ratings": 2, "levels": {"5": 1, "4": 0, "3": 0, "2": 0, "1": 1}}
    assert first["base"] == first["net"]["base"] + 2


def test_a_table_without_exclusions_has_no_net_columns(run: Run, file: CorrectionsFile) -> None:
    head = run("rates", *DAY)[1].splitlines()[1]
    assert "excluded" in head
    assert "net" not in head.split()
    propose(run, "8")
    approve(file, 1)
    assert "net" in run("rates", *DAY)[1].splitlines()[1].split()


def test_too_large_a_share_is_told_on_standard_error(run: Run, file: CorrectionsFile) -> None:
    for number, position in enumerate(("2", "4", "6", "8"), start=1):
        propose(run, position)
        approve(file, number)
    assert run("rates", *DAY)[2] == ""
    propose(run, "10")
    approve(file, 5)
    code, out, err = run("rates", *DAY, "--json")
    assert code == ExitCode.OK
    assert "alarm: 2026-07: hall: 50.000 % of the ratings excluded (5/10)" in err
    assert "+ li" in err
    assert "alarm" not in out
    assert run("rates", *DAY, "--set", "corrections.alarm_percent=50")[2].count("hall") == 0
    assert run("rates", *DAY, "--set", "corrections.alarm_at_least=6")[2] == ""


def test_corrections_that_cannot_be_read_are_an_error(run: Run, file: CorrectionsFile) -> None:
    file.path.write_bytes(b"broken" * 1000)
    code, out, err = run("rates", *DAY)
    assert (code, out) == (ExitCode.DATABASE, "")
    assert "corrections.db" in err

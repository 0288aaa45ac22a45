"""`collector token`, as an operator types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collector.cli import main
from collector.office.database import Office
from firmware_config.fleet import sample_fleet_path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings of a collector."""
    path = tmp_path / "collector.toml"
    path.write_text(
        f'hall = "yunze"\nfleet = "{sample_fleet_path()}"\ndevice_keys = "keys"\n'
        'key = "collector.jwk"\nledger = "ledger.db"\nbroker.host = "127.0.0.1"\n'
        f'web.office = "{tmp_path / "office.db"}"\n'
    )
    return path


def test_a_token_is_made_listed_and_revoked(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["add", "grafana", "--read", "figures", "--read", "metrics", "--days", "30"]
    assert main(["token", *words, "--config", str(config)]) == 0
    token = capsys.readouterr().out.strip()
    assert token.startswith("yiping_")
    assert main(["token", "list", "--json", "--config", str(config)]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["name"], listed["state"], listed["used"]) == ("grafana", "good", None)
    assert listed["reads"] == ["figures", "metrics"]
    assert token.startswith(listed["prefix"])
    assert main(["token", "revoke", "grafana", "--config", str(config)]) == 0
    capsys.readouterr()
    assert main(["token", "list", "--config", str(config)]) == 0
    table = capsys.readouterr().out
    assert "revoked" in table
    assert token not in table


def test_what_it_does_is_in_the_audit_trail(config: Path, tmp_path: Path) -> None:
    assert main(["token", "add", "one", "--read", "figures", "--config", str(config)]) == 0
    assert main(["token", "revoke", "one", "--config", str(config)]) == 0
    office = Office(tmp_path / "office.db")
    rows = office.database.execute("SELECT action, account, subject FROM audit").fetchall()
    office.close()
    assert [(action, subject) for action, _who, subject in rows] == [
        ("token.add", "one"),
        ("token.revoke", "one"),
    ]
    assert all(who.startswith("unix:") for _action, who, _subject in rows)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["add", "a b", "--read", "figures"], 1),
        (["add", "one", "--read", "figures", "--days", "366"], 1),
        (["add", "one", "--read", "ledger", "--department", "market"], 2),
        (["revoke", "nobody"], 2),
    ],
)
def test_what_makes_no_sense_is_told_without_a_traceback(
    config: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int
) -> None:
    assert main(["token", *words, "--config", str(config)]) == code
    told = capsys.readouterr()
    assert told.out == ""
    assert "token" in told.err or "--read" in told.err


def test_a_part_is_needed(config: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["token", "add", "one", "--config", str(config)])
    assert ended.value.code == 2

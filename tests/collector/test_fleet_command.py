"""`collector fleet`: what differs is shown before anything changes, and somebody agrees to it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.ledger.migrations import open_ledger
from collector.ledger.purge import plan_purge, purge_records
from collector.ledger.writer import LedgerWriter
from firmware_config.errors import ExitCode
from firmware_config.keys import save_verify_key

FLEET = """
hall.id = "hall-1"
hall.name = "大厅"
hall.opens.mon-fri = ["09:00-17:00"]
departments = [ { id = "tax", name = "税务局" }, { id = "gas", name = "燃气" } ]
windows = [
  { id = "w1", name = "1号", department = "tax", device = "dev-1", from = 2026-01-01 },
  { id = "w2", name = "2号", department = "gas", device = "dev-2", from = 2026-01-01 },
]
devices = [ { id = "dev-1" }, { id = "dev-2" } ]
"""
LATE = '\nassignments = [ { from = 2026-06-30, window = "w1", department = "gas" } ]\n'

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tmp_path: Path, journal_of: Any, now_ms: int) -> Path:
    """A small hall in which dev-1 rated twice on 1 July 2026."""
    (tmp_path / "fleet.toml").write_text(FLEET, encoding="utf-8")
    for device in ("dev-1", "dev-2"):
        save_verify_key(tmp_path / "keys" / f"{device}.jwk", journal_of(device).key.public)
    path = tmp_path / "collector.toml"
    path.write_text(
        'hall = "hall-1"\nfleet = "fleet.toml"\ndevice_keys = "keys"\n'
        'key = "collector.jwk"\nledger = "ledger.db"\n[broker]\nhost = "127.0.0.1"\n',
        encoding="utf-8",
    )
    assert main(["fleet", "load", "--yes", "--config", str(path)], environ={}) == 0
    journal = journal_of("dev-1")
    journal.rate()
    journal.rate()
    with closing(open_ledger(tmp_path / "ledger.db")) as db:
        writer = LedgerWriter(db, hall="hall-1", clock_ms=lambda: now_ms)
        assert writer.store([journal.message()]).accepted == 2
    return path


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("fleet", "diff")` → exit code, standard output, standard error."""
    capsys.readouterr()

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main([*arguments, "--config", str(config)], environ={})
        return code, *capsys.readouterr()

    return call


def departments(config: Path) -> list[Any]:
    with closing(open_ledger(config.with_name("ledger.db"))) as db:
        return db.execute(
            "SELECT d.code, count(*) FROM outcomes o JOIN departments d ON d.id = o.department"
            " GROUP BY 1"
        ).fetchall()


def at_a_terminal(config: Path, answer: bytes, *arguments: str) -> tuple[int, str, str]:
    """Run the command as somebody at a terminal who types `answer`."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, answer)
        done = subprocess.run(
            [sys.executable, "-m", "collector", "fleet", "load", *arguments, "--config", config],
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return done.returncode, done.stdout, done.stderr


def test_what_changes_the_past_is_told_first_with_how_many_ratings_and_since_when(
    run: Run, config: Path
) -> None:
    fleet = FLEET.replace("税务局", "市税务局") + LATE
    config.with_name("fleet.toml").write_text(fleet, encoding="utf-8")
    told = (
        "CHANGES THE PAST: 2 stored ratings move, the first of 2026-07-01\n"
        "retroactive window of department w1: gas from 2026-06-30\n"
        "rename department tax: 税务局 -> 市税务局\n"
        "add window of department w1: gas from 2026-06-30\n"
    )
    assert run("fleet", "diff") == (0, told, "")
    document = json.loads(run("fleet", "diff", "--json")[1])
    assert (document["ratings_moved"], document["moved_since"]) == (2, "2026-07-01")
    assert document["changes"][0] == {
        "action": "retroactive",
        "what": "window of department",
        "code": "w1",
        "detail": "gas from 2026-06-30",
    }


def test_how_many_ratings_stay_because_their_records_are_purged_is_told(
    run: Run, config: Path, journal_of: Any, now_ms: int
) -> None:
    journal = journal_of("dev-1")
    for _ in range(300):
        journal.rate()
    with closing(open_ledger(config.with_name("ledger.db"))) as db:
        writer = LedgerWriter(db, hall="hall-1", clock_ms=lambda: now_ms)
        for at in range(2, 300, 10):
            writer.store([journal.message(*journal.tokens[at : at + 10])])
        db.execute("UPDATE epochs SET archived = stored")
        plan = plan_purge(db.conn, now_ms + 1)
        list(purge_records(db, plan, by="me", sign=lambda _: b"token", clock_ms=lambda: now_ms))
    config.with_name("fleet.toml").write_text(FLEET + LATE, encoding="utf-8")

    told = run("fleet", "diff")[1].splitlines()

    assert told[:2] == [
        "CHANGES THE PAST: 44 stored ratings move, the first of 2026-07-01",
        "STAYS AS IT WAS: 256 stored ratings are not counted anew: their records are purged",
    ]
    assert json.loads(run("fleet", "diff", "--json")[1])["ratings_kept"] == 256


def test_without_a_terminal_loading_needs_yes(run: Run, config: Path) -> None:
    config.with_name("fleet.toml").write_text(FLEET + LATE, encoding="utf-8")
    told = run("fleet", "diff")[1]
    code, out, err = run("fleet", "load")
    assert (code, out) == (ExitCode.USAGE, told)
    assert err == "collector: error: fleet load: would make 1 changes; say --yes to make them\n"
    code, out, err = run("fleet", "load", "--json")
    assert (code, json.loads(out)["loaded"]) == (ExitCode.USAGE, False)
    assert departments(config) == [("tax", 2)]

    code, out, _ = run("fleet", "load", "--json", "--yes")
    assert (code, json.loads(out)["loaded"]) == (0, True)
    assert departments(config) == [("gas", 2)]
    assert run("fleet", "load") == (0, "no differences\n", "")


@pytest.mark.parametrize(
    ("answer", "code", "error", "owner"),
    [
        (b"y\n", 0, "load these 1 changes? [y/N] ", "gas"),
        (b"n\n", ExitCode.FAILURE, "load these 1 changes? [y/N] nothing loaded\n", "tax"),
        (b"\n", ExitCode.FAILURE, "load these 1 changes? [y/N] nothing loaded\n", "tax"),
        (b"\x04", ExitCode.FAILURE, "load these 1 changes? [y/N] nothing loaded\n", "tax"),
    ],
    ids=["yes", "no", "return", "end-of-file"],
)
def test_somebody_at_a_terminal_is_asked(
    config: Path, answer: bytes, code: int, error: str, owner: str
) -> None:
    config.with_name("fleet.toml").write_text(FLEET + LATE, encoding="utf-8")
    found, out, err = at_a_terminal(config, answer)
    assert (found, err) == (code, error)
    assert out.startswith("CHANGES THE PAST: 2 stored ratings move")
    assert departments(config) == [(owner, 2)]


def test_nobody_is_asked_when_there_is_nothing_to_load(config: Path) -> None:
    config.with_name("keys").joinpath("dev-9.jwk").write_bytes(
        config.with_name("keys").joinpath("dev-2.jwk").read_bytes()
    )
    code, out, err = at_a_terminal(config, b"n\n")
    assert (code, out, err) == (0, "unused key dev-9: no such device in the fleet\n", "")

"""The command `kiosk`: what it prints, what it refuses, how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from firmware_config import settings_place
from firmware_config.contract import Kind
from firmware_config.errors import ExitCode
from firmware_config.keys import load_verify_key
from firmware_config.kiosk_settings import KioskSettings
from kiosk import check_command
from kiosk.board_check import BoardFindings
from kiosk.cli import main
from kiosk.clock import ManualClock
from kiosk.drafts import Draft
from kiosk.journal import Journal

CONFIG = """
hall = "hall-1"
device = "w-a01"
journal = "journal.db"
key = "key.jwk"
collector_key = "collector.jwk"
broker.host = "127.0.0.1"
broker.port = 1
storage.allow_volatile = true
storage.min_free_bytes = 1048576
"""


@pytest.fixture
def config(tmp_path: Path, make_settings: Callable[..., KioskSettings]) -> Path:
    """A settings file beside its keys."""
    path = tmp_path / "kiosk.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def filled(open_it: Callable[..., Journal], clock: ManualClock) -> Path:
    """A closed journal of three records."""
    journal = open_it()
    journal.append([Draft(Kind.BOOT, 60_000, {"version": "1"})], clock.stamp())
    for detail in ("一", "two"):
        fields = {"reason": "test", "detail": detail}
        journal.append([Draft(Kind.FAULT, 60_000, fields)], clock.stamp())
    journal.close()
    return journal.path


def run(*words: str | Path) -> int:
    return main([str(word) for word in words], environ={})


def test_check_ends_with_a_verdict_and_opens_nothing(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("check", "--config", config) == ExitCode.OK
    said = capsys.readouterr()
    assert said.out == "ok\n"
    assert said.err.startswith("kiosk: board: ")
    assert not (tmp_path / "journal.db").exists()


def test_check_prints_the_settings_when_asked_and_then_nothing_else_with_them(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", "--config", config, "--print") == ExitCode.OK

    said = capsys.readouterr()
    assert tomllib.loads(said.out)["panel"]["profile"] == "five-key"
    assert said.err.splitlines()[-1] == "ok"


@pytest.mark.parametrize(
    ("warnings", "words", "verdict"),
    [
        (["a pin is taken"], (), "ok, 1 warning"),
        ([], ("--set", "panel.profile=nine-key"), "1 problem"),
        ([], ("--set", "panel.debounce_ms=0", "--set", "broker.port=0"), "2 problems"),
        (
            ["one", "two"],
            ("--set", "journal=/dev/shm/j", "--set", "storage.allow_volatile=false"),
            "1 problem, 2 warnings",
        ),
    ],
)
def test_the_verdict_counts_what_was_found(
    config: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    warnings: list[str],
    words: tuple[str, ...],
    verdict: str,
) -> None:
    monkeypatch.setattr(
        check_command,
        "look_at_board",
        lambda _: BoardFindings(board="a board", warnings=tuple(warnings)),
    )

    code = run("check", "--config", config, *words)

    said = capsys.readouterr()
    assert said.out == f"{verdict}\n"
    assert code == (ExitCode.OK if verdict.startswith("ok") else ExitCode.CONFIGURATION)
    assert said.err.count("kiosk: warning: ") == len(warnings)


def test_check_tells_every_problem_at_once(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "collector.jwk").unlink()
    code = run(
        *("check", "--config", config, "--set", "panel.profile=nine-key"),
        *("--set", "storage.allow_volatile=false", "--set", "journal=/dev/shm/journal.db"),
    )
    said = capsys.readouterr().err
    assert code == ExitCode.CONFIGURATION
    assert "nine-key" in said
    assert "collector.jwk" in said
    assert "tmpfs" in said


def test_check_names_every_mistake_of_the_staff_file(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    staff = tmp_path / "staff.csv"
    staff.write_text("staff_no,name\n1001,张三\n1001,李四\n", encoding="utf-8")

    assert run("check", "--config", config, "--set", f"screen.staff_file={staff}") == (
        ExitCode.CONFIGURATION
    )

    assert "staff.csv" in capsys.readouterr().err


def test_settings_that_are_wrong_are_refused_by_every_command(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (("run",), ("check",), ("key",), ("journal", "list")):
        assert run(*command, "--config", config, "--set", "panel.debounce_ms=0") == 3
        assert "panel.debounce_ms" in capsys.readouterr().err


def test_the_table_of_settings_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--help-settings") == ExitCode.OK
    out = capsys.readouterr().out
    assert "session.timeout_s (number, s, " in out
    assert "default 20.0" in out


def test_the_key_is_made_when_absent_and_only_its_public_half_is_printed(
    config: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "key.jwk").unlink()
    assert run("key", "--config", config) == ExitCode.OK
    printed = json.loads(capsys.readouterr().out)
    assert "d" not in printed
    assert (tmp_path / "key.jwk").stat().st_mode & 0o777 == 0o600
    assert run("key", "--config", config) == ExitCode.OK
    assert json.loads(capsys.readouterr().out) == printed


def test_list_shows_records_as_lines_or_json(
    config: Path, filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("journal", "list", "--config", config) == ExitCode.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("# w-a01 epoch ")
    assert lines[0].endswith(" · times in UTC; ?: clock not synchronised")
    assert lines[2].split() == [
        "2",
        "2026-03-02T01:00:00.000Z",
        "FAULT",
        "reason=test",
        "detail=一",
    ]
    assert (
        run("journal", "list", "--journal", filled, "--json", "--kind", "FAULT", "--from", "3") == 0
    )
    (record,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (record["seq"], record["detail"]) == (3, "two")


def test_verify_passes_a_whole_card_and_points_at_a_broken_one(
    config: Path, filled: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("journal", "verify", "--config", config) == ExitCode.OK
    assert "3 records checked, 0 problems" in capsys.readouterr().err
    # with another device's public key no signature is good
    public = tmp_path / "collector.jwk"
    assert run("journal", "verify", "--journal", filled, "--public-key", public) == 1
    assert "seq 1: the signature" in capsys.readouterr().out


def test_verify_makes_no_key(config: Path, filled: Path, tmp_path: Path) -> None:
    (tmp_path / "key.jwk").unlink()
    assert run("journal", "verify", "--config", config) == ExitCode.CONFIGURATION
    assert not (tmp_path / "key.jwk").exists()


def test_export_gives_the_tokens_as_they_are_sent(
    filled: Path, tmp_path: Path, open_it: Callable[..., Journal]
) -> None:
    out = tmp_path / "card.jws"
    assert run("journal", "export", "--journal", filled, "--from", "2", "--out", out) == 0
    tokens = [token for _, token in open_it().tokens([2, 3])]
    assert out.read_bytes().splitlines() == tokens


def test_a_missing_journal_is_a_database_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("journal", "list", "--journal", tmp_path / "none.db") == ExitCode.DATABASE
    assert "kiosk: error:" in capsys.readouterr().err


def test_a_wrong_word_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("juornal")
    assert ended.value.code == ExitCode.USAGE
    assert "juornal" in capsys.readouterr().err


def test_a_kind_that_does_not_exist_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("journal", "list", "--kind", "RATING")
    assert ended.value.code == ExitCode.USAGE
    assert "RATED" in capsys.readouterr().err


def test_verify_of_a_bare_card_says_which_key_it_needs(
    filled: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(settings_place, "STANDARD_FOLDER", tmp_path / "nowhere")

    assert run("journal", "verify", "--journal", filled) == ExitCode.CONFIGURATION

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("kiosk: error: give --public-key FILE or --config FILE: ")


# --- the real process, on mock pins ---


def start(config: Path, cwd: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kiosk", "run", "--config", str(config), *words],
        env=os.environ | {"GPIOZERO_PIN_FACTORY": "mock"},
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
    )


def wait_for_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"ended without saying {text!r}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(config: Path, tmp_path: Path, number: signal.Signals) -> None:
    with start(config, Path.cwd()) as process:
        wait_for_line(process, "kiosk serves device=w-a01")
        process.send_signal(number)
        assert process.wait(15) == ExitCode.OK
    assert not (tmp_path / "journal.db-wal").exists()  # closed, not cut off


def test_a_second_one_on_the_same_journal_is_refused(config: Path) -> None:
    with start(config, Path.cwd()) as first:
        wait_for_line(first, "kiosk serves")
        with start(config, Path.cwd()) as second:
            assert second.wait(15) == ExitCode.DATABASE
            assert second.stderr is not None
            assert "in use by another process" in second.stderr.read()
        first.terminate()


def test_without_pins_it_says_so(config: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "kiosk", "run", "--config", str(config)],
        env={k: v for k, v in os.environ.items() if k != "GPIOZERO_PIN_FACTORY"}
        | {"LG_WD": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path.cwd(),
    ) as process:
        if Path("/dev/gpiochip0").exists():
            process.terminate()
            pytest.skip("this machine has pins")
        assert process.wait(15) == ExitCode.IO
        assert process.stderr is not None
        assert "kiosk: error: pin profile five-key" in process.stderr.read()


def test_killed_and_started_again_it_goes_on_in_the_same_epoch(
    config: Path, tmp_path: Path
) -> None:
    for _ in range(2):
        with start(config, Path.cwd()) as process:
            wait_for_line(process, "kiosk serves")
            process.kill()
    with start(config, Path.cwd()) as process:
        wait_for_line(process, "kiosk serves")
        process.terminate()
        assert process.wait(15) == ExitCode.OK
    assert run("journal", "verify", "--config", config) == ExitCode.OK
    assert load_verify_key(tmp_path / "key.jwk").kid

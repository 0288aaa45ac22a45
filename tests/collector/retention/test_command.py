"""`collector retention`: rules, what is due, what was purged."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.retention.rules import quarantine_before_ms, records_before_ms
from firmware_config.chain import split_token
from firmware_config.errors import ExitCode
from firmware_config.keys import load_or_create_signing_key


@pytest.fixture
def run(ledger: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """`run(…)` → exit code, standard output, standard error; quarantine is kept for ten days."""
    config = tmp_path / "collector.toml"
    config.write_text(
        'hall = "hall-1"\nfleet = "fleet.toml"\ndevice_keys = "keys"\nkey = "collector.jwk"\n'
        f'ledger = "{ledger.path}"\n[broker]\nhost = "127.0.0.1"\n'
        "[retention]\nrecords_years = 1\nquarantine_days = 10\n",
        encoding="utf-8",
    )
    load_or_create_signing_key(tmp_path / "collector.jwk")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["retention", *arguments, "--config", str(config)], environ={})
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def old(ledger: Any, journal_of: Any, sent: Any) -> Any:
    """300 archived records of 2020, one younger, and one unreadable message of then."""
    ledger.now_ms = int(datetime(2020, 7, 1, tzinfo=UTC).timestamp() * 1000)
    journal = journal_of("dev-1")
    for number in range(301):
        at_ms = ledger.now_ms - 3_600_000 + number * 1000
        token = journal.rate(wall_ms=at_ms, mono_ms=number * 1000)
        ledger.writer.store([journal.message(token)])
    ledger.writer.store([sent(journal.topic, b"not a token")])
    ledger.db.execute("UPDATE epochs SET archived = stored")
    return ledger


def test_what_is_kept_how_long_and_what_is_due_is_shown(run: Any, old: Any) -> None:
    code, out, _ = run()
    document = json.loads(run("--json")[1])

    assert code == ExitCode.OK
    due = {rule["what"]: (rule["kept"], rule["due"]) for rule in document["rules"]}
    assert due["records of the ledger"] == ("1 years", 256)
    assert due["quarantine"] == ("10 days", 1)
    assert due["exports"][1] is None
    assert "records of the ledger" in out


def test_purging_needs_yes_and_is_signed_and_shown(run: Any, old: Any, tmp_path: Path) -> None:
    refused = run("purge")
    assert refused[0] == ExitCode.USAGE
    assert "say --yes" in refused[2]
    assert old.query("SELECT count(*) FROM purges") == [(0,)]

    code, out, _ = run("purge", "--yes")

    assert (code, out) == (ExitCode.OK, "purged 257 rows\n")
    assert old.query("SELECT count(*) FROM records") == [(45,)]
    assert old.query("SELECT count(*) FROM quarantine") == [(0,)]
    [(raw,)] = old.query("SELECT token FROM purges WHERE rule = 'records'")
    token = split_token(raw)
    public = load_or_create_signing_key(tmp_path / "collector.jwk").public
    assert public.is_signed(token.signing_input, token.signature)
    assert json.loads(token.payload)["up_to"] == 256
    rules = [row["rule"] for row in json.loads(run("--json")[1])["purges"]]
    assert rules == ["quarantine", "records"]


@pytest.mark.parametrize("text", [None, "", "no key"])
def test_without_the_key_no_record_is_purged(
    text: str | None, run: Any, old: Any, tmp_path: Path
) -> None:
    key = tmp_path / "collector.jwk"
    key.unlink()
    if text is not None:
        key.write_text(text, encoding="utf-8")

    code, out, err = run("purge", "--yes")

    assert (code, out) == (ExitCode.CONFIGURATION, "")
    assert str(key) in err
    assert old.query("SELECT count(*) FROM records") == [(301,)]
    assert old.query("SELECT count(*) FROM purges") == [(0,)]


def test_quarantine_is_purged_without_the_key(run: Any, old: Any, tmp_path: Path) -> None:
    old.db.execute("UPDATE epochs SET archived = 0")
    (tmp_path / "collector.jwk").unlink()

    code, out, _ = run("purge", "--yes")

    assert (code, out.splitlines()[-1]) == (ExitCode.OK, "purged 1 rows")


def test_what_was_changed_since_the_last_purge_is_not_signed_by_the_next(
    run: Any, old: Any, journal_of: Any
) -> None:
    run("purge", "--yes")
    other = journal_of("dev-2")
    for number in range(256):
        at_ms = old.now_ms - 3_600_000 + number * 1000
        token = other.rate(wall_ms=at_ms, mono_ms=number * 1000)
        old.writer.store([other.message(token)])
    old.db.execute("UPDATE epochs SET archived = stored")
    old.db.execute("UPDATE purged_day_rollups SET level4 = 7")

    code, _, err = run("purge", "--yes")

    assert code == ExitCode.DATABASE
    assert "run `collector verify`" in err
    assert old.query("SELECT count(*) FROM purges WHERE rule = 'records'") == [(1,)]

    old.db.execute("UPDATE purged_day_rollups SET level4 = 0")
    assert run("purge", "--yes")[:2] == (ExitCode.OK, "purged 256 rows\n")


def test_a_second_run_finds_nothing(run: Any, old: Any) -> None:
    run("purge", "--yes")

    assert run("purge", "--yes")[1] == "purged 0 rows\n"
    assert old.query("SELECT count(*) FROM purges") == [(2,)]


def test_kept_for_ever_is_no_limit_and_29_february_has_one() -> None:
    now_ms = int(datetime(2028, 2, 29, 12, tzinfo=UTC).timestamp() * 1000)

    assert records_before_ms(0, now_ms) is None
    assert quarantine_before_ms(0, now_ms) is None
    expected = datetime(2027, 2, 28, tzinfo=UTC).timestamp() * 1000
    assert records_before_ms(1, now_ms) == expected
    assert quarantine_before_ms(1, now_ms) == now_ms - 86_400_000

"""`collector devices`: every device with its latest word."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.ledger.migrations import open_ledger
from collector.ledger.writer import LedgerWriter, Stored
from firmware_config.contract import Channel, Health, Kind, encode, topic
from firmware_config.errors import ExitCode
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.keys import save_verify_key

Run = Callable[..., tuple[int, str, str]]
FIRST, SECOND, *_ = (device.id for device in load_fleet(sample_fleet_path()).devices)
HEARD_MS = 1_782_900_000_000
SENT_MS = HEARD_MS - 60_000
"""When the settings in force were sent: their version."""


def store(folder: Path, *messages: Any) -> Stored:
    """Into the ledger, as ingest does."""
    with closing(open_ledger(folder / "ledger.db")) as db:
        return LedgerWriter(db, hall="yunze", clock_ms=lambda: HEARD_MS).store(messages)


@pytest.fixture
def run(tmp_path: Path, journal_of: Any, sent: Any, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("--json")`: over a ledger in which only the first device was ever heard."""
    journal = journal_of(FIRST)
    save_verify_key(tmp_path / "keys" / f"{FIRST}.jwk", journal.key.public)
    config = tmp_path / "collector.toml"
    config.write_text(
        f'hall = "yunze"\nfleet = "{sample_fleet_path()}"\ndevice_keys = "keys"\n'
        'key = "collector.jwk"\nledger = "ledger.db"\n[broker]\nhost = "127.0.0.1"\n',
        encoding="utf-8",
    )
    assert main(["--config", str(config), "fleet", "load", "--yes"], environ={}) == 0
    for level in (5, 4, 3, 2, 1):
        journal.add(Kind.TEST, level=level, button="key", wall_ms=HEARD_MS - level * 86_400_000)
    journal.add(Kind.SETTINGS, version=SENT_MS, values={"voice.volume": "40"})
    health = Health(
        dev=FIRST,
        v=1,
        uptime_s=1,
        head=9,
        stored=6,
        archived=0,
        synced=True,
        settings_version=SENT_MS,
        cpu_temp_c=61.4,
        power=["under-voltage"],
        stuck=["key-5"],
        alarms=["disk-low", "under-voltage"],
    )
    store(
        tmp_path,
        sent(topic("yunze", FIRST, Channel.JOURNAL), b"\n".join(journal.tokens)),
        sent(topic("yunze", FIRST, Channel.HEALTH), encode(health)),
        journal.hello()._replace(topic=topic("yunze", FIRST, Channel.STATUS)),
    )
    capsys.readouterr()

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["--config", str(config), "devices", *arguments], environ={})
        out, err = capsys.readouterr()
        return code, out, err

    return call


def test_a_device_is_told_with_all_it_said(run: Run) -> None:
    code, out, err = run("--csv")

    assert (code, err) == (0, "")
    rows = {row["device"]: row for row in csv.DictReader(io.StringIO(out))}
    assert len(rows) == 135
    assert rows[FIRST] == {
        "device": FIRST,
        "window": rows[FIRST]["window"],
        "state": "offline",
        "seen": "2026-07-01 18:00:00",
        "head": "9",
        "backlog": "3",
        "clock": "ok",
        "settings": "2026-07-01 17:59:00",
        "°C": "61",
        "power": "under-voltage",
        "stuck": "key-5",
        "alarms": "disk-low, under-voltage",
        "tested": "2026-06-26 · 5",
    }
    assert rows[FIRST]["window"] != "—"
    assert rows[SECOND]["state"] == "never"
    assert {rows[SECOND][name] for name in ("seen", "head", "power", "tested")} == {"—"}


def test_machines_get_everything(run: Run) -> None:
    [device] = json.loads(run(FIRST, "--json")[1])

    assert (device["state"], device["heard_at"]) == ("offline", "2026-07-01T10:00:00.000Z")
    assert device["settings"] == {"version": SENT_MS, "values": {"voice.volume": "40"}}
    assert device["tested_at"]["5"] == "2026-06-26T10:00:00.000Z"
    assert device["health"]["cpu_temp_c"] == 61.4
    assert (device["stored"], device["head"], device["backlog"]) == (6, 6, 3)


def test_a_device_that_nobody_knows_is_no_success(run: Run) -> None:
    code, out, _ = run("w-zzz", FIRST)

    assert code == ExitCode.FAILURE
    assert len(out.splitlines()) == 2


HOSTILE = {
    "900 keys": b'"presses":{' + b",".join(b'"%d":%d' % (n, n) for n in range(900)) + b"}",
    "control characters": b'"alarms":["\\u001b[2J\\u0007","\\u202e"],"stuck":["\\r\\nw-a02"]',
    "no text": b'"power":["a","b"],"version":"\\u0000"',
    "the largest number": b'"settings_version":9007199254740991,"head":9007199254740991',
    "one more": b'"settings_version":9007199254740992',
    "64 bits": b'"settings_version":18446744073709551615',
    "400 digits": b'"settings_version":' + b"9" * 400,
    "5000 digits": b'"clock_steps":' + b"9" * 5000,
    "a float for an integer": b'"clock_steps":1e18',
    "tiny and huge": b'"receipt_age_s":1e308,"cpu_temp_c":-1e-300',
    "infinite": b'"receipt_age_s":1e999',
    "a version of 4000 digits": b'"v":' + b"9" * 4000,
}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE)
def test_whatever_a_device_says_the_others_can_be_looked_at(
    run: Run, tmp_path: Path, sent: Any, capsys: pytest.CaptureFixture[str], said: bytes
) -> None:
    health = encode(Health(dev=FIRST, v=1, uptime_s=1, head=1, stored=1, archived=0))[:-1]

    store(tmp_path, sent(topic("yunze", FIRST, Channel.HEALTH), health + b"," + said + b"}"))

    for form in ((), ("--json",), ("--csv",)):
        code, out, err = run(*form)
        assert (code, err) == (0, "")
        assert SECOND in out
        if not form:
            assert not {char for char in out if not (char.isprintable() or char == "\n")}
            assert len(out.splitlines()) == 136


@pytest.mark.parametrize("head", [2**53 - 1, 2**53, 2**63, 2**70])
def test_a_status_with_any_head_holds_nothing_up(
    run: Run, tmp_path: Path, sent: Any, journal_of: Any, head: int
) -> None:
    said = b'{"dev":"%s","state":"online","v":1,"epoch":"%s","head":%d}' % (
        FIRST.encode(),
        journal_of(FIRST).epoch.encode(),
        head,
    )

    stored = store(tmp_path, sent(topic("yunze", FIRST, Channel.STATUS), said, retain=True))

    assert (stored.quarantined, len(stored.hellos)) == ((0, 1) if head < 2**53 else (1, 0))
    assert run(FIRST)[0] == 0


@pytest.mark.parametrize(
    ("kind", "fields", "is_stored"),
    [
        (Kind.DAYCLOSE, {"on": "2026-99-99", "counts": {"RATED": 2**53 - 1}}, True),
        (Kind.DAYCLOSE, {"on": "0000-00-00", "counts": {"RATED": 2**63}}, False),
        (Kind.DAYCLOSE, {"on": "9999-12-31", "counts": {"?": 2**64 - 1}}, False),
        (Kind.SETTINGS, {"version": 2**53 - 1, "values": {"\x1b[31m": "\x07"}}, True),
        (Kind.SETTINGS, {"version": 2**53, "values": {}}, False),
        (Kind.CLOCK, {"step_ms": -(2**63)}, False),
    ],
)
def test_a_signed_record_with_any_number_holds_nothing_up(
    run: Run,
    tmp_path: Path,
    sent: Any,
    journal_of: Any,
    kind: Kind,
    fields: dict[str, Any],
    is_stored: bool,
) -> None:
    journal = journal_of(FIRST, number=2)
    journal.add(kind, **fields)
    journal.rate()

    stored = store(
        tmp_path, sent(topic("yunze", FIRST, Channel.JOURNAL), b"\n".join(journal.tokens))
    )

    assert (stored.accepted, stored.quarantined) == ((2, 0) if is_stored else (1, 1))
    assert run()[0] == 0
    assert run("--json")[0] == 0

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
from collector.ledger.writer import LedgerWriter
from firmware_config.contract import Channel, Health, Kind, encode, topic
from firmware_config.errors import ExitCode
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.keys import save_verify_key

Run = Callable[..., tuple[int, str, str]]
FIRST, SECOND, *_ = (device.id for device in load_fleet(sample_fleet_path()).devices)
HEARD_MS = 1_782_900_000_000


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
    assert main(["--config", str(config), "fleet", "load"], environ={}) == 0
    for level in (5, 4, 3, 2, 1):
        journal.add(Kind.TEST, level=level, button="key", wall_ms=HEARD_MS - level * 86_400_000)
    journal.add(Kind.SETTINGS, version=12, values={"voice.volume": "40"})
    health = Health(
        dev=FIRST,
        v=1,
        uptime_s=1,
        head=9,
        stored=6,
        archived=0,
        synced=True,
        settings_version=12,
        cpu_temp_c=61.4,
        power=["under-voltage"],
        stuck=["key-5"],
        alarms=["disk-low", "under-voltage"],
    )
    with closing(open_ledger(tmp_path / "ledger.db")) as db:
        writer = LedgerWriter(db, hall="yunze", clock_ms=lambda: HEARD_MS)
        writer.store(
            [
                sent(topic("yunze", FIRST, Channel.JOURNAL), b"\n".join(journal.tokens)),
                sent(topic("yunze", FIRST, Channel.HEALTH), encode(health)),
                journal.hello()._replace(topic=topic("yunze", FIRST, Channel.STATUS)),
            ]
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
        "state": "silent",
        "seen": "2026-07-01 18:00:00",
        "head": "9",
        "backlog": "3",
        "clock": "ok",
        "settings": "12",
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

    assert (device["state"], device["heard_at"]) == ("silent", "2026-07-01T10:00:00.000Z")
    assert device["settings"] == {"version": 12, "values": {"voice.volume": "40"}}
    assert device["tested_at"]["5"] == "2026-06-26T10:00:00.000Z"
    assert device["health"]["cpu_temp_c"] == 61.4
    assert (device["stored"], device["head"], device["backlog"]) == (6, 6, 3)


def test_a_device_that_nobody_knows_is_no_success(run: Run) -> None:
    code, out, _ = run("w-zzz", FIRST)

    assert code == ExitCode.FAILURE
    assert len(out.splitlines()) == 2

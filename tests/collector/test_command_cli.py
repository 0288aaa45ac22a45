"""`collector command` without a broker: whom it means, what it refuses, what it would send."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from collector.cli import build_parser, main
from collector.commanding import NoAnswer, Silence, build_command
from collector.commands.aims import Aim, aims_of
from collector.commands.command import KINDS
from collector.commands.command_output import MANY, WatchingAnswers, show_results
from collector.errors import UsageError
from collector.ledger.migrations import open_ledger
from collector.ledger.writer import LedgerWriter
from collector.sender import sender
from firmware_config.contract import (
    MAX_INTEGER,
    Answer,
    AnyCommand,
    Channel,
    Health,
    Kind,
    Pause,
    encode,
    topic,
)
from firmware_config.errors import ExitCode
from firmware_config.fleet import DeviceAssignment, load_fleet, sample_fleet_path
from firmware_config.keys import load_or_create_signing_key, save_verify_key

Run = Callable[..., tuple[int, str, str]]
A_WEEK = "--set: opening.hours: expected a line such as 'mon-fri 09:00-12:00', got "
A_SPAN = "--set: voice.quiet_hours: expected stretches such as '12:00-13:30', got "
FLEET = load_fleet(sample_fleet_path())
FIRST = FLEET.devices[0].id
HOURS = [f"{day} 09:00-17:00" for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Settings of the sample hall; a broker that is not there."""
    path = tmp_path / "collector.toml"
    path.write_text(
        f'hall = "yunze"\nfleet = "{sample_fleet_path()}"\ndevice_keys = "keys"\n'
        'key = "collector.jwk"\nledger = "ledger.db"\n[broker]\nhost = "127.0.0.1"\nport = 1\n'
        '[command]\nlog = "commands.jsonl"\n',
        encoding="utf-8",
    )
    return path


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("pause", …)` → exit code, standard output, standard error."""

    def call(*arguments: str, options: tuple[str, ...] = ()) -> tuple[int, str, str]:
        try:
            code = main(["--config", str(config), *options, "command", *arguments], environ={})
        except SystemExit as error:  # argparse's own
            code = int(str(error.code))
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pause",), "expected DEVICE, --window, --department or --all, got none"),
        (("pause", "w-a1"), "DEVICE: expected a device id of the fleet, got 'w-a1'; did you mean"),
        (("pause", "--window", "zzz"), "--window: expected a window id of the fleet, got 'zzz'"),
        (("pause", "--department", "x"), "--department: expected a department id of the fleet"),
        (("pause", "--all"), "pause: people at 135 devices will notice; say --yes to do it"),
        (("self-test", "--department", "tax"), "self-test: people at "),
        (("settings", "--all", "--clear"), "settings: people at 135 devices will notice"),
        (("settings", FIRST), "expected --set KEY=VALUE or --clear"),
        (("settings", FIRST, "--clear", "--set", "voice.volume=1"), "--set KEY=VALUE or --clear"),
        (("settings", FIRST, "--show", "--clear"), "expected --show alone"),
        (("settings", FIRST, "--set", "voice.volume=101"), "--set: voice.volume: expected whole"),
        (("settings", "--all", "--set", "opening.hours=mon-sun 09:00+08:00-17:00+08:00"), A_WEEK),
        (("settings", "--all", "--set", "opening.hours=mon-sun 09:00+08:00-17:00"), A_WEEK),
        (("settings", "--all", "--set", "opening.hours=mon-sun 09:00Z-17:00Z"), A_WEEK),
        (("settings", "--all", "--set", "voice.quiet_hours=12:00Z-13:00"), A_SPAN),
        (("settings", FIRST, "--set", "broker.host=x"), "a setting the collector may change"),
        (("settings", FIRST, "--set", "volume"), "expected KEY=VALUE, got 'volume'"),
        (("open-case", FIRST), "--case-no"),
        (("open-case", FIRST, "--case-no", ""), "--case-no: expected a text whose length is at"),
        (("open-case", FIRST, "--case-no", "1", "--service-no", "0"), "--service-no: expected a "),
        (("open-case", "--all", "--case-no", "1"), "open-case: expected one device, got 135"),
        (("sign-in", FIRST, ""), "STAFF_NO: expected a text whose length is at least 1, got ''"),
        (("sign-in", FIRST, "017", "--name", "x" * 65), "--name: expected a text whose length"),
        (("identify", FIRST, "--seconds", "121"), "--seconds: expected a whole number at most 12"),
        (("resend", FIRST, "--from", "0"), "--from: expected a whole number at least 1, got 0"),
        (("resend", FIRST), "--from"),
        (("pause", FIRST, "--timeout", "0"), "--timeout: expected up to 300 s, got 0"),
        (("pause", FIRST, "--expires-in", "301"), "--expires-in: expected 1 to 300 s, got 301"),
        (("dance", FIRST), "invalid choice"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_opened(
    run: Run, config: Path, arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = run(*arguments)

    assert (code, out) == (ExitCode.USAGE, "")
    assert message in err
    assert [path.name for path in config.parent.iterdir()] == ["collector.toml"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--set", "command.log="), "command.log: expected a path (nothing is sent without it)"),
        (("--set", "command.username=collector"), "another user than ingest's, got 'collector'"),
        (("--set", "command.nobody=1"), "unknown setting"),
    ],
)
def test_wrong_settings_of_our_own_are_a_configuration_error(
    run: Run, options: tuple[str, ...], message: str
) -> None:
    code, out, err = run("pause", FIRST, options=options)

    assert (code, out) == (ExitCode.CONFIGURATION, "")
    assert message in err


def test_without_the_collectors_key_nothing_is_sent_and_none_is_made(
    run: Run, config: Path
) -> None:
    code, _, err = run("pause", FIRST)

    assert code == ExitCode.IO
    assert "collector.jwk" in err
    assert not config.with_name("collector.jwk").exists()


def test_settings_of_the_device_are_not_taken_for_our_own(run: Run) -> None:
    code, out, err = run("settings", FIRST, "--set", "voice.volume=40", "--dry-run", "--json")

    assert (code, err) == (0, "")
    [command] = json.loads(out)
    assert (command["do"], command["dev"], command["values"]) == (
        "settings",
        FIRST,
        {"voice.volume": "40"},
    )


def test_a_dry_run_shows_every_device_and_needs_no_key(run: Run, config: Path) -> None:
    code, out, _ = run("settings", "--department", "tax", "--clear", "--dry-run")

    assert code == 0
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["device", "window", "version"]
    assert all(line.endswith("none") for line in lines[1:])
    assert len(lines) > 2
    assert not config.with_name("collector.jwk").exists()


def aims(*words: str, fleet: Any = FLEET) -> list[Aim]:
    args = build_parser().parse_args(["command", "identify", *words])
    return aims_of(args, fleet, date(2026, 7, 1))


def test_devices_are_meant_by_id_window_department_or_all_each_once() -> None:
    stays = [one for one in FLEET.device_assignments if one.window is not None]
    one = next(stay for stay in stays if stay.device == FIRST)
    department = FLEET.department_of(one.window, date(2026, 7, 1))

    assert [aim.device for aim in aims(FIRST, FIRST)] == [FIRST]
    assert [aim.device for aim in aims("--window", one.window)] == [FIRST]
    there = aims("--department", str(department), FIRST)
    assert FIRST in {aim.device for aim in there}
    assert {FLEET.department_of(aim.window, date(2026, 7, 1)) for aim in there} == {department}
    assert len(aims("--all", FIRST)) == 135


def test_a_device_is_looked_for_where_it_stands_today(small_fleet: Any) -> None:
    moved = DeviceAssignment(device="dev-1", window=None, from_on=date(2026, 6, 1))
    comes = DeviceAssignment(device="dev-3", window="w1", from_on=date(2026, 7, 1))
    fleet = small_fleet()
    fleet = small_fleet(device_assignments=(*fleet.device_assignments, moved, comes))

    assert aims("--window", "w1", fleet=fleet) == [Aim("dev-3", "w1", "1号窗口")]
    assert aims("dev-1", fleet=fleet) == [Aim("dev-1", "", "")]
    assert [aim.device for aim in aims("--all", fleet=fleet)] == ["dev-2", "dev-3"]
    with pytest.raises(UsageError, match="--window: w3: expected a device standing there on"):
        aims("--window", "w3", fleet=fleet)


def test_every_command_of_the_contract_can_be_given() -> None:
    kinds = set(AnyCommand.__args__)  # type: ignore[attr-defined]

    assert {kind.__struct_config__.tag: kind for kind in kinds} == KINDS


@pytest.fixture
def hear(config: Path, journal_of: Any) -> Iterator[Callable[..., None]]:
    """`hear(message, …)`: into the ledger of the hall, whose first device is registered."""
    save_verify_key(config.parent / "keys" / f"{FIRST}.jwk", journal_of(FIRST).key.public)
    assert main(["--config", str(config), "fleet", "load", "--yes"], environ={}) == 0
    with closing(open_ledger(config.with_name("ledger.db"))) as db:
        writer = LedgerWriter(db, hall="yunze", clock_ms=lambda: 1_782_900_000_000)
        yield lambda *messages: writer.store(messages)


@pytest.fixture
def reported(hear: Any, journal_of: Any) -> Any:
    """The first device has settings of version 2000 in force and says so; nobody else spoke."""
    journal = journal_of(FIRST)
    journal.topic = topic("yunze", FIRST, Channel.JOURNAL)
    journal.add(Kind.SETTINGS, version=1000, values={})
    journal.add(Kind.SETTINGS, version=2000, values={"voice.volume": "40"})
    hear(journal.message())

    def say(version: int, sent: Any) -> None:
        health = Health(
            dev=FIRST, v=1, uptime_s=1, head=2, stored=2, archived=0, settings_version=version
        )
        hear(sent(topic("yunze", FIRST, Channel.HEALTH), encode(health)))

    return say


def test_show_tells_what_each_device_reported(
    run: Run, reported: Any, sent: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    reported(2000, sent)
    second = FLEET.devices[1].id

    code, out, _ = run("settings", FIRST, second, "--show", "--json")

    assert code == 0
    first, other = json.loads(out)
    assert (first["device"], first["version"]) == (FIRST, 2000)
    assert first["values"] == {"voice.volume": "40"}
    assert (other["version"], other["values"]) == (None, None)
    assert "voice.volume=40" in run("settings", "--all", "--show")[1]

    reported(3000, sent)
    assert "its record has not come yet" in run("settings", FIRST, "--show")[1]
    reported(0, sent)
    assert json.loads(run("settings", FIRST, "--show", "--json")[1])[0]["values"] == {}


def test_a_new_version_is_above_what_the_device_has_reported(
    run: Run, reported: Any, sent: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    ahead_ms = time.time_ns() // 1_000_000 + 3_600_000
    reported(ahead_ms, sent)  # another host's clock is an hour ahead

    [command] = json.loads(run("settings", FIRST, "--clear", "--dry-run", "--json")[1])

    assert command["version"] == ahead_ms + 1


@pytest.mark.parametrize("version", [2**53 - 1, 2**53, 2**64 - 1, 10**400])
def test_a_device_that_reports_any_number_keeps_no_other_from_its_settings(
    run: Run, hear: Any, sent: Any, capsys: pytest.CaptureFixture[str], version: int
) -> None:
    good = encode(Health(dev=FIRST, v=1, uptime_s=1, head=0, stored=0, archived=0))
    hear(
        sent(
            topic("yunze", FIRST, Channel.HEALTH), good[:-1] + b',"settings_version":%d}' % version
        )
    )
    capsys.readouterr()

    code, out, err = run("settings", "--all", "--set", "voice.volume=60", "--dry-run", "--json")

    assert (code, err) == (0, "")
    assert len({command["version"] for command in json.loads(out)}) == 1
    assert len(json.loads(out)) == 135


def test_a_device_with_the_highest_version_there_is_fails_alone(
    run: Run, config: Path, hear: Any, journal_of: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = journal_of(FIRST)
    journal.topic = topic("yunze", FIRST, Channel.JOURNAL)
    journal.add(Kind.SETTINGS, version=MAX_INTEGER, values={})
    hear(journal.message())
    load_or_create_signing_key(config.with_name("collector.jwk"))
    capsys.readouterr()
    second = FLEET.devices[1].id

    code, out, _ = run("settings", "--all", "--clear", "--dry-run", "--json")
    told = {one["dev"]: one for one in json.loads(out)}
    assert (code, len(told)) == (ExitCode.FAILURE, 135)
    assert (told[FIRST]["reason"], told[second]["do"]) == ("no-version", "settings")
    assert f"got {MAX_INTEGER}" in run("settings", FIRST, "--clear", "--dry-run")[1]

    code, out, _ = run("settings", FIRST, second, "--clear", "--yes", "--json")
    first, other = json.loads(out)
    assert code == ExitCode.FAILURE
    assert (first["outcome"], first["reason"]) == ("no-answer", "no-version")
    assert (first["do"], first["id"], first["expires_at"]) == ("settings", None, None)
    assert (other["device"], other["reason"]) == (second, "no-key")  # its turn came
    logged = [
        json.loads(line) for line in (config.parent / "commands.jsonl").read_text().splitlines()
    ]
    assert {line["device"] for line in logged} == {second}


def test_settings_that_fit_no_command_are_refused_before_anything_is_sent(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("settings", FIRST, "--set", "opening.hours=" + ",".join(HOURS))
    assert run(*arguments, "--dry-run")[0] == 0
    monkeypatch.setattr("collector.commanding.MAX_COMMAND_BYTES", 500)

    for more in ((), ("--dry-run",)):
        code, out, err = run(*arguments, *more)

        assert (code, out) == (ExitCode.USAGE, "")
        assert "--set: all settings together: expected at most 500 bytes in one signed" in err
    assert [path.name for path in config.parent.iterdir()] == ["collector.toml"]


def test_showing_without_a_ledger_is_a_database_error(run: Run) -> None:
    code, _, err = run("settings", FIRST, "--show")

    assert code == ExitCode.DATABASE
    assert "ledger.db" in err


class Terminal(io.StringIO):
    """Somebody looks at it."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("number", "looks"), [(3, True), (3, False), (1, True)])
def test_a_progress_bar_is_for_people_who_wait_for_several(
    monkeypatch: pytest.MonkeyPatch, number: int, looks: bool
) -> None:
    screen = Terminal() if looks else io.StringIO()
    monkeypatch.setattr("sys.stderr", screen)
    command = build_command(Pause, dev="d", id="x" * 22, issued_ms=0, life_s=1)

    with WatchingAnswers(number) as watching:
        for _ in range(number):
            watching.note(command, NoAnswer("d", "x" * 22, Silence.SILENT, ""))

    assert ("3/3" in screen.getvalue()) is (looks and number == 3)


def test_a_shell_can_write_no_name_into_the_log_but_as_a_claim(
    run: Run, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_or_create_signing_key(config.with_name("collector.jwk"))
    monkeypatch.setenv("SUDO_USER", "chief")

    run("identify", FIRST)

    [sent, _] = map(json.loads, (config.parent / "commands.jsonl").read_text().splitlines())
    assert (sent["by"], sent["uid"]) == (sender(), os.geteuid())
    assert "chief" not in sent["by"]
    assert sent["claimed_sudo_user"] == "chief"


@pytest.mark.parametrize(
    ("number", "silent", "every_row", "rows", "last"),
    [
        (1, 0, False, 1, None),
        (MANY, 0, False, MANY, f"{MANY} devices: {MANY} done"),
        (135, 0, False, 0, "135 devices: 135 done"),
        (135, 1, False, 1, "135 devices: 134 done, 1 no answer"),
        (135, 1, True, 135, "135 devices: 134 done, 1 no answer"),
    ],
)
def test_of_many_devices_only_the_exceptions_are_listed(
    capsys: pytest.CaptureFixture[str],
    number: int,
    silent: int,
    every_row: bool,
    rows: int,
    last: str | None,
) -> None:
    found = [Aim(f"d-{index}", "", "") for index in range(number)]
    commands = [
        build_command(Pause, dev=aim.device, id="x" * 22, issued_ms=0, life_s=1) for aim in found
    ]
    results = [
        NoAnswer(one.dev, one.id, Silence.SILENT, "")
        if index < silent
        else Answer(dev=one.dev, id=one.id, outcome="done", v=1)
        for index, one in enumerate(commands)
    ]

    show_results(found, "pause", commands, results, as_json=False, every_row=every_row)

    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("d-")]) == rows
    assert lines[-1].startswith(last or "d-0")
    show_results(found, "pause", commands, results, as_json=True)
    assert len(json.loads(capsys.readouterr().out)) == number

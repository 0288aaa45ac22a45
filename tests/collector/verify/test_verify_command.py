"""`collector verify` on the command line: its table, its JSON, its exit codes, its options."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.ledger.fleet_loader import load_into_ledger
from collector.ledger.migrations import open_ledger
from collector.verify.known import RETIRED
from firmware_config.errors import ExitCode
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.keys import SigningKey, save_verify_key
from tests.collector.verify.copy import SpoiledLedger
from tests.collector.verify.edits import EDITS
from tests.collector.verify.hall import WorkingHall

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def outside(hall: WorkingHall, tmp_path: Path) -> list[str]:
    """Options that name what lies outside the ledger, with their files."""
    save_verify_key(tmp_path / "collector-public.jwk", hall.key.public)
    for device, [key] in hall.device_keys.items():
        save_verify_key(tmp_path / "keys" / f"{device}.jwk", key)
    tokens = b"\n".join(one.token for one in hall.kept)
    (tmp_path / "kept.txt").write_bytes(b"kept by dev-1:\n" + tokens)
    return [
        "--alone",
        f"--collector-key={tmp_path}/collector-public.jwk",
        f"--device-keys={tmp_path}/keys",
        f"--exports={hall.exports}",
        f"--checkpoint={tmp_path}/kept.txt",
        "--jobs=1",
    ]


@pytest.fixture
def run(outside: list[str], capsys: pytest.CaptureFixture[str]) -> Run:
    """`run(path, …)` → exit code, standard output, standard error."""

    def call(path: Path, *arguments: str) -> tuple[int, str, str]:
        code = main(["verify", *outside, f"--ledger={path}", *arguments], environ={})
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def spoiled(hall: WorkingHall, tmp_path: Path) -> Callable[[str], Path]:
    """`spoiled(kind)`: a copy with one edit."""

    def make(kind: str) -> Path:
        ledger = SpoiledLedger(hall, tmp_path / "copy.db", random.Random(3))
        EDITS[kind](ledger)
        ledger.close()
        return tmp_path / "copy.db"

    return make


def test_a_ledger_that_is_right_passes_in_one_clear_line(run: Run, hall: WorkingHall) -> None:
    code, out, err = run(hall.path)

    assert (code, err) == (ExitCode.OK, "")
    last = out.splitlines()[-1]
    assert re.fullmatch(r"PASS 2,\d{3} records, 4 devices, root [\w-]{43} in \d+:\d\d", last)
    assert "NOTE   gap" in out


def test_what_is_wrong_is_named_and_the_command_fails(
    run: Run, spoiled: Callable[[str], Path]
) -> None:
    code, out, _ = run(spoiled("a_byte_of_a_payload_changed"))

    assert code == ExitCode.FAILURE
    [line] = [one for one in out.splitlines() if one.startswith("FAIL   signature")]
    assert re.search(r"dev-\d +[\w-]{22} +2026-06-\d\d +seq \d+ +1 +the signature is not", line)
    assert re.match(r"FAIL \d+ findings, 2,\d{3} records", out.splitlines()[-1])


def test_json_has_every_field_of_every_finding(run: Run, spoiled: Callable[[str], Path]) -> None:
    code, out, _ = run(spoiled("a_rating_changed"), "--json")

    document = json.loads(out)
    assert (code, document["result"]) == (ExitCode.FAILURE, "fail")
    assert document["failures"] == sum(one["level"] == "fail" for one in document["findings"])
    [found] = [one for one in document["findings"] if one["check"] == "signature"]
    assert found["first_seq"] == found["last_seq"] > 0
    assert found["first_on"].startswith("2026-06-")
    assert found["device"].startswith("dev-")


def test_a_checkpoint_can_be_named_itself(
    run: Run, hall: WorkingHall, spoiled: Callable[[str], Path], tmp_path: Path
) -> None:
    path = spoiled("the_tail_cut_and_all_made_to_agree")
    newest = [one.token.decode() for one in hall.kept if len(one.token) > 300][7]
    command = ["verify", "--alone", f"--ledger={path}", "--jobs=1"]
    command += [f"--collector-key={tmp_path}/collector-public.jwk"]

    assert main(command, environ={}) == ExitCode.OK
    assert main([*command, "--checkpoint", newest], environ={}) == ExitCode.FAILURE


def test_keys_that_devices_had_before_are_read_from_their_own_folder(
    run: Run, hall: WorkingHall, tmp_path: Path
) -> None:
    other = SigningKey.from_seed(bytes(31) + b"z").public
    save_verify_key(tmp_path / "keys" / "dev-2.jwk", other)
    assert run(hall.path)[0] == ExitCode.FAILURE

    [old] = hall.device_keys["dev-2"]
    save_verify_key(tmp_path / "keys" / RETIRED / "dev-2.2026.jwk", old)

    assert run(hall.path)[0] == ExitCode.OK


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--alone"], ExitCode.USAGE, "expected --ledger"),
        (["--checkpoint=/nowhere"], ExitCode.IO, "/nowhere"),
        (["--checkpoint=/dev/null"], ExitCode.IO, "expected checkpoints"),
        (["--collector-key=/nowhere"], ExitCode.IO, "/nowhere"),
        (["--collector-key=/dev/null"], ExitCode.CONFIGURATION, "expected a JWK"),
        (["--device-keys=/nowhere"], ExitCode.USAGE, "expected a folder"),
        (["--exports=/nowhere"], ExitCode.USAGE, "expected a folder"),
        (["--ledger=/nowhere"], ExitCode.DATABASE, "expected the ledger"),
        (["--ledger=/dev/null"], ExitCode.DATABASE, "/dev/null"),
    ],
)
def test_a_mistake_has_its_exit_code_and_one_line(
    arguments: list[str],
    code: ExitCode,
    words: str,
    hall: WorkingHall,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ledger = [] if arguments == ["--alone"] else [f"--ledger={hall.path}"]

    got = main(["verify", "--alone", *ledger, *arguments], environ={})

    out, err = capsys.readouterr()
    assert (got, out) == (code, "")
    assert words in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("jobs", ["0", "-1", "many", "1000"])
def test_a_number_of_processes_must_make_sense(jobs: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["verify", f"--jobs={jobs}"], environ={})

    assert ended.value.code == ExitCode.USAGE


def test_the_settings_say_ledger_keys_fleet_and_exports(
    tmp_path: Path, journal_of: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    device = load_fleet(sample_fleet_path()).devices[0].id
    save_verify_key(tmp_path / "keys" / f"{device}.jwk", journal_of(device).key.public)
    config = tmp_path / "collector.toml"
    config.write_text(
        f'hall = "yunze"\nfleet = "{sample_fleet_path()}"\ndevice_keys = "keys"\n'
        'key = "collector.jwk"\nledger = "ledger.db"\n[broker]\nhost = "127.0.0.1"\n',
        encoding="utf-8",
    )
    with closing(open_ledger(tmp_path / "ledger.db")) as db:
        keys = {device: journal_of(device).key.public}
        load_into_ledger(db, load_fleet(sample_fleet_path()), keys, now_ms=0)

    code = main(["verify", "--jobs=1", "--config", str(config)], environ={})
    out = capsys.readouterr().out
    assert (code, out.splitlines()[-1][:30]) == (ExitCode.OK, "PASS 0 records, 0 devices, roo")

    config.write_text(config.read_text("utf-8").replace('"yunze"', '"other"'), "utf-8")
    code = main(["verify", "--jobs=1", "--config", str(config)], environ={})
    assert code == ExitCode.CONFIGURATION  # the fleet file is of another hall than the settings


@pytest.mark.system
def test_the_program_uses_several_processes_and_ends_with_its_code(
    hall: WorkingHall, outside: list[str]
) -> None:
    command = [sys.executable, "-m", "collector", "verify", *outside, f"--ledger={hall.path}"]

    done = subprocess.run(
        [*command, "--jobs=2"], capture_output=True, text=True, timeout=120, check=False
    )

    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert done.stdout.splitlines()[-1].startswith("PASS 2,")

"""The command `firmware-config`: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from firmware_config import __version__
from firmware_config.cli import main
from firmware_config.errors import ExitCode
from firmware_config.fleet import sample_fleet_path
from firmware_config.keys import load_verify_key
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.settings import load_settings

Capture = pytest.CaptureFixture[str]


def test_check_counts_the_sample_hall(capsys: Capture) -> None:
    assert main(["check", str(sample_fleet_path())]) == ExitCode.OK

    out = capsys.readouterr().out
    assert "云泽市政务服务大厅" in out
    assert "departments  74" in out
    assert "windows      135" in out
    assert "devices      135" in out
    assert "note" not in out


def test_check_tells_every_problem_on_standard_error(
    small_fleet_file: Path, small_fleet_text: str, capsys: Capture
) -> None:
    text = small_fleet_text.replace('department = "gas"', 'department = "x"')
    small_fleet_file.write_text(text.replace('"four-key"', '"six-key"'), encoding="utf-8")

    assert main(["check", str(small_fleet_file)]) == ExitCode.CONFIGURATION

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "firmware-config: error: fleet.toml: devices[1].profile: expected five-key, four-key "
        "or a path ending in .toml, got 'six-key'",
        "firmware-config: error: fleet.toml: windows[1].department: expected a department id, "
        "got 'x'",
    ]


def test_check_reads_own_pin_profiles_too(
    small_fleet_file: Path, small_fleet_text: str, capsys: Capture
) -> None:
    small_fleet_file.write_text(small_fleet_text.replace("four-key", "own.toml"))

    assert main(["check", str(small_fleet_file)]) == ExitCode.CONFIGURATION

    assert "own.toml: cannot be read" in capsys.readouterr().err


def test_check_notes_what_is_nowhere_on_a_day(small_fleet_file: Path, capsys: Capture) -> None:
    assert main(["check", "--json", "--on", "2026-01-04", str(small_fleet_file)]) == ExitCode.OK

    assert json.loads(capsys.readouterr().out) == {
        "hall": "h1",
        "on": "2026-01-04",
        "departments": 2,
        "windows": 2,
        "devices": 3,
        "staff": 0,
        "assignments": 4,
        "notes": [
            "windows of no department on 2026-01-04: a01, a02",
            "windows without a device on 2026-01-04: a01, a02",
            "devices at no window on 2026-01-04: w-a01, w-a02, w-spare",
            "departments without a window on 2026-01-04: tax, gas",
        ],
    }


def test_check_can_be_quiet(small_fleet_file: Path, capsys: Capture) -> None:
    assert main(["check", "-q", str(small_fleet_file)]) == ExitCode.OK
    assert capsys.readouterr() == ("", "")


def test_render_writes_one_device(tmp_path: Path, small_fleet_file: Path, capsys: Capture) -> None:
    out, passwords = tmp_path / "out", tmp_path / "passwords"
    command = [
        "render",
        str(small_fleet_file),
        *("--device", "w-a01", "--out", str(out), "--passwords", str(passwords)),
        *("--broker-host", "10.0.0.2", "--set", "session.mode=walkup"),
    ]

    assert main(command) == ExitCode.OK

    told = f"w-a01: 2 files in {out}"
    assert capsys.readouterr().out.splitlines() == [told]
    assert main([*command, "-v"]) == ExitCode.OK
    assert capsys.readouterr().out.splitlines() == [
        str(out / "kiosk.toml"),
        str(out / "broker-password"),
        told,
    ]
    assert 'mode = "walkup"' in (out / "kiosk.toml").read_text()
    assert (out / "broker-password").read_text() == (passwords / "w-a01").read_text()


def test_render_writes_every_device_into_a_folder_of_its_own(
    tmp_path: Path, small_fleet_file: Path, capsys: Capture
) -> None:
    out, passwords = tmp_path / "out", tmp_path / "passwords"
    command = ["render", str(small_fleet_file), "--out", str(out), "--passwords", str(passwords)]

    assert main([*command, "--broker-host", "10.0.0.2"]) == ExitCode.OK

    assert sorted(path.name for path in out.iterdir()) == ["w-a01", "w-a02", "w-spare"]
    assert all((path / "kiosk.toml").exists() for path in out.iterdir())
    assert capsys.readouterr().out == f"3 devices: 6 files in {out}\n"
    settings = load_settings(
        KioskSettings, program="kiosk", path=out / "w-a01" / "kiosk.toml", environ={}, overrides={}
    )
    assert settings.screen.window
    assert settings.screen.department
    assert settings.opening.hours


def test_render_uses_the_passwords_that_render_broker_made(
    tmp_path: Path, small_fleet_file: Path
) -> None:
    hall, out = tmp_path / "hall", tmp_path / "out"
    assert main(["render-broker", str(small_fleet_file), "--out", str(hall)]) == ExitCode.OK
    made = (hall / "passwords" / "w-a01").read_text()

    command = ["render", str(small_fleet_file), "--device", "w-a01", "--out", str(out)]
    command += ["--passwords", str(hall / "passwords"), "--broker-host", "10.0.0.2"]
    assert main(command) == ExitCode.OK

    assert (out / "broker-password").read_text() == made


def test_render_of_an_unknown_device_makes_nothing(
    tmp_path: Path, small_fleet_file: Path, capsys: Capture
) -> None:
    out, passwords = tmp_path / "out", tmp_path / "passwords"
    command = ["render", str(small_fleet_file), "--device", "../x", "--out", str(out)]
    command += ["--passwords", str(passwords), "--broker-host", "10.0.0.2"]

    assert main(command) == ExitCode.CONFIGURATION

    assert "expected a device id of the fleet, got '../x'" in capsys.readouterr().err
    assert not out.exists()
    assert not list(passwords.iterdir())


@pytest.mark.parametrize("kind", ["mosquitto", "amqtt"])
def test_render_broker_names_its_configuration(
    tmp_path: Path, small_fleet_file: Path, capsys: Capture, kind: str
) -> None:
    command = ["render-broker", str(small_fleet_file), "--out", str(tmp_path / "hall")]

    assert main([*command, "--for", kind, "--port", "1999"]) == ExitCode.OK

    lines = capsys.readouterr().out.splitlines()
    assert "1999" in Path(lines[0]).read_text()
    assert lines[1].startswith("5 users")


def test_public_key_prints_the_public_half_and_makes_a_key_only_when_told(
    tmp_path: Path, capsys: Capture
) -> None:
    path = tmp_path / "device.jwk"

    assert main(["public-key", str(path)]) == ExitCode.IO
    assert not path.exists()
    capsys.readouterr()
    assert main(["public-key", "--make", str(path)]) == ExitCode.OK
    made = capsys.readouterr().out
    assert main(["public-key", str(path)]) == ExitCode.OK

    assert capsys.readouterr().out == made
    assert set(json.loads(made)) == {"kty", "crv", "x", "kid"}
    (tmp_path / "public.jwk").write_text(made)
    assert load_verify_key(tmp_path / "public.jwk").jwk() == json.loads(made)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["check"],
        ["check", "--on", "soon", "fleet.toml"],
        ["render-broker", "fleet.toml", "--out", "x", "--port", "0"],
        ["render-broker", "fleet.toml", "--out", "x", "--for", "emqx"],
        ["render", "f", "--out", "x", "--passwords", "p", "--broker-host", "h", "--set", "mode"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)

    assert caught.value.code == ExitCode.USAGE
    assert "firmware-config" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_exits_with_4_and_no_traceback(
    tmp_path: Path, small_fleet_file: Path, capsys: Capture
) -> None:
    (tmp_path / "file").write_text("")

    code = main(["render-broker", str(small_fleet_file), "--out", str(tmp_path / "file")])

    assert code == ExitCode.IO
    assert capsys.readouterr().err.startswith("firmware-config: error: ")


def test_the_module_runs_as_the_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "firmware_config", "--version"],
        check=True,
        capture_output=True,
        text=True,
    )

    assert result.stdout == f"firmware-config {__version__}\n"

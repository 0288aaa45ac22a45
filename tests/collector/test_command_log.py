"""The command log: one line for each thing that happened, whatever happened to the file before."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from collector.command_log import CommandLog
from collector.commanding import NoAnswer, Silence, build_command
from firmware_config.contract import Answer, Command, Configure, OpenCase, SignInStaff

NOW_MS = 1_782_900_000_000


def build(kind: type[Command], **fields: Any) -> Any:
    return build_command(kind, dev="dev-1", id="x" * 22, issued_ms=NOW_MS, life_s=30, **fields)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_it_says_who_what_when_and_what_became_of_it(tmp_path: Path) -> None:
    log = CommandLog(tmp_path / "log")
    log.sending([build(OpenCase, case_no="办件-1")], by="王@hall", now_ms=NOW_MS)
    log.ended(
        [
            Answer(dev="dev-1", id="x" * 22, outcome="refused", reason="session-open", v=1),
            NoAnswer("dev-2", "y" * 22, Silence.SILENT, "no answer"),
        ],
        now_ms=NOW_MS + 1500,
    )

    assert lines(log.path) == [
        {
            "event": "sent",
            "id": "x" * 22,
            "device": "dev-1",
            "do": "open-case",
            "says": {"case_no": "办件-1"},
            "expires_at": "2026-07-01T10:00:30.000Z",
            "by": "王@hall",
            "at": "2026-07-01T10:00:00.000Z",
        },
        {
            "event": "ended",
            "id": "x" * 22,
            "device": "dev-1",
            "outcome": "refused",
            "reason": "session-open",
            "at": "2026-07-01T10:00:01.500Z",
        },
        {
            "event": "ended",
            "id": "y" * 22,
            "device": "dev-2",
            "outcome": "no-answer",
            "reason": "silent",
            "detail": "no answer",
            "at": "2026-07-01T10:00:01.500Z",
        },
    ]
    assert stat.S_IMODE(log.path.stat().st_mode) & 0o007 == 0


def test_settings_are_kept_and_the_name_of_a_person_is_not(tmp_path: Path) -> None:
    log = CommandLog(tmp_path / "log")
    log.sending(
        [
            build(Configure, version=7, values={"voice.volume": "50"}),
            build(SignInStaff, staff_no="017", name="李雷"),
        ],
        by="test",
        now_ms=NOW_MS,
    )

    settings, sign_in = lines(log.path)
    assert settings["says"] == {"version": 7, "values": {"voice.volume": "50"}}
    assert sign_in["says"] == {"staff_no": "017"}
    assert "李雷" not in log.path.read_text("utf-8")


def test_half_a_line_of_a_power_cut_spoils_no_other(tmp_path: Path) -> None:
    log = CommandLog(tmp_path / "log")
    log.path.write_text('{"event": "se', "utf-8")

    log.ended([NoAnswer("dev-1", "x" * 22, Silence.SILENT, "")], now_ms=NOW_MS)

    half, whole = log.path.read_text("utf-8").splitlines()
    assert half == '{"event": "se'
    assert json.loads(whole)["device"] == "dev-1"


def test_what_the_kernel_says_of_the_sender_stands_beside_what_a_program_says(
    tmp_path: Path,
) -> None:
    log = CommandLog(tmp_path / "log", {"uid": 998, "login_uid": 1000})
    log.sending([build(OpenCase, case_no="1")], by="queue system", now_ms=NOW_MS)
    log.ended([NoAnswer("dev-1", "x" * 22, Silence.SILENT, "")], now_ms=NOW_MS)

    sent, ended = lines(log.path)
    assert (sent["by"], sent["uid"], sent["login_uid"]) == ("queue system", 998, 1000)
    assert "uid" not in ended

"""Who commanded is what the kernel says; nobody can give himself another name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import collector.sender
from collector.sender import NO_LOGIN, login_uid, sender, sender_facts


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host of a known name, on which root runs this and nobody logged in."""
    monkeypatch.setattr("socket.gethostname", lambda: "hall")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    as_login(monkeypatch, None)


def as_login(monkeypatch: pytest.MonkeyPatch, uid: int | None) -> None:
    monkeypatch.setattr(collector.sender, "login_uid", lambda: uid)


@pytest.mark.parametrize(
    ("euid", "login", "expected"),
    [
        (0, None, "root@hall"),
        (0, 0, "root@hall"),
        (54320, None, "uid 54320@hall"),
        (54320, 0, "root as uid 54320@hall"),
        (0, 54321, "uid 54321 as root@hall"),
    ],
)
def test_the_sender_is_the_user_and_who_logged_in(
    monkeypatch: pytest.MonkeyPatch, euid: int, login: int | None, expected: str
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: euid)
    as_login(monkeypatch, login)

    assert sender() == expected


@pytest.mark.parametrize("name", ["SUDO_USER", "SUDO_UID", "USER", "LOGNAME", "USERNAME"])
def test_the_environment_gives_nobody_a_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "chief")

    assert sender() == "root@hall"


def test_what_the_environment_claims_is_kept_as_a_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    as_login(monkeypatch, 1000)

    assert sender_facts({}) == {"uid": 0, "login_uid": 1000}
    assert sender_facts({"SUDO_USER": "chief" * 100}) == {
        "uid": 0,
        "login_uid": 1000,
        "claimed_sudo_user": ("chief" * 100)[:64],
    }


@pytest.mark.parametrize(
    ("text", "uid"),
    [("1000", 1000), ("0", 0), (str(NO_LOGIN), None), ("", None), ("-", None)],
)
def test_a_login_is_what_the_kernel_wrote(tmp_path: Path, text: str, uid: int | None) -> None:
    (tmp_path / "loginuid").write_text(text)

    assert login_uid(tmp_path / "loginuid") == uid
    assert login_uid(tmp_path / "no-audit") is None


def test_the_real_kernel_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()

    assert sender_facts({})["uid"] == os.geteuid()
    assert sender().endswith(f"@{os.uname().nodename}")

"""The device's settings: the fixed defaults, and limits that protect a rating."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_config.errors import InvalidSettings
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.settings import load_settings

MINIMAL = {
    "hall": "yunze",
    "device": "w-a01",
    "journal": "/j.db",
    "key": "/k.jwk",
    "collector_key": "/c.jwk",
    "broker.host": "10.0.0.2",
}


def load(**overrides: str) -> KioskSettings:
    given = MINIMAL | {key.replace("__", "."): value for key, value in overrides.items()}
    return load_settings(KioskSettings, program="kiosk", path=None, environ={}, overrides=given)


def test_six_settings_are_enough() -> None:
    settings = load()

    assert settings.broker.port == 1883
    assert settings.broker.username == ""
    assert settings.panel.profile == "five-key"
    assert (settings.session.mode, settings.session.timeout_s) == ("clerk", 20.0)
    assert settings.storage.allow_volatile is False
    assert settings.uplink.resend_s == 10.0
    assert settings.timezone == "Asia/Shanghai"


@pytest.mark.parametrize("missing", MINIMAL)
def test_each_of_the_six_is_asked_for(missing: str) -> None:
    given = {key: value for key, value in MINIMAL.items() if key != missing}

    with pytest.raises(InvalidSettings, match=missing) as caught:
        load_settings(KioskSettings, program="kiosk", path=None, environ={}, overrides=given)

    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("device", "W-A01"),
        ("device", "a/b"),
        ("device", "a" * 41),
        ("device", ""),
        ("hall", "+"),
        ("timezone", "Mars/Base"),
        ("timezone", "../etc/passwd"),
        ("timezone", ""),
        ("broker__port", "0"),
        ("broker__host", ""),
        ("session__timeout_s", "7.9"),
        ("session__timeout_s", "121"),
        ("session__mode", "auto"),
        ("storage__min_free_bytes", "0"),
        ("reader__characters", "letters"),
        ("reader__prefix", "Nr. "),
        ("reader__suffix", "x" * 17),
        ("reader__shortest", "0"),
        ("reader__longest", "33"),
        ("reader__pattern", "(0*[0-9]+)+"),  # an expression could stop the keys: there is none
    ],
)
def test_a_value_out_of_its_limits_is_refused(key: str, value: str) -> None:
    with pytest.raises(InvalidSettings, match=key.replace("__", r"\.")):
        load(**{key: value})


def test_the_longest_resend_wait_is_not_below_the_first() -> None:
    with pytest.raises(InvalidSettings, match=r"uplink\.resend_max_s: expected at least resend_s"):
        load(uplink__resend_s="30", uplink__resend_max_s="20")


def test_the_longest_staff_number_is_not_shorter_than_the_shortest() -> None:
    with pytest.raises(InvalidSettings, match=r"reader\.shortest: expected at most longest \(4\)"):
        load(reader__shortest="5", reader__longest="4")
    assert load(reader__shortest="4", reader__longest="4").reader.longest == 4


def test_an_own_pin_profile_is_a_path_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text('panel.profile = "own.toml"\n', encoding="utf-8")

    settings = load_settings(
        KioskSettings, program="kiosk", path=path, environ={}, overrides=MINIMAL
    )

    assert settings.panel.profile == str(tmp_path / "own.toml")

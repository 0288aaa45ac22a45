"""Settings for devices: checked by the device's own table before they are sent."""

from __future__ import annotations

import pytest

from collector.errors import BadRemoteSettings, NoVersionLeft
from collector.remote_settings import (
    MAX_AHEAD_MS,
    checked_values,
    next_version,
    remote_settings,
)
from firmware_config.contract import MAX_INTEGER, Configure, decode_command, encode
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.settings import describe_settings


def test_good_values_are_taken_as_they_are() -> None:
    values = {"session.timeout_s": "30", "voice.quiet_hours": "12:00-13:30", "screen.window": ""}

    assert checked_values(values.items()) == values
    assert checked_values([]) == {}


@pytest.mark.parametrize(
    ("pair", "problem"),
    [
        (("session.timeout_s", "1"), "--set: session.timeout_s: expected number in s, 8 to 120"),
        (("session.timeout_s", "x"), "--set: session.timeout_s: expected number in s"),
        (("voice.volume", "50.5"), "--set: voice.volume: expected whole number in %, 0 to 100"),
        (("session.mode", "both"), "--set: session.mode: expected text, clerk or walkup, got"),
        (("opening.hours", "moon 9-12"), "--set: opening.hours: expected "),
        (("session.timeout", "30"), "unknown setting; did you mean session.timeout_s?"),
        (("screen.title", "x"), "--set: screen.title: unknown setting"),
        (("panel.thanks", "2"), "unknown setting; did you mean panel.thanks_s?"),
        (("broker.host", "evil"), "broker.host: expected a setting the collector may change (pan"),
        (("panel.debounce_ms", "20"), "panel.debounce_ms: expected a setting the collector may"),
        (
            ("opening.hours", f"{'mon 09:00-12:00':501}"),
            "opening.hours: expected at most 500 charac",
        ),
        (("screen.window", "x" * 65), "--set: screen.window: expected text, matching "),
    ],
)
def test_a_bad_value_is_told_with_what_was_expected(pair: tuple[str, str], problem: str) -> None:
    with pytest.raises(BadRemoteSettings) as caught:
        checked_values([pair, ("voice.volume", "40")] if pair[0] != "voice.volume" else [pair])

    assert len(caught.value.problems) == 1
    assert problem in caught.value.problems[0]


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(BadRemoteSettings) as caught:
        checked_values([("session.mode", "x"), ("device", "w-a02"), ("voice.volume", "101")])

    assert len(caught.value.problems) == 3


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(BadRemoteSettings, match=r"voice\.volume: expected one value, got 2"):
        checked_values([("voice.volume", "1"), ("voice.volume", "2")])


def test_all_remote_settings_together_fit_into_one_command() -> None:
    keys = {row.key for row in remote_settings()}

    assert keys == {row.key for row in describe_settings(KioskSettings) if row.is_remote}
    command = Configure(
        dev="dev-1",
        id="x" * 22,
        issued_at="2026-07-01T10:00:00.000Z",
        expires_at="2026-07-01T10:00:30.000Z",
        v=1,
        version=next_version(1_782_900_000_000, 0),
        values=dict.fromkeys(keys, "x"),
    )
    assert decode_command(encode(command)) == command


@pytest.mark.parametrize(
    ("now_ms", "reported", "version"),
    [
        (1000, 0, 1000),
        (1000, 999, 1000),
        (1000, 1000, 1001),
        (1000, 5000, 5001),
        (1000, 1000 + MAX_AHEAD_MS, 1001 + MAX_AHEAD_MS),
    ],
)
def test_a_version_is_above_every_one_before(now_ms: int, reported: int, version: int) -> None:
    assert next_version(now_ms, reported) == version


@pytest.mark.parametrize("reported", [1001 + MAX_AHEAD_MS, MAX_INTEGER - 1, MAX_INTEGER, 2**64 - 1])
def test_a_report_from_far_ahead_drives_no_version_up(reported: int) -> None:
    """It is not signed; one step more and no device would ever take settings again."""
    assert next_version(1000, reported) == 1000
    assert next_version(1000, reported, 2000) == 2001


def test_what_a_device_has_signed_counts_however_far_ahead() -> None:
    """A collector's clock was once ahead, and all devices took its settings."""
    assert next_version(1000, 0, 9_000_000_000_000) == 9_000_000_000_001
    assert next_version(1000, MAX_INTEGER, MAX_INTEGER - 1) == MAX_INTEGER
    with pytest.raises(NoVersionLeft, match=f"below {MAX_INTEGER}, got {MAX_INTEGER}"):
        next_version(1000, 0, MAX_INTEGER)


@pytest.mark.parametrize("key", ["screen.enable", "broker.hots", "panel.profil", "voice.folde"])
def test_only_what_the_collector_may_change_is_suggested(key: str) -> None:
    with pytest.raises(BadRemoteSettings) as caught:
        checked_values([(key, "x")])

    (problem,) = caught.value.problems
    assert "unknown setting" in problem
    named = problem.partition("did you mean ")[2].rstrip("?")
    assert not named or named in {row.key for row in remote_settings()}
